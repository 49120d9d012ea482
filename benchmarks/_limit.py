"""What the machine could do at best, next to what the engine does: look-ups, comparisons and bytes a second.

The engine's work for a row is to find its cell in every table, fetch the table row of that cell, and add it to
sums that are kept per column. ``_limit.c`` does each of these alone; it is compiled here, for this processor, with any
C compiler, so that neither the engine nor this benchmark needs anything for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

_SOURCE = Path(__file__).with_name("_limit.c")
_FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-Wno-psabi", "-shared", "-fPIC")
_PLACES = {"16 KiB": 2**14, "512 KiB": 2**19, "8 MiB": 2**23, "256 MiB": 2**28}  # that table rows are fetched from
_LOOK_UPS = 2**20
_AHEAD = (16, 32, 64, 2**40)  # look-ups that memory is asked for beforehand; the best is taken
_ROW_BYTES = 64  # of a table row: eight float64
_ROWS, _COLUMNS, _STEPS = 1024, 8, 5000  # whose ranks are compared: they stay in the fastest cache
_TURNS = 7
_STREAM_BYTES = 2**27


def limits(works: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Microseconds that this machine needs at least for the look-ups, comparisons and bytes of a row.

    A work holds ``look_ups`` and ``comparisons`` of a row, and ``row_bytes`` that are read from the input and written
    to the output. Its look-ups are reckoned in the fastest cache; look-ups a second are also given for random places of
    more bytes, where the engine finds part of its table rows.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return {"failed": "no C compiler: none is called `cc`, and CC names none"}
    with contextlib.ExitStack() as ending:
        try:
            kernels = ending.enter_context(_compiled(compiler))
        except (OSError, subprocess.CalledProcessError):
            return {"failed": "the C compiler found does not compile or its result does not load"}
        look_ups = {name: _look_ups_per_s(kernels, size) for name, size in _PLACES.items()}
        comparisons = _comparisons_per_s(kernels)
        operations = _operations_per_s(kernels)
    bandwidth = _bytes_per_s()
    return {
        "look_ups_per_s": look_ups,
        "comparisons_per_s": comparisons,
        "operations_per_s": operations,
        "bytes_per_s": bandwidth,
        "works": {
            name: {
                **work,
                "us_look_ups": _rounded(1e6 * work["look_ups"] / max(look_ups.values())),
                "us_comparisons": _rounded(1e6 * work["comparisons"] / comparisons),
                "us_row_bytes": _rounded(1e6 * work["row_bytes"] / bandwidth),
            }
            for name, work in works.items()
        },
    }


@contextlib.contextmanager
def _compiled(compiler: str) -> Iterator[Any]:
    with TemporaryDirectory() as folder:
        library = Path(folder) / "limit.so"
        subprocess.run([compiler, *_FLAGS, str(_SOURCE), "-o", str(library)], check=True)
        yield ctypes.CDLL(str(library))


def _look_ups_per_s(kernels: Any, size: int) -> float:
    table, sums = (_aligned((n, _ROW_BYTES // 8), np.float64) for n in (size // _ROW_BYTES, 8))
    cells = np.random.default_rng(0).integers(0, len(table), _LOOK_UPS, dtype=np.int32)
    seconds = []
    for ahead in _AHEAD:
        parts = _pointer(table), _pointer(cells), _integer(_LOOK_UPS), _integer(ahead), _pointer(sums)
        seconds.append(_least_seconds(lambda parts=parts: kernels.look_up(*parts)))
    return _rounded(_LOOK_UPS / min(seconds))


def _comparisons_per_s(kernels: Any) -> float:
    rng = np.random.default_rng(0)
    columns, cells = (_aligned((n, _ROWS), np.uint16) for n in (_COLUMNS, 1))
    columns[:] = rng.integers(0, 256, columns.shape)
    above, size = rng.integers(0, 256, (2, _STEPS), dtype=np.uint16)
    parts = _pointer(columns), _integer(_COLUMNS), _pointer(above), _pointer(size), _integer(_STEPS)
    vectors = _integer(columns[0].nbytes // 64)
    return _rounded(_STEPS * _ROWS / _least_seconds(lambda: kernels.compare(*parts, vectors, _pointer(cells))))


def _operations_per_s(kernels: Any) -> float:
    values = _aligned((8, _ROW_BYTES // 8), np.float64)
    parts = _pointer(values), ctypes.c_double(0.5), ctypes.c_double(0.5), _integer(_LOOK_UPS)
    return _rounded(2 * values.size * _LOOK_UPS / _least_seconds(lambda: kernels.multiply(*parts)))


def _bytes_per_s() -> float:
    source = np.ones(_STREAM_BYTES // 8)
    target = np.empty_like(source)
    return _rounded(2 * _STREAM_BYTES / _least_seconds(lambda: np.copyto(target, source)))


def _least_seconds(call: Callable[[], Any]) -> float:
    """The least of several turns: a limit is what the machine can do undisturbed."""
    call()
    times = []
    for _ in range(_TURNS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def _aligned(shape: tuple[int, int], dtype: Any) -> np.ndarray:
    """Ones that begin with a cache line, as vectors must."""
    n = shape[0] * shape[1] * np.dtype(dtype).itemsize
    room = np.zeros(n + 64, dtype=np.uint8)
    first = -room.ctypes.data % 64
    found = room[first : first + n].view(dtype).reshape(shape)
    found[:] = 1
    return found


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


_integer = ctypes.c_int64


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
