"""The options of every command that reads a table: how the file is written, and what its columns hold."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl_explain.reading import FileOptions, TypeOptions

_SEPARATORS = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading, in a group of their own: how the file is written, and what its columns hold."""
    _add_columns(add_writing(parser))


def add_writing(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options of how a file and its values are written, in a group of their own."""
    group = parser.add_argument_group("reading the table", "what is found from the table unless you say it")
    group.add_argument("--sep", metavar="CHARACTER", help="what separates the columns of a text file (tab for a tab)")
    group.add_argument("--encoding", metavar="NAME", help="encoding of a text file, such as utf-8 or cp1252")
    group.add_argument(
        "--header", type=_header, metavar="LINE", help="line of the column names, from 1; none if there is none"
    )
    group.add_argument("--sheet", metavar="NAME", help="sheet of an Excel file, by its name or its number from 1")
    group.add_argument(
        "--query",
        metavar="SQL",
        help="rows of a database, whose SQLAlchemy URL is DATA, or of the file, as table `data`",
    )
    _add_marks(group)
    return group


def _add_columns(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--types",
        nargs="+",
        action="extend",
        default=[],
        type=_typed_column,
        metavar="COLUMN=TYPE",
        help="what columns hold: number, text, category, date, boolean, time or duration",
    )
    group.add_argument(
        "--date-column", nargs="+", action="extend", default=[], metavar="COLUMN", help="columns to read as dates"
    )
    group.add_argument(
        "--ignore", nargs="+", action="extend", default=[], metavar="COLUMN", help="columns to leave out"
    )
    group.add_argument(
        "--keep",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="columns to use although they are taken for identifiers or the like",
    )


def _add_marks(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--decimal", choices=(".", ","), help="the decimal mark of numbers")
    order = group.add_mutually_exclusive_group()
    order.add_argument(
        "--day-first",
        action="store_true",
        default=None,
        help="01/02/2024 is 1 February",
    )
    order.add_argument(
        "--month-first",
        dest="day_first",
        action="store_false",
        default=None,
        help="01/02/2024 is 2 January",
    )
    group.add_argument(
        "--na",
        nargs="+",
        action="extend",
        default=[],
        metavar="MARK",
        help="further texts that stand for no value",
    )


def file_options(arguments: argparse.Namespace) -> FileOptions:
    """How the file is written, as the user said."""
    from automl_explain.reading import FileOptions

    return FileOptions(
        sep=_SEPARATORS.get(arguments.sep, arguments.sep),
        encoding=arguments.encoding,
        header=arguments.header,
        sheet=arguments.sheet,
        query=arguments.query,
    )


def type_options(arguments: argparse.Namespace) -> TypeOptions:
    """What the columns hold, as the user said."""
    from automl_explain.reading import TypeOptions

    return TypeOptions(
        decimal=arguments.decimal,
        day_first=arguments.day_first,
        na=tuple(arguments.na),
        types=dict(arguments.types),
        dates=tuple(arguments.date_column),
    )


def _header(text: str) -> int | str:
    if text == "none":
        return text
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a line number from 1 nor none")


def _typed_column(text: str) -> tuple[str, str]:
    column, equals, kind = text.rpartition("=")
    if not (equals and column and kind):
        raise argparse.ArgumentTypeError(f"{text!r} is not COLUMN=TYPE, such as zip=text")
    return column, kind
