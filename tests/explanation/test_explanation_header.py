from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
from explanation_strategies import make

from automl_explain.exceptions import CorruptFileError, InputError
from automl_explain.explanation import Explanation, Fidelity, Note
from automl_explain.explanation._header import ExplanationHeader


def test_an_explanation_says_its_kind_and_when_it_was_made():
    before = datetime.datetime.now(datetime.UTC)
    explanation = make()
    assert explanation.kind == "tabular"
    assert before <= explanation.created <= datetime.datetime.now(datetime.UTC)
    # A slice is an explanation of its own.
    assert explanation[0].created >= explanation.created
    assert explanation[0].id != explanation.id


def test_the_id_that_nobody_has_read_yet_is_one_for_all_threads_and_copies():
    explanation = make()
    assert "id" not in vars(explanation)
    assert pickle.loads(pickle.dumps(explanation)).id == explanation.id == copy.copy(explanation).id
    explanation = make()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: explanation.id, range(64)))) == 1
    assert make(id="own").id == "own"


def test_the_time_is_kept_in_utc_and_needs_a_time_zone(tmp_path):
    east = datetime.timezone(datetime.timedelta(hours=2))
    explanation = make(created=datetime.datetime(2024, 5, 1, 14, 30, 0, 123456, tzinfo=east))
    assert explanation.created == datetime.datetime(2024, 5, 1, 12, 30, 0, 123456, tzinfo=datetime.UTC)
    assert explanation.created.tzinfo is datetime.UTC
    explanation.save(tmp_path / "e")
    assert Explanation.load(tmp_path / "e").created == explanation.created
    with pytest.raises(InputError, match="`created` is .* expected a datetime with a time zone"):
        make(created=datetime.datetime(2024, 5, 1))


def test_notes_are_pairs_and_travel_with_slices_copies_and_files(tmp_path):
    explanation = make(notes=["plain", ("fidelity", "R2 is 0.4."), Note("unattributed", "5 %.")])
    wanted = (("note", "plain"), ("fidelity", "R2 is 0.4."), ("unattributed", "5 %."))
    assert explanation.notes == wanted
    assert [str(n) for n in explanation.notes] == ["plain", "R2 is 0.4.", "5 %."]
    explanation.save(tmp_path / "e")
    loaded = Explanation.load(tmp_path / "e")
    for other in (explanation[1:], copy.deepcopy(explanation), pickle.loads(pickle.dumps(explanation)), loaded):
        assert other.notes == wanted
        assert isinstance(other.notes[1], Note)
    with pytest.raises(InputError, match=r"`notes` holds 3; expected texts, or pairs of texts"):
        make(notes=[3])


def test_notes_that_follow_from_the_fields_come_by_themselves_and_once(tmp_path):
    past = Fidelity.measure([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], rows="past")
    explanation = make(fidelity=past, unmapped=np.ones((1, 4)), unmapped_features=("z",))
    assert [n.category for n in explanation.notes] == ["fidelity", "forecast", "unattributed"]
    assert "R2 -3.000 on 3 rows, below 0.95" in explanation.notes[0].message
    explanation.save(tmp_path / "e")
    for other in (explanation[1:], Explanation.load(tmp_path / "e")):
        assert other.notes == explanation.notes
    own = make(fidelity=past, notes=[("fidelity", "Known to be low.")])
    assert [n.message for n in own.notes if n.category == "fidelity"] == ["Known to be low."]
    good = Fidelity.measure([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], rows="held-out")
    assert make(fidelity=good).notes == ()


RESIDUALS = np.array([[0.5, -1.0, 0.0, 2.0]])


def test_residuals_travel_with_rows_folds_copies_and_files(tmp_path):
    explanation = make(residuals=RESIDUALS)
    assert explanation[[3, 0]].residuals.tolist() == [[2.0, 0.5]]
    assert explanation[1].residuals.tolist() == [[-1.0]]
    raw = explanation.get_raw_explanation([[1, 1, 0], [0, 0, 1]])
    assert raw.residuals.tolist() == RESIDUALS.tolist()
    explanation.save(tmp_path / "e")
    for other in (Explanation.load(tmp_path / "e"), pickle.loads(pickle.dumps(explanation))):
        assert other.residuals.tobytes() == RESIDUALS.tobytes()
    assert not explanation.residuals.flags.writeable
    assert make().residuals is None
    assert make()[0].residuals is None
    with pytest.raises(InputError, match=r"`residuals` has shape \(4,\); expected \(1, 4\)"):
        make(residuals=[0.5, -1.0, 0.0, 2.0])


def test_a_file_written_before_these_fields_is_read_and_one_of_another_kind_is_not():
    members = make().to_members()
    document = json.loads(members["explanation.json"])
    for name in ("created", "notes", "residuals", "residual_bound"):
        del document["explanation"][name]
    loaded = Explanation.from_members({**members, "explanation.json": json.dumps(document).encode()})
    assert (loaded.kind, loaded.created, loaded.notes, loaded.residuals) == ("tabular", None, (), None)
    document["kind"] = "text"
    with pytest.raises(CorruptFileError, match="kind 'text'"):
        Explanation.from_members({**members, "explanation.json": json.dumps(document).encode()})


def test_a_slice_measures_nothing_that_it_does_not_keep():
    """A bootstrap costs a hundred times what a slice does."""
    called = []

    def measure():
        called.append(1)
        return Fidelity.measure([1.0, 2.0], [1.0, 2.0], rows="eval")

    explanation = make(eval_fidelity=measure)
    explanation[0], explanation[1:3], list(explanation), explanation.get_raw_explanation(np.eye(3))
    assert called == []
    assert "global_values" not in vars(explanation)
    assert explanation[0].eval_fidelity is None
    folded = explanation.get_raw_explanation(np.eye(3))
    assert folded.eval_fidelity.n_rows == 2
    assert explanation.eval_fidelity.n_rows == 2
    assert explanation.eval_fidelity is explanation.eval_fidelity
    assert called == [1, 1]


def test_classes_given_with_a_score_are_kept(tmp_path):
    explanation = make(
        "binary", values=None, global_values=[[1.0, 2.0, 3.0]], n_explained_rows=4, output_unit="score", link="identity"
    )
    explanation.save(tmp_path / "e")
    for other in (explanation, Explanation.load(tmp_path / "e")):
        assert other.classes == ["no", "yes"]
        assert other.num_classes == 0
        assert other.expected_values.shape == (1,)


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OfTexts(ExplanationHeader):
    """Another kind, whose rows differ in length."""

    kind: ClassVar[str] = "text"
    tokens: tuple[tuple[str, ...], ...]


def test_another_kind_of_explanation_has_the_same_header():
    made = OfTexts(
        tokens=(("a", "b"), ("c",)), base=[0.5], task="classification", classes=["no", "yes"], output_unit="probability"
    )
    assert (made.kind, made.num_classes, made.class_position("yes")) == ("text", 2, 1)
    assert made.expected_values.tolist() == [0.5, 0.5]
    assert made.eval_fidelity is None
    again = pickle.loads(pickle.dumps(made))
    assert (again.tokens, again.id, again.created) == (made.tokens, made.id, made.created)
    with pytest.raises(InputError, match="`classes` has 1 labels for 1 output"):
        OfTexts(tokens=(), base=[0.5], task="classification", classes=["no"])


def test_residuals_may_come_as_a_function_that_is_called_once_when_they_are_read():
    called = []

    def residuals():
        called.append(1)
        return np.full((1, 2), 0.5)

    explanation = Explanation(values=np.ones((1, 2, 3)), base=[0.0], task="regression", residuals=residuals)
    assert not called
    assert explanation[1].residuals.tolist() == [[0.5]]
    assert pickle.loads(pickle.dumps(explanation)).residuals.tolist() == [[0.5, 0.5]]
    assert Explanation.from_json(explanation.to_json()).residuals.tolist() == [[0.5, 0.5]]
    assert len(called) == 1
    assert not explanation.residuals.flags.writeable
    wrong = Explanation(values=np.ones((1, 2, 3)), base=[0.0], task="regression", residuals=lambda: np.ones((1, 3)))
    with pytest.raises(InputError, match=r"`residuals` has shape \(1, 3\); expected \(1, 2\)"):
        _ = wrong.residuals
