"""Training a surrogate: split, label with the teacher, mix rows, fit, compare with others, measure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._rows import chunks, mix, spread, stack, take
from automl_explain._validation import warn
from automl_explain.exceptions import DataError, LowFidelityWarning
from automl_explain.explainers._fidelity import compare, far_bound
from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation import Fidelity
from automl_explain.explanation._fidelity import LOW_R2
from automl_explain.surrogates import LGBMExplainableModel, target_score

MIN_ROWS = 10
_MAX_HELD_OUT = 5000
_FEWEST_MIXED, _MOST_MIXED = 20_000, 100_000  # rows the teacher labels besides the training rows
_MORE_MIXED = 8  # times as many again, for several classes that are reproduced too loosely
_MAX_CELLS = 10_000_000  # of augmented rows: 80 MB as float64
_FEWEST_FRESH = 100
_COMPARED_ROWS = 256
_ENOUGH, _BETTER = 0.98, 0.01  # R2 that calls for no other surrogate, and what another one must add
_WIDE = 500  # columns from which on the others, which are cheaper there, are tried first
# A probe tells whether the teacher memorizes its training rows.
_PROBE: dict[str, Any] = {"n_estimators": 50, "num_leaves": 31, "learning_rate": 0.2, "n_jobs": 1}
_PROBE_ROWS, _PROBE_CELLS, _FEWEST_NEAR = 10_000, 2_000_000, 50
_NEAR = 0.2  # share of the columns that a row near a training row takes from another one, at most
_WORSE_AT_HOME = 0.03


@dataclasses.dataclass(frozen=True)
class Split:
    """Positions of the rows that train, size and judge the surrogate."""

    train: np.ndarray
    stopping: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, n_rows: int, rng: np.random.Generator) -> Split:
        """Seeded split: a fifth is held out and a tenth stops the fit, at most 5,000 rows each.

        Fewer than 10 rows are too few to part: all of them train and stop, and none is held out.
        """
        if n_rows < MIN_ROWS:
            return cls(np.arange(n_rows), np.arange(n_rows), np.arange(0))
        order = rng.permutation(n_rows)
        n_held = min(max(2, n_rows // 5), _MAX_HELD_OUT)
        n_stopping = min(max(2, n_rows // 10), _MAX_HELD_OUT)
        parts = np.split(order, [n_held, n_held + n_stopping])
        return cls(np.sort(parts[2]), np.sort(parts[1]), np.sort(parts[0]))


@dataclasses.dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Parameters
    ----------
    surrogate : SurrogateModel
        The one kept.
    teacher : Predictions
        With what the training rows settled.
    fidelity : Fidelity or None
        On held-out rows; None where there are none.
    trials : dict of str to float
        Method of every surrogate tried -> R2 on the stopping rows; of the same method again with `` #2``.
    teacher_memorizes : bool
        Whether the teacher answers its training rows otherwise than rows beside them.
    far : float
        From which difference on a row is far off, see `far_bound`.
    """

    surrogate: Any
    teacher: Predictions
    fidelity: Fidelity | None
    trials: Mapping[str, float]
    teacher_memorizes: bool
    far: float


@dataclasses.dataclass(frozen=True)
class _Lesson:
    """Encoded rows and targets to learn from, and those that stop."""

    X: Any
    targets: np.ndarray
    stopping: tuple[Any, np.ndarray]
    task: str
    categories: Mapping[int, Sequence[Any]]

    def with_more(self, X: Any, targets: np.ndarray) -> _Lesson:
        """The same with more rows to learn from."""
        return dataclasses.replace(self, X=stack(self.X, X), targets=np.concatenate([self.targets, targets]))

    def teach(self, surrogate: Any) -> float:
        """Fit; gives the R2 on the stopping rows."""
        surrogate.fit(self.X, self.targets, task=self.task, stopping=self.stopping, categories=self.categories)
        known = getattr(surrogate, "stopping_score_", None)
        if known is not None:
            return float(known)
        return target_score(self.stopping[1], surrogate.predict_output(self.stopping[0]), self.task)


def train(
    surrogate: Any,
    teacher: Predictions,
    rows: Any,
    encoder: EngineeredEncoder,
    *,
    groups: np.ndarray,
    augment: bool,
    max_augmentations: int,
    random_state: int,
    fresh: Any = None,
    alternatives: Sequence[Any] = (),
    forecasts: bool = False,
) -> Trained:
    """Fit the surrogate to the teacher and measure its fidelity on rows it did not see.

    Parameters
    ----------
    rows : DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered)
        Training data, of at least two rows.
    groups : ndarray of shape (n_engineered,), int
        Columns that belong together when rows are mixed.
    augment : bool
        Whether the teacher may label augmented rows: at most ``max_augmentations`` per training row (counted as
        1,000 where there are fewer), and more for several classes that are reproduced too loosely.
    fresh : DataFrame or ndarray of shape (n_fresh, n_engineered), optional
        Rows to measure the fidelity on instead of held-out training rows; training rows among them do not count.
    alternatives : sequence of SurrogateModel, default ()
        Others, tried where the first one falls short: see `_best`.
    forecasts : bool, default False
        Whether the rows to explain come after these.
    """
    if (n_rows := rows.shape[0]) < 2:
        raise DataError("A surrogate has nothing to learn from 1 row; pass at least two to train it on.")
    rng, output = np.random.default_rng(random_state), _label(teacher, rows)
    split = Split.of(n_rows, rng)
    n_mixed = _n_mixed(rows, max_augmentations) if augment else 0
    teacher, lesson = _first_lesson(teacher, rows, encoder, split, output, groups, n_mixed, rng)
    probed = n_mixed and rows.shape[1] <= _WIDE
    beside = _beside_init_rows(lesson, teacher, rows, encoder, split, groups, random_state) if probed else None
    surrogate, name, trials = _best(beside or lesson, surrogate, alternatives)
    if n_mixed and beside is None and _follows_loosely(surrogate, teacher, trials[name]):
        n_more = min(_MORE_MIXED * n_mixed, _MAX_CELLS // rows.shape[1])
        more = mix(take(rows, split.train), groups, n_more, rng)
        lesson = lesson.with_more(encoder.encode(more), teacher.targets(_label(teacher, more)))
        trials[name] = lesson.teach(surrogate)
    unseen = _unseen(fresh, rows, encoder, rng)
    held, held_output = take(rows, split.held_out), output[split.held_out]
    if unseen is not None:
        held, held_output = unseen, _label(teacher, unseen)
    fidelity = None
    if held.shape[0]:
        margins = surrogate.predict_output(encoder.encode(held))
        fidelity = compare(teacher, margins, held_output, rows="past" if forecasts and unseen is None else "held-out")
        if fidelity.is_low:
            _warn_of_low(fidelity, surrogate, augment=augment, memorizes=beside is not None and unseen is None)
    else:
        held_output, margins = output, surrogate.predict_output(encoder.encode(rows))
        _warn_unmeasured(n_rows)
    return Trained(surrogate, teacher, fidelity, trials, beside is not None, far_bound(teacher, held_output, margins))


def _first_lesson(
    teacher: Predictions,
    rows: Any,
    encoder: EngineeredEncoder,
    split: Split,
    output: np.ndarray,
    groups: np.ndarray,
    n_mixed: int,
    rng: np.random.Generator,
) -> tuple[Predictions, _Lesson]:
    """Training rows and augmented ones with what the teacher says of them, and the teacher as they settle it."""
    learn_rows, mixed_output = take(rows, split.train), output[:0]
    if n_mixed:
        mixed = mix(learn_rows, groups, n_mixed, rng)
        mixed_output = _label(teacher, mixed)
        learn_rows = stack(learn_rows, mixed)
    at = spread(rows.shape[0], _COMPARED_ROWS)
    teacher = teacher.settled(take(rows, at), np.concatenate([output[at], output, mixed_output]))
    lesson = _Lesson(
        encoder.encode(learn_rows),
        teacher.targets(np.concatenate([output[split.train], mixed_output])),
        (encoder.encode(take(rows, split.stopping)), teacher.targets(output[split.stopping])),
        # Decision values are learnt as numbers: they are no probabilities.
        "regression" if teacher.decides else teacher.task,
        encoder.categories,
    )
    return teacher, lesson


def _follows_loosely(surrogate: Any, teacher: Predictions, found: float) -> bool:
    """Whether a surrogate of several classes that may still grow falls short of the bound: each has its own borders."""
    several = teacher.n_outputs > 1 and not teacher.decides
    return several and getattr(surrogate, "sizes_itself", False) and found < LOW_R2


def _best(lesson: _Lesson, first: Any, alternatives: Sequence[Any]) -> tuple[Any, str, dict[str, float]]:
    """The first surrogate, unless it falls short of 0.98 and another is better by 0.01; its name in the trials.

    In wide tables the others come first, and the first one is not tried where one of them reaches 0.98.
    """
    trials: dict[str, float] = {}
    wide = lesson.X.shape[1] > _WIDE
    order = [*alternatives, first] if wide else [first, *alternatives]
    best: tuple[float, Any, str] | None = None
    for surrogate in order:
        found = lesson.teach(surrogate)
        same = sum(name.partition(" #")[0] == surrogate.method for name in trials)
        name = f"{surrogate.method} #{same + 1}" if same else surrogate.method
        trials[name] = found
        worth = found + _BETTER if surrogate is first else found  # in doubt the first one
        if best is None or worth > best[0]:
            best = (worth, surrogate, name)
        if found >= _ENOUGH:
            break
    assert best is not None
    return best[1], best[2], trials


def _beside_init_rows(
    lesson: _Lesson,
    teacher: Predictions,
    rows: Any,
    encoder: EngineeredEncoder,
    split: Split,
    groups: np.ndarray,
    random_state: int,
) -> _Lesson | None:
    """A lesson without training rows, where the teacher memorizes them; None where it does not.

    A teacher that memorizes (nearest neighbours, deep forests) answers its training rows otherwise than rows
    beside them, and new rows lie beside them. A small probe finds out; the surrogate then learns from augmented
    rows that are no training rows alone, and rows near training rows stop the fit.
    """
    rng = np.random.default_rng([random_state, 1])
    near = mix(take(rows, split.stopping), groups, min(3 * len(split.stopping), _MAX_HELD_OUT), rng, most=_NEAR)
    known = _row_hashes(encoder.encode(rows))
    changed = np.flatnonzero(~np.isin(_row_hashes(encoder.encode(near)), known))
    if len(changed) < _FEWEST_NEAR:
        return None
    near = take(near, changed)
    judged = (encoder.encode(near), teacher.targets(_label(teacher, near)))
    learnt = np.flatnonzero(~np.isin(_row_hashes(lesson.X), known))
    if len(learnt) < len(split.train):
        return None
    # What is learnt beside the training rows holds for them as well, unless the teacher memorizes them.
    probed = rng.permutation(learnt)[: min(_PROBE_ROWS, _PROBE_CELLS // lesson.X.shape[1])]
    widest = int(lesson.targets.var(axis=0).argmax())  # one output is enough to tell
    output = slice(widest, widest + 1)
    probe = LGBMExplainableModel(**_PROBE, random_state=random_state)
    probe.fit(lesson.X[probed], lesson.targets[probed, output], task=lesson.task, categories=lesson.categories)
    at_home, beside = (
        target_score(targets[:, output], probe.predict_output(X), lesson.task)
        for X, targets in (lesson.stopping, judged)
    )
    if at_home >= beside - _WORSE_AT_HOME:
        return None
    return dataclasses.replace(lesson, X=lesson.X[learnt], targets=lesson.targets[learnt], stopping=judged)


def _unseen(fresh: Any, rows: Any, encoder: EngineeredEncoder, rng: np.random.Generator) -> Any:
    """At most 5,000 of the fresh rows that are not among the training rows; None where they are too few."""
    if fresh is None:
        return None
    seen, candidates = _row_hashes(encoder.encode(rows)), _row_hashes(encoder.encode(fresh, "fidelity_examples"))
    unseen = np.flatnonzero(~np.isin(candidates, seen))
    if len(unseen) < _FEWEST_FRESH:
        return None
    return take(fresh, np.sort(rng.permutation(unseen)[:_MAX_HELD_OUT]))


def _row_hashes(encoded: Any) -> np.ndarray:
    if sp.issparse(encoded):
        if not encoded.has_canonical_format:
            encoded = encoded.copy()  # it may share its values with the rows of the caller
            encoded.sum_duplicates()
        parts = np.split(np.arange(encoded.nnz), encoded.indptr[1:-1])
        return np.array([hash((encoded.indices[p].tobytes(), encoded.data[p].tobytes())) for p in parts])
    return np.array([hash(row.tobytes()) for row in encoded])


def _n_mixed(rows: Any, max_augmentations: int) -> int:
    n_rows, n_features = rows.shape
    wanted = min(max(5 * n_rows // 2, _FEWEST_MIXED), _MOST_MIXED)
    return int(min(wanted, max_augmentations * max(1000, n_rows), _MAX_CELLS // max(1, n_features)))


def _label(teacher: Predictions, rows: Any) -> np.ndarray:
    parts = [teacher.soft_output(take(rows, part)) for part in chunks(rows.shape[0], 50_000)]
    return np.concatenate(parts)


def _warn_unmeasured(n_rows: int) -> None:
    warn(
        f"How well the surrogate reproduces the model is not known: there are {n_rows} rows, which all train it; "
        f"a held-out check needs at least {MIN_ROWS}. Pass more rows, or `fidelity_examples`.",
        LowFidelityWarning,
    )


def _warn_of_low(fidelity: Fidelity, surrogate: Any, *, augment: bool, memorizes: bool) -> None:
    """Say so, and what may help that was not tried."""
    helps = ["more rows to train on"]
    if memorizes:
        helps.insert(
            0,
            "`fidelity_examples` that are new to the model (it memorizes its training rows; these may be among them)",
        )
    if not augment:
        helps.append("`augment_data=True`")
    sizes_itself = getattr(surrogate, "sizes_itself", None)
    if sizes_itself is not None:
        helps.append(
            "a larger surrogate (`explainable_model_args={'n_estimators': 800, 'num_leaves': 255}`)"
            if sizes_itself
            else "a surrogate that finds its size (leave `explainable_model_args` out)"
        )
    warn(
        f"The surrogate reproduces the teacher with R2 {fidelity.score:.3f} on {fidelity.n_rows} "
        f"{'past' if fidelity.rows == 'past' else 'held-out'} rows, below {LOW_R2}: read its explanations with "
        f"care. What may help: {'; '.join(helps)}.",
        LowFidelityWarning,
    )
