"""Parts are found by type, nearest class first, and imported only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge

from automl_explain._lazy import find, load, refresh

CLASS, ANY = "collections:OrderedDict", "collections:Counter"


def test_load_gives_the_named_part() -> None:
    from collections import OrderedDict

    assert load(CLASS) is OrderedDict


def test_the_nearest_class_wins_over_the_order_of_the_table() -> None:
    from collections import Counter, OrderedDict

    table = (("sklearn.base", "BaseEstimator", ANY), ("sklearn.linear_model", "Ridge", CLASS))
    assert find(Ridge(), table, "test") is OrderedDict
    assert find(LinearRegression(), table, "test") is Counter


def test_a_subclass_is_found_by_its_base() -> None:
    from collections import OrderedDict

    class Mine(Ridge):
        pass

    assert find(Mine(), (("sklearn.linear_model", "Ridge", CLASS),), "test") is OrderedDict


def test_a_star_stands_for_every_type_of_the_module() -> None:
    table = (("sklearn.linear_model", "*", CLASS),)
    assert find(Ridge(), table, "test") is not None
    assert find(RandomForestRegressor(), table, "test") is None


def test_a_module_prefix_ends_at_a_dot() -> None:
    """``sklearn.linear`` is no parent of ``sklearn.linear_model``."""
    assert find(Ridge(), (("sklearn.linear", "*", CLASS),), "test") is None


def test_an_unknown_type_gives_none() -> None:
    assert find(object(), (("sklearn.base", "BaseEstimator", CLASS),), "test") is None


@pytest.fixture
def fresh() -> Iterator[None]:
    """No entry point is known before the test, and none of its own after."""
    refresh()
    yield
    refresh()


@pytest.mark.usefixtures("fresh")
def test_parts_of_other_packages_come_first_and_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import Counter

    asked: list[str] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint(name="sklearn.linear_model:Ridge", value=ANY, group=group)]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    for _ in range(3):
        assert find(Ridge(), (("sklearn.linear_model", "Ridge", CLASS),), "adapters") is Counter
    assert asked == ["automl_explain.adapters"]
    refresh()
    find(Ridge(), (), "adapters")
    assert asked == ["automl_explain.adapters"] * 2


@pytest.mark.usefixtures("fresh")
def test_threads_that_ask_at_once_find_the_same_part() -> None:
    table = (("sklearn.linear_model", "Ridge", CLASS),)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: find(Ridge(), table, "test"), range(64)))
    assert found == {load(CLASS)}


def test_only_the_part_that_is_asked_for_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aex_part_wanted", "aex_part_other"):
        (tmp_path / f"{name}.py").write_text("class Part: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    table: tuple[tuple[str, str, str], ...] = (
        ("nowhere", "Nothing", "aex_part_other:Part"),
        ("sklearn.base", "BaseEstimator", "aex_part_wanted:Part"),
    )
    part: Any = find(BaseEstimator(), table, "test")
    assert part.__module__ == "aex_part_wanted"
    assert "aex_part_other" not in sys.modules
