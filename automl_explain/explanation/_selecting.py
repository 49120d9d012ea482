"""Explanations made of explanations: some of the rows, some of the features, the raw columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from automl_explain._lazy import is_frame, is_sparse
from automl_explain._tables._positions import positions
from automl_explain._tables._rows import take
from automl_explain._validation import listed
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation._accessors import ImportanceAccessors
from automl_explain.explanation._header import Note
from automl_explain.explanation._values import fold, raw_rows, select_features, take_rows, warn_unmapped
from automl_explain.feature_map import FeatureMap, FeatureName


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Selecting(ImportanceAccessors):
    """New explanations from one, which itself is not changed."""

    def __len__(self) -> int:
        return self.num_examples

    def __bool__(self) -> bool:
        # An explanation of no rows is still an explanation.
        return True

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        """Explanation of some rows: a number, a slice, a list of numbers or a bool mask."""
        at = positions(rows, len(self), self.row_labels)
        changes = {
            "values": take_rows(self._local, at),
            "eval_data": take(self.eval_data, at),
            "eval_y_predicted": take(self.eval_y_predicted, at),
            "eval_y_predicted_proba": take(self.eval_y_predicted_proba, at),
            "row_labels": None if self.row_labels is None else self.row_labels[at],
            "unmapped": None if self.unmapped is None else self.unmapped[:, at],
            "residuals": None if self.residuals is None else self.residuals[:, at],
            "local_fit": None if self.local_fit is None else self.local_fit[:, at],
        }
        return self._changed(
            **changes,
            eval_fidelity=None,
            global_values=None,
            global_spread=None,
            unmapped_global=None,
            n_explained_rows=None,
        )

    def subset(self, mask: Any) -> Self:
        """Explanation of a cohort.

        Parameters
        ----------
        mask : array-like of bool of shape (n_rows,), or sequence of int
            Which rows, by position. A bool Series goes by its index: it may have the rows in another
            order, and more of them.

        Returns
        -------
        Explanation
            With its own ``id`` and global values, and without ``eval_fidelity``, which was measured
            on other rows.

        Raises
        ------
        MissingLocalValuesError
            If the explanation holds global values only.
        InputError
            If the mask has another length, another index or missing cells, or a row does not exist.

        See Also
        --------
        compare_cohorts : Importances of several cohorts side by side.
        """
        return self[mask]

    def select(self, features: Sequence[Any]) -> Self:
        """The same explanation with some of its features; the others are summed up, so that rows still add up.

        Parameters
        ----------
        features : sequence of str or int
            Names, or positions where no feature is named by a number; in the order wanted.

        Returns
        -------
        Explanation
            With a new ``id``. What the other features contribute is in ``unmapped``, and their names are in
            ``unmapped_features``. Global values alone do not tell what features contribute together: without
            local values the others are left out, and a note says so.

        Raises
        ------
        InputError
            If a feature is not known or given twice, or none is given.

        Examples
        --------
        >>> from automl_explain import Explanation
        >>> explanation = Explanation(
        ...     values=[[[1.0, -2.0, 4.0]]], base=[0.0], task="regression", features=["a", "b", "c"]
        ... )
        >>> explanation.select(["c"]).to_frame().iloc[0].to_dict()
        {'c': 4.0, '(unmapped)': -1.0, '(expected value)': 0.0, '(output)': 3.0}
        """
        names = self.features
        at = feature_positions(features, names)
        others = [j for j in range(len(names)) if j not in set(at)]
        spread, table = self.global_spread, self.eval_data
        changes: dict[str, Any] = {
            "features": tuple(names[j] for j in at),
            "global_values": self._global[:, at],
            "global_spread": None if spread is None else spread[:, at],
            "eval_data": _columns(table, at) if table is not None and table.shape[1] == len(names) else table,
        }
        left_out = tuple(names[j] for j in others)
        if self.values is None:
            told = f"{len(others)} features are left out: {listed(left_out, 5)}. Global values do not tell their sum."
            return self._changed(**changes, notes=(*self.notes, *([Note("selection", told)] if others else [])))
        values, rest = select_features(self.values, at)
        if others:
            changes |= self._unattributed(rest, left_out)
        return self._changed(values=values, **changes)

    def without_rows(self) -> Self:
        """The same explanation without the rows explained and the model's predictions, as for a shared store.

        Returns
        -------
        Explanation
            Under the same ``id``. Values, residuals and the labels of the rows are kept.
        """
        dropped = ("eval_data", "eval_y_predicted", "eval_y_predicted_proba")
        return self._changed(**dict.fromkeys(dropped), id=self.id, created=self.created)

    def get_raw_feature_importances(self, feature_maps: Any) -> list[Any]:
        """Local values of the raw columns as nested lists, or csr_matrix where they stay sparse.

        Parameters
        ----------
        feature_maps : FeatureMap, array-like, scipy sparse, or list of them
            See `get_raw_explanation`.

        Returns
        -------
        nested list of shape (n_rows, n_raw), or (n_classes, n_rows, n_raw) for classification
        """
        values = self.get_raw_explanation(feature_maps).local_importance_values
        if is_sparse(values):
            return [values]
        return values if isinstance(values, list) else list(values.tolist())

    def get_raw_explanation(
        self, feature_maps: Any, raw_feature_names: Sequence[FeatureName] | None = None, eval_data: Any = None
    ) -> Self:
        """The same explanation in the raw columns.

        Every engineered value is shared among its raw parents by weight, with its sign, so that each row still adds
        up. Grouped values (``raw_method="grouped"``) cannot be made from values: ask for them when explaining.

        Parameters
        ----------
        feature_maps : FeatureMap, array-like or scipy sparse of shape (n_raw, n_engineered), or list of them
            Weights >= 0. Several are composed, raw first.
        raw_feature_names : sequence of str or int, optional
            Names of the raw columns; those of the map where left out.
        eval_data : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
            The raw rows; none where left out.

        Returns
        -------
        Explanation
            In the raw space, with a new ``id``. What has no raw parent is in ``unmapped``.

        Raises
        ------
        InputError
            If the explanation is raw already, or the map or the number of names does not fit it.
        MissingLocalValuesError
            If the explanation holds global values only: the signs needed for folding are gone.

        Warns
        -----
        UnmappedFeaturesWarning
            If engineered features have no raw parent.

        Examples
        --------
        >>> from automl_explain import Explanation
        >>> engineered = Explanation(values=[[[1.0, -2.0, 4.0]]], base=[0.0], task="regression")
        >>> engineered.get_raw_explanation([[1, 1, 0], [0, 1, 1]]).local_importance_values
        array([[0., 3.]])
        """
        if self.is_raw:
            raise InputError("The explanation is raw already; fold the engineered one it was made from.")
        if self.values is None:
            raise MissingLocalValuesError(
                "This explanation holds global values only; folding to raw columns needs the signs of local values. "
                "Explain with explanation_types=['local', 'global'], or ask for raw values at once with get_raw=True."
            )
        feature_map = FeatureMap.chain(feature_maps).with_names(raw_names=raw_feature_names)
        values, lost = fold(self.values, feature_map)
        names = self.features
        changes: dict[str, Any] = {}
        if feature_map.unmapped:
            changes = self._unattributed(lost, tuple(names[j] for j in feature_map.unmapped))
            warn_unmapped(changes["unmapped_features"])
        eval_data, labels = raw_rows(eval_data, feature_map, self.row_labels)
        fresh = dict.fromkeys(("global_values", "global_spread", "unmapped_global"))
        changes |= {"values": values, "features": feature_map.raw_names, "space": "raw", **fresh}
        return self._changed(eval_data=eval_data, row_labels=labels, **changes)

    def _unattributed(self, more: np.ndarray, names: tuple[FeatureName, ...]) -> dict[str, Any]:
        """Fields with what further features contribute among the unattributed contribution."""
        return {
            "unmapped": more if self.unmapped is None else self.unmapped + more,
            "unmapped_global": None,
            "unmapped_features": (*self.unmapped_features, *names),
            "notes": tuple(note for note in self.notes if note.category != "unattributed"),
        }


def feature_positions(wanted: Any, names: Sequence[FeatureName], argument: str = "features") -> list[int]:
    """Positions of features given by name, or by position where no feature is named by a number.

    Raises
    ------
    InputError
        If one is not known or given twice, or none is given.
    """
    given = [wanted] if isinstance(wanted, (str, int, np.integer)) else list(wanted)
    place: dict[Any, int] = {name: j for j, name in enumerate(names)}
    numbered = any(isinstance(name, int) for name in names)
    found = []
    for one in given:
        plain = one.item() if isinstance(one, np.generic) else one
        known = isinstance(plain, (str, int)) and not isinstance(plain, bool)
        at = place.get(plain) if known else None
        if at is None and known and not numbered and isinstance(plain, int) and 0 <= plain < len(names):
            at = plain
        if at is None:
            raise InputError(f"`{argument}` holds {one!r}, which is no feature; known are {listed(names)}.")
        found.append(at)
    if not found or len(set(found)) < len(found):
        why = "names a feature twice" if found else "is empty"
        raise InputError(f"`{argument}` {why}; expected each feature once, and at least one.")
    return found


def _columns(table: Any, at: list[int]) -> Any:
    return table.iloc[:, at] if is_frame(table) else table[:, at]
