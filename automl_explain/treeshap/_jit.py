"""Compilation with a cache on disk where there is room for one, and without it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that holds no lock; kept in numba's cache directory if that can be written."""
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # numba finds no directory it may write (read-only container)
        made = numba.njit(nogil=True, error_model="numpy")(function)
    result: Callable[..., Any] = made
    return result


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a helper into every kernel that calls it."""
    result: Callable[..., Any] = numba.njit(inline="always", error_model="numpy")(function)
    return result
