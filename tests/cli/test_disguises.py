"""The same rows in other files: the same columns, types and values."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine

from automl_explain.cli._data import ReadOptions, read_table
from automl_explain.datasets import make_mixed_table

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tables" / "disguises.py"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("disguises", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


disguises = _script()


def _subscribers() -> pd.DataFrame:
    made = make_mixed_table(n_rows=300, random_state=0)
    towns = np.resize(["Zürich", "São Paulo", "Nîmes", "Münster; Westf.", 'the "old" town'], len(made.X))
    return made.X.assign(town=towns, postcode=np.resize(["01067", "80331"], len(made.X)), **{str(made.y.name): made.y})


def _flowers() -> pd.DataFrame:
    data = load_iris(as_frame=True)
    return data.data.assign(species=data.target_names[data.target])


TABLES = {
    "churned": _subscribers,
    "species": _flowers,
    "target": lambda: load_wine(as_frame=True).frame,
    # 17 digits, which openpyxl cannot write.
    "progression": lambda: load_diabetes(as_frame=True).frame.round(12).rename(columns={"target": "progression"}),
}


@pytest.fixture(scope="module", params=list(TABLES))
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("plain") / "table.csv"
    TABLES[request.param]().to_csv(path, index=False)
    return request.param, path


@pytest.mark.parametrize("name", list(disguises.DISGUISES))
def test_a_table_in_disguise_is_the_same_table(name: str, plain: tuple[str, Path], tmp_path: Path) -> None:
    target, path = plain
    written = disguises.DISGUISES[name](disguises.Cells.of(path), tmp_path)
    options = ReadOptions(target)
    assert disguises.differences(read_table(path, options), read_table(written, options)) == []


@pytest.mark.parametrize("name", ["German Excel", "parquet", "shuffled columns"])
def test_importances_of_a_table_in_disguise_are_the_same_to_the_last_digit(name: str, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    _subscribers().to_csv(path, index=False)
    written = disguises.DISGUISES[name](disguises.Cells.of(path), tmp_path)
    plain, other = (read_table(p, ReadOptions("churned")) for p in (path, written))
    model = disguises.fitted(plain)
    names = list(plain.X)
    assert disguises.importances(model, other, names) == disguises.importances(model, plain, names)


def test_a_value_that_differs_is_found(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    frame = _flowers()
    frame.to_csv(path, index=False)
    frame.iloc[7, 1] += 0.1
    frame.to_csv(tmp_path / "other.csv", index=False)
    plain, other = (read_table(p, ReadOptions("species")) for p in (path, tmp_path / "other.csv"))
    assert [d.partition(":")[0] for d in disguises.differences(plain, other)] == ["sepal width (cm)"]
