"""As many threads as the process may use: affinity, control groups, `OMP_NUM_THREADS`; asked when they are needed."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import re
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import scipy.sparse as sp
from flaml import AutoML
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import (
    DecisionTreeExplainableModel,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    LinearScoringExplainer,
    MimicExplainer,
    MimicWrapper,
    SGDExplainableModel,
    TreeScoringExplainer,
    _threads,
    automl_setup_model_explanations,
    fit_and_explain,
    load,
    save,
)
from automl_explain._threads import VARIABLE, available_threads, threads_for
from automl_explain.exceptions import InputError, LowFidelityWarning
from automl_explain.treeshap import TreeModel

X = np.random.default_rng(0).normal(size=(5000, 3))
SURROGATES = (LGBMExplainableModel, DecisionTreeExplainableModel, LinearExplainableModel, SGDExplainableModel)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 8 cores and no limits; gives the root of its control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    for name in ("OMP_NUM_THREADS", VARIABLE):
        monkeypatch.delenv(name, raising=False)
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


@pytest.mark.parametrize(
    ("text", "wanted"), [("3", 3), (" 1 ", 1), ("12", 12), ("0", 4), ("-1", 4), ("", 4), (None, 4)]
)
def test_our_own_variable_is_an_n_jobs_for_all_calls(
    text: str | None, wanted: int, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken as it is, above ``OMP_NUM_THREADS``; 0 and negative numbers leave the choice open, as in an ``n_jobs``."""
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    assert available_threads() == wanted
    assert threads_for(None) == wanted
    assert threads_for(2) == 2


@pytest.mark.parametrize("text", ["many", "2.5", "1,2"])
def test_a_variable_that_is_no_number_is_refused(text: str, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match=f"{VARIABLE} is '{text}'; expected a whole number of threads. Unset it"):
        available_threads()
    assert threads_for(1) == 1


@pytest.mark.parametrize("n_jobs", [1.5, "2", True, [2]])
def test_an_n_jobs_that_is_no_whole_number_is_refused(n_jobs: Any) -> None:
    with pytest.raises(InputError, match=r"`n_jobs` is .*; expected a whole number of threads"):
        threads_for(n_jobs)


def test_one_thread_in_a_worker_of_spark(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables by which Spark's JVM reaches its Python processes; a number that is given holds there too."""
    monkeypatch.setenv("PYTHON_WORKER_FACTORY_SECRET", "hidden")
    assert available_threads() == 1
    monkeypatch.setenv(VARIABLE, "3")
    assert available_threads() == 3
    assert threads_for(2) == 2


@pytest.mark.parametrize(("context", "wanted"), [(object(), 1), (None, 8)])
def test_one_thread_in_a_task_of_spark_but_all_in_its_driver(
    context: Any, wanted: int, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("pyspark.taskcontext")
    module.TaskContext = types.SimpleNamespace(get=lambda: context)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyspark.taskcontext", module)
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

    class Pool(concurrent.futures.ThreadPoolExecutor):
        def __init__(self, n: int) -> None:
            seen.append(n)
            super().__init__(n)

    with monkeypatch.context() as patch:
        patch.setattr(concurrent.futures, "ThreadPoolExecutor", Pool)
        engine_call()
    return seen[-1] if seen else 1


@pytest.fixture(scope="module")
def scoring() -> TreeScoringExplainer:
    model = LinearRegression().fit(X, X[:, 0])
    few = {"n_estimators": 3, "num_leaves": 7}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LowFidelityWarning)
        explainer = MimicExplainer(model, X, LGBMExplainableModel, few, augment_data=False)
    return TreeScoringExplainer(explainer, feature_maps=[np.eye(3)])


@pytest.mark.parametrize("get_raw", [False, True])
def test_a_scoring_explainer_takes_its_threads_by_call_by_object_and_by_environment(
    scoring: TreeScoringExplainer, get_raw: bool, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(**arguments: Any) -> int:
        return used_by(lambda: scoring.explain(X, get_raw, **arguments), monkeypatch)

    wanted = scoring.explain(X, get_raw, n_jobs=1)
    monkeypatch.setenv(VARIABLE, "2")
    assert (threads(), threads(n_jobs=3), threads(n_jobs=1), threads(n_jobs=-1)) == (2, 3, 1, 2)
    monkeypatch.setattr(scoring, "n_jobs", 1)
    assert (threads(), threads(n_jobs=3)) == (1, 3)
    assert used_by(lambda: scoring.explanation(X, get_raw, n_jobs=3), monkeypatch) == 3
    assert scoring.explain(X, get_raw, n_jobs=3).tobytes() == wanted.tobytes()


def test_sparse_rows_and_trees_take_threads_by_call(
    scoring: TreeScoringExplainer, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees, rows = scoring.source.trees, sp.csr_matrix(X)
    assert used_by(lambda: trees.shapley_values(X, n_jobs=3), monkeypatch) == 3
    assert used_by(lambda: trees.shapley_values(X, [0, 0, 1], n_jobs=3), monkeypatch) == 3
    assert used_by(lambda: trees.shapley_values(rows, [0, 0, 1], n_jobs=3), monkeypatch) == 3
    assert used_by(lambda: TreeModel(trees.texts, n_jobs=2).shapley_values(X), monkeypatch) == 2


@pytest.mark.parametrize("n_jobs", [1.5, "2", True])
def test_a_wrong_n_jobs_is_refused_where_it_is_given(
    scoring: TreeScoringExplainer, n_jobs: Any, tmp_path: Path
) -> None:
    calls: list[Any] = [
        lambda: scoring.explain(X[:1], n_jobs=n_jobs),
        lambda: scoring.explain_interactions(X[:1], n_jobs=n_jobs),
        lambda: scoring.source.trees.shapley_values(X[:1], n_jobs=n_jobs),
        lambda: scoring.source.trees.interaction_values(X[:1], n_jobs=n_jobs),
        lambda: TreeModel(scoring.source.trees.texts, n_jobs=n_jobs),
        lambda: load(tmp_path, n_jobs=n_jobs),
    ]
    for call in calls:
        with pytest.raises(InputError, match="`n_jobs` is .* expected a whole number of threads"):
            call()


def test_a_scoring_explainer_is_kept_without_its_threads(scoring: TreeScoringExplainer, tmp_path: Path) -> None:
    scoring.n_jobs = 3
    try:
        assert pickle.loads(pickle.dumps(scoring)).n_jobs is None
        save(scoring, tmp_path / "scorer")
        assert load(tmp_path / "scorer").n_jobs is None
        assert load(tmp_path / "scorer", n_jobs=2).n_jobs == 2
    finally:
        scoring.n_jobs = None


def test_a_scoring_explainer_without_trees_takes_an_n_jobs_as_well() -> None:
    explainer = LinearExplainer(LinearRegression().fit(X, X[:, 0]), X)
    linear = LinearScoringExplainer(explainer, n_jobs=2)
    np.testing.assert_array_equal(linear.explain(X[:5], n_jobs=3), linear.explain(X[:5]))


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
    loaded = pickle.loads(pickle.dumps(setup))
    assert loaded.surrogate_model_params["explainable_model_args"] == {"n_jobs": None}
    assert setup.surrogate_model_params["explainable_model_args"]["n_jobs"] == 3


# Pickles


def numbers_of_threads(thing: Any, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Every ``n_jobs`` and ``num_threads`` that is kept in an object and in what it is made of."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, str):
        yield from (("num_threads", int(n)) for n in re.findall(r"num_threads: (\d+)", thing))
    elif isinstance(thing, dict):
        for name, value in thing.items():
            if name in ("n_jobs", "num_threads", "nthread", "nthreads", "num_thread"):
                yield name, value
            yield from numbers_of_threads(value, seen)
    elif isinstance(thing, (list, tuple, set)):
        for each in thing:
            yield from numbers_of_threads(each, seen)
    elif type(thing).__module__.partition(".")[0] == "automl_explain":
        yield from numbers_of_threads(getattr(thing, "__dict__", {}), seen)


@pytest.mark.filterwarnings("ignore:The surrogate reproduces:automl_explain.exceptions.LowFidelityWarning")
@pytest.mark.parametrize("kind", [*SURROGATES, "num_threads"], ids=lambda kind: getattr(kind, "__name__", kind))
@pytest.mark.parametrize("part", ["surrogate", "explainer", "wrapper", "scoring", "source", "trees"])
def test_pickles_leave_the_threads_of_this_machine_behind(part: str, kind: Any) -> None:
    by_parameter = kind == "num_threads"
    surrogate = LGBMExplainableModel if by_parameter else kind
    args = {"num_threads": 3} if by_parameter else {"n_jobs": 3}
    args |= {"n_estimators": 3} if surrogate is LGBMExplainableModel else {}
    model = LinearRegression().fit(X, X @ [1.0, -2.0, 0.5])
    explainer = MimicExplainer(model, X, surrogate, args, augment_data=False)
    scoring = explainer.create_scoring_explainer()
    made = {
        "surrogate": explainer.surrogate_model,
        "explainer": explainer,
        "scoring": scoring,
        "source": scoring.source,
    }
    if part == "wrapper":
        rows = {"X": X, "X_test": X[:50], "y": X[:, 0], "features": ["a", "b", "c"]}
        setup = automl_setup_model_explanations(model, task="regression", **rows)
        made[part] = MimicWrapper.from_setup(setup, surrogate, explainable_model_args=args)
    if part == "trees":
        if not hasattr(explainer.surrogate_model, "trees"):
            pytest.skip("no trees")
        made[part] = explainer.surrogate_model.trees
    loaded = pickle.loads(pickle.dumps(made[part]))
    assert {value for _, value in numbers_of_threads(loaded)} <= {None, 0}
    if part in ("surrogate", "explainer"):  # what is pickled keeps its own
        assert 3 in [value for _, value in numbers_of_threads(made[part])]


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
