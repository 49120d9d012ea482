"""Single members of an archive: JSON and ``.npy``, and what they may claim.

What a file may take in memory is bounded by what it holds, before anything is allocated:

- JSON is at most `JSON_RATIO` times its packed size (`JSON_FLOOR` bytes are always allowed); no key twice.
- Other members together are at most `RATIO` times the size of the file (`FLOOR` bytes are always allowed).
- The shape of an array is that of the bytes which follow its header; no objects, no records.
- What tables may claim is said in `automl_explain._tables._members`.
"""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np

JSON_RATIO = RATIO = 100
JSON_FLOOR = 2**20
FLOOR = 64 * 2**20
MOST_MEMBERS = 10_000
_KINDS = "biufcUSmM"
_LARGEST_CODE_POINT = 0x10FFFF


def to_json(document: Any) -> bytes:
    """JSON text of a document; NaN and infinite numbers are refused.

    Raises
    ------
    ValueError, TypeError
        If it holds something that JSON has not.
    """
    return json.dumps(document, allow_nan=False).encode()


def from_json(data: bytes) -> Any:
    """Document of a JSON text.

    Raises
    ------
    ValueError
        If it is no JSON, is nested too deeply, or holds a key twice.
    """
    try:
        return json.loads(data, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("JSON with the same key twice")
    return made


def to_npy(array: np.ndarray) -> bytes:
    """An array as the bytes of a ``.npy`` file."""
    buffer = io.BytesIO()
    if array.dtype.kind in "US" and not array.dtype.itemsize:
        array = array.astype(f"{array.dtype.kind}1")
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes, n_dim: int | None = 1) -> np.ndarray:
    """The array in the bytes of a ``.npy`` file, over these bytes.

    Parameters
    ----------
    data : bytes
    n_dim : int or None, default 1
        Dimensions expected; None for any.

    Raises
    ------
    ValueError
        If its header claims anything but the bytes that follow it, or a value is none of its type.
    """
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is not of the .npy version written here")
    try:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # numpy evaluates the header with Python's own tokenizer, which raises its own kinds
        raise ValueError(f"an array has no header that can be read ({type(error).__name__})") from error
    at = stream.tell()
    # numpy.load takes the memory that the header asks for before it looks at the values.
    sizes = all(type(n) is int and n >= 0 for n in shape) and dtype.itemsize * math.prod(shape) == len(data) - at
    if dtype.kind not in _KINDS or not dtype.itemsize or not sizes or n_dim not in (None, len(shape)):
        raise ValueError(f"an array of shape {shape} and type {dtype} does not fit its {len(data)} bytes")
    array = np.frombuffer(data, dtype, offset=at)
    _check_cells(array)
    return array.reshape(shape, order="F" if fortran else "C")


def finite(data: bytes, what: str) -> np.ndarray:
    """The float64 numbers in the bytes of a ``.npy`` file, none missing.

    Raises
    ------
    ValueError
        If they are others.
    """
    found = from_npy(data)
    if found.dtype != np.float64 or not np.isfinite(found).all():
        raise ValueError(f"its {what} holds {found.dtype} values or missing ones")
    return found


def flat(array: np.ndarray) -> bytes:
    """An array in one dimension, as the bytes of a ``.npy`` file."""
    return to_npy(np.ascontiguousarray(array).ravel())


def _check_cells(array: np.ndarray) -> None:
    """Refuse bits that are no truth value or no character: numpy hands them on as they are."""
    if array.dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise ValueError("an array of truth values holds others")
    if array.dtype.kind == "U":
        points = array.view(f"{'>' if array.dtype.byteorder == '>' else '<'}u4")
        if (points > _LARGEST_CODE_POINT).any():
            raise ValueError("an array of text holds no text")
