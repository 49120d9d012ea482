"""In which encoding a text file is written."""

from __future__ import annotations

import codecs
import re
import unicodedata
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
_USUAL_ONES = (_USUAL, "cp1250", "iso8859-2", "mac_roman", "cp850")
_OF_SEVERAL_BYTES = ("cp932", "shift_jis", "euc_jp", "gb18030", "gbk", "gb2312", "big5", "cp950", "cp949", "euc_kr")
_BEYOND_ASCII = {c for name in _USUAL_ONES for c in bytes(range(128, 256)).decode(name, errors="ignore")}
_CAPITALS = re.escape("".join(sorted(c for c in _BEYOND_ASCII if c.isupper())))
_SIGNS = [c for c in _BEYOND_ASCII - {*"²³°®™"} if unicodedata.category(c)[0] in "SNC" or c in "§¶†‡•‰"]
_SIGN = f"[{re.escape(''.join(sorted(_SIGNS)))}]"
_MISFIT = re.compile(rf"[^\W\d_]{_SIGN}|{_SIGN}[^\W\d_]|[a-zß-ö][{_CAPITALS}]|[^\W\d_][{_CAPITALS}][a-z]")


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
        if codecs.lookup(said).name in ("utf-8", "utf-8-sig"):
            return ("utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"), ()
        return said, ()
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name, ()
    if b"\0" in head:
        return _without_mark(head, place), ()
    wrong = _first_wrong_line(path, "utf-8")
    if wrong is None:
        return "utf-8", ()
    name = codecs.lookup(_guessed(path)).name
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
    plain = codecs.lookup(name).name == "utf-8"  # of which ASCII is a part
    read = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if not (plain and block.isascii() and decoder.getstate()[0] == b""):
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    # What the error holds ends where the block ends, and starts before it with what was left over.
                    return _line_of(path, read + len(block) - len(error.object) + error.start)
                except UnicodeError:  # UTF-16 and UTF-32 without the mark that they ask for
                    return _line_of(path, read)
            read += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return _line_of(path, read)
    return None


def _line_of(path: Path, offset: int) -> int:
    """The line, from 1, in which a byte of a file stands."""
    line = 1
    with path.open("rb") as file:
        while offset > 0 and (block := file.read(min(_BLOCK, offset))):
            line += block.count(b"\n")
            offset -= len(block)
    return line


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
    guess = codecs.lookup(found["encoding"] or _USUAL).name
    names = [guess, *_USUAL_ONES, "latin-1"]
    if (found["confidence"] or 0) < _UNSURE:
        likely = sorted([*_USUAL_ONES, guess], key=lambda name: _misfits(bytes(lines), name))
        east_asian = guess in _OF_SEVERAL_BYTES and not _mixed(bytes(lines), guess)
        names = [guess, *likely, "latin-1"] if east_asian else [*likely, "latin-1"]
    return next(name for name in names if _first_wrong_line(path, name) is None)


def _mixed(lines: bytes, name: str) -> bool:
    """Whether Latin letters touch others, which the words of one language do not."""
    text = lines.decode(name, errors="replace")
    return "\ufffd" in text or re.search(r"[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]", text) is not None


def _misfits(lines: bytes, name: str) -> int:
    """Signs inside words, and capitals after small letters, such as a wrong code page makes."""
    text = lines.decode(name, errors="replace")
    return len(_MISFIT.findall(text)) + 10 * text.count("\ufffd")
