"""As many threads as the process may use: affinity, control groups, `OMP_NUM_THREADS`; asked when they are needed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from flaml import AutoML
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import (
    DecisionTreeExplainableModel,
    LGBMExplainableModel,
    _threads,
    automl_setup_model_explanations,
    fit_and_explain,
)
from automl_explain._threads import available_threads, threads_for
from automl_explain.treeshap import TreeModel, _engine

X = np.random.default_rng(0).normal(size=(5000, 3))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 8 cores and no limits; gives the root of its control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(_threads, "_PROCESS_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(_threads, "_GROUPS", tmp_path / "groups")
    return tmp_path


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_the_cores_that_the_process_is_bound_to(machine: Path) -> None:
    assert available_threads() == 8


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3", 3), ("4,2", 4), (" 2 ", 2), ("16", 8), ("0", 8), ("-1", 8), ("", 8), ("many", 8), (",2", 8)],
)
def test_the_environment_can_ask_for_fewer(
    text: str, wanted: int, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert available_threads() == wanted


QUOTAS: dict[str, tuple[dict[str, str], int]] = {
    "version 2": ({"cgroup": "0::/", "groups/cpu.max": "200000 100000\n"}, 2),
    "a part of a core more": ({"cgroup": "0::/", "groups/cpu.max": "250000 100000\n"}, 3),
    "less than a core": ({"cgroup": "0::/", "groups/cpu.max": "1000 100000\n"}, 1),
    "none": ({"cgroup": "0::/", "groups/cpu.max": "max 100000\n"}, 8),
    "of a group inside": ({"cgroup": "0::/a/b\n", "groups/a/b/cpu.max": "300000 100000"}, 3),
    "of a group around": (
        {"cgroup": "0::/a/b", "groups/a/b/cpu.max": "max 100000", "groups/a/cpu.max": "500000 100000"}, 5,
    ),
    "the root stands for the group": ({"cgroup": "0::/outside/name", "groups/cpu.max": "400000 100000"}, 4),
    "version 1": (
        {"cgroup": "5:memory:/x\n4:cpu,cpuacct:/x\n", "groups/cpu,cpuacct/x/cpu.cfs_quota_us": "150000\n",
         "groups/cpu,cpuacct/x/cpu.cfs_period_us": "50000\n"}, 3,
    ),
    "version 1 under its short name": (
        {"cgroup": "1:cpu:/", "groups/cpu/cpu.cfs_quota_us": "200000", "groups/cpu/cpu.cfs_period_us": "100000"}, 2,
    ),
    "version 1 without one": (
        {"cgroup": "1:cpu:/", "groups/cpu/cpu.cfs_quota_us": "-1", "groups/cpu/cpu.cfs_period_us": "100000"}, 8,
    ),
    "damaged": ({"cgroup": "0::/\nnothing\n:\n", "groups/cpu.max": "100000 0"}, 8),
    "more than there is": ({"cgroup": "0::/", "groups/cpu.max": "9900000 100000"}, 8),
}  # fmt: skip


@pytest.mark.parametrize("case", QUOTAS)
def test_the_quota_of_a_container_holds(case: str, machine: Path) -> None:
    files, wanted = QUOTAS[case]
    write(machine, files)
    assert available_threads() == wanted


def test_without_affinity_the_cores_of_the_machine(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS and Windows."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_threads() == 64


def test_a_number_given_is_taken(machine: Path) -> None:
    assert [threads_for(n) for n in (None, -1, 0, 1, 12)] == [8, 8, 8, 1, 12]


# Where they are used


def used_by(engine_call: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Threads that a call of the engine starts."""
    seen: list[int] = []

    class Pool(_engine.ThreadPoolExecutor):
        def __init__(self, n: int) -> None:
            seen.append(n)
            super().__init__(n)

    monkeypatch.setattr(_engine, "ThreadPoolExecutor", Pool)
    engine_call()
    return seen[-1] if seen else 1


@pytest.mark.parametrize("kind", [LGBMExplainableModel, DecisionTreeExplainableModel])
def test_surrogates_train_with_them_and_leave_them_behind(
    kind: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    booster = lgb.Booster.__init__

    def spy(self: Any, params: Any = None, *args: Any, **more: Any) -> None:
        seen.add((params or {}).get("num_threads"))
        booster(self, params, *args, **more)

    monkeypatch.setattr(lgb.Booster, "__init__", spy)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    surrogate = kind(**({"n_estimators": 3} if kind is LGBMExplainableModel else {"max_leaves": 8}))
    surrogate.fit(X, X[:, :1])
    assert seen == {2}
    assert surrogate.n_jobs is None
    assert all("[num_threads: 0]" in text for text in surrogate.trees.texts)
    loaded = pickle.loads(pickle.dumps(surrogate))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # another machine
    assert used_by(lambda: loaded.shapley_values(X), monkeypatch) == 3
    np.testing.assert_array_equal(loaded.shapley_values(X), surrogate.shapley_values(X))


def test_a_number_given_to_trees_ends_with_the_process(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    surrogate = LGBMExplainableModel(n_estimators=3, n_jobs=1).fit(X, X[:, :1])
    assert used_by(lambda: surrogate.shapley_values(X), monkeypatch) == 1
    assert pickle.loads(pickle.dumps(surrogate.trees)).n_jobs is None
    assert TreeModel(surrogate.trees.texts, n_jobs=2).n_jobs == 2


def test_the_setup_uses_them(machine: Path) -> None:
    write(machine, {"cgroup": "0::/", "groups/cpu.max": "300000 100000"})
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X[:, 0])
    setup = automl_setup_model_explanations(model, X=X, X_test=X[:50], y=X[:, 0], task="regression")
    assert setup.surrogate_model_params["explainable_model_args"]["n_jobs"] == 3


@pytest.mark.parametrize(("own", "given", "wanted"), [({}, {}, 5), ({"n_jobs": 2}, {}, 2), ({}, {"n_jobs": 4}, 4)])
def test_a_search_uses_them_unless_told_otherwise(
    own: dict[str, int], given: dict[str, int], wanted: int, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Search(AutoML):  # type: ignore[misc]
        def fit(self, X_train: Any, y_train: Any, task: str | None = None, n_jobs: int | None = None) -> None:
            raise LookupError(n_jobs or self._settings["n_jobs"])

    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with pytest.raises(LookupError, match=f"^{wanted}$"):
        fit_and_explain(Search(**own), X, X[:, 0], task="regression", **given)
