"""InteractionExplanation: main effects and pairwise interactions that add up to each prediction."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from automl_explain._lazy import pandas as pd
from automl_explain._validation import check_count
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation._accessors import check_top_k
from automl_explain.explanation._display import note_lines, pair_table
from automl_explain.explanation._fidelity import told_fidelities
from automl_explain.explanation._fields import SPACES, as_floats, feature_name
from automl_explain.explanation._header import ExplanationHeader, ListField, with_usual_notes
from automl_explain.explanation._values import MirroredValues
from automl_explain.feature_map import FeatureName, unique_names

_SHOWN = 10
_ROUNDING = 1e-6  # of the largest entry: other packages sum up both halves of a pair apart


class Interaction(NamedTuple):
    """Two features, and how strongly they interact.

    Parameters
    ----------
    feature, other : str or int
        In the order of the features.
    importance : float
        Mean magnitude over the rows of their entry, which the matrix has twice.
    """

    feature: FeatureName
    other: FeatureName
    importance: float


def _mean_absolute(explanation: InteractionExplanation) -> np.ndarray:
    values = explanation._local
    found = np.zeros((len(values), *values.shape[2:]))
    for row in range(values.shape[1]):  # no second copy of all
        found += np.abs(values[:, row])
    return as_floats("global_values", found / max(1, values.shape[1]), found.shape)


def _check_magnitudes(means: np.ndarray) -> None:
    room = _ROUNDING * means.max(initial=0.0)
    if not ((means >= 0) & np.isfinite(means)).all() or (np.abs(means - means.swapaxes(1, 2)) > room).any():
        raise InputError(
            "`global_values` has matrices that are not symmetric, or numbers that are negative or not finite; expected "
            "the mean magnitude of each entry, `abs(values).mean(axis=1)`."
        )


def _check_matrices(values: np.ndarray) -> None:
    for matrices in values:
        for row, matrix in enumerate(matrices):
            if not np.isfinite(matrix).all():
                raise InputError(
                    f"`values` of row {row} are not all finite; expected contributions, in the output unit."
                )
            room = _ROUNDING * np.abs(matrix).max(initial=0.0)
            if (np.abs(matrix - matrix.T) > room).any():
                raise InputError(
                    f"`values` is not symmetric in row {row}: entries [i, j] and [j, i] must be the same, half of the "
                    "interaction index of two features each. Pass `(values + values.swapaxes(2, 3)) / 2` if the whole "
                    "effect of a pair is in one of them."
                )


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class InteractionExplanation(ExplanationHeader):
    """Main effects of features and interactions of pairs of them, row by row and over all rows.

    Every row has a symmetric matrix: off its diagonal half of the Shapley interaction index of each pair, on it the
    main effects. A row of the matrix adds up to the feature's Shapley value; all entries, the unattributed contribution
    and the expected value add up to the output explained. Nothing changes once it is made: arrays are read-only.

    Parameters
    ----------
    values : ndarray of shape (n_outputs, n_rows, n_features, n_features) or None
        In the output unit; None if only mean magnitudes are known. One output for regression and for two classes (that
        of the second class), and one per class for more.
    base : ndarray of shape (n_outputs,)
        Output where all contributions are zero.
    task, classes, output_unit, link, fidelity, eval_fidelity, method, model_type, model_id, notes, created, id
        As of `Explanation`.
    features : sequence of str or int, optional
        Names, one per column of a matrix; 0, 1, ... where left out.
    space : {"engineered", "raw"}, default "engineered"
    unmapped : ndarray of shape (n_outputs, n_rows, n_features + 1), optional
        Unattributed contribution: interaction of each feature with those that are not listed (which counts twice), then
        the main effect of these.
    unmapped_features : tuple of str or int, default ()
        Features that are not listed, such as engineered ones without a raw parent.
    global_values : ndarray of shape (n_outputs, n_features, n_features), optional
        Mean |value| over the rows; worked out from ``values`` where left out.
    n_explained_rows : int, optional
        Number of rows behind ``global_values``; needed if ``values`` is None.

    Raises
    ------
    InputError
        If names, classes or shapes do not fit together.

    References
    ----------
    Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees,
    doi:10.1038/s42256-019-0138-9.
    Fujimoto, Kojadinovic, Marichal (2006), Axiomatic characterizations of probabilistic and cardinal-probabilistic
    interaction indices, doi:10.1016/j.geb.2005.03.002.

    Examples
    --------
    >>> from automl_explain.explanation import InteractionExplanation
    >>> found = InteractionExplanation(values=[[[[5.0, 0.5], [0.5, 1.0]]]], base=[5.0], task="regression",
    ...                                features=["age", "size"])
    >>> found.top_interactions(1)
    [Interaction(feature='age', other='size', importance=0.5)]
    >>> found.shapley_values.tolist(), found.output.tolist()
    ([[5.5, 1.5]], [[12.0]])
    """

    kind: ClassVar[str] = "interactions"

    values: np.ndarray | None
    features: Any = ListField(feature_name)
    space: Literal["engineered", "raw"] = "engineered"
    unmapped: np.ndarray | None = None
    unmapped_features: tuple[FeatureName, ...] = ()
    global_values: Any = functools.cached_property(_mean_absolute)
    n_explained_rows: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_word("space", SPACES)
        n_features = self._set_values(len(self.base))
        names = self.features
        if names is not None and len(names) != n_features:
            raise InputError(
                f"`features` has {len(names)} names for matrices of {n_features} features. Pass one name per column, "
                "or None for the numbers 0, 1, ..."
            )
        self._set("features", unique_names(tuple(range(n_features)) if names is None else tuple(names)))
        self._set("unmapped_features", tuple(feature_name(n) for n in self.unmapped_features))
        self._set("notes", with_usual_notes(self.notes, self.fidelity, self.unmapped_features))

    def _set_values(self, n_outputs: int) -> int:
        """Check the values and what goes with them; gives the number of features."""
        given = self._late("global_values")
        if self.values is None:
            if given is None or self.n_explained_rows is None:
                raise InputError("`values` is None; mean magnitudes alone need `global_values` and `n_explained_rows`.")
            check_count(self.n_explained_rows, "n_explained_rows", least=0)
            n_rows, n = int(self.n_explained_rows), len(np.atleast_2d(given)[-1])
        else:
            shape = np.shape(self.values)
            if len(shape) != 4 or shape[0] != n_outputs or shape[2] != shape[3]:
                raise InputError(
                    f"`values` has shape {shape}; expected ({n_outputs}, n_rows, n_features, n_features), one matrix "
                    "per entry of `base` and row."
                )
            n_rows, n = shape[1:3]
            if self.n_explained_rows not in (None, n_rows):
                raise InputError(f"`n_explained_rows` is {self.n_explained_rows}, but `values` has {n_rows} rows.")
            self._set("values", as_floats("values", self.values, shape))
            _check_matrices(self._local)
        self._set("n_explained_rows", n_rows)
        if self.unmapped is not None:
            self._set("unmapped", as_floats("unmapped", self.unmapped, (n_outputs, n_rows, n + 1)))
        if given is not None:
            self._set("global_values", as_floats("global_values", given, (n_outputs, n, n)))
            _check_magnitudes(self.global_values)
        return n

    @property
    def _local(self) -> np.ndarray:
        if self.values is None:
            raise MissingLocalValuesError(
                "This explanation holds mean magnitudes only; the values of the rows are needed here. Explain with "
                "`include_local=True`."
            )
        return self.values

    @property
    def num_features(self) -> int:
        """Number of features."""
        names = self.features
        assert names is not None
        return len(names)

    @property
    def num_examples(self) -> int:
        """Number of rows explained."""
        assert self.n_explained_rows is not None
        return self.n_explained_rows

    @property
    def interaction_values(self) -> Any:
        """Matrix of every row, in the output unit.

        Returns
        -------
        ndarray of shape (n_rows, n_features, n_features)
            Regression.
        MirroredValues of shape (2, n_rows, n_features, n_features)
            Two classes: ``[-v, v]``, of which one half is held.
        ndarray of shape (K, n_rows, n_features, n_features)
            More classes.

        Raises
        ------
        MissingLocalValuesError
            If there are mean magnitudes only.
        """
        return self._outward(self._local)

    @property
    def main_effects(self) -> Any:
        """What each feature contributes by itself: the diagonals, shaped as `Explanation.local_importance_values`."""
        return self._outward(np.ascontiguousarray(np.diagonal(self._local, axis1=2, axis2=3)))

    @property
    def shapley_values(self) -> Any:
        """Contribution of each feature, main effect and interactions: `Explanation.local_importance_values`."""
        return self._outward(self._contributions)

    @property
    def _contributions(self) -> np.ndarray:
        found: np.ndarray = self._local.sum(axis=-1)
        return found if self.unmapped is None else found + self.unmapped[..., :-1]

    @property
    def output(self) -> np.ndarray:
        """The output explained, shape (n_rows, n_outputs): expected value and all contributions, unattributed too."""
        total: np.ndarray = self._contributions.sum(axis=-1).T + self.base
        return total if self.unmapped is None else total + self.unmapped.sum(axis=-1).T

    @property
    def global_interaction_values(self) -> np.ndarray:
        """Mean |entry| over the rows, and over the classes where there are several, shape (n_features, n_features)."""
        found: np.ndarray = self.global_values.mean(axis=0)
        return found

    def top_interactions(self, k: int | None = 10, label: Any = None) -> list[Interaction]:
        """Pairs of features that interact most, strongest first; ties in the order of the columns.

        Parameters
        ----------
        k : int or None, default 10
            How many; None for all, 0 for none.
        label : object, optional
            One class; the mean over the classes where left out.

        Returns
        -------
        list of Interaction
            Names of the two features, and the mean magnitude of their entry in the output unit.

        Raises
        ------
        InputError
            If ``k`` or ``label`` is not known.
        """
        most = check_top_k(k, "k")
        one, other, importance = self._ranked(label)
        names = self.features
        assert names is not None
        chosen = zip(one[:most].tolist(), other[:most].tolist(), importance[:most].tolist(), strict=True)
        return [Interaction(names[i], names[j], value) for i, j, value in chosen]

    def to_frame(self, label: Any = None) -> pd.DataFrame:
        """All pairs of features as a table, strongest interaction first.

        Parameters
        ----------
        label : object, optional
            As in `top_interactions`.

        Returns
        -------
        DataFrame
            Columns ``feature``, ``other``, ``importance`` (mean magnitude) and ``share`` (of the sum over the pairs).
        """
        one, other, importance = self._ranked(label)
        names = self.features
        assert names is not None
        pairs = [[names[j] for j in positions.tolist()] for positions in (one, other)]
        found = pd.DataFrame(dict(zip(Interaction._fields, [*pairs, importance], strict=True)))
        total = found["importance"].sum()
        return found.assign(share=found["importance"] / total if total else 0.0)

    def _ranked(self, label: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both features and the importance of every pair, strongest first."""
        matrix = self.global_interaction_values
        if label is not None:
            position = self.class_position(label)
            matrix = self.global_values[position if self.num_classes > 2 else 0]  # two classes share one magnitude
        one, other = np.triu_indices(self.num_features, 1)
        importance = matrix[one, other]
        order = np.argsort(-importance, kind="stable")
        return one[order], other[order], importance[order]

    def _outward(self, values: np.ndarray) -> Any:
        if self.task == "regression":
            return values[0]
        return MirroredValues(values[0]) if len(values) == 1 else values

    def __repr__(self) -> str:
        n, d = self.num_examples, self.num_features
        top, rest = self.top_interactions(_SHOWN), d * (d - 1) // 2 - _SHOWN
        return "\n".join(
            [
                f"Interactions of {d:,} {self.space} feature{'' if d == 1 else 's'} ({self.method})",
                f"{self.task}, in {self.output_unit}, {n:,} row{'' if n == 1 else 's'}",
                *(f"fidelity: {each}" for each in told_fidelities(self.fidelity, self.eval_fidelity)),
                *note_lines(self.notes),
                "",
                pair_table(top, unit=f"mean |{self.output_unit}|"),
                *([f"and {rest:,} more pair{'' if rest == 1 else 's'}"] if rest > 0 else []),
            ]
        )
