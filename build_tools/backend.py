"""The build backend: scikit-build-core, with editable installs that use the module built in place."""

from __future__ import annotations

import sys
from pathlib import Path

from scikit_build_core import build as base
from scikit_build_core.build import (
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_inplace

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings = dict[str, "list[str] | str"] | None


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """What an editable install needs: as a wheel, since it compiles the same."""
    return get_requires_for_build_wheel(config_settings)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the module beside its sources, and a wheel that points to them."""
    build_inplace.build()
    return base.build_editable(wheel_directory, config_settings, metadata_directory)
