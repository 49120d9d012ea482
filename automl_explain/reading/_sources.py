"""A file name, a URL or standard input -> a local file that is not packed, and what it holds."""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import difflib
import gzip
import lzma
import os
import re
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal

import numpy as np

from automl_explain.exceptions import (
    AutoMLExplainError,
    DataError,
    InputError,
    MissingExtraError,
    NotFoundError,
    StorageError,
)

Content = Literal["text", "parquet", "feather", "excel"]

_PACKED: dict[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "a SQLite database; pass its URL (sqlite:///FILE) with --query",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x80\x04\x95": "a pickle, which is not read as it can run code",
    b"\x80\x05\x95": "a pickle, which is not read as it can run code",
    b"\x89HDF": "an HDF5 file",
}
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*\"[^\"]*\"\s*:")
_ADDED = re.compile(r"^__MACOSX/|(?:^|/)(?:\.DS_Store|Thumbs\.db|desktop\.ini)$")  # to archives, by file managers
_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*(@)")
_STRAY = 0.1  # of them a line; in a file of both ends of line each ends a line
_MOST_LAYERS = 3
_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class LocalFile:
    """A local file that is not packed.

    Parameters
    ----------
    path : Path
    content : {"text", "parquet", "feather", "excel"}
        By its first bytes, whatever it is called.
    place : str
        What the user calls it.
    """

    path: Path
    content: Content
    place: str


@contextlib.contextmanager
def local_file(source: str | Path | LocalFile) -> Iterator[LocalFile]:
    """A source as a local file; copies of URLs, of standard input and of what was packed are removed at the end.

    A `LocalFile` is given as it is, so that several passes need one copy.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it holds no table, or more than one.
    DataError
        If it is empty.
    """
    if isinstance(source, LocalFile):
        yield source
        return
    place = "standard input" if str(source) == "-" else without_password(source)
    with contextlib.ExitStack() as stack:
        path = _here(source, stack)
        for _ in range(_MOST_LAYERS):
            pieces = _unpacked(path, place)
            if pieces is None:
                break
            path = _copied(pieces, place, stack)
        if path.stat().st_size == 0:
            raise DataError(f"{place!r} is empty. Expected a line of column names and rows below it.")
        content = _content(path, place)
        if content == "text" and _has_stray_returns(path):
            path = _copied(_without_stray_returns(path), place, stack)
        yield LocalFile(path, content, place)


def _here(source: str | Path, stack: contextlib.ExitStack) -> Path:
    """Where the bytes of a source are."""
    if str(source) == "-":
        return _copied(_pieces(sys.stdin.buffer), "standard input", stack)
    if "://" in str(source):
        return _copied(_of_url(str(source)), without_password(source), stack)
    path = Path(source)
    if not path.exists():
        raise NotFoundError(f"There is no file {str(path)!r}{_similar(path)}")
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder. Pass a file in it.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{str(path)!r} cannot be read by this user. Change its permissions.")
    return path if path.is_file() else _copied(_pieces_of(lambda: path.open("rb")), str(path), stack)


def _of_url(url: str) -> Iterator[bytes]:
    shown = without_password(url)
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(
            "Reading a URL needs the fsspec package, which is not here: pip install automl-explain[tables]."
        ) from error
    try:
        with fsspec.open(url, "rb") as stream:
            yield from _pieces(stream)
    except ImportError as error:
        raise MissingExtraError(f"Reading {shown!r} needs another package: {_first_line(error)}.") from error
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {shown!r}. Check the address.") from error
    except Exception as error:  # each file system has errors of its own
        cause = _first_line(error).replace(url, shown)
        way = "Check the address and the rights; a database is read with --query."
        raise InputError(f"{shown!r} cannot be read: {cause}. {way}") from error


def without_password(source: str | Path) -> str:
    """A source as it may be shown: of a URL, without its password."""
    return _PASSWORD.sub(r"\1***\2", str(source))


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(_BLOCK), b"")


def _pieces_of(opened: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with opened() as stream:
        yield from _pieces(stream)


def _copied(pieces: Iterator[bytes], place: str, stack: contextlib.ExitStack) -> Path:
    """What a source or a packed file holds, in a file for as long as the stack is open."""
    handle, name = tempfile.mkstemp(prefix="automl-explain-")
    path = Path(name)
    stack.callback(path.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as target:
        try:
            target.writelines(pieces)
        except AutoMLExplainError:
            raise
        except (EOFError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, RuntimeError, NotImplementedError) as error:
            raise _not_unpacked(place, error) from error
        except OSError as error:
            if error.errno is None:  # of the packers
                raise _not_unpacked(place, error) from error
            raise StorageError(f"{place!r} cannot be copied to {path.parent}: {error.strerror}.") from error
    return path


def _not_unpacked(place: str, error: BaseException) -> InputError:
    return InputError(f"{place!r} cannot be unpacked: {_first_line(error)}. The file may be cut off; copy it again.")


def _unpacked(path: Path, place: str) -> Iterator[bytes] | None:
    """What a packed file holds; None where it is not packed."""
    head = _head(path)
    packed = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None)
    if packed == "gzip":
        return _pieces_of(lambda: gzip.open(path))  # type: ignore[arg-type,return-value]
    if packed == "bzip2":
        return _pieces_of(lambda: bz2.open(path))
    if packed == "xz":
        return _pieces_of(lambda: lzma.open(path))
    if packed == "zstd":
        return _of_zstd(path)
    return _of_zip(path, place) if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) else None


def _of_zstd(path: Path) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError(
            "Reading a .zst file needs the zstandard package, which is not here: pip install automl-explain[tables]."
        ) from error
    with path.open("rb") as file:
        frame = None
        try:
            for piece in _pieces(file):
                rest = piece
                while rest:
                    frame = frame or zstandard.ZstdDecompressor().decompressobj()
                    yield frame.decompress(rest)
                    rest = frame.unused_data if frame.eof else b""
                    frame = None if frame.eof else frame
        except zstandard.ZstdError as error:
            raise _not_unpacked(str(path), error) from error
    if frame is not None:  # which the package does not tell of
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")


def _of_zip(path: Path, place: str) -> Iterator[bytes] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise _not_unpacked(place, error) from error
    names = [m.filename for m in members]
    if "[Content_Types].xml" in names or "mimetype" in names:
        return None  # Excel and OpenDocument are zip archives themselves
    files = [m for m in members if not m.is_dir() and not _ADDED.search(m.filename)]
    if len(files) != 1:
        shown = ", ".join(repr(m.filename) for m in files[:8])
        raise InputError(f"{place!r} is an archive of {len(files)} files ({shown}). Unpack it and pass one of them.")
    if files[0].flag_bits & 1:
        raise InputError(f"{place!r} is locked by a password. Unpack it first.")

    return _of_member(path, files[0])


def _of_member(path: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        yield from _pieces(stream)


def _content(path: Path, place: str) -> Content:
    head = _head(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"FEA1")):
        return "feather"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
        return "excel"
    other = next((what for magic, what in _OTHERS.items() if head.startswith(magic)), None)
    if other is None and head[8:12] == b"DUCK":
        other = "a DuckDB database; pass its URL (duckdb:///FILE) with --query"
    if other is None and head[257:262] == b"ustar":
        other = "a tar archive"
    if other is None and head.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        other = "a web page"
    if other is None and _JSON.match(head):
        other = "JSON, which this does not read"
    if other is not None:
        raise InputError(f"{place!r} is {other}. Expected a text file (CSV, TSV), Excel, parquet or feather.")
    return "text"


def _has_stray_returns(path: Path) -> bool:
    """Whether lines end with a line feed, and some cells hold a carriage return alone, which would end a row, too.

    pandas writes them without quotes.
    """
    if b"\0" in _head(path):  # UTF-16, in which such a byte is half a letter
        return False
    stray = 0
    with path.open("rb") as file:
        for block in _blocks_of_lines(file):
            if b"\r" in block:
                stray += block.count(b"\r") - block.count(b"\r\n")
    if not stray:
        return False
    with path.open("rb") as file:
        return stray <= _STRAY * sum(block.count(b"\n") for block in _pieces(file))


def _without_stray_returns(path: Path) -> Iterator[bytes]:
    """The bytes with a blank for every carriage return that stands alone, except in quotes, where it ends no row."""
    before = 0
    with path.open("rb") as file:
        for block in _blocks_of_lines(file):
            text = np.frombuffer(block, dtype=np.uint8).copy()
            quotes = before + np.cumsum(text == ord('"'))
            text[(text == ord("\r")) & (np.append(text[1:], 0) != ord("\n")) & (quotes % 2 == 0)] = ord(" ")
            before = int(quotes[-1])
            yield text.tobytes()


def _blocks_of_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Blocks that do not end between the two characters of a line end."""
    for block in _pieces(file):
        yield block + file.read(1) if block.endswith(b"\r") else block


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _similar(path: Path) -> str:
    near: list[str] = []
    if path.parent.is_dir():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ". Check its name."


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
