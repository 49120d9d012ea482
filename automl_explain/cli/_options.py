"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl_explain.cli._run import RunOptions

OUTPUT = """\
files written to the output folder:
  raw/         explanation in your columns; automl_explain.Explanation.load("OUT/raw")
  engineered/  explanation in the columns that the model sees after featurization
  scoring/     explains new rows, beside a deployed model; automl_explain.load("OUT/scoring")
The report goes to standard output, everything else to standard error.
"""


def add_common(parser: argparse.ArgumentParser, *, budget: float, out: str) -> None:
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


def run_options(arguments: argparse.Namespace) -> RunOptions:
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
    )


def _seconds(text: str) -> float:
    return _number(text, float, lambda v: 0 < v < float("inf"), "a number of seconds above 0")


def share(text: str) -> float:
    """A share between 0 and 1, from the text of an option."""
    return _number(text, float, lambda v: 0 < v < 1, "a share between 0 and 1, such as 0.25")


def rows(text: str) -> int:
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
