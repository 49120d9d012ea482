"""``python -m automl_explain.cli``: the command without its script."""

from __future__ import annotations

import sys

from automl_explain.cli import main

if __name__ == "__main__":
    sys.exit(main())
