"""Mutated files and rows: refused in words of ours, or harmless; never a crash, a wrong number or a flood of memory.

Seeded. ``AUTOML_EXPLAIN_FUZZ_ROUNDS`` sets the rounds of each test: 40 where left out, which take about 20 seconds;
more are tried in .ci/run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import resource
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from automl_explain import (
    FeatureMap,
    LGBMExplainableModel,
    LinearExplainableModel,
    LinearExplainer,
    MimicExplainer,
    TreeExplainer,
    load,
    save,
)
from automl_explain.exceptions import AutoMLExplainError
from automl_explain.explanation import Explanation

ROUNDS = int(os.environ.get("AUTOML_EXPLAIN_FUZZ_ROUNDS", "40"))
ROOM = 400 * 2**20  # bytes by which the process may grow; 64 MiB of members and their JSON as objects fit in
pytestmark = [
    pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning"),
    # What numpy says of absurd numbers on the way to a refusal is no fault of the file's reader.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=list("abcd"))
X["d"] = pd.Categorical(np.resize(["u", "v", "w"], 60))
PLAIN, Y = X[["a", "b", "c"]], X["a"] - X["b"] * 2
MAP = FeatureMap.from_matrix([[1, 1, 0], [0, 0, 1]], engineered_names=list("abc"))
Members = dict[str, bytes]


def _scorings() -> dict[str, tuple[Any, Any]]:
    small: Any = {"explainable_model_args": {"n_estimators": 2, "num_leaves": 4, "n_jobs": 1}, "augment_data": False}
    linear, tree = Ridge().fit(PLAIN, Y), DecisionTreeRegressor(max_depth=3).fit(PLAIN, Y)

    class Coded:
        def predict(self, rows: Any) -> Any:
            return rows["a"].to_numpy(dtype=float) + rows["d"].astype(str).eq("u").to_numpy()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "weights": (LinearExplainer(linear, PLAIN).create_scoring_explainer(feature_maps=[MAP]), PLAIN[:3]),
            "tree": (
                TreeExplainer(tree, initialization_examples=PLAIN).create_scoring_explainer(feature_maps=[MAP]),
                PLAIN[:3],
            ),
            "linear surrogate": (MimicExplainer(Coded(), X, LinearExplainableModel).create_scoring_explainer(), X[:3]),
            "LightGBM": (MimicExplainer(Coded(), X, LGBMExplainableModel, **small).create_scoring_explainer(), X[:3]),
        }


@pytest.fixture(scope="module")
def scorings() -> dict[str, tuple[Any, Any]]:
    return _scorings()


def explanations() -> dict[str, Explanation]:
    values = np.random.default_rng(0).normal(size=(1, 5, 4))
    stamps = pd.date_range("2024-03-30", periods=5, freq="D", tz="Europe/Berlin")
    frame = X[:5].assign(when=stamps, note=[1, "1", None, 2.5, True], n=pd.array([1, None, 3, 4, 5], dtype="Int64"))
    sparse = tuple(sp.csr_matrix(np.where(np.abs(values[0]) > 1, values[0], 0) * k) for k in (1, 2, 3))
    return {
        "frame": Explanation(
            values=values,
            base=[0.5],
            task="classification",
            classes=["no", True],
            features=list("abcd"),
            output_unit="log-odds",
            link="logit",
            eval_data=frame.set_index("when", drop=False),
            unmapped=np.ones((1, 5)),
            unmapped_features=["bias"],
        ),
        "sparse": Explanation(
            values=sparse,
            base=[0.1, 0.2, 0.3],
            task="classification",
            features=list("abcd"),
            eval_data=sparse[0],
            eval_y_predicted=np.array(["x", "y", "x", "x", "y"], dtype=object),
        ),
        "global": Explanation(
            values=None,
            base=[1.0],
            task="regression",
            features=["a", "b"],
            global_values=[[1.0, 2.0]],
            n_explained_rows=9,
        ),
    }


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < ROOM


# How things are changed

ODD: list[Any] = [
    None, True, -1, 0, 1, 2**31, 10**12, 2**63, 1e308, "", "x", "1", [], [1], {}, {"a": 1}, [[]], "a0", "tree",
    {"kind": "range", "range": [0, 10**12, 1], "names": [None]}, {"numpy": "<f8", "value": 1},
    {"numpy": "O", "value": 1}, {"tuple": [[1]]}, {"timestamp": 2**62, "unit": "Y", "zone": "Mars"}, {"date": "x"},
    {"missing": "x"}, "\ud800",
]  # fmt: skip


def changed_json(document: Any, rng: np.random.Generator) -> Any:
    """One value somewhere replaced, dropped or doubled."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(document)
    node, key = places[rng.integers(len(places))]
    how = rng.integers(4)
    if how == 0:
        del node[key]
    elif how == 1 and isinstance(node, list):
        node.append(node[key])
    elif how == 2 and type(node[key]) in (int, float):
        node[key] = node[key] * int(rng.integers(-3, 4)) + int(rng.integers(-2, 3))
    else:
        node[key] = ODD[rng.integers(len(ODD))]
    return document


def changed_array(data: bytes, rng: np.random.Generator) -> bytes:
    """Another array, or one that claims to be another."""
    array, how = np.load(io.BytesIO(data)).copy(), rng.integers(7)
    if how == 0 and array.size:
        cell = rng.integers(array.size)
        with np.errstate(all="ignore"):
            odd = [np.iinfo(np.int32).max, -1, 0, 10**8, np.nan, np.inf][
                rng.integers(4 if array.dtype.kind != "f" else 6)
            ]
            array.ravel()[cell] = np.array(odd).astype(array.dtype)
    elif how == 1:
        array = array[: rng.integers(0, len(array) + 1)] if array.ndim else array
    elif how == 2:
        array = np.concatenate([array.ravel(), array.ravel()])
    elif how == 3:
        array = array.astype(["f4", "i1", "?", "U3", "c16", "M8[s]"][rng.integers(6)])
    elif how == 4:
        array = array.reshape(1, *array.shape)
    elif how == 5:
        return data.replace(b"(", b"(99999999999,", 1)
    else:
        at = rng.integers(len(data))
        return data[:at] + bytes([rng.integers(256)]) + data[at + 1 :]
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def changed_members(members: Members, rng: np.random.Generator) -> Members:
    made, names = dict(members), sorted(members.keys() - {"manifest.json"})
    for _ in range(rng.integers(1, 3)):
        name, other = (names[i] for i in rng.integers(len(names), size=2))
        how = rng.integers(10)
        if how == 0:
            made[name], made[other] = made.get(other, b""), made.get(name, b"")
        elif how == 1:
            made.pop(name, None)
        elif name not in made:
            continue
        elif name.endswith(".json"):
            changed = lambda name=name: json.dumps(changed_json(json.loads(made[name]), rng)).encode()  # noqa: E731
            made[name] = _or_else(changed, made[name])
        elif name.endswith(".npy"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made[name] = _or_else(lambda name=name: changed_array(made[name], rng), made[name])
        else:
            text = made[name].split(b"\n")
            line = rng.integers(len(text))
            text[line] = [b"", text[line] * 2, text[line].replace(b"1", b"999999999"), b"num_leaves=1000000000"][
                rng.integers(4)
            ]
            made[name] = b"\n".join(text)
    return made


def _or_else(make: Callable[[], bytes], other: bytes) -> bytes:
    """What was changed before may be no array any more."""
    try:
        return make()
    except Exception:
        return other


def sealed(path: Path, members: Members) -> None:
    """A file with right checksums."""
    manifest = json.loads(members["manifest.json"])
    manifest["sha256"] = {n: hashlib.sha256(d).hexdigest() for n, d in members.items() if n != "manifest.json"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**members, "manifest.json": json.dumps(manifest).encode()}.items():
            archive.writestr(name, data)


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def adds_up(scoring: Any, rows: Any) -> None:
    for raw in (False, True) if scoring.feature_map is not None else (False,):
        found = scoring.explanation(rows, get_raw=raw)
        total = scoring.predict_output(rows)
        assert np.isfinite(total).all()
        np.testing.assert_allclose(found.output, total, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(total).max()))


# Files


@pytest.mark.parametrize("name", ["weights", "tree", "linear surrogate", "LightGBM"])
def test_a_changed_scoring_file_is_refused_or_still_adds_up(
    name: str, scorings: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    scoring, rows = scorings[name]
    path = Path(save(scoring, tmp_path / "model"))
    members, refused = members_of(path), 0
    for _ in range(ROUNDS):
        sealed(path, changed_members(members, rng))
        try:
            adds_up(load(path), rows)
        except AutoMLExplainError:
            refused += 1
    assert refused > ROUNDS / 4


@pytest.mark.parametrize("name", ["weights", "LightGBM"])
def test_flipped_bytes_of_a_scoring_file_change_nothing(
    name: str, scorings: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    scoring, rows = scorings[name]
    path = Path(save(scoring, tmp_path / "model"))
    data, wanted = path.read_bytes(), scoring.explain(rows)
    for _ in range(ROUNDS):
        path.write_bytes(_flipped(data, rng))
        try:
            np.testing.assert_array_equal(load(path).explain(rows), wanted)
        except AutoMLExplainError:
            continue


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    made = bytearray(data)
    for at in rng.integers(len(made), size=rng.integers(1, 4)):
        made[at] ^= 1 << rng.integers(8)
    return bytes(made[: len(made) if rng.random() < 0.9 else rng.integers(len(made))])


@pytest.mark.parametrize("name", ["frame", "sparse", "global"])
def test_changed_members_of_an_explanation_are_refused_or_show(name: str) -> None:
    rng = np.random.default_rng(3)
    members, refused = explanations()[name].to_members(), 0
    for _ in range(4 * ROUNDS):
        try:
            found = Explanation.from_members(changed_members(members, rng))
        except AutoMLExplainError:
            refused += 1
            continue
        with np.errstate(all="ignore"):
            assert isinstance(repr(found), str)
            found.to_frame()
            found.get_feature_importance_dict()
    assert refused > ROUNDS


@pytest.mark.parametrize("name", ["frame", "sparse"])
def test_flipped_bytes_of_an_explanation_change_nothing(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    explanation = explanations()[name]
    explanation.save(tmp_path / "x")
    wanted = explanation.to_members()
    files = {path: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    for _ in range(2 * ROUNDS):
        path = list(files)[rng.integers(len(files))]
        path.write_bytes(_flipped(files[path], rng))
        with contextlib.suppress(AutoMLExplainError):
            assert Explanation.load(tmp_path / "x").to_members() == wanted
        path.write_bytes(files[path])


# Rows


def damaged(rows: sp.csr_matrix, rng: np.random.Generator) -> Any:
    made = rows.copy().asformat(["csr", "csc", "coo", "bsr"][rng.integers(4)])
    parts = ["data", "row", "col"] if made.format == "coo" else ["data", "indices", "indptr"]
    part = np.array(getattr(made, parts[rng.integers(3)]))
    how = rng.integers(5)
    flat = part.reshape(-1)
    if how == 0:
        flat[rng.integers(len(flat))] = [10**8, -1, 2**31 - 1, 0][rng.integers(4)]
    elif how == 1:
        part = part[::-1].copy()
    elif how == 2:
        part = part[: rng.integers(len(part))]
    elif how == 3:
        part = part.astype(["f4", "c16", "i8", "u1"][rng.integers(4)])
    else:
        rng.shuffle(flat)
    for name in parts:
        if np.shape(getattr(made, name)) == part.shape or how == 2:
            setattr(made, name, part)
            break
    return made


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_damaged_sparse_rows_are_refused_or_read_as_their_dense_form(scorings: dict[str, tuple[Any, Any]]) -> None:
    rng = np.random.default_rng(5)
    rows = sp.random(12, 3, density=0.6, format="csr", random_state=0)
    for _ in range(4 * ROUNDS):
        given = damaged(rows, rng)
        for name in ("weights", "tree"):
            scoring = scorings[name][0]
            try:
                found = scoring.explain(given)
            except AutoMLExplainError:
                continue
            np.testing.assert_allclose(_dense(found), _dense(scoring.explain(given.toarray())), atol=1e-9)


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if sp.issparse(values) else values)


CELLS: list[Any] = [
    None,
    np.nan,
    np.inf,
    1,
    -1.5,
    True,
    "x",
    "1.5",
    2 + 1j,
    10**400,
    pd.NaT,
    pd.Timestamp("2024-01-01"),
    b"x",
    [1],
    {},
]


def test_odd_cells_are_refused_or_explained(scorings: dict[str, tuple[Any, Any]]) -> None:
    rng = np.random.default_rng(6)
    for _ in range(2 * ROUNDS):
        for name, (scoring, rows) in scorings.items():
            made = rows.astype(object)
            made.iat[rng.integers(len(made)), rng.integers(made.shape[1])] = CELLS[rng.integers(len(CELLS))]
            for given in (made, made.to_numpy(), made.iloc[:, ::-1], made.iloc[:, :-1]):
                try:
                    found = scoring.explain(given)
                except AutoMLExplainError:
                    continue
                assert np.isfinite(found).all(), (name, made)
