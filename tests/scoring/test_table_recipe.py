"""Rows that arrive in production are read as the file was that the model learnt from."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_explain import BlackBox, LinearExplainableModel, MimicWrapper, automl_setup_model_explanations, load, save
from automl_explain.exceptions import CorruptFileError, DataError, InputError
from automl_explain.reading import TableRecipe, TypeOptions, read_cells

N = 120


def predict(rows: pd.DataFrame) -> np.ndarray:
    """A number of every row."""
    paid = np.asarray(rows["paid"] == "ja", dtype=np.float64)
    return np.asarray(rows["price"].fillna(0.0) / 100 + rows["when"].dt.day.fillna(0) + paid + rows["size"].fillna(0.0))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as a German office writes it."""
    path = tmp_path_factory.mktemp("table") / "table.csv"
    lines = ["Preis: EUR;when;paid;size;note;y"]
    for i in range(N):
        price = "k.A." if i == 7 else f"{1 + i // 60}.{i % 1000:03d},5"
        size = f"{i % 9} kg"
        lines.append(f"{price};{13 + i % 10}/06/2023 14:{i % 60:02d};{'ja' if i % 2 else 'Nein'};{size};x{i};{i / 4}")
    path.write_text("\n".join(lines).replace(".25", ",25").replace(".5\n", ",5\n"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def wrapped(table: Path) -> tuple[Any, TableRecipe, pd.DataFrame]:
    """Wrapper, recipe, and the features as they were read."""
    cells, form = read_cells(table)
    recipe, frame, _ = TableRecipe.learn(cells, TypeOptions(), "y", form)
    recipe = TableRecipe(recipe.columns, "y", {"note": "an identifier"}, {"Preis: EUR": "price"}, form)
    X = frame.drop(columns=["y", "note"]).set_axis(["price", "when", "paid", "size"], axis=1)
    setup = automl_setup_model_explanations(BlackBox(predict, "regression"), "regression", X=X, X_test=X[:20])
    return MimicWrapper.from_setup(setup, explainable_model=LinearExplainableModel), recipe, X


@pytest.fixture(scope="module")
def made(wrapped: tuple[Any, TableRecipe, pd.DataFrame]) -> tuple[Any, TableRecipe, pd.DataFrame]:
    """Scoring explainer, recipe, and the features as they were read."""
    return wrapped[0].create_scoring_explainer(table_recipe=wrapped[1]), *wrapped[1:]


RECORD = {"Preis: EUR": "1.234,5", "when": "13/06/2023 14:30", "paid": " JA", "size": "3 kg"}


def test_texts_come_out_as_in_the_file(made: tuple[Any, TableRecipe, pd.DataFrame]) -> None:
    scoring, _, X = made
    read = scoring.read_records([RECORD])
    assert read.iloc[0].tolist() == [1234.5, pd.Timestamp("2023-06-13 14:30"), "ja", 3]
    assert read.dtypes.to_dict() == X.dtypes.to_dict()


def test_typed_values_and_dates_of_json_go_as_they_are(made: tuple[Any, TableRecipe, pd.DataFrame]) -> None:
    scoring, _, _ = made
    typed = {"Preis: EUR": 1234.5, "when": "2023-06-13T14:30:00", "paid": True, "size": 3}
    wanted = scoring.read_records([RECORD])
    pd.testing.assert_frame_equal(scoring.read_records(json.dumps([typed])), wanted)
    pd.testing.assert_frame_equal(scoring.read_records(wanted), wanted)
    renamed = {"price": 1234.5, "when": pd.Timestamp("2023-06-13 14:30"), "paid": "Ja", "size": 3.0}
    pd.testing.assert_frame_equal(scoring.read_records(pd.DataFrame([renamed])), wanted)


def test_marks_of_a_gap_are_missing(made: tuple[Any, TableRecipe, pd.DataFrame]) -> None:
    scoring, _, _ = made
    read = scoring.read_records([RECORD, {**RECORD, "Preis: EUR": "k.A.", "when": "", "size": None}])
    assert read.isna().to_numpy().tolist() == [[False] * 4, [True, True, False, True]]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("Preis: EUR", "12.5", "a number"),
        ("when", "06/25/2023 10:00", "a date"),
        ("paid", "vielleicht", "'ja' or 'Nein'"),
        ("size", "3 m", "a number"),
    ],
)
def test_what_does_not_fit_is_named(
    column: str, value: str, expected: str, made: tuple[Any, TableRecipe, pd.DataFrame]
) -> None:
    with pytest.raises(DataError, match=rf"Column '{column}', row 1: '{value}' is not {expected}"):
        made[0].read_records([RECORD, {**RECORD, column: value}])
    with pytest.raises(InputError, match=f"missing column '{column}'"):
        made[0].read_records([{k: v for k, v in RECORD.items() if k != column}])


def test_rows_of_the_file_are_the_same_read_one_by_one(
    made: tuple[Any, TableRecipe, pd.DataFrame], table: Path
) -> None:
    scoring, _, X = made
    cells, _ = read_cells(table)
    records = cells.cells.set_axis(cells.names, axis=1).to_dict("records")
    pd.testing.assert_frame_equal(scoring.read_records(records), X)
    pd.testing.assert_frame_equal(scoring.read_records(records[:3]), X[:3])


def test_the_recipe_is_kept_in_the_file(made: tuple[Any, TableRecipe, pd.DataFrame], tmp_path: Path) -> None:
    scoring, recipe, _ = made
    read = load(save(scoring, tmp_path / "model"))
    assert read.table_recipe == recipe
    pd.testing.assert_frame_equal(read.read_records([RECORD]), scoring.read_records([RECORD]))


def _changed(path: str, change: Any) -> None:
    """Change the recipe in a scoring file, with checksums that fit."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    recipe = json.loads(members["table_recipe.json"])
    change(recipe)
    members["table_recipe.json"] = json.dumps(recipe).encode()
    manifest = json.loads(members["manifest.json"])
    manifest["sha256"]["table_recipe.json"] = hashlib.sha256(members["table_recipe.json"]).hexdigest()
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["columns"][0].update(kind="integer"),
        lambda r: r["columns"].pop(1),
        lambda r: r["left_out"].update(size="left out"),
        lambda r: r["renamed"].clear(),
        lambda r: r["columns"][0]["number"].update(thousands=","),
        lambda r: r.clear(),
    ],
)
def test_a_changed_recipe_is_refused(change: Any, made: tuple[Any, TableRecipe, pd.DataFrame], tmp_path: Path) -> None:
    path = save(made[0], tmp_path / "model")
    _changed(path, change)
    with pytest.raises(CorruptFileError):
        load(path)


def test_a_recipe_of_another_table_is_refused(wrapped: tuple[Any, TableRecipe, pd.DataFrame]) -> None:
    wrapper, recipe, _ = wrapped
    other = TableRecipe(recipe.columns[:3], None, {}, recipe.renamed)
    with pytest.raises(InputError, match=r"`table_recipe` does not fit.*'size'"):
        wrapper.create_scoring_explainer(table_recipe=other)
    with pytest.raises(InputError, match="`table_recipe` is 7; expected a TableRecipe"):
        wrapper.create_scoring_explainer(table_recipe=7)


def test_a_file_with_a_recipe_still_starts_without_pandas(
    made: tuple[Any, TableRecipe, pd.DataFrame], tmp_path: Path
) -> None:
    path = save(made[0], tmp_path / "model")
    code = f"import sys, automl_explain; automl_explain.load({path!r}); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
