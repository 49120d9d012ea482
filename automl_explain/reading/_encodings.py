"""In which encoding a text file is written."""

from __future__ import annotations

import codecs
from pathlib import Path

from automl_explain.exceptions import InputError
from automl_explain.reading._notes import WARNING, Note

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it starts with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BLOCK = 1 << 20
_SAMPLE = 1 << 16
# Short texts with few accents fit many code pages; then the one of Western Europe is by far the most usual.
_UNSURE, _USUAL = 0.045, "cp1252"


def find_encoding(path: Path, place: str, said: str | None) -> tuple[str, tuple[Note, ...]]:
    """Name of the encoding, and a note where it was guessed.

    Raises
    ------
    InputError
        If the file is no text, or not in the encoding that the user named.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if said is not None:
        wrong = _first_wrong_line(path, said)
        if wrong is not None:
            raise InputError(f"{place!r}, line {wrong}: the bytes are not {said} (--encoding). Name another encoding.")
        marked = head.startswith(codecs.BOM_UTF8) and codecs.lookup(said).name == "utf-8"
        return ("utf-8-sig" if marked else said), ()
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name, ()
    if b"\0" in head:
        return _without_mark(head, place), ()
    wrong = _first_wrong_line(path, "utf-8")
    if wrong is None:
        return "utf-8", ()
    name = _guessed(path)
    note = Note(
        f"read the file as {name}, as line {wrong} is not UTF-8", "--encoding names another encoding", weight=WARNING
    )
    return name, (note,)


def _without_mark(head: bytes, place: str) -> str:
    """UTF-16 of mostly Latin text has a zero in every second byte."""
    half = max(1, len(head) // 2)
    if head[1::2].count(0) > 0.4 * half and head[0::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if head[0::2].count(0) > 0.4 * half and head[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    raise InputError(
        f"{place!r} is not a text file: it holds binary data. Expected text (CSV, TSV), Excel, parquet or feather."
    )


def _first_wrong_line(path: Path, name: str) -> int | None:
    """The first line that is not in an encoding; None where all are."""
    decoder = codecs.getincrementaldecoder(name)()
    line = 1
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            line += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None


def _guessed(path: Path) -> str:
    import chardet

    lines = bytearray()
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                lines += line
            if len(lines) > _SAMPLE:
                break
    found = chardet.detect(bytes(lines), encoding_era=chardet.EncodingEra.MODERN_WEB)
    names = [found["encoding"] or _USUAL, _USUAL, "cp1250", "latin-1"]
    if (found["confidence"] or 0) < _UNSURE:
        names.insert(0, _USUAL)
    return next(codecs.lookup(name).name for name in names if _first_wrong_line(path, name) is None)
