"""Probing: the columns of a step are changed one at a time, and what moves depends on them.

For transformers that no rule knows. A column is changed by shuffling its rows, which keeps its type
and its values; then some values are made missing; a column that is the same everywhere gets another
value. Columns that come from the same raw column are changed together. What moves at all is the
support; the weights are the shares of the total effects of Jansen, mean((f(x) - f(x'))^2) / 2,
where x' is x with that column shuffled.

Shuffling finds out nothing about outputs that are random, or that depend on the other rows of a
call or on the labels of the rows. Such outputs are found first and said to be unknown, never given
parents by chance.

References
----------
M. J. W. Jansen (1999): Analysis of variance designs for model output. Computer Physics
Communications 117, 35-43. doi:10.1016/S0010-4655(98)00154-4
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from automl_explain._tables._rows import stack, take
from automl_explain.lineage._changes import emptied, replaced, stands
from automl_explain.lineage._claims import claims_one_to_one, holds
from automl_explain.lineage._compare import Output
from automl_explain.lineage._links import Columns, Links, shared
from automl_explain.lineage._mixes import MIN_ROWS
from automl_explain.lineage._place import Place, ProbedStep, kind_of
from automl_explain.lineage._tables import n_columns, n_rows, with_shuffled

N_SHUFFLES = 2
# Values of the tables that are transformed in one call: 32 MB of float64.
MOST_CELLS = 4_000_000
# More columns than this that mix several raw columns are changed together if they mix the same ones.
MOST_GROUPS = 500
# Of weights that are measured though the parents are known: one shuffle of the small sample for each group.
MOST_MEASURED = 300

# Fewer rows would miss links.
FEWEST_ROWS = 10

RANDOM = "differs between two calls on the same rows"
COUPLED = "depends on the other rows of the call"
LABELS = "depends on the labels of the rows"
STILL = "moved with none of the columns on the rows probed"


class Step:
    """One step on trial.

    Parameters
    ----------
    transformer : object
        Its fitted transformer.
    X : table
        Rows of its input.
    columns : Columns
        Where they come from.
    random_state : int
        Seed of the shuffles.
    """

    def __init__(self, transformer: Any, X: Any, columns: Columns, random_state: int) -> None:
        self.transformer, self.X, self.n_calls = transformer, X, 0
        self.rng = np.random.default_rng(random_state)
        self.groups, self.spread = _groups(columns)
        # A copy: some transformers give the same array again, filled anew.
        self.before = self.run(X).rows(np.arange(n_rows(X)))
        self.moved: list[Any] = [sp.csr_matrix((1, self.n_out), dtype=bool)] * len(self.groups)
        self.effect: list[Any] = [sp.csr_matrix((1, self.n_out))] * len(self.groups)

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.before.shape[1]

    def run(self, X: Any) -> Output:
        """Its output; the rows are copied, since some transformers write into them."""
        self.n_calls += 1
        out = Output(self.transformer.transform(X.copy() if hasattr(X, "copy") else X))
        if out.shape[0] != n_rows(X):
            raise ValueError(f"{out.shape[0]} rows came out of {n_rows(X)}")
        return out

    def unsteady(self) -> dict[str, np.ndarray]:
        """Which outputs move though no value does, by the reason: masks of shape (n_out,)."""
        n = n_rows(self.X)
        found = {RANDOM: self.before.against(self.run(self.X))[0]}
        half = np.arange(n)[::-2]
        found[COUPLED] = self.before.rows(half).against(self.run(take(self.X, half)))[0]
        if hasattr(self.X, "iloc") and n > 1:
            moved_on = self.X.set_axis(self.X.index[np.roll(np.arange(n), 1)], axis=0)
            try:
                found[LABELS] = self.before.against(self.run(moved_on))[0]
            except Exception:  # labels that it checks; the tables below keep their own
                found[LABELS] = np.zeros(self.n_out, dtype=bool)
        return found

    def on(self, X: Any) -> Step:
        """The same step on other rows of as many."""
        other = copy.copy(self)
        other.X, other.moved, other.effect = X, list(self.moved), list(self.effect)
        other.before = other.run(X).rows(np.arange(n_rows(X)))
        return other

    def shuffle(self) -> set[int]:
        """Shuffle each group in turn; gives the groups for which the transformer failed."""
        order = self.rng.permutation(n_rows(self.X))
        # Every row gets the value of another row.
        source = np.empty_like(order)
        source[order] = np.roll(order, 1)
        return self.change(range(len(self.groups)), lambda g: with_shuffled(self.X, g, source), keep=True)

    def change(
        self, which: Sequence[int], make: Callable[[np.ndarray], Any], *, keep: bool = False, gaps: bool = False
    ) -> set[int]:
        """Compare with the output for changed rows, several groups in one call; gives the groups that failed.

        ``keep`` counts the effect, ``gaps`` says that values were made missing.
        """
        widest = max(n_columns(self.X), self.n_out, 1)
        per_call = max(1, MOST_CELLS // (widest * max(n_rows(self.X), 1)))
        failed: set[int] = set()
        for start in range(0, len(which), per_call):
            block = which[start : start + per_call]
            try:
                self._change_together(block, make, keep, gaps)
            except Exception:  # whatever a transformer raises of values it never saw
                for g in block:
                    try:
                        self._change_together([g], make, keep, gaps)
                    except Exception:
                        failed.add(g)
        return failed

    def _change_together(self, block: Sequence[int], make: Callable[[np.ndarray], Any], keep: bool, gaps: bool) -> None:
        n = n_rows(self.X)
        after = self.run(stack(*(make(self.groups[g]) for g in block)))
        if after.shape[1] != self.n_out:
            raise ValueError(f"{after.shape[1]} columns came out instead of {self.n_out}")
        for k, g in enumerate(block):
            moved, effect = self.before.against(after.rows(slice(k * n, (k + 1) * n)), but_gaps=gaps)
            self.moved[g] = self.moved[g] + sp.csr_matrix(moved[None])
            if keep:
                self.effect[g] = self.effect[g] + sp.csr_matrix(np.where(moved, effect / 2, 0.0)[None])


def _groups(columns: Columns) -> tuple[list[np.ndarray], sp.csr_matrix]:
    """Columns to change together, and how what is found of a group spreads over its columns."""
    counts, pointers = np.diff(columns.support.indptr), columns.support.indptr
    few = int((counts > 1).sum()) <= MOST_GROUPS
    found: dict[Any, list[int]] = {}
    for j in np.flatnonzero(counts):
        roots = columns.support.indices[pointers[j] : pointers[j + 1]]
        key: Any = ("mix", j) if len(roots) > 1 and few else np.sort(roots).tobytes()
        found.setdefault(key, []).append(int(j))
    groups = [np.array(members) for members in found.values()]
    # Columns of one raw column stand for each other, so that the first can speak for all.
    speakers = [g[:1] if counts[g[0]] == 1 else g for g in groups]
    rows = np.concatenate([*speakers, np.zeros(0, dtype=np.int64)])
    sizes = [len(s) for s in speakers]
    cells = np.repeat([1.0 / size for size in sizes], sizes)
    spread = sp.csr_matrix((cells, (rows, np.repeat(np.arange(len(groups)), sizes))), shape=(columns.n, len(groups)))
    return groups, spread


def probed(transformer: Any, X: Any, columns: Columns, place: Place, reason: str) -> Links:
    """Links of a step seen on rows that are changed one column at a time, and a note of the cost.

    Parameters
    ----------
    transformer : object
        Its fitted transformer.
    X : table
        Rows of its input.
    columns : Columns
        Where they come from.
    place : Place
        Holds the seed, and gets the note.
    reason : str
        Why there is no rule.
    """
    start = time.perf_counter()
    step = Step(transformer, X, columns, place.random_state or 0)
    unsteady = step.unsteady()
    failed: set[int] = set()
    standing: list[int] = []
    confirmed = claims_one_to_one(transformer) and holds(step)
    if not confirmed:
        failed = set(range(len(step.groups)))
        for _ in range(N_SHUFFLES):
            failed &= step.shuffle()
        standing = _try_other_values(step)
    moved = sp.csr_matrix(sp.vstack(step.moved), dtype=np.float64)
    why = np.full(step.n_out, "", dtype=object)
    why[moved.getnnz(axis=0) == 0] = STILL
    if confirmed:
        why[np.diff(columns.support.indptr) == 0] = ""
    for cause, which in reversed(unsteady.items()):
        why[which] = cause
    if n_rows(X) < FEWEST_ROWS:
        why[:] = f"cannot be probed with {n_rows(X)} rows; it takes {FEWEST_ROWS} or more"
    elif failed:
        names = ", ".join(repr(columns.names[step.groups[g][0]]) for g in sorted(failed)[:5])
        why[:] = f"may depend on columns with which it fails when they are changed: {names}"
    reasons, counts = np.unique(why[why != ""].astype(str), return_counts=True)
    place.note(
        ProbedStep(
            place.path(transformer),
            kind_of(transformer),
            reason,
            columns.n,
            step.n_out,
            n_rows(X),
            step.n_calls,
            time.perf_counter() - start,
            1.0 - 0.01 ** (1.0 / (N_SHUFFLES * n_rows(X))),
            tuple((str(r), int(n)) for r, n in zip(reasons, counts, strict=True)),
            tuple(columns.names[step.groups[g][0]] for g in standing),
        )
    )
    return _links(step, moved, standing, why != "")


def _links(step: Step, moved: sp.csr_matrix, standing: Sequence[int], lost: np.ndarray) -> Links:
    effect = sp.csr_matrix(sp.vstack(step.effect))
    # What moves with missing values alone has no total effect, and is shared equally.
    without = np.asarray(effect.sum(axis=0)).ravel() == 0
    effect = effect + moved @ sp.diags(without.astype(np.float64))
    effect = effect @ sp.diags((~lost).astype(np.float64))
    anything = sp.csr_matrix(np.ones((len(step.groups), 1))) @ sp.csr_matrix(lost[None].astype(np.float64))
    maybe = sp.csr_matrix((np.ones(len(standing)), (list(standing), [0] * len(standing))), (len(step.groups), 1))
    support = moved + anything + maybe @ sp.csr_matrix(np.ones((1, step.n_out)))
    weights = shared(step.spread @ effect, support=step.spread @ support, loose=False)
    return Links(weights.weights, weights.support, probed=True, lost=lost)


def _try_other_values(step: Step) -> list[int]:
    """Missing values everywhere, other values where a column stands still; gives groups that were not changed."""
    every = range(len(step.groups))
    half = np.random.default_rng(0).random(n_rows(step.X)) < 0.5
    can_be_missing = [g for g in every if emptied(step.X, step.groups[g], half) is not None]
    step.change(can_be_missing, lambda at: emptied(step.X, at, half), gaps=True)
    still = [g for g in every if stands(step.X, step.groups[g])]
    failed = step.change(still, lambda at: replaced(step.X, at, half))
    _shuffle_behind(step, sorted(set(still) - failed), half)
    return sorted(failed)


def _shuffle_behind(step: Step, changed: Sequence[int], half: np.ndarray) -> None:
    """Shuffle where standing columns have other values: a factor that is 0 everywhere hides the other one."""
    if not changed:
        return
    X = step.X
    for g in changed:
        X = replaced(X, step.groups[g], half)
    try:
        other = step.on(X)
    except Exception:  # values that do not go together; each was tried by itself
        return
    other.shuffle()
    step.moved, step.n_calls = other.moved, other.n_calls


def measured(transformer: Any, X: Any, columns: Columns, links: Links) -> Links:
    """Links with known parents whose loose weights are measured, where the sample and the step allow it."""
    if n_rows(X) < MIN_ROWS:
        return links
    try:
        step = Step(transformer, X, columns, 0)
        if len(step.groups) > MOST_MEASURED or step.n_out != links.n_out or step.shuffle():
            return links
    except Exception:  # the equal shares stand
        return links
    effect = step.spread @ sp.csr_matrix(sp.vstack(step.effect))
    loose = np.broadcast_to(np.asarray(links.loose), links.n_out)
    found = loose & (np.asarray(effect.sum(axis=0)).ravel() > 0)
    mixed = effect @ sp.diags(found.astype(np.float64)) + links.weights @ sp.diags((~found).astype(np.float64))
    support = links.weights if links.support is None else links.support
    return shared(mixed, support=support.astype(bool), loose=links.loose)
