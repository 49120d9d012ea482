"""The ``automl-explain`` command.

Exit codes: 0 done, 1 an error that is told in one line, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from automl_explain import __version__
from automl_explain.exceptions import AutoMLExplainError

if TYPE_CHECKING:
    from automl_explain.cli._run import RunOptions

_EPILOG = """\
examples:
  automl-explain demo
      Make a table whose true effects are known, fit FLAML for 20 seconds, explain the model, and
      show what was found beside what is true. Needs no data.

  automl-explain explain customers.csv --target churned
      The same for your own table: which columns drive `churned`?

  automl-explain explain houses.csv --target price --time-budget 120 --out houses-explained
      Search longer, and write the files to a folder of your choice.

exit codes: 0 done, 1 error (one line says what and how to mend it), 2 wrong usage, 130 interrupted
"""

_DEMO = """\
Make a table of 5,000 phone company customers from a seed, fit an AutoML model (FLAML) on it,
explain the model, and print the columns that drive it. The table is made so that the true effect
of every column is known; the true effects are printed beside those found.
"""

_EXPLAIN = """\
Read a CSV file (first line: column names; UTF-8), fit an AutoML model (FLAML) that predicts one
column from the others, explain the model on rows it has not seen, and print the columns that drive
it, the most important first.

Numbers, texts, true/false, missing cells and dates may be mixed. Dates written 2024-01-31 (with or
without a time) are found by themselves; for others name the column with --date-column.
"""

_OUTPUT = """\
files written to the output folder:
  raw/         explanation in your columns; automl_explain.Explanation.load("OUT/raw")
  engineered/  explanation in the columns that the model sees after featurization
  scoring/     explains new rows, beside a deployed model; automl_explain.load("OUT/scoring")
The report goes to standard output, everything else to standard error.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process where left out.

    Returns
    -------
    int
        Exit code: 0 done, 1 error, 130 interrupted. Wrong usage leaves through ``SystemExit(2)``.
    """
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("automl-explain: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has left; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if arguments.debug:
            raise
        print(f"automl-explain: error: {_one_line(error)}", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="automl-explain",
        description="Explain an AutoML model: how much every column contributes to its predictions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"automl-explain {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_explain(commands)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
        help="what to predict: two classes, three classes, or an amount (default: binary)",
    )
    demo.add_argument("--rows", type=_rows, default=5000, metavar="N", help="rows of the table (default: 5000)")
    _add_common(demo, budget=20, out="automl-explain-demo")
    demo.set_defaults(command=_demo)


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="explain what drives one column of your own CSV file",
        description=_EXPLAIN,
        epilog=_OUTPUT + "\nexample:\n  automl-explain explain customers.csv --target churned --ignore customer_id\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument(
        "data", type=Path, metavar="DATA.csv", help="the table: column names in the first line, one row per line"
    )
    explain.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict and to explain")
    explain.add_argument(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="predict a class or an amount; auto decides by the target's values and says why (default: auto)",
    )
    explain.add_argument(
        "--date-column",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns to read as dates, if not written 2024-01-31",
    )
    explain.add_argument(
        "--ignore",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns to leave out, such as identifiers",
    )
    explain.add_argument("--max-rows", type=_rows, metavar="N", help="use N rows, drawn at random (default: all)")
    explain.add_argument(
        "--test-size",
        type=_share,
        default=0.25,
        metavar="SHARE",
        help="share of the rows that the model is tested and explained on; up to 5,000 are explained (default: 0.25)",
    )
    explain.add_argument(
        "--output-unit",
        choices=("log-odds", "probability"),
        help="unit of the contributions to a class: log-odds, or probability, in which every row adds up to the "
        "probability itself (default: log-odds; an amount is always in its own unit)",
    )
    _add_common(explain, budget=60, out="automl-explain-out")
    explain.set_defaults(command=_explain)


def _add_common(parser: argparse.ArgumentParser, *, budget: float, out: str) -> None:
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
        help="how contributions of your columns are made: those of the engineered columns added up (folded), or "
        "Shapley values with your columns as the players (grouped) (default: folded)",
    )
    parser.add_argument(
        "--candidate",
        metavar="NAME",
        help="explain this kind of learner (lgbm, rf, xgboost, ...) instead of the best one; it is fitted anew from "
        "the best configuration found for it, which takes a search of its own if FLAML did not come to it; a name "
        "that FLAML does not know is refused before the search, with the names that it knows",
    )
    parser.add_argument(
        "--list-candidates", action="store_true", help="also print every kind of learner that FLAML tried, and its loss"
    )
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of everything random (default: 0)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _demo(arguments: argparse.Namespace) -> int:
    _write_any_text()
    from automl_explain.cli._data import Table, Task
    from automl_explain.cli._run import Phases, run
    from automl_explain.datasets import make_mixed_table

    made = make_mixed_table(arguments.rows, arguments.task, arguments.seed)
    task: Task = "regression" if arguments.task == "regression" else "classification"
    outcome = run(Table(made.X, made.y, task, (made.description,)), _options(arguments), Phases())
    from automl_explain.cli._report import report_demo

    report_demo(outcome, made)
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    _write_any_text()
    from automl_explain.cli._data import ReadOptions, read_table
    from automl_explain.cli._run import Phases, run

    reading = ReadOptions(
        target=arguments.target,
        task=arguments.task,
        date_columns=tuple(arguments.date_column),
        ignore=tuple(arguments.ignore),
        max_rows=arguments.max_rows,
        seed=arguments.seed,
    )
    phases = Phases()
    with phases("reading", f"Reading {arguments.data}"):
        table = read_table(arguments.data, reading)
    outcome = run(table, _options(arguments), phases)
    from automl_explain.cli._report import report

    report(outcome)
    return 0


def _options(arguments: argparse.Namespace) -> RunOptions:
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
    )


def _write_any_text() -> None:
    """Let a terminal without Unicode show a replacement for what it cannot write."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, AutoMLExplainError):
        return text
    return f"{type(error).__name__}: {text} (--debug shows where)"


def _seconds(text: str) -> float:
    return _number(text, float, lambda v: 0 < v < float("inf"), "a number of seconds above 0")


def _share(text: str) -> float:
    return _number(text, float, lambda v: 0 < v < 1, "a share between 0 and 1, such as 0.25")


def _rows(text: str) -> int:
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
