"""Explanations as members of an archive, and their directory on disk.

``explanation.json`` describes the explanation and says its ``kind``; every array is an ``.npy`` of its own. Raise
`FORMAT_VERSION` when a file written now can no longer be read by the code as it stands: add the reader for the older
version, and a golden file of it to the tests. Readers stay. Version 1 was ``explanation.json`` beside a
``values-<hash>.npz``.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from automl_explain._files._archive import (
    MANIFEST,
    Format,
    from_json,
    from_npy,
    read_directory,
    to_json,
    to_npy,
    unpacked,
    write_directory,
)
from automl_explain._files._writing import as_ours, open_regular, place
from automl_explain._lazy import is_sparse
from automl_explain._tables._members import TableReader, TableWriter, decode_cell
from automl_explain._validation import shown
from automl_explain.exceptions import AlreadyExistsError, CorruptFileError, NotFoundError, StorageError
from automl_explain.explanation._fidelity import Fidelity
from automl_explain.explanation._fields import ExplanationFields

FORMAT = "automl_explain.explanation"
FORMAT_VERSION = 2

_FORM = Format(FORMAT, FORMAT_VERSION, "explanation", "pass a directory that `save` wrote")
_DOCUMENT = "explanation.json"
_FORMER_ARRAYS = re.compile(r"values-[0-9a-f]{8}\.npz")
_TEXTS = ("task", "space", "output_unit", "link", "method", "model_type", "model_id", "n_explained_rows", "id")
_LABELS = ("features", "classes", "unmapped_features")
_FIDELITIES = ("fidelity", "eval_fidelity")
_ARRAYS = (
    "base",
    "unmapped",
    "global_values",
    "unmapped_global",
    "global_spread",
    "local_fit",
    "residuals",
    "eval_y_predicted",
    "eval_y_predicted_proba",
    "eval_data",
)

_LATER_ARRAYS = ("global_spread", "local_fit", "residuals")  # older files have none

AnyExplanation = TypeVar("AnyExplanation", bound=ExplanationFields)


def save_fields(explanation: ExplanationFields, path: str | os.PathLike[str], exist_ok: bool) -> None:
    """Write an explanation; see `save_explanation`."""
    target = place(path, "path")
    with as_ours("write the explanation to", target, "path"):
        there, directory = target.exists(), target.is_dir()
    if there and (not exist_ok or not directory):
        fix = "Pass exist_ok=True to replace it, or another path." if directory else "Pass a directory."
        raise AlreadyExistsError(f"{shown(str(target))} exists{'' if directory else ' and is a file'}. {fix}")
    write_directory(target, _FORM, explanation.kind, to_members(explanation), "path")
    _remove_former(target)


def load_fields(cls: type[AnyExplanation], path: str | os.PathLike[str]) -> AnyExplanation:
    """Read an explanation; see `load_explanation`."""
    source = place(path, "path")
    with as_ours("read the explanation at", source, "path"):
        former = not (source / MANIFEST).exists() and (source / _DOCUMENT).is_file()
        if former:
            members = _former_members(source)
        elif not (source / MANIFEST).exists():
            there = source.exists()
            why = f"has neither {MANIFEST} nor {_DOCUMENT}" if source.is_dir() else "is a file" if there else ""
            raise NotFoundError(
                f"No explanation at {shown(str(source))}: it {why or 'does not exist'}. Pass a directory that "
                "`save` wrote."
            )
    if not former:
        _, members = read_directory(source, _FORM, "path")
    try:
        return from_members(cls, members)
    except CorruptFileError as error:
        raise _corrupt(source, str(error)) from error


def to_members(explanation: ExplanationFields) -> dict[str, bytes]:
    """Name -> content of everything that is kept of an explanation.

    Raises
    ------
    InputError
        If it holds cells that cannot be written; names the column.
    StorageError
        If a text of it is none.
    """
    writer = TableWriter()
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "kind": explanation.kind,
        "explanation": describe(explanation, writer),
    }
    try:
        described = to_json(document)
    except (TypeError, ValueError) as error:
        raise StorageError(f"The explanation cannot be saved: {error}. Give its names and model as text.") from error
    return {_DOCUMENT: described, **{f"{name}.npy": to_npy(array) for name, array in writer.arrays.items()}}


def from_members(cls: type[AnyExplanation], members: Mapping[str, bytes]) -> AnyExplanation:
    """Build what `to_members` gave.

    Raises
    ------
    CorruptFileError
        If the members are none of an explanation, do not fit together, or come from a newer version.
    """
    try:
        document = from_json(members[_DOCUMENT])
        _check_document(document, cls.kind)
        # Tables may be written to by those who get them; what was read may not.
        arrays = {
            name.removesuffix(".npy"): from_npy(data, None).copy(order="K")
            for name, data in members.items()
            if name.endswith(".npy")
        }
        return cls(**restore(document["explanation"], TableReader(arrays)))
    except CorruptFileError:
        raise
    except Exception as error:  # whatever changed members make numpy, pandas or a reader raise
        raise CorruptFileError(f"its description cannot be read ({type(error).__name__}: {error})") from error


def _check_document(document: Any, wanted: str = "tabular") -> None:
    name = document.get("format") if isinstance(document, dict) else None
    if name != FORMAT:
        raise CorruptFileError(f"{_DOCUMENT} says {shown(name)}, not {FORMAT!r}; something else wrote it")
    version = document.get("format_version", document.get("schema_version"))
    if type(version) is not int or version < 1:
        raise CorruptFileError(f"its format version is {shown(version)}")
    if version > FORMAT_VERSION:
        raise CorruptFileError(
            f"it has format version {version}, and this automl_explain reads up to {FORMAT_VERSION}. Upgrade "
            "automl_explain"
        )
    kind = document.get("kind", "tabular" if version == 1 else None)  # version 1 knew no other
    if kind != wanted:
        raise CorruptFileError(f"it is of the kind {shown(kind)}; this automl_explain reads {wanted!r}")


def describe(explanation: ExplanationFields, writer: TableWriter) -> dict[str, Any]:
    """The fields in a JSON-ready form; arrays go to the writer."""
    described: dict[str, Any] = {name: getattr(explanation, name) for name in _TEXTS}
    described["created"] = None if explanation.created is None else explanation.created.isoformat()
    described["residual_bound"] = explanation.residual_bound
    described["notes"] = [list(note) for note in explanation.notes]
    for name in _LABELS:
        items = getattr(explanation, name)
        described[name] = None if items is None else writer.cells(f"`{name}`", list(items))
    for name in _FIDELITIES:
        fidelity = getattr(explanation, name)
        described[name] = None if fidelity is None else fidelity.to_json()
    for name in _ARRAYS:
        table = getattr(explanation, name)
        described[name] = None if table is None else writer.table(name, table)
    values = explanation.values
    parts = values if isinstance(values, tuple) else [] if values is None else [values]
    described["values"] = None if values is None else [writer.table("values", part) for part in parts]
    labels = explanation.row_labels
    described["row_labels"] = None if labels is None else writer.index("`row_labels`", labels)
    return described


def restore(described: Mapping[str, Any], reader: TableReader) -> dict[str, Any]:
    """The fields that `describe` described."""
    fields: dict[str, Any] = {name: described[name] for name in _TEXTS}
    _check_texts(fields)
    created = described.get("created")  # older files have neither a time nor notes
    fields["created"] = None if created is None else datetime.datetime.fromisoformat(created)
    fields["residual_bound"] = described.get("residual_bound")
    fields["notes"] = [tuple(note) for note in described.get("notes", ())]
    for name in _LABELS:
        items = described[name]
        fields[name] = None if items is None else tuple(decode_cell(item) for item in items)
    if fields["features"] is None:
        raise ValueError("it names no features")
    for name in _FIDELITIES:
        fields[name] = None if described[name] is None else Fidelity.from_json(described[name])
    for name in _ARRAYS:
        table = described.get(name) if name in _LATER_ARRAYS else described[name]
        fields[name] = None if table is None else reader.table(table)
    parts = described["values"]
    if parts is None:
        fields["values"] = None
    else:
        read = [reader.table(part) for part in parts]
        fields["values"] = tuple(read) if is_sparse(read[0]) else read[0]
    labels = described["row_labels"]
    fields["row_labels"] = None if labels is None else reader.index(labels)
    return fields


def _check_texts(fields: Mapping[str, Any]) -> None:
    wrong = [name for name in _TEXTS if not isinstance(fields[name], str | None) and name != "n_explained_rows"]
    rows = fields["n_explained_rows"]
    if wrong or type(rows) is not int or rows < 0:
        raise ValueError(f"{(wrong or ['n_explained_rows'])[0]!r} is of another type")


def _former_members(source: Path) -> dict[str, bytes]:
    """Members of version 1: the description, and the arrays of the file that it names."""
    data = (source / _DOCUMENT).read_bytes()
    try:
        document = from_json(data)
        _check_document(document)
        name, digest = document["arrays"]["file"], document["arrays"]["sha256"]
    except CorruptFileError as error:
        raise _corrupt(source, str(error)) from error
    except ValueError as error:
        raise _corrupt(source, f"{_DOCUMENT} is not JSON ({error})") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise _corrupt(source, f"its description cannot be read ({error!r})") from error
    if not isinstance(name, str) or not _FORMER_ARRAYS.fullmatch(name):
        raise _corrupt(source, f"it names an array file {shown(name)} that is not ours")
    if not (source / name).is_file():
        raise _corrupt(source, f"{name} is missing")
    with (source / name).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise _corrupt(source, f"{name} was changed or cut off (its sha256 differs)")
        return {_DOCUMENT: data, **unpacked(source / name, file, _FORM)}


def _remove_former(target: Path) -> None:
    """Remove what version 1 left, now that a newer one stands beside it."""
    try:
        with open_regular(target / _DOCUMENT) as file:
            name = from_json(file.read())["arrays"]["file"]
        if isinstance(name, str) and _FORMER_ARRAYS.fullmatch(name):
            (target / _DOCUMENT).unlink()
            (target / name).unlink(missing_ok=True)
    except (OSError, ValueError, LookupError, TypeError):
        return  # there is none, or it is not ours


def _corrupt(source: Path, why: str) -> CorruptFileError:
    return CorruptFileError(
        f"The explanation at {shown(str(source))} cannot be trusted: {why}. Save it again, or restore a copy."
    )
