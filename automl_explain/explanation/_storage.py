"""Explanations on disk: a directory with ``explanation.json`` and one ``values-<hash>.npz``.

Raise `SCHEMA_VERSION` when a file written now can no longer be read by the code as it stands: add
the reader for the older version here, and a golden file of it to the tests. Readers stay.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._cells import decode_cell
from automl_explain._tables._members import TableWriter, read_index, read_table
from automl_explain.exceptions import (
    AlreadyExistsError,
    AutoMLExplainError,
    CorruptFileError,
    NotFoundError,
    StorageError,
)
from automl_explain.explanation._fidelity import Fidelity
from automl_explain.explanation._fields import ExplanationFields

FORMAT = "automl_explain.explanation"
SCHEMA_VERSION = 1

_MANIFEST = "explanation.json"
_ARRAY_FILE = re.compile(r"values-[0-9a-f]{8}\.npz")
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
    target = Path(path)
    if target.exists() and (not exist_ok or not target.is_dir()):
        mend = "Pass exist_ok=True to replace it, or another path." if target.is_dir() else "Pass a directory."
        raise AlreadyExistsError(f"{str(target)!r} exists{'' if target.is_dir() else ' and is a file'}. {mend}")
    writer = TableWriter()
    described = _describe(explanation, writer)
    try:
        target.mkdir(parents=True, exist_ok=True)
        before = _array_file_of(target)
        name, digest = _write_arrays(target, writer.arrays)
        document = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "arrays": {"file": name, "sha256": digest},
            "explanation": described,
        }
        with _atomic(target, target / _MANIFEST) as temporary:
            temporary.write_text(json.dumps(document, allow_nan=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"Cannot write the explanation to {str(target)!r}: {error}. Check the path and free space."
        ) from error
    if before not in (None, name):
        (target / str(before)).unlink(missing_ok=True)


def load_fields(cls: type[AnyExplanation], path: str | os.PathLike[str]) -> AnyExplanation:
    """Read an explanation; see `load_explanation`."""
    source = Path(path)
    manifest = source / _MANIFEST
    if not manifest.is_file():
        there = (
            "has no explanation.json" if source.is_dir() else "does not exist" if not source.exists() else "is a file"
        )
        raise NotFoundError(f"No explanation at {str(source)!r}: it {there}. Pass a directory that `save` wrote.")
    document = _read_manifest(manifest)
    try:
        arrays = _read_arrays(source, document["arrays"])
        return cls(**_restore(document["explanation"], arrays))
    except AutoMLExplainError as error:
        if isinstance(error, StorageError):
            raise
        raise _corrupt(source, f"its parts do not fit together ({error})") from error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise _corrupt(source, f"its description cannot be read ({type(error).__name__}: {error})") from error


def _describe(explanation: ExplanationFields, writer: TableWriter) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": explanation.kind, **{name: getattr(explanation, name) for name in _TEXTS}}
    described["created"] = None if explanation.created is None else explanation.created.isoformat()
    described["residual_bound"] = explanation.residual_bound
    described["notes"] = [list(note) for note in explanation.notes]
    for name in _LABELS:
        items = getattr(explanation, name)
        described[name] = None if items is None else writer._cells(f"`{name}`", list(items))
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


def _restore(described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    kind = described.get("kind", "tabular")  # older files know one kind only, and neither a time nor notes
    if kind != "tabular":
        raise ValueError(f"its kind is {kind!r}; expected 'tabular'")
    fields: dict[str, Any] = {name: described[name] for name in _TEXTS}
    created = described.get("created")
    fields["created"] = None if created is None else datetime.datetime.fromisoformat(created)
    fields["residual_bound"] = described.get("residual_bound")
    fields["notes"] = [tuple(note) for note in described.get("notes", ())]
    for name in _LABELS:
        items = described[name]
        fields[name] = None if items is None else tuple(decode_cell(item) for item in items)
    for name in _FIDELITIES:
        fields[name] = None if described[name] is None else Fidelity.from_json(described[name])
    for name in _ARRAYS:
        table = described.get(name) if name in _LATER_ARRAYS else described[name]
        fields[name] = None if table is None else read_table(table, arrays)
    parts = described["values"]
    if parts is None:
        fields["values"] = None
    else:
        read = [read_table(part, arrays) for part in parts]
        fields["values"] = tuple(read) if sp.issparse(read[0]) else read[0]
    labels = described["row_labels"]
    fields["row_labels"] = None if labels is None else read_index(labels, arrays)
    return fields


def _write_arrays(target: Path, arrays: Mapping[str, np.ndarray]) -> tuple[str, str]:
    """Name and sha256 of the file written; the name follows the content, so that an older file stays whole."""
    with _atomic(target) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        digest = _sha256(temporary)
        name = f"values-{digest[:8]}.npz"
        os.replace(temporary, target / name)
    return name, digest


def _read_arrays(source: Path, described: Mapping[str, Any]) -> dict[str, np.ndarray]:
    name = described["file"]
    if not isinstance(name, str) or not _ARRAY_FILE.fullmatch(name):
        raise _corrupt(source, f"it names an array file {name!r} that is not ours")
    file = source / name
    if not file.is_file():
        raise _corrupt(source, f"{name} is missing")
    if _sha256(file) != described["sha256"]:
        raise _corrupt(source, f"{name} was changed or cut off (its sha256 differs)")
    try:
        with zipfile.ZipFile(file) as archive:
            # We never compress; a small file that unpacks to a huge one is not ours.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise _corrupt(source, f"{name} is compressed, which ours never is")
        with np.load(file, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise _corrupt(source, f"{name} cannot be read ({error})") from error


def _read_manifest(manifest: Path) -> dict[str, Any]:
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _corrupt(manifest.parent, f"{_MANIFEST} is not JSON ({error})") from error
    except OSError as error:
        raise StorageError(f"Cannot read {str(manifest)!r}: {error}. Check its permissions.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _corrupt(manifest.parent, f"{_MANIFEST} does not say {FORMAT!r}; something else wrote it")
    version = document.get("schema_version")
    if type(version) is not int or version < 1:
        raise _corrupt(manifest.parent, f"its schema_version is {version!r}")
    if version > SCHEMA_VERSION:
        raise CorruptFileError(
            f"The explanation at {str(manifest.parent)!r} has schema version {version}; this automl_explain reads up "
            f"to {SCHEMA_VERSION}. Upgrade automl_explain, or save it again with this version."
        )
    return document


def _corrupt(source: Path, why: str) -> CorruptFileError:
    return CorruptFileError(
        f"The explanation at {str(source)!r} cannot be trusted: {why}. Save it again, or restore a copy."
    )


def _array_file_of(target: Path) -> str | None:
    """Array file of the explanation that is there already, if any."""
    try:
        name = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))["arrays"]["file"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) and _ARRAY_FILE.fullmatch(name) else None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _atomic(directory: Path, final: Path | None = None) -> Iterator[Path]:
    """Temporary file that becomes ``final`` if all went well, and is gone otherwise."""
    temporary = directory / f".writing-{secrets.token_hex(8)}"
    try:
        yield temporary
        if final is not None:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
