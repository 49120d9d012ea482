"""The archive of everything that is saved: a manifest and members of JSON, text and ``.npy``, never of pickles.

``manifest.json`` says the format, its ``format_version``, the ``kind`` of what is saved and the sha256 of every
member. A scoring explainer is one zip that holds its manifest; an explanation is a directory of ``manifest.json`` and
a zip that it names. Both are written and checked here, and nothing is built before it is checked. To raise a format:
raise the version where the `Format` is made, keep reading the older ones there, and add a file of the older version to
the tests.

What a file may take in memory is bounded by what it holds, before anything is allocated:

- JSON is at most `JSON_RATIO` times its packed size (`JSON_FLOOR` bytes are always allowed); no key twice. A manifest
  beside its archive is at most `FLOOR` bytes.
- Other members together are at most `RATIO` times the size of the file (`FLOOR` bytes are always allowed).
- The shape of an array is that of the bytes which follow its header; no objects, no records.
- What tables may claim is said in `automl_explain._tables._members`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from automl_explain._files._writing import as_ours, new_file, open_regular, sweep, sync_directory, to_disk, write_whole
from automl_explain._validation import shown
from automl_explain.exceptions import CorruptFileError, NotFoundError

MANIFEST = "manifest.json"
_MEMBERS = re.compile(r"members-[0-9a-f]{16}\.zip")
_PACKAGES = ("automl-explain", "numpy", "scipy", "pandas", "lightgbm")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes

JSON_RATIO = RATIO = 100
JSON_FLOOR = 2**20
FLOOR = 64 * 2**20
_KINDS = "biufcUSmM"
_LARGEST_CODE_POINT = 0x10FFFF
_TRIES = 5  # a reader may meet a writer


@dataclasses.dataclass(frozen=True)
class Format:
    """What a file is.

    Parameters
    ----------
    name : str
        As the manifest says it.
    version : int
        Written; all from 1 on are read.
    what : str
        Name in errors.
    how : str
        How one is saved, for errors.
    """

    name: str
    version: int
    what: str
    how: str


def write_file(path: Path, form: Format, kind: str, members: Mapping[str, bytes], argument: str) -> None:
    """Write the members and their manifest to one compressed zip.

    Raises
    ------
    StorageError, InputError
        If the system refuses.
    """
    whole = {MANIFEST: _indented(_manifest(form, kind, members)), **members}
    with as_ours(f"write the {form.what} to", path, argument):
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        write_whole(path, lambda file: _pack(file, whole, compress=True))


def read_file(path: Path, form: Format, argument: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and checked members of a file that `write_file` wrote.

    Raises
    ------
    NotFoundError
        If there is no file.
    StorageError, InputError
        If the system refuses.
    CorruptFileError
        If it is no such file, damaged, changed, too large, or from a newer version.
    """
    with as_ours(f"read the {form.what} at", path, argument):
        if not path.is_file():
            raise NotFoundError(f"There is no {form.what} at {path}; {form.how}.")
        with open_regular(path) as file:
            members = unpacked(path, file, form, needed=MANIFEST)
    manifest = read_manifest(path, members.pop(MANIFEST), form)
    _check_sums(path, manifest["sha256"], members)
    return manifest, members


def write_directory(directory: Path, form: Format, kind: str, members: Mapping[str, bytes], argument: str) -> None:
    """Write the members to a zip in a directory, and then their manifest beside it.

    The older ones stay whole until the manifest is replaced. Files of others are left alone.

    Raises
    ------
    StorageError, InputError
        If the system refuses.
    """
    with as_ours(f"write the {form.what} to", directory, argument):
        directory.mkdir(parents=True, exist_ok=True)
        with new_file(directory, "members-", ".zip") as (path, file):
            _pack(file, members, compress=False)
            to_disk(file)
            document = {**_manifest(form, kind, members), "members": path.name}
            write_whole(directory / MANIFEST, lambda stream: _put(stream, _indented(document)))
        sweep(directory, _MEMBERS.pattern, lambda name: name == _members_file(directory / MANIFEST))
        sync_directory(directory)


def read_directory(directory: Path, form: Format, argument: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest and checked members of a directory that `write_directory` wrote; errors as of `read_file`."""
    path = directory / MANIFEST
    with as_ours(f"read the {form.what} at", directory, argument):
        for _ in range(_TRIES):
            manifest = read_manifest(path, _manifest_bytes(path), form)
            name = manifest.get("members")
            if not isinstance(name, str) or not _MEMBERS.fullmatch(name):
                raise CorruptFileError(f"{path} names a file of members {shown(name)} that is not ours.")
            try:
                file = open_regular(directory / name)
            except FileNotFoundError:
                continue  # written anew in between, or lost
            with file:
                members = unpacked(directory / name, file, form)
            _check_sums(directory / name, manifest["sha256"], members)
            return manifest, members
    raise CorruptFileError(f"{directory / str(name)} is missing. Save the {form.what} again, or restore a copy.")


def _manifest_bytes(path: Path) -> bytes:
    with open_regular(path) as file:
        data = file.read(FLOOR + 1)
    if len(data) > FLOOR:
        raise CorruptFileError(f"{path} is larger than {FLOOR / 2**20:.0f} MiB; more is refused.")
    return data


def read_manifest(path: Path, data: bytes, form: Format) -> dict[str, Any]:
    """A manifest that says what it must.

    Raises
    ------
    CorruptFileError
        If it does not, or comes from a newer version.
    """
    try:
        manifest = from_json(data)
        name, number, kind = (manifest[key] for key in ("format", "format_version", "kind"))
        if not all(isinstance(each, str) for item in manifest["sha256"].items() for each in item):
            raise TypeError("sha256 is no table of texts")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{path}: {MANIFEST} cannot be read: {error!r}.") from error
    if name != form.name:
        raise CorruptFileError(f"{path} is no {form.what}: its {MANIFEST} says {shown(name)}, not {form.name!r}.")
    if type(number) is not int or not 1 <= number <= form.version:
        raise CorruptFileError(
            f"{path} has format version {shown(number)}; this version of automl_explain reads 1 to {form.version}. "
            "Install a newer automl_explain."
        )
    if not isinstance(kind, str):
        raise CorruptFileError(f"{path}: {MANIFEST} says the kind {shown(kind)}, which is no text.")
    result: dict[str, Any] = manifest
    return result


def _manifest(form: Format, kind: str, members: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "format": form.name,
        "format_version": form.version,
        "kind": kind,
        "packages": {p: _version(p) for p in _PACKAGES},
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }


def _pack(file: BinaryIO, members: Mapping[str, bytes], *, compress: bool) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o600 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if compress and _may_compress(data) else zipfile.ZIP_STORED
            archive.writestr(info, data)


def _may_compress(data: bytes) -> bool:
    """Whether a member would not be taken for a bomb when it is read."""
    return len(data) < JSON_FLOOR or len(data) < RATIO // 2 * len(zlib.compress(data))


def _put(file: BinaryIO, data: bytes) -> None:
    file.write(data)


def unpacked(path: Path, file: BinaryIO, form: Format, needed: str | None = None) -> dict[str, bytes]:
    """All members of a zip, none larger than its file allows.

    Raises
    ------
    CorruptFileError
        If the member ``needed`` is not there, or the file is damaged or too large.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if needed is not None and needed not in archive.namelist():
                raise CorruptFileError(f"{path} is no {form.what} file: it has no {needed}.")
            _check_members(path, members, os.fstat(file.fileno()).st_size)
            return {member.filename: _bytes_of(path, archive, member) for member in members}
    except CorruptFileError:
        raise
    except Exception as error:  # zipfile raises half a dozen kinds on damaged files, zlib its own
        raise CorruptFileError(f"{path} is no whole {form.what} file: {error}. Save it again.") from error


def _bytes_of(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        # Read to the end it would be unpacked in one go, whatever size it says it has.
        data = stream.read(member.file_size)
    if len(data) != member.file_size:
        raise ValueError(f"member {member.filename!r} is cut off")
    return data


def _check_members(path: Path, members: list[zipfile.ZipInfo], size: int) -> None:
    names = [m.filename for m in members]
    if len(set(names)) < len(names):
        raise CorruptFileError(f"{path} has several members of one name; refused.")
    for member in members:
        name = member.filename
        if "/" in name or "\\" in name or name.startswith(".") or ":" in name:
            raise CorruptFileError(f"{path}: member {name!r} points outside the file; refused.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise CorruptFileError(f"{path}: member {name!r} is packed in a way that ours never is; refused.")
        if name.endswith(".json"):
            _check_size(path, name, member.file_size, max(JSON_FLOOR, JSON_RATIO * min(member.compress_size, size)))
    _check_size(path, "all members", sum(m.file_size for m in members), max(FLOOR, RATIO * size))


def _check_size(path: Path, what: str, claimed: int, allowed: int) -> None:
    if claimed > allowed:
        raise CorruptFileError(
            f"{path}: {what} would unpack to {claimed / 2**30:.3f} GiB; a file of this size may hold "
            f"{allowed / 2**30:.3f} GiB, more is refused."
        )


def _check_sums(path: Path, wanted: Mapping[str, str], members: Mapping[str, bytes]) -> None:
    if members.keys() != wanted.keys():
        odd = sorted(members.keys() ^ wanted.keys())[0]
        raise CorruptFileError(f"{path}: member {odd!r} is missing or was added after the file was written.")
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != wanted[name]:
            raise CorruptFileError(f"{path}: member {name!r} is not what was written (sha256 differs). Save it again.")


def _members_file(manifest: Path) -> Any:
    """Name of the zip that belongs to a manifest; None where it has none."""
    try:
        return json.loads(manifest.read_bytes())["members"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _indented(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False, indent=1).encode()


def _version(package: str) -> str | None:
    from importlib import metadata  # files are read without it

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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
