"""The ``automl-explain`` command."""

from __future__ import annotations

from automl_explain.cli._main import main

__all__ = ["main"]
