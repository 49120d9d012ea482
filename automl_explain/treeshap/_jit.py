"""Compilation with a cache on disk where there is room for one, and without it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_FILES = [file.stat() for file in sorted(Path(__file__).parent.glob("*.py"))]
_STAMP = (max(file.st_mtime for file in _FILES), sum(file.st_size for file in _FILES))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that holds no lock; kept in numba's cache directory if that can be written."""
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # numba finds no directory it may write (read-only container)
        made = numba.njit(nogil=True, error_model="numpy")(function)
    # numba looks at the age of the kernel's own file, but kernels are made of helpers in the others too.
    file: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = _STAMP
    result: Callable[..., Any] = made
    return result


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper into every kernel that calls it."""
    result: Callable[..., Any] = numba.njit(inline="always", error_model="numpy")(function)
    return result
