"""The commands ``explain`` and ``demo``: their options, and how each is run."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from automl_explain.cli._reading_options import add_reading, file_options, type_options

if TYPE_CHECKING:
    from automl_explain.cli._run import RunOptions
    from automl_explain.cli._split import SplitRule

_EXPLAIN = """\
Read a table, fit an AutoML model (FLAML) that predicts one column from the others, explain the model
on rows it has not seen, and print the columns that drive it, most important first.

The table is a CSV or TSV file in any usual encoding, Excel, parquet or feather, packed (gz, zip, zst)
or not, a URL, standard input (-) or a query. Separator, encoding, decimal mark, forms of dates, gap
marks and identifiers are found from the table, and the report says what every column was taken for;
the options below settle what was guessed wrong.
"""
_DEMO = """\
Generate a table of 5,000 customers of a phone company, fit an AutoML model (FLAML) on it, explain the
model, and print the columns that drive it. The true effect of every column is known by construction
and is printed beside the effect found.
"""
_OUTPUT = """\
files written to the output folder:
  raw/         explanation in your columns; automl_explain.Explanation.load("OUT/raw")
  engineered/  explanation in the columns that the model sees after featurization
  scoring/     explains new rows, beside a deployed model; automl_explain.load("OUT/scoring")
  report.json  this report for programs: columns, notes, scores, ranking
The report goes to standard output, everything else to standard error.
"""


def add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``automl-explain explain``: fit and explain a model of the user's own table."""
    explain = commands.add_parser(
        "explain",
        help="explain what drives one column of your own table",
        description=_EXPLAIN,
        epilog=_OUTPUT + "\nexample:\n  automl-explain explain customers.csv --target churned --ignore customer_id\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument(
        "data",
        metavar="DATA",
        help="the table: a file, a URL, - for standard input, or with --query the URL of a database",
    )
    explain.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict and to explain")
    explain.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="classification or regression; auto decides by the values of the target and says why (default: auto)",
    )
    explain.add_argument(
        "--max-rows",
        type=_rows,
        metavar="N",
        help="learn from N rows, drawn at random (default: all; of a file of more than 10 million cells 200,000, and "
        "the importance of the columns is then over all rows)",
    )
    explain.add_argument(
        "--test-size",
        type=_share,
        default=0.25,
        metavar="SHARE",
        help="share of the rows that the model is tested and explained on; up to 5,000 are explained (default: 0.25)",
    )
    explain.add_argument(
        "--split",
        type=_split,
        default="random",
        metavar="time:COLUMN|group:COLUMN",
        help="which rows are tested on: the latest by a column of times, or whole groups by a column of groups, such "
        "as the rows of one customer (default: random rows)",
    )
    explain.add_argument(
        "--output-unit",
        choices=("log-odds", "probability"),
        help="unit of the contributions to a class: log-odds, or probability, in which every row adds up to the "
        "probability itself (default: log-odds; a regression is always in the unit of the target)",
    )
    _add_common(explain, budget=60, out="automl-explain-out")
    add_reading(explain)
    explain.set_defaults(command=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from automl_explain.cli._data import ReadOptions, read_table
    from automl_explain.cli._drawn import opened
    from automl_explain.cli._run import Phases, run

    reading = ReadOptions(
        target=arguments.target,
        task=arguments.task,
        file=file_options(arguments),
        types=type_options(arguments),
        ignore=tuple(arguments.ignore),
        keep=tuple(arguments.keep),
        split=arguments.split,
        max_rows=arguments.max_rows,
        seed=arguments.seed,
    )
    phases = Phases()
    with contextlib.ExitStack() as stack:  # a large table is read once more
        with phases("reading", f"Reading {arguments.data}"):
            table = read_table(stack.enter_context(opened(arguments.data, reading.file)), reading)
        outcome = run(table, _run_options(arguments), phases)
    from automl_explain.cli._report import report
    from automl_explain.cli._report_json import write_report_json

    write_report_json(outcome)
    report(outcome)
    return 0


def add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``automl-explain demo``: fit and explain a model of a table whose true effects are known."""
    demo = commands.add_parser(
        "demo",
        help="try it on a table whose true effects are known",
        description=_DEMO,
        epilog=_OUTPUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "--task",
        choices=("binary", "multiclass", "regression"),
        default="binary",
        help="binary or multiclass classification, or regression (default: binary)",
    )
    demo.add_argument("--rows", type=_rows, default=5000, metavar="N", help="rows of the table (default: 5000)")
    _add_common(demo, budget=20, out="automl-explain-demo")
    demo.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    from automl_explain.cli._data import Table
    from automl_explain.cli._run import Phases, run
    from automl_explain.cli._target import Task
    from automl_explain.datasets import make_mixed_table
    from automl_explain.reading import Note

    made = make_mixed_table(arguments.rows, arguments.task, arguments.seed)
    task: Task = "regression" if arguments.task == "regression" else "classification"
    outcome = run(Table(made.X, made.y, task, (Note(made.description),)), _run_options(arguments), Phases())
    from automl_explain.cli._report import report_demo
    from automl_explain.cli._report_json import write_report_json

    write_report_json(outcome)
    report_demo(outcome, made)
    return 0


def _add_common(parser: argparse.ArgumentParser, *, budget: float, out: str) -> None:
    """Add the options of every command that fits a model and explains it."""
    parser.add_argument(
        "--time-budget",
        type=_seconds,
        default=budget,
        metavar="SECONDS",
        help=f"how long FLAML may search for a model (default: {budget:g})",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(out), metavar="DIR", help=f"folder for the files (default: {out})"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the files of an earlier run in that folder")
    parser.add_argument(
        "--save-model", action="store_true", help="also write model.joblib; it is a pickle, so load only your own"
    )
    parser.add_argument(
        "--raw-method",
        choices=("folded", "grouped"),
        default="folded",
        help="contributions of your columns: the sum of those of their engineered columns (folded), or Shapley values "
        "with your columns as the players (grouped) (default: folded)",
    )
    parser.add_argument(
        "--candidate",
        metavar="NAME",
        help="explain this kind of learner (lgbm, rf, xgboost, ...) instead of the best one; it is refitted with "
        "the best configuration found for it, after a search of its own if FLAML never tried it; an unknown name is "
        "refused before the search, with the names that FLAML knows",
    )
    parser.add_argument(
        "--list-candidates", action="store_true", help="also print every kind of learner that FLAML tried, and its loss"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="random seed (default: 0)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _run_options(arguments: argparse.Namespace) -> RunOptions:
    """How to run, as the user said."""
    from automl_explain.cli._run import RunOptions

    return RunOptions(
        out=arguments.out,
        time_budget=arguments.time_budget,
        test_size=getattr(arguments, "test_size", 0.25),
        seed=arguments.seed,
        overwrite=arguments.overwrite,
        save_model=arguments.save_model,
        raw_method=arguments.raw_method,
        output_unit=getattr(arguments, "output_unit", None),
        candidate=arguments.candidate,
        list_candidates=arguments.list_candidates,
        **({"split": arguments.split} if hasattr(arguments, "split") else {}),
    )


def _seconds(text: str) -> float:
    return _number(text, float, lambda v: 0 < v < float("inf"), "a number of seconds above 0")


def _split(text: str) -> SplitRule:
    """A rule of splitting, from the text of an option."""
    from automl_explain.cli._split import parse_split

    try:
        return parse_split(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not random, time:COLUMN or group:COLUMN") from None


def _share(text: str) -> float:
    """A share between 0 and 1, from the text of an option."""
    return _number(text, float, lambda v: 0 < v < 1, "a share between 0 and 1, such as 0.25")


def _rows(text: str) -> int:
    """A number of rows, from the text of an option."""
    return int(_number(text, int, lambda v: v >= 50, "a whole number of rows, 50 or more"))


def _seed(text: str) -> int:
    return int(_number(text, int, lambda v: 0 <= v < 2**32, "a whole number from 0 to 4294967295"))


def _number(text: str, kind: type, fits: Callable[[float], bool], expected: str) -> float:
    try:
        value: float = kind(text)
    except ValueError:
        value = float("nan")
    if not fits(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return value
