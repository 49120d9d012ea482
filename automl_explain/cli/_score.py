"""The command ``score``: a new file, predicted and explained by the model of an earlier run."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from automl_explain.cli._reading_options import add_writing, file_options
from automl_explain.exceptions import AlreadyExistsError, DataError, InputError

if TYPE_CHECKING:
    from automl_explain.cli._score_columns import Layout
    from automl_explain.cli._score_summary import Summary
    from automl_explain.cli._scorer import Scorer, Space
    from automl_explain.reading import FileOptions, TextTable

_DESCRIPTION = """\
Read a new file as the file was read that a model was fitted on, predict its rows with the model, and
explain every prediction: how much each column contributes to it.

The columns are found by name; their order may be another, further ones and a missing target do not
matter. A value that does not fit its column is named with its line.
"""
_EPILOG = """\
what is written, for every row:
  line                  where the row stands in the file, and the columns named with --id
  prediction            the class or number that the model predicts; probability.CLASS of every class
  explained, expected   the output explained, and where it starts: expected + contributions = explained
  residual              the model's own probability or number less the one explained
  raw.COLUMN            contribution of a column (engineered.COLUMN: of a column after featurization)
Where a class is explained, its name stands before the column: raw.CLASS.COLUMN, explained.CLASS and so on; of two
classes the second is explained. With --long there is a row for every contribution.
The summary goes to standard output, or to standard error where the table itself goes there.

example:
  automl-explain explain customers.csv --target churned --save-model --out churn
  automl-explain score customers-june.csv --model churn --id customer_id --out june.parquet
"""


def add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``automl-explain score``."""
    score = commands.add_parser(
        "score",
        help="predict and explain the rows of a new file",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument(
        "data",
        metavar="NEW",
        help="the new table: a file, a URL, - for standard input, or with --query the URL of a database",
    )
    score.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder that automl-explain explain --save-model wrote; its model is a pickle, so use only your own",
    )
    score.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write, .parquet, .csv or .jsonl; appears when it is complete (default: CSV to standard output)",
    )
    score.add_argument("--overwrite", action="store_true", help="replace that file if it exists")
    shape = score.add_mutually_exclusive_group()
    shape.add_argument("--wide", dest="long", action="store_false", help="a column for every contribution (default)")
    shape.add_argument("--long", dest="long", action="store_true", help="a row for every contribution")
    spaces = score.add_mutually_exclusive_group()
    for name, told in (
        ("raw", "contributions of your columns (default)"),
        ("engineered", "contributions of the columns that the model sees after featurization"),
        ("both", "both, which add up to the same"),
    ):
        spaces.add_argument(f"--{name}", dest="spaces", action="store_const", const=name, default="raw", help=told)
    score.add_argument(
        "--top-k",
        type=_count,
        metavar="N",
        help="only the N largest contributions of a row, and the sum of the others",
    )
    score.add_argument(
        "--id", nargs="+", action="extend", default=[], metavar="COLUMN", help="columns to carry over, as texts"
    )
    score.add_argument(
        "--misfits",
        choices=("error", "missing"),
        default="error",
        help="what to do with a value that does not fit its column: stop, or take it as missing (default: error)",
    )
    score.add_argument(
        "--chunk-rows", type=_count, default=20_000, metavar="N", help="rows held at a time (default: 20000)"
    )
    score.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_writing(score)
    score.set_defaults(command=_score, long=False)


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """What to score, and how it is written."""

    source: str
    file: FileOptions
    spaces: tuple[Space, ...] = ("raw",)
    chunk_rows: int = 20_000
    misfits: str = "error"
    ids: tuple[str, ...] = ()


def _score(arguments: argparse.Namespace) -> int:
    from automl_explain.cli._score_columns import Layout
    from automl_explain.cli._score_files import CsvWriter, writer_for
    from automl_explain.cli._score_summary import Summary
    from automl_explain.cli._scorer import Scorer

    spaces: Any = ("raw", "engineered") if arguments.spaces == "both" else (arguments.spaces,)
    options = ScoreOptions(
        arguments.data,
        file_options(arguments),
        spaces,
        arguments.chunk_rows,
        arguments.misfits,
        tuple(dict.fromkeys(arguments.id)),
    )
    out: Path | None = arguments.out
    if out is not None:
        _check_out(out, options.source, overwrite=arguments.overwrite)
    writer = CsvWriter if out is None else writer_for(out)
    scorer = Scorer.load(arguments.model)
    scorer = scorer.written(decimal=arguments.decimal, day_first=arguments.day_first, na=tuple(arguments.na))
    labels, outputs = scorer.classes, scorer.explained_classes
    layout = Layout(
        "long" if arguments.long else "wide",
        None if outputs is None else tuple(outputs),
        None if labels is None else tuple(labels),
        options.ids,
        arguments.top_k,
    )
    summary = Summary(scorer)

    def fill(file: BinaryIO) -> None:
        made = writer(file)
        with contextlib.closing(made):
            _stream(scorer, options, layout, made, summary)

    if out is None:
        fill(sys.stdout.buffer)
        sys.stdout.flush()
    else:
        _write(out, fill)
    told = sys.stderr if out is None else sys.stdout
    print("\n".join(summary.lines()), file=told)
    if out is not None:
        print(f"\nwritten: {out}")
    return 0


def _stream(scorer: Scorer, options: ScoreOptions, layout: Layout, writer: Any, summary: Summary) -> None:
    """Score a file chunk by chunk."""
    from tqdm import tqdm

    from automl_explain.reading._recipe import misfit_error

    shown = sys.stderr.isatty()
    with tqdm(desc="Scoring", unit=" rows", unit_scale=True, disable=not shown, leave=False, file=sys.stderr) as bar:
        for table in _chunks(scorer, options):
            summary.note(table.notes)
            ids = [_id_column(table, name) for name in options.ids]
            scored = scorer.score(table, options.spaces)
            for name, cells in scored.misfits.items():
                if options.misfits == "error":
                    raise DataError(
                        misfit_error(scorer.recipe.by_name[name], cells, table.place) + " Or pass --misfits missing."
                    )
            for piece in layout.tables(scored, ids):
                writer.write(piece)
            summary.add(scored)
            bar.update(table.n_rows)
    if not summary.n_rows:
        raise DataError(f"{options.source!r} has no rows. Expected at least one below the column names.")


def _chunks(scorer: Scorer, options: ScoreOptions) -> Iterator[TextTable]:
    from automl_explain.reading import iter_cells

    file, form = options.file, scorer.recipe.format
    if file.header is None and form is not None and form.kind == "text" and form.header is None:
        file = dataclasses.replace(file, header="none")  # as the file of training
    wanted = (*scorer.columns, *options.ids)
    chunks: Iterator[TextTable] = iter_cells(options.source, file, chunk_rows=options.chunk_rows, wanted=wanted)
    return chunks


def _id_column(table: TextTable, name: str) -> Any:
    from automl_explain.reading._cells import Cells

    if name not in table.names:
        shown = ", ".join(map(repr, table.names[:8])) + (" ..." if len(table.names) > 8 else "")
        raise InputError(f"{table.place} does not have the column {name!r}, which --id names. It has {shown}.")
    return Cells(table.column(name)).values


def _check_out(out: Path, source: str, *, overwrite: bool) -> None:
    if out.is_dir():
        raise AlreadyExistsError(f"{str(out)!r} is a folder; name a file with --out.")
    with contextlib.suppress(OSError):
        if out.exists() and Path(source).exists() and out.samefile(source):
            raise InputError(f"{str(out)!r} is the file that is to be scored; name another one with --out.")
    if out.exists() and not overwrite:
        raise AlreadyExistsError(f"The file {str(out)!r} exists; pass --overwrite, or another name with --out.")


def _write(out: Path, fill: Any) -> None:
    from automl_explain._files._writing import as_ours, write_whole

    with as_ours("write", out, "--out"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, fill)


def _count(text: str) -> int:
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
