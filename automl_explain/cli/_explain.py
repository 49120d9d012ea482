"""``automl-explain explain``: fit and explain a model of the user's own table."""

from __future__ import annotations

import argparse
from pathlib import Path

from automl_explain.cli._options import OUTPUT, add_common, rows, run_options, share

_DESCRIPTION = """\
Read a CSV file (first line: column names; UTF-8), fit an AutoML model (FLAML) that predicts one
column from the others, explain the model on rows it has not seen, and print the columns that drive
it, most important first.

Columns may hold numbers, text, true/false, dates and missing values. Dates written 2024-01-31 (with
or without a time) are recognized; name the columns of other dates with --date-column.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of the command."""
    explain = commands.add_parser(
        "explain",
        help="explain what drives one column of your own CSV file",
        description=_DESCRIPTION,
        epilog=OUTPUT + "\nexample:\n  automl-explain explain customers.csv --target churned --ignore customer_id\n",
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
        help="classification or regression; auto decides by the values of the target and says why (default: auto)",
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
    explain.add_argument("--max-rows", type=rows, metavar="N", help="use N rows, drawn at random (default: all)")
    explain.add_argument(
        "--test-size",
        type=share,
        default=0.25,
        metavar="SHARE",
        help="share of the rows that the model is tested and explained on; up to 5,000 are explained (default: 0.25)",
    )
    explain.add_argument(
        "--output-unit",
        choices=("log-odds", "probability"),
        help="unit of the contributions to a class: log-odds, or probability, in which every row adds up to the "
        "probability itself (default: log-odds; a regression is always in the unit of the target)",
    )
    add_common(explain, budget=60, out="automl-explain-out")
    explain.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
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
    outcome = run(table, run_options(arguments), phases)
    from automl_explain.cli._report import report

    report(outcome)
    return 0
