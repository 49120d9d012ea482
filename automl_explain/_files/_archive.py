"""The file of a scoring explainer: a zip of JSON, text and ``.npy``, never of pickles.

``manifest.json`` names the format version and the sha256 of every other member. To raise the format:
increase `FORMAT_VERSION`, keep reading the older ones in `_parts.ScoringParts.from_members`, and add a file
written by the older version to the tests (`tests/scoring/golden`).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from automl_explain.exceptions import CorruptFileError, NotFoundError

# 2: explainer.json says how raw values are made (`raw_method`)
# 3: trees may be arrays (`trees_<name>.npy`) instead of LightGBM texts
FORMAT_VERSION = 3
FILE_NAME = "scoring_explainer.aex"
_MANIFEST = "manifest.json"
_MAX_BYTES = 2 * 2**30  # unpacked; a surrogate is a few megabytes
_MAX_MEMBERS = 10_000
_PACKAGES = ("automl-explain", "numpy", "scipy", "pandas", "lightgbm")


def write(path: Path, kind: str, members: Mapping[str, bytes]) -> None:
    """Write the members to a zip; the old file stays until the new one is whole."""
    manifest = {
        "format": "automl_explain.scoring_explainer",
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "packages": {p: _version(p) for p in _PACKAGES},
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
            for name, data in members.items():
                archive.writestr(name, data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # a temporary file is private; the finished one follows the user's umask
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and checked members.

    Raises
    ------
    NotFoundError
        If there is no file.
    CorruptFileError
        If it is no such file, damaged, changed, too large, or from a newer version.
    """
    if not path.is_file():
        raise NotFoundError(
            f"There is no scoring explainer at {path}; save one with automl_explain.save(scoring, directory)."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            manifest = _manifest(path, archive.read(_MANIFEST))
            wanted = manifest["sha256"]
            found = {i.filename for i in archive.infolist()} - {_MANIFEST}
            if found != set(wanted):
                odd = sorted(found ^ set(wanted))[0]
                raise CorruptFileError(f"{path}: member {odd!r} is missing or was added after the file was written.")
            members = {name: archive.read(name) for name in wanted}
    except CorruptFileError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds on damaged files, zlib its own
        raise CorruptFileError(f"{path} is no whole scoring explainer file: {error}. Save it again.") from error
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != wanted[name]:
            raise CorruptFileError(f"{path}: member {name!r} is not what was written (sha256 differs). Save it again.")
    return manifest, members


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [m.filename for m in members]
    if _MANIFEST not in names:
        raise CorruptFileError(f"{path} is no scoring explainer file: it has no {_MANIFEST}.")
    if len(names) > _MAX_MEMBERS or len(set(names)) < len(names):
        raise CorruptFileError(f"{path} has {len(names)} members or members of one name; refused.")
    for name in names:
        if "/" in name or "\\" in name or name.startswith(".") or ":" in name:
            raise CorruptFileError(f"{path}: member {name!r} points outside the file; refused.")
    size = sum(m.file_size for m in members)
    if size > _MAX_BYTES:
        raise CorruptFileError(
            f"{path} unpacks to {size / 2**30:.1f} GiB; more than {_MAX_BYTES / 2**30:.0f} GiB is refused."
        )


def _manifest(path: Path, data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data)
        format_version, _ = manifest["format_version"], dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{path}: {_MANIFEST} cannot be read: {error!r}.") from error
    if not isinstance(format_version, int) or not 1 <= format_version <= FORMAT_VERSION:
        raise CorruptFileError(
            f"{path} has format version {format_version!r}; this version of automl_explain reads 1 to "
            f"{FORMAT_VERSION}. "
            "Install a newer automl_explain."
        )
    result: dict[str, Any] = manifest
    return result


def to_npy(array: np.ndarray) -> bytes:
    """An array as the bytes of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes) -> np.ndarray:
    """The 1-D array in the bytes of a ``.npy`` file; objects are refused."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array is not of the .npy version written here")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    # numpy.load takes the memory that the header asks for before it looks at the cells.
    if dtype.hasobject or len(shape) != 1 or dtype.itemsize * shape[0] != len(data) - stream.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} does not fit its {len(data)} bytes")
    return np.frombuffer(data, dtype, offset=stream.tell())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
