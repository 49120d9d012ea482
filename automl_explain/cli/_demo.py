"""``automl-explain demo``: fit and explain a model of a table whose true effects are known."""

from __future__ import annotations

import argparse

from automl_explain.cli._options import OUTPUT, add_common, rows, run_options

_DESCRIPTION = """\
Generate a table of 5,000 customers of a phone company, fit an AutoML model (FLAML) on it, explain the
model, and print the columns that drive it. The true effect of every column is known by construction
and is printed beside the effect found.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of the command."""
    demo = commands.add_parser(
        "demo",
        help="try it on a table whose true effects are known",
        description=_DESCRIPTION,
        epilog=OUTPUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "--task",
        choices=("binary", "multiclass", "regression"),
        default="binary",
        help="binary or multiclass classification, or regression (default: binary)",
    )
    demo.add_argument("--rows", type=rows, default=5000, metavar="N", help="rows of the table (default: 5000)")
    add_common(demo, budget=20, out="automl-explain-demo")
    demo.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    from automl_explain.cli._data import Table, Task
    from automl_explain.cli._run import Phases, run
    from automl_explain.datasets import make_mixed_table

    made = make_mixed_table(arguments.rows, arguments.task, arguments.seed)
    task: Task = "regression" if arguments.task == "regression" else "classification"
    outcome = run(Table(made.X, made.y, task, (made.description,)), run_options(arguments), Phases())
    from automl_explain.cli._report import report_demo

    report_demo(outcome, made)
    return 0
