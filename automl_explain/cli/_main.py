"""The ``automl-explain`` command: its parser and its exit codes.

Exit codes: 0 done, 1 an error that is told in one line, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from automl_explain import __version__
from automl_explain.cli._commands import add_demo, add_explain
from automl_explain.cli._score import add_score
from automl_explain.exceptions import AutoMLExplainError

_EPILOG = """\
examples:
  automl-explain demo
      Generate a table whose true effects are known, fit FLAML for 20 seconds, explain the model, and
      show the effects found beside the true ones. Needs no data.

  automl-explain explain customers.csv --target churned
      Explain a model of your own table: which columns drive `churned`?

  automl-explain explain houses.csv --target price --time-budget 120 --out houses-explained
      Search longer, and write the files to a folder of your choice.

  automl-explain score customers-june.csv --model automl-explain-out --out june.parquet
      Predict and explain the rows of next month's file, by a model that was written with --save-model.

exit codes: 0 success, 1 error (one line says what is wrong and how to fix it), 2 wrong usage, 130 interrupted
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
        _write_any_text()
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
    add_demo(commands)
    add_explain(commands)
    add_score(commands)
    return parser


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
