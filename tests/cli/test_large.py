"""Tables too large to hold: a sample to learn from, and the importance of all rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from automl_explain import Explanation, MimicWrapper, automl_setup_model_explanations
from automl_explain.cli import _drawn, _large, main
from automl_explain.cli._data import ReadOptions, Table, read_table
from automl_explain.cli._drawn import draw_if_large, opened
from automl_explain.cli._large import ALL_ROWS, explain_all_rows, write_all_rows
from automl_explain.reading import FileOptions, local_file, read_cells

N = 3000


def customers() -> pd.DataFrame:
    """Rows with gaps, a text among the numbers of row 2,501 and of row 2,900, and no target in every hundredth row."""
    rng = np.random.default_rng(0)
    calls, plan = rng.poisson(3.0, N), rng.choice(["gold", "basic", "free"], N)
    age = pd.Series(rng.integers(18, 90, N).astype(str)).mask(rng.random(N) < 0.1, "")
    age[[2500, 2899]] = ["old", "young"]
    left = np.where(rng.random(N) < 1 / (1 + np.exp(3 - calls + (plan == "gold"))), "yes", "no")
    table = pd.DataFrame({"calls": calls, "plan": plan, "age": age, "fee": rng.normal(0, 9, N).round(2), "left": left})
    table.loc[::100, "left"] = ""
    return table


def learned_from(path: Path, n_rows: int = 400, target: str = "left") -> Table:
    with local_file(path) as file:
        return read_table(file, ReadOptions(target=target, max_rows=n_rows))


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drawn, "LARGE_CELLS", 1000)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("chunk_cells", [5000, 10**6])
def test_importance_over_all_rows_is_that_of_the_whole_table_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, chunk_cells: int
) -> None:
    """Sums in another order: equal to 1e-12."""
    monkeypatch.setattr(_large, "CHUNK_CELLS", chunk_cells)
    path = tmp_path / f"table.{suffix}"
    customers().to_csv(path, index=False) if suffix == "csv" else customers().to_parquet(path)
    table = learned_from(path)
    assert table.drawn is not None
    assert table.recipe is not None
    assert (table.drawn.n_all, table.drawn.n_drawn) == (N, 400)
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["plan"]), remainder="passthrough")
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=10)).fit(table.X, table.y)
    setup = automl_setup_model_explanations(model, "classification", X=table.X, X_test=table.X, y=table.y)
    wrapper = MimicWrapper.from_setup(setup)
    found = explain_all_rows(table, setup, wrapper)

    whole, _ = table.recipe.read(read_cells(path)[0], misfits="missing")
    rows = setup.transform(whole.loc[whole["left"].notna(), list(table.X.columns)])
    expected = wrapper.explain(["local", "global"], eval_dataset=rows, get_raw=True)
    assert found.n_rows == len(rows) == N - N // 100
    assert found.n_without_target == N // 100
    np.testing.assert_allclose(found.explanation.global_values, expected.global_values, rtol=1e-12)
    np.testing.assert_allclose(found.summary.mean_values, np.mean(expected.values, axis=1), rtol=0, atol=1e-12)
    assert found.misfits == {"age": 2}
    first_line = 2 if suffix == "csv" else 1
    assert found.notes[0].details == (f"line {2500 + first_line}: 'old'", f"line {2899 + first_line}: 'young'")
    assert found.explanation.notes[0].message.startswith("Over all 2,970 rows; learned from 400")


def test_the_report_ranks_by_all_rows_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a packed file, which is unpacked once for both passes."""
    path, out = tmp_path / "table.csv.gz", tmp_path / "out"
    path.write_bytes(gzip.compress(customers().to_csv(index=False).encode()))
    arguments = ["explain", str(path), "--target", "left", "--max-rows", "500", "--time-budget", "1"]
    assert main([*arguments, "--out", str(out), "--seed", "3"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "the table has 3,000 rows: 500 of them, drawn at random (seed 3), are learned from" in text
    assert "over all 2,970 rows; learned from 500" in text
    assert "WARNING 2 cells of 'age' are not a number and taken as missing" in text
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    explained = report["explanation"]
    assert explained["n_rows"] == 2970
    all_rows = explained["all_rows"]
    counted = {"n_rows": 2970, "n_learned": 500, "n_without_target": 30, "seed": 3, "misfits": {"age": 2}}
    assert all_rows == {**counted, "columns": all_rows["columns"]}
    assert {c["feature"]: c["importance"] for c in all_rows["columns"]} == explained["importance"]
    saved = Explanation.load(out / ALL_ROWS)
    assert saved.get_feature_importance_dict() == pytest.approx(explained["importance"])
    assert report["files"][ALL_ROWS]
    assert "all rows" in report["seconds"]


def test_an_explanation_of_all_rows_by_an_earlier_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / ALL_ROWS).mkdir()
    assert write_all_rows(None, tmp_path) == ()
    assert not (tmp_path / ALL_ROWS).exists()


def test_only_what_is_large_is_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.csv"
    customers().to_csv(path, index=False)
    with local_file(path) as file:
        some = {"max_rows": None, "seed": 0}
        assert draw_if_large(str(path), FileOptions(), "left", **some) is None
        assert draw_if_large(file, FileOptions(), "left", max_rows=5000, seed=0) is None
        assert draw_if_large(file, FileOptions(), "left", large_cells=20_000, **some) is None
        drawn = draw_if_large(file, FileOptions(), "left", **some)
        assert drawn is not None
        assert drawn[2].n_drawn == drawn[0].n_rows == 1000
        monkeypatch.setattr(_drawn, "LEARNED_ROWS", 70)
        drawn = draw_if_large(file, FileOptions(), "left", **some)
        assert drawn is not None
        assert drawn[2].n_drawn == 70
        assert "3,000 rows: 70 of them" in drawn[2].note.text
    assert read_table(path, ReadOptions(target="left")).drawn is None


def test_a_class_that_was_drawn_once_is_left_out(tmp_path: Path) -> None:
    path, table = tmp_path / "table.csv", customers()
    table.to_csv(path, index=False)
    line = learned_from(path).y.index[7]
    table.loc[line - 2, "left"] = "rare"
    table.to_csv(path, index=False)
    found = learned_from(path)
    assert set(found.y) == {"yes", "no"}
    assert line not in found.y.index
    assert found.X.index.equals(found.y.index)
    assert any("classes of 'left' that have no other row: 'rare'" in note.text for note in found.notes)


def test_a_database_is_no_file_to_open(tmp_path: Path) -> None:
    with opened("sqlite:///a.db", FileOptions(query="select 1")) as source:
        assert source == "sqlite:///a.db"
