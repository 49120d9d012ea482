"""Files that appear whole or not at all, and the errors of the system as ours."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from automl_explain._validation import shown
from automl_explain.exceptions import AutoMLExplainError, CorruptFileError, InputError, StorageError

fcntl: Any
try:
    import fcntl
except ImportError:  # a system without these locks
    fcntl = None

_STALE_SECONDS = 24 * 3600.0  # where there are no locks: no writer takes so long
_TOKEN = "[0-9a-f]{16}"

_ADVICE = {
    errno.ENOSPC: "Free some space, or pass another place.",
    errno.EDQUOT: "Free some space, or pass another place.",
    errno.EFBIG: "Pass a place that takes files of this size.",
    errno.EACCES: "Pass a place that you have the rights to, or have them changed.",
    errno.EPERM: "Pass a place that you have the rights to, or have them changed.",
    errno.EROFS: "It is on a read-only file system; pass another place.",
    errno.ENOTDIR: "A file stands where a directory is expected; pass another place.",
    errno.EISDIR: "A directory stands where the file belongs; move it away, or pass another place.",
    errno.EEXIST: "Something else stands in its place; pass another one.",
}


def place(path: Any, argument: str) -> Path:
    """A path as given, if there can be one of that name.

    Raises
    ------
    InputError
        If it is no path, or holds what no name of a file can.
    """
    try:
        made = Path(path)
        possible = b"\0" not in os.fsencode(made)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{argument}` is {shown(path)}; expected a path. Pass text or a pathlib.Path.") from error
    if not possible:
        raise InputError(
            f"`{argument}` is {shown(path)}, which holds a NUL; no file can be named so. Pass another path."
        )
    return made


@contextlib.contextmanager
def as_ours(action: str, path: Path, argument: str) -> Iterator[None]:
    """Raise what the system refuses as `StorageError`, names that no file can have as `InputError`."""
    try:
        yield
    except AutoMLExplainError:  # some of ours are OSErrors too
        raise
    except MemoryError as error:
        raise StorageError(
            f"Cannot {action} {shown(str(path))}: it takes more memory than there is. Check that it is the right file."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise InputError(
                f"`{argument}` is {shown(str(path))}: {error.strerror}. Pass a path that this system can have."
            ) from error
        advice = _ADVICE.get(error.errno or 0, "Check the path, its rights and the free space.")
        raise StorageError(f"Cannot {action} {shown(str(path))}: {error.strerror or error}. {advice}") from error


def open_regular(path: Path) -> BinaryIO:
    """A file opened for reading: neither a pipe, which would wait for a writer, nor a device, which may have no end.

    Raises
    ------
    CorruptFileError
        If something else stands there.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)), "rb")
    kind = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(kind):
        file.close()
        raise CorruptFileError(f"{path} is a pipe or a device where a file belongs; move it away, and save again.")
    return file


def write_whole(path: Path, fill: Callable[[BinaryIO], None]) -> None:
    """Write a file; an older one stays until the new one is whole and on the disk.

    What a killed writer left is removed on the way.
    """
    with new_file(path.parent, f".{path.name}.", ".tmp") as (temporary, file):
        fill(file)
        to_disk(file)
        if fcntl is None:
            file.close()  # such systems rename no open file
        os.replace(temporary, path)
        sync_directory(path.parent)
    sweep(path.parent, rf"\.{re.escape(path.name)}\.{_TOKEN}\.tmp")


@contextlib.contextmanager
def new_file(directory: Path, prefix: str, suffix: str) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file under a name of its own, locked while it is written and removed if that fails.

    It gets the rights that the user's umask gives to new files.
    """
    while True:
        path = directory / f"{prefix}{secrets.token_hex(8)}{suffix}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        file = os.fdopen(handle, "w+b")
        _lock(file)
        if _is_at(file, path):
            break
        file.close()  # another writer took it for a leftover
    try:
        with file:
            yield path, file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def to_disk(file: BinaryIO) -> None:
    """See that what was written survives a loss of power."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """See that the names in a directory survive a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(directory: Path, pattern: str, wanted: Callable[[str], bool] = lambda name: False) -> None:
    """Remove files of a pattern that no living writer holds and nobody wants.

    Parameters
    ----------
    directory : Path
    pattern : str
        Regular expression of their names.
    wanted : callable, optional
        Whether a file is used; asked when its writer is known to be done.
    """
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if re.fullmatch(pattern, entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_abandoned(Path(entry.path), wanted)


def _remove_abandoned(path: Path, wanted: Callable[[str], bool]) -> None:
    if fcntl is None:
        if time.time() - path.stat().st_mtime > _STALE_SECONDS and not wanted(path.name):
            path.unlink()
        return
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an OSError where its writer lives
        if not wanted(path.name):
            path.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> None:
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
