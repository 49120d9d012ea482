"""The wire form: an explanation as one JSON object, for services, pages and other languages.

`docs/wire_form.md` describes it. Raise `WIRE_VERSION` when a reader of the form as it stands would go wrong with what
is written now, and keep reading the older form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from automl_explain._tables._members import TableReader, TableWriter
from automl_explain.exceptions import InputError
from automl_explain.explanation._fields import ExplanationFields
from automl_explain.explanation._storage import describe, restore
from automl_explain.explanation._values import from_lists, to_lists

WIRE_FORMAT, WIRE_VERSION = "automl_explain.wire", 1

# What is written as plain nested lists, and its shape.
_NUMBERS = {
    "base": ("outputs",),
    "values": ("outputs", "rows", "features"),
    "unmapped": ("outputs", "rows"),
    "residuals": ("outputs", "rows"),
    "local_fit": ("outputs", "rows"),
    "global_values": ("outputs", "features"),
    "global_spread": ("outputs", "features"),
    "unmapped_global": ("outputs",),
}
# Where a description of a table names an array.
_PLACES = ("data", "codes", "mask", "indices", "indptr")

# Bytes of an array of texts, whose width a document may claim at will, against the length of the texts.
_SMALL, _MOST_TIMES = 2**20, 1000

AnyExplanation = TypeVar("AnyExplanation", bound=ExplanationFields)


def to_wire(explanation: ExplanationFields) -> dict[str, Any]:
    """The explanation as JSON-ready dicts, lists, texts and numbers."""
    writer = TableWriter()
    described = _inlined(describe(explanation, writer), writer.arrays)
    for name in _NUMBERS:
        numbers = getattr(explanation, name)
        if isinstance(numbers, np.ndarray):
            described[name] = to_lists(numbers)
    return {"format": WIRE_FORMAT, "format_version": WIRE_VERSION, "kind": explanation.kind, **described}


def from_wire(cls: type[AnyExplanation], data: Any) -> AnyExplanation:
    """The explanation that `to_wire` gave, as text or read.

    Raises
    ------
    InputError
        If it is none, of another kind, or from a newer version.
    """
    try:
        document = json.loads(data) if isinstance(data, (str, bytes, bytearray)) else data
        _check(document, cls.kind)
        arrays: dict[str, np.ndarray] = {}
        described = _taken_out(document, arrays)
        sizes = {
            "outputs": len(document["base"]),
            "rows": document["n_explained_rows"],
            "features": len(document["features"]),
        }
        for name, axes in _NUMBERS.items():
            lists = document.get(name)
            if lists is not None and not _is_sparse(lists):
                numbers = from_lists(lists, tuple(sizes[axis] for axis in axes))
                part = {"kind": "array", "data": _put(numbers, arrays)}
                described[name] = [part] if name == "values" else part
        return cls(**restore(described, TableReader(arrays)))
    except InputError:
        raise
    except Exception as error:  # whatever a changed document makes numpy, pandas or a reader raise
        raise InputError(
            f"`data` is no explanation in the wire form ({type(error).__name__}: {error}). Pass what "
            "`Explanation.to_json` gave, whole."
        ) from error


def _check(document: Any, kind: str) -> None:
    if not isinstance(document, Mapping) or document.get("format") != WIRE_FORMAT:
        raise InputError(f"`data` does not say {WIRE_FORMAT!r} under 'format'. Pass what `Explanation.to_json` gave.")
    version = document.get("format_version")
    if type(version) is not int or not 1 <= version <= WIRE_VERSION:
        raise InputError(
            f"`data` is of format version {version!r}; this automl_explain reads up to {WIRE_VERSION}. Upgrade "
            "automl_explain, or write it with this version."
        )
    if document.get("kind") != kind:
        raise InputError(f"`data` is an explanation of the kind {document.get('kind')!r}; expected {kind!r}.")


def _is_sparse(values: Any) -> bool:
    return bool(values) and isinstance(values[0], Mapping)


def _inlined(described: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The description with each array in the place of its name."""
    if isinstance(described, list):
        return [_inlined(part, arrays) for part in described]
    if not isinstance(described, dict):
        return described
    named = _PLACES if "kind" in described else ()
    return {
        key: _array_to_json(arrays[part]) if key in named and isinstance(part, str) else _inlined(part, arrays)
        for key, part in described.items()
    }


def _taken_out(described: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The description with a name in the place of each array, which goes to ``arrays``."""
    if isinstance(described, list):
        return [_taken_out(part, arrays) for part in described]
    if not isinstance(described, Mapping):
        return described
    named = _PLACES if "kind" in described else ()
    return {
        key: _put(_array_from_json(part), arrays)
        if key in named and isinstance(part, Mapping)
        else _taken_out(part, arrays)
        for key, part in described.items()
    }


def _put(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    name = f"a{len(arrays)}"
    arrays[name] = array
    return name


def _array_to_json(array: np.ndarray) -> dict[str, Any]:
    kind = array.dtype.kind
    if kind == "c" or (kind == "f" and array.dtype.itemsize > 8):
        raise InputError(f"An array of {array.dtype} has no JSON form; convert it with `astype(float)`.")
    if kind == "f":
        data = to_lists(array)
    elif kind in "mM":
        data = array.astype(array.dtype.newbyteorder("=")).view(np.int64).tolist()
    elif kind == "S":
        data = np.char.decode(array, "latin-1").tolist()
    else:
        data = array.tolist()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _array_from_json(described: Mapping[str, Any]) -> np.ndarray:
    dtype, shape, data = np.dtype(described["dtype"]), tuple(described["shape"]), described["data"]
    if dtype.kind == "f":
        return from_lists(data, shape).astype(dtype)
    if dtype.kind in "mM":
        instants: np.ndarray = np.asarray(data, dtype=np.int64).view(dtype.newbyteorder("="))
        return instants.astype(dtype).reshape(shape)
    if dtype.kind in "US" and dtype.itemsize * math.prod(shape) > max(_SMALL, _MOST_TIMES * len(json.dumps(data))):
        raise ValueError(f"an array of {dtype} and shape {shape} that is far larger than its texts")
    if dtype.kind == "S":
        return np.char.encode(np.asarray(data, dtype=str), "latin-1").astype(dtype).reshape(shape)
    if dtype.kind not in "biuU":
        raise ValueError(f"an array of {dtype}")
    return np.asarray(data, dtype=dtype).reshape(shape)
