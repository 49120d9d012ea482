"""Next month's file, predicted and explained by the model of an earlier run."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from automl_explain import Explanation, load, save
from automl_explain.cli import _score, main
from automl_explain.cli._model_file import save_model
from automl_explain.cli._score_columns import EXPECTED, OTHERS
from automl_explain.reading import read_cells

TASKS = ("binary", "multiclass", "regression")
N = 240
WORDS = ["good", "bad", "great", "poor", "slow", "fast", "nice", "awful"]


def office_table(seed: int = 0, n: int = N) -> pd.DataFrame:
    """Texts as a German office writes them: decimal commas, thousands, days first, units, free text."""
    rng = np.random.default_rng(seed)
    price, colour = rng.gamma(2.0, 800.0, n), rng.choice(["red", "green", "blue"], n)
    day = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D")
    size = rng.integers(1, 90, n)
    margin = price / 800 - 2 + (colour == "red") + 0.02 * size + 0.1 * rng.normal(size=n)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(n)]
    made = {
        "Kunde": [f"K{i}" for i in rng.permutation(900_000)[:n] + 100_000],
        "Preis: EUR": [f"{p:,.2f}".translate(str.maketrans(",.", ".,")) for p in price],
        "tag": day.strftime("%d.%m.%Y"),
        "farbe": colour,
        "size": [f"{s} kg" for s in size],
        "text": [f"{t} great" if m > 0.5 else t for t, m in zip(texts, margin, strict=True)],
        "binary": np.where(margin > 0.5, "ja", "nein"),
        "multiclass": np.digitize(margin, [0.0, 1.5]).astype(str),
        "regression": [f"{m:.4f}".replace(".", ",") for m in margin],
    }
    return pd.DataFrame(made)


def write(table: pd.DataFrame, path: Path, **how: Any) -> Path:
    """A file with semicolons."""
    table.to_csv(path, sep=";", index=False, **how)
    return path


@dataclasses.dataclass(frozen=True)
class Run:
    """A file, and the folder that ``explain`` wrote."""

    task: str
    data: Path
    folder: Path


@pytest.fixture(scope="module", params=TASKS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model of each task, of tables with text and without."""
    return explained(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model of two classes, by rows of a table without text."""
    return explained("binary", tmp_path_factory.mktemp("small"), with_text=False)


def explained(task: str, folder: Path, *, with_text: bool = True) -> Run:
    others = [t for t in TASKS if t != task]
    table = office_table().drop(columns=others if with_text else [*others, "text"])
    data = write(table, folder / "table.csv")
    given = ["explain", str(data), "--target", task, "--time-budget", "1.5", "--candidate", "lgbm", "--save-model"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*given, "--out", str(folder / "out")]) == 0
    return Run(task, data, folder / "out")


def score(run: Run, data: Path, out: Path, *options: str) -> pd.DataFrame:
    """The file written."""
    given = ["score", str(data), "--model", str(run.folder), "--out", str(out), "--overwrite", *options]
    assert main(given) == 0
    if out.suffix == ".parquet":
        return pd.read_parquet(out)
    return pd.read_json(out, lines=True) if out.suffix == ".jsonl" else read_csv(out)


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV file with numbers to the bit, which pandas' own parser does not give."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for name in table.columns:
        with contextlib.suppress(ValueError):
            table[name] = table[name].to_numpy(dtype=object).astype(np.float64)
    return table


def refused(capsys: pytest.CaptureFixture[str], *given: object) -> str:
    """The error of a command, which is one line."""
    assert main(["score", *map(str, given)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def suffixes(table: pd.DataFrame) -> list[str]:
    return [c.removeprefix("explained") for c in table.columns if c.startswith("explained")]


@pytest.mark.parametrize("space", ["raw", "engineered"])
def test_contributions_are_those_of_the_explanation_to_the_bit(run: Run, space: str, tmp_path: Path) -> None:
    """The rows that were explained in training stand in the file, and their labels are its lines."""
    known = Explanation.load(run.folder / space)
    table = score(run, run.data, tmp_path / "out.csv", "--both").set_index("line").loc[known.row_labels]
    for k, suffix in enumerate(suffixes(table)):
        found = table[[f"{space}{suffix}.{name}" for name in known.features]].to_numpy()
        np.testing.assert_array_equal(found, known._local[k])
        np.testing.assert_array_equal(table[f"explained{suffix}"], known_output(run, known)[:, k])


def known_output(run: Run, known: Explanation) -> np.ndarray:
    """Of raw and engineered values, whose sums differ in the last bit, the file has that of the raw ones."""
    return known.output if known.space == "raw" else Explanation.load(run.folder / "raw").output


def test_contributions_add_up_to_the_output_explained(run: Run, tmp_path: Path) -> None:
    """Sums of some numbers of size 1, so 1e-12 leaves room for another order of them alone."""
    table = score(run, run.data, tmp_path / "out.parquet", "--both")
    for suffix in suffixes(table):
        for space in ("raw", "engineered"):
            parts = table[[c for c in table.columns if c.startswith(f"{space}{suffix}.")]].sum(axis=1)
            total = table[f"expected{suffix}"] + parts
            np.testing.assert_allclose(total, table[f"explained{suffix}"], atol=1e-12)


def test_predictions_are_those_of_the_model(run: Run, tmp_path: Path) -> None:
    table = score(run, run.data, tmp_path / "out.parquet")
    model, scoring = joblib.load(run.folder / "model.joblib"), load(run.folder / "scoring")
    cells, _ = read_cells(run.data)
    X = scoring.read_records(cells.cells.set_axis(cells.names, axis=1))
    wanted = model.predict(X)
    if run.task == "regression":
        np.testing.assert_array_equal(table["prediction"], wanted)
        np.testing.assert_allclose(table["residual"], wanted - table["explained"], atol=1e-12)
        return
    assert table["prediction"].astype(str).tolist() == [str(c) for c in wanted]
    proba = table[[f"probability.{c}" for c in scoring.classes]].to_numpy()
    np.testing.assert_array_equal(proba, model.predict_proba(X))
    if run.task == "binary":
        shown = 1 / (1 + np.exp(-table["explained.nein"]))
        np.testing.assert_allclose(table["residual.nein"], proba[:, 1] - shown, atol=1e-12)


@pytest.mark.parametrize("layout", ["--wide", "--long"])
def test_every_form_holds_the_same(run: Run, layout: str, tmp_path: Path) -> None:
    """JSON is read by pandas, whose parser of numbers errs in the last bits."""
    csv, parquet = (score(run, run.data, tmp_path / f"out.{s}", layout, "--id", "Kunde") for s in ("csv", "parquet"))
    pd.testing.assert_frame_equal(csv, parquet, check_exact=True, check_dtype=False)
    score(run, run.data, tmp_path / "out.jsonl", layout, "--id", "Kunde")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    pd.testing.assert_frame_equal(pd.DataFrame(rows), parquet, check_exact=True, check_dtype=False)
    assert csv["Kunde"].iloc[0] == office_table()["Kunde"].iloc[0]


def test_long_tables_hold_the_contributions_of_wide_ones(run: Run, tmp_path: Path) -> None:
    wide = score(run, run.data, tmp_path / "wide.csv", "--both").set_index("line")
    long = score(run, run.data, tmp_path / "long.parquet", "--both", "--long")
    totals = long.groupby(["line", "space", *(["class"] if "class" in long else [])], sort=False)
    np.testing.assert_allclose(totals["contribution"].sum(), totals["explained"].first(), atol=1e-12)
    for row in long.sample(200, random_state=0).to_dict("records"):
        suffix = f".{row['class']}" if "class" in row else ""
        title = f"expected{suffix}" if row["column"] == EXPECTED else f"{row['space']}{suffix}.{row['column']}"
        assert wide.loc[row["line"], title] == row["contribution"]
        if suffix:
            assert row["probability"] == wide.loc[row["line"], f"probability{suffix}"]


def test_top_k_keeps_the_largest_and_the_sum_of_the_others(run: Run, tmp_path: Path) -> None:
    full = score(run, run.data, tmp_path / "full.csv")
    top = score(run, run.data, tmp_path / "top.csv", "--top-k", "2")
    long = score(run, run.data, tmp_path / "long.csv", "--top-k", "2", "--long")
    for suffix in suffixes(full):
        parts = full[[c for c in full.columns if c.startswith(f"raw{suffix}.")]]
        largest = parts.abs().to_numpy().max(axis=1)
        np.testing.assert_array_equal(top[f"raw{suffix}.1.contribution"].abs(), largest)
        assert parts.columns[parts.abs().to_numpy().argmax(axis=1)].tolist() == [
            f"raw{suffix}.{c}" for c in top[f"raw{suffix}.1.column"]
        ]
        told = top[[f"raw{suffix}.1.contribution", f"raw{suffix}.2.contribution", f"raw{suffix}.{OTHERS}"]]
        np.testing.assert_allclose(told.sum(axis=1), parts.sum(axis=1), atol=1e-12)
    assert set(long.groupby("line").size()) == {4 * len(suffixes(full))}


@pytest.mark.parametrize("layout", ["--wide", "--long"])
def test_chunks_of_any_size_give_the_same_file(
    run: Run, layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [tmp_path / f"{n}.csv" for n in (7, 100, 1000)]
    for path in names:
        score(run, run.data, path, layout, "--both", "--chunk-rows", path.stem)
    monkeypatch.setattr("automl_explain.cli._score_columns._MOST_ROWS", 100)
    score(run, run.data, tmp_path / "pieces.csv", layout, "--both")
    assert len({path.read_bytes() for path in (*names, tmp_path / "pieces.csv")}) == 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".xlsx", ".csv.gz"])
def test_a_new_file_may_be_of_another_form(run: Run, suffix: str, tmp_path: Path) -> None:
    """Columns in another order, further ones, and no target."""
    wanted = score(run, run.data, tmp_path / "wanted.csv").drop(columns="line")
    table = office_table()[["farbe", "text", "size", "tag", "Preis: EUR"]].assign(more="x")
    path = tmp_path / f"new{suffix}"
    if suffix == ".xlsx":
        table.to_excel(path, index=False)
    elif suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="\t", index=False, encoding="utf-16" if suffix == ".csv" else "utf-8")
    pd.testing.assert_frame_equal(score(run, path, tmp_path / "out.csv").drop(columns="line"), wanted)


def test_typed_values_are_read_as_their_texts(binary: Run, tmp_path: Path) -> None:
    table = office_table()
    typed = table.assign(
        **{"Preis: EUR": table["Preis: EUR"].str.replace(".", "").str.replace(",", ".").astype(float)},
        tag=pd.to_datetime(table["tag"], format="%d.%m.%Y"),
        size=table["size"].str.removesuffix(" kg").astype(int),
    )
    typed.to_parquet(tmp_path / "typed.parquet")
    found = score(binary, tmp_path / "typed.parquet", tmp_path / "a.csv").drop(columns="line")
    pd.testing.assert_frame_equal(found, score(binary, binary.data, tmp_path / "b.csv").drop(columns="line"))


BAD = {"Preis: EUR": (12, "12.5", "a number"), "tag": (30, "31.02.2023", "a date"), "size": (7, "9 m", "a number")}


@pytest.mark.parametrize("column", BAD)
def test_a_value_that_does_not_fit_is_named_and_no_file_is_left(
    column: str, binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row, value, expected = BAD[column]
    table = office_table()
    table.loc[row, column] = value
    path = write(table, tmp_path / "new.csv")
    given = (path, "--model", binary.folder, "--out", tmp_path / "out.csv")
    for n in ("5", "1000"):
        said = refused(capsys, *given, "--chunk-rows", n)
        assert f"line {row + 2}: column {column!r} holds {value!r}, which is not {expected}" in said
        assert "--misfits missing" in said
    assert [p.name for p in tmp_path.iterdir()] == ["new.csv"]
    (tmp_path / "out.csv").write_text("older", encoding="utf-8")
    refused(capsys, *given, "--overwrite")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "older"


def test_values_that_do_not_fit_can_be_missing(binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, empty = office_table(), office_table()
    for column, (row, value, _) in BAD.items():
        bad.loc[row, column], empty.loc[row, column] = value, None
    found = score(binary, write(bad, tmp_path / "bad.csv"), tmp_path / "a.csv", "--misfits", "missing")
    said = capsys.readouterr().out
    assert "1 cell of 'Preis: EUR' is not a number and taken as missing (line 14: '12.5')" in said
    pd.testing.assert_frame_equal(found, score(binary, write(empty, tmp_path / "e.csv"), tmp_path / "b.csv"))


def test_a_target_of_the_new_file_is_not_looked_at(binary: Run, tmp_path: Path) -> None:
    table = office_table().assign(binary="?")
    found = score(binary, write(table, tmp_path / "new.csv"), tmp_path / "a.csv")
    pd.testing.assert_frame_equal(found, score(binary, binary.data, tmp_path / "b.csv"))


def test_files_that_cannot_be_scored_are_refused_by_name(
    binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, table = ("--model", binary.folder), office_table()
    path = write(table.drop(columns=["tag"]).rename(columns={"farbe": "Farben"}), tmp_path / "new.csv")
    said = refused(capsys, path, *model)
    assert "does not have the columns 'tag', 'farbe'" in said
    assert "no rows" in refused(capsys, write(table[:0], tmp_path / "empty.csv"), *model)
    assert "no file" in refused(capsys, tmp_path / "none.csv", *model)
    said = refused(capsys, binary.data, *model, "--id", "kunde")
    assert "does not have the column 'kunde', which --id names. It has 'Kunde'" in said
    assert ".csv, .jsonl, .parquet" in refused(capsys, binary.data, *model, "--out", tmp_path / "out.txt")
    assert "is the file that is to be scored" in refused(
        capsys, binary.data, *model, "--out", binary.data, "--overwrite"
    )
    assert "exists; pass --overwrite" in refused(capsys, binary.data, *model, "--out", path)
    assert "is a folder" in refused(capsys, binary.data, *model, "--out", tmp_path)


def test_a_model_that_is_not_the_one_saved_is_not_read(
    binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied() -> Path:
        return Path(shutil.copytree(binary.folder, tmp_path / str(len(list(tmp_path.iterdir())))))

    monkeypatch.setattr(joblib, "load", lambda path: pytest.fail("a pickle was read"))
    changed = copied()
    with (changed / "model.joblib").open("ab") as file:
        file.write(b"\0")
    assert "its checksum differs, so it is not read" in refused(capsys, binary.data, "--model", changed)
    other = copied()
    scoring = load(other / "scoring")
    scoring._parts = dataclasses.replace(scoring._parts, method="another")
    save(scoring, other / "scoring", exist_ok=True)
    assert "scoring_explainer.aex' is not the file" in refused(capsys, binary.data, "--model", other)
    for name in ("model.joblib", "scoring/model.json"):
        unsaved = copied()
        (unsaved / name).unlink()
        assert "The model was not saved" in refused(capsys, binary.data, "--model", unsaved)
    damaged = copied()
    (damaged / "scoring" / "model.json").write_text("{}", encoding="utf-8")
    assert "is damaged" in refused(capsys, binary.data, "--model", damaged)
    assert "--save-model" in refused(capsys, binary.data, "--model", tmp_path / "none")
    assert "holds no scoring explainer" in refused(capsys, binary.data, "--model", tmp_path)


def test_a_model_without_a_recipe_is_refused(binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the demo's, which is of no file."""
    scoring = load(binary.folder / "scoring")
    scoring._parts = dataclasses.replace(scoring._parts, table_recipe=None)
    save(scoring, tmp_path / "scoring")
    save_model(joblib.load(binary.folder / "model.joblib"), tmp_path)
    assert "was not fitted on a file" in refused(capsys, binary.data, "--model", tmp_path)


def test_without_out_the_table_goes_to_standard_output(binary: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(binary.data), "--model", str(binary.folder)]) == 0
    told = capfd.readouterr()
    assert len(told.out.splitlines()) == N + 1
    assert told.out.startswith("line,prediction,probability.ja,probability.nein,explained.nein,")
    assert f"{N} rows scored" in told.err
    assert "What drives these rows" in told.err
    assert "far from the model" in told.err


def test_a_run_that_is_stopped_leaves_nothing(binary: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _score._chunks

    def stopped(*given: Any) -> Iterator[Any]:
        yield next(whole(*given))
        raise KeyboardInterrupt

    monkeypatch.setattr(_score, "_chunks", stopped)
    given = ["score", str(binary.data), "--model", str(binary.folder), "--out", str(tmp_path / "out.parquet")]
    assert main([*given, "--chunk-rows", "50"]) == 130
    assert list(tmp_path.iterdir()) == []


def test_names_that_meet_are_told_apart(binary: Run, tmp_path: Path) -> None:
    table = office_table().assign(line="mine", prediction="own")
    found = score(binary, write(table, tmp_path / "new.csv"), tmp_path / "out.csv", "--id", "line", "prediction")
    assert found.columns[:4].tolist() == ["line", "prediction", "line (2)", "prediction (2)"]
    assert found["line (2)"].eq("mine").all()


def test_a_file_of_another_country_is_read_as_the_user_says(binary: Run, tmp_path: Path) -> None:
    table = office_table()
    other = table.assign(
        **{"Preis: EUR": table["Preis: EUR"].str.translate(str.maketrans(",.", ".,"))},
        tag=pd.to_datetime(table["tag"], format="%d.%m.%Y").dt.strftime("%m.%d.%Y"),
    )
    table.loc[3, "Preis: EUR"], other.loc[3, "Preis: EUR"] = "", "-999"
    wanted = score(binary, write(table, tmp_path / "own.csv"), tmp_path / "a.csv")
    options = ("--decimal", ".", "--month-first", "--na=-999")
    found = score(binary, write(other, tmp_path / "other.csv"), tmp_path / "b.csv", *options)
    pd.testing.assert_frame_equal(found, wanted)


def test_a_black_box_is_refused(binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(binary.folder, tmp_path / "out")
    save_model(joblib.load(folder / "model.joblib"), folder, is_black_box=True)
    assert "explained as a black box" in refused(capsys, binary.data, "--model", folder)


def test_what_was_guessed_of_the_new_file_is_told(
    binary: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = binary.data.read_text(encoding="utf-8").replace("blue", "grün")
    path = tmp_path / "new.csv"
    path.write_bytes(("Export;;;;;\n" + text).encode("cp1252"))
    score(binary, path, tmp_path / "out.csv")
    said = capsys.readouterr().out
    assert said.count("WARNING: read the file as cp1252") == 1
    assert "left out 1 line above the names" in said
