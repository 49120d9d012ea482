"""The build backend: scikit-build-core, with zig where there is no compiler.

Editable installs use the Python sources and the module that `build_inplace` compiles beside them.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

from scikit_build_core import build as base
from scikit_build_core.build import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_inplace
import compilers
import editable

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

os.environ.setdefault("CMAKE_GENERATOR", "Ninja")


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """CMake and Ninja where the machine lacks them, and zig where it has no compiler."""
    zig = [compilers.ZIG] if compilers.needs_zig() else []
    return [*base.get_requires_for_build_wheel(config_settings), *zig]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """What a wheel needs: the same is compiled."""
    return get_requires_for_build_wheel(config_settings)


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build a wheel with the compiler found."""
    with tempfile.TemporaryDirectory() as folder:
        variables, arguments = compilers.settings(Path(folder))
        os.environ.update(variables)
        os.environ["CMAKE_ARGS"] = " ".join([os.environ.get("CMAKE_ARGS", ""), *map(shlex.quote, arguments)])
        return base.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the module beside its sources, and a wheel that points to them."""
    build_inplace.build()
    name = base.build_editable(wheel_directory, config_settings, metadata_directory)
    editable.leave_a_path_alone(Path(wheel_directory, name))
    return name
