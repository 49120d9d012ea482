"""What a small file claims takes no memory: it is refused, or costs what it holds."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl_explain import load
from automl_explain.exceptions import CorruptFileError
from automl_explain.explanation import Explanation

MEGABYTE = 2**20
HUGE = 10**12
FRAME = pd.DataFrame({"a": pd.Categorical(["x", "y"]), "b": [1.0, 2.0]})
Members = dict[str, bytes]


def members() -> Members:
    return Explanation(
        values=np.ones((1, 2, 2)), base=[0.0], task="regression", features=["a", "b"], eval_data=FRAME
    ).to_members()


def edited(change: Callable[[dict[str, Any]], None]) -> Members:
    made = members()
    document = json.loads(made["explanation.json"])
    change(document["explanation"])
    return {**made, "explanation.json": json.dumps(document).encode()}


def claiming(shape: str) -> Members:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    claim = buffer.getvalue().replace(b"(2,), }" + b" " * 30, shape.encode().ljust(37))
    assert claim != buffer.getvalue()
    return {**members(), "a0.npy": claim}


def a_range(document: dict[str, Any], *path: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = {"kind": "range", "range": [0, HUGE, 1], "names": [None]}


def csr(n_columns: int, name: str) -> Callable[[dict[str, Any]], None]:
    parts = {"data": "z0", "indices": "z1", "indptr": "z2"}
    table = {"kind": "csr", **parts, "shape": [2, n_columns], "flags": [True, True]}
    return lambda d: d.update({name: [table] if name == "values" else table})


ZEROS = {"z0.npy": np.zeros(0), "z1.npy": np.zeros(0, np.int64), "z2.npy": np.zeros(3, np.int64)}


def with_zeros(made: Members) -> Members:
    def npy(array: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array)
        return buffer.getvalue()

    return {**made, **{name: npy(array) for name, array in ZEROS.items()}}


CLAIMS: dict[str, Callable[[], Members]] = {
    "an array of 10**12 numbers": lambda: claiming(f"({HUGE},), }}"),
    "an array of negative sizes": lambda: claiming("(-1, -2), }"),
    "an array of nothing, 10**12 times": lambda: claiming(f"({HUGE}, 0), }}"),
    "a header that is no literal": lambda: claiming("(((((((((2,)"),
    "10**12 row labels": lambda: edited(lambda d: a_range(d, "row_labels")),
    "10**12 rows in a frame": lambda: edited(lambda d: a_range(d, "eval_data", "index")),
    "10**12 column labels": lambda: edited(lambda d: a_range(d, "eval_data", "names")),
    "10**12 categories": lambda: edited(lambda d: a_range(d, "eval_data", "columns", 0, "categories")),
    "10**12 rows explained": lambda: edited(lambda d: d.update(n_explained_rows=HUGE)),
    "10**12 columns of a sparse table": lambda: with_zeros(edited(csr(HUGE, "eval_data"))),
    "2**31 - 1 columns of values": lambda: with_zeros(edited(csr(2**31 - 1, "values"))),
    "one array for a thousand columns": lambda: edited(
        lambda d: d["eval_data"].update(columns=[d["eval_data"]["columns"][1]] * 1000)
    ),
    "a million nested lists": lambda: {**members(), "explanation.json": b"[" * MEGABYTE},
    "a number of a million digits": lambda: {**members(), "explanation.json": b"1" * MEGABYTE},
    "a key a hundred thousand times": lambda: {
        **members(), "explanation.json": b'{"a":1' + b',"a":1' * 100_000 + b"}"
    },
    "another dtype in the head": lambda: {
        **members(), "a0.npy": members()["a0.npy"].replace(b"'<f8'", b"'|V0'")
    },
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_members_of_an_explanation_that_claim_more_than_they_hold_are_refused(claim: str) -> None:
    made = CLAIMS[claim]()
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            Explanation.from_members(made)
        assert tracemalloc.get_traced_memory()[1] < 60 * MEGABYTE
    finally:
        tracemalloc.stop()


BOMBS: dict[str, dict[str, bytes]] = {
    "JSON": {"explainer.json": b"[" + b"{}," * (2 * MEGABYTE) + b"{}]"},
    "manifest": {"manifest.json": b"[" + b"{}," * (2 * MEGABYTE) + b"{}]"},
    "an array": {"a0.npy": bytes(70 * MEGABYTE)},
    "many members": {f"m{i}.txt": bytes(10 * MEGABYTE) for i in range(8)},
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_zip_that_unpacks_to_much_is_refused_before_it_is_unpacked(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "scoring_explainer.aex"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"manifest.json": b"{}", **BOMBS[bomb]}.items():
            archive.writestr(name, data)
    assert path.stat().st_size < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match="more is refused"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_a_member_that_says_it_is_small_is_read_no_further(tmp_path: Path) -> None:
    """Both headers say 5 bytes, behind which stand 50 MiB."""
    path = tmp_path / "scoring_explainer.aex"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(50 * MEGABYTE))
    data = bytearray(path.read_bytes())
    for mark, size_at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.index(mark) + size_at
        data[at : at + 4] = (5).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 5 * MEGABYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_members_packed_in_other_ways_are_refused(way: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scoring_explainer.aex", "w", way) as archive:
        archive.writestr("manifest.json", b"{}")
    with pytest.raises(CorruptFileError, match="packed in a way that ours never is"):
        load(tmp_path)
