"""The report for programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl_explain.cli import main
from automl_explain.explanation import Explanation


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run on a table with a leak, an identifier and a cell that is no number."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    n = 300
    calls = rng.integers(0, 30, n)
    columns = {
        "customer_id": np.arange(5000, 5000 + n),
        "calls": [*map(str, calls[:-1]), "many"],
        "plan": rng.choice(["gold", "basic"], n),
        "left": np.where(calls > 15, 1, 0),
        "churn": np.where(calls > 15, "yes", "no"),
    }
    pd.DataFrame(columns).to_csv(folder / "table.csv", index=False)
    arguments = ["explain", str(folder / "table.csv"), "--target", "churn", "--time-budget", "1"]
    assert main([*arguments, "--out", str(folder / "out"), "--debug"]) == 0
    return folder / "out"


def found(out: Path) -> dict[str, object]:
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["format_version"] == 1
    return report


def test_the_ranking_is_that_of_the_explanation(out: Path) -> None:
    told = found(out)["explanation"]
    raw = Explanation.load(out / "raw")
    assert told["importance"] == {str(k): float(v) for k, v in raw.get_feature_importance_dict().items()}
    assert list(told["importance"]) == raw.get_ranked_global_names()
    assert told["output_unit"] == "log-odds"
    assert 0 <= told["fidelity"]["r2"] <= 1


def test_columns_are_told_as_in_the_file(out: Path) -> None:
    data = found(out)["data"]
    assert (data["n_rows"], data["n_train"] + data["n_test"], data["target"]) == (300, 300, "churn")
    columns = {column["name"]: column for column in data["columns"]}
    assert list(columns) == ["customer_id", "calls", "plan", "left", "churn"]
    assert columns["customer_id"]["use"].startswith("left out: it numbers the rows")
    assert (columns["calls"]["n_missing"], columns["calls"]["use"]) == (1, "feature")


def test_notes_come_in_the_order_of_their_weight(out: Path) -> None:
    report = found(out)
    (odd,) = (note for note in report["data"]["notes"] if note["column"] == "calls" and note["details"])
    assert odd["details"] == ["line 301: 'many'"]
    for notes in (report["data"]["notes"], report["model"]["notes"]):
        weights = [note["weight"] for note in notes]
        assert weights == sorted(weights, key=["warning", "decision"].index)
    leak = report["model"]["notes"][0]
    assert (leak["column"], leak["weight"]) == ("left", "warning")
    assert "copy of the target" in leak["text"]


def test_files_are_those_of_the_folder(out: Path) -> None:
    for name in found(out)["files"]:
        assert (out / name).exists()


def test_warnings_stand_first_in_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = [i * 7 % 31 for i in range(200)]
    columns = {"calls": [*map(str, calls[:-1]), "many"], "gone": [int(c > 15) for c in calls]}
    pd.DataFrame({**columns, "churn": ["yes" if c > 15 else "no" for c in calls]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    main(
        ["explain", str(tmp_path / "t.csv"), "--target", "churn", "--time-budget", "1", "--out", str(tmp_path / "out")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("WARNING    'gone' is a copy of the target 'churn'")
    cell = next(i for i, line in enumerate(lines) if "line 201: 'many'" in line)
    assert cell < next(i for i, line in enumerate(lines) if line.startswith("data "))
    assert sum("copy of the target" in line for line in lines) == 1
