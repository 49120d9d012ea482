"""Cohorts: the importances of groups of the rows explained, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from automl_explain.analysis._bins import Bins, column_of
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation._explanation import Explanation

_SHOWN = 10


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CohortComparison:
    """What `compare_cohorts` gives.

    Attributes
    ----------
    overall : Explanation
        Of all rows.
    cohorts : mapping of str to Explanation
        Each with the global values of its own rows, in the order given.
    """

    overall: Explanation
    cohorts: Mapping[str, Explanation]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cohorts", MappingProxyType(dict(self.cohorts)))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows of each cohort."""
        return {name: len(cohort) for name, cohort in self.cohorts.items()}

    def to_frame(self, label: Any = None) -> pd.DataFrame:
        """Importances side by side.

        Parameters
        ----------
        label : object, optional
            One class; the mean over the classes where left out.

        Returns
        -------
        DataFrame
            One row per feature, those first whose importance differs most between the cohorts. Columns
            of two levels: ``("importance", name)`` for ``"(all rows)"`` and every cohort, in the output
            unit; ``("difference", name)`` of every cohort from all rows; and ``("spread", "")``,
            the largest importance in a cohort minus the smallest.
        """
        position = None if label is None else self.overall.class_position(label)
        columns: dict[tuple[str, str], np.ndarray] = {("importance", "(all rows)"): _importance(self.overall, position)}
        for name, cohort in self.cohorts.items():
            columns["importance", name] = _importance(cohort, position)
        every = np.array([columns["importance", name] for name in self.cohorts])
        for name, values in zip(self.cohorts, every, strict=True):
            columns["difference", name] = values - columns["importance", "(all rows)"]
        columns["spread", ""] = np.ptp(every, axis=0)
        index = pd.Index(self.overall.features, name="feature", dtype=object)
        table = pd.DataFrame(columns, index=index)
        return table.iloc[np.argsort(-columns["spread", ""], kind="stable")]

    frame = to_frame  # its former name

    def summary(self) -> pd.DataFrame:
        """One row per cohort.

        Returns
        -------
        DataFrame
            Columns ``rows``, ``share`` (of all rows), ``output`` (mean over the rows, in the output unit; for
            several outputs a column ``output CLASS`` each) and ``top feature``.
        """
        outputs = [""] if len(self.overall.base) == 1 else [f" {c}" for c in self.overall.classes]
        rows = [
            {
                "rows": len(cohort),
                "share": len(cohort) / len(self.overall),
                **{f"output{o}": m for o, m in zip(outputs, cohort.output.mean(axis=0).tolist(), strict=True)},
                "top feature": cohort.get_ranked_global_names(1)[0],
            }
            for cohort in self.cohorts.values()
        ]
        return pd.DataFrame(rows, index=pd.Index(list(self.cohorts), name="cohort"))

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} ({n:,} rows)" for name, n in self.sizes.items())
        return f"Cohorts: {sizes}\nin {self.overall.output_unit}\n\n{self._shown().to_string(float_format=_number)}"

    def _repr_html_(self) -> str:
        return str(self.summary().to_html() + self._shown().to_html(float_format=_number))

    def _shown(self) -> pd.DataFrame:
        return self.to_frame().drop(columns="difference", level=0).head(_SHOWN)


def compare_cohorts(explanation: Explanation, cohorts: Any, *, n_bins: int = 4) -> CohortComparison:
    """Importances of groups of the rows explained, side by side.

    Parameters
    ----------
    explanation : Explanation
        With local values.
    cohorts : mapping, str or int
        Name -> rows, as `Explanation.subset` takes them (a bool mask, positions, or a Series with the
        index of the rows); groups may overlap and need not hold all rows. Or a column of
        ``explanation.eval_data`` by name: a group per category, per quantile bin of numbers and dates,
        and one of missing values.
    n_bins : int, default 4
        Quantile bins of a column of numbers, at most.

    Returns
    -------
    CohortComparison

    Raises
    ------
    MissingLocalValuesError
        If the explanation holds global values only.
    InputError
        If there is no such column, a mask does not fit the rows, or a cohort has no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import Explanation, compare_cohorts
    >>> explanation = Explanation(values=np.array([[[1.0, 5.0], [-3.0, 5.0], [8.0, 5.0]]]), base=[0.0],
    ...                           task="regression", features=["age", "size"])
    >>> compared = compare_cohorts(explanation, {"first": [0, 1], "last": [2]})
    >>> compared.to_frame()["importance"].loc["age"].to_dict()
    {'(all rows)': 4.0, 'first': 2.0, 'last': 8.0}
    """
    if explanation.values is None:
        raise MissingLocalValuesError(
            "This explanation holds global values only; cohorts need the values of each row. "
            "Explain with explanation_types=['local', 'global'] (or include_local=True)."
        )
    if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 2:
        raise InputError(f"`n_bins` must be a whole number of at least 2; got {n_bins!r}.")
    groups = cohorts if isinstance(cohorts, Mapping) else _groups_of_column(explanation, cohorts, int(n_bins))
    if not groups:
        raise InputError("`cohorts` names no cohort; pass {'name': mask, ...} or a column of `eval_data`.")
    found = {}
    for name, rows in groups.items():
        try:
            found[str(name)] = explanation.subset(rows)
        except InputError as error:
            raise InputError(f"Cohort {name!r}: {error}") from error
        if not len(found[str(name)]):
            raise InputError(
                f"Cohort {name!r} has no rows, so it has no importances. Leave it out, or widen its condition."
            )
    if len(found) < len(groups):
        raise InputError(f"Two cohorts have the same name as text: {list(groups)!r}. Give each one its own.")
    return CohortComparison(explanation, found)


def _groups_of_column(explanation: Explanation, name: Any, n_bins: int) -> dict[str, np.ndarray]:
    table = explanation.eval_data
    if table is None:
        raise InputError(
            "The explanation holds no rows (`eval_data`), so there is no column to group by. Pass {'name': mask, ...}."
        )
    names: list[Any] = list(table.columns) if isinstance(table, pd.DataFrame) else explanation.features
    if len(names) != table.shape[1] or not isinstance(name, (str, int, np.integer)) or names.count(name) != 1:
        known = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        raise InputError(f"`cohorts` is {name!r}; expected one column of `eval_data` ({known}), or {{'name': mask}}.")
    bins = Bins.of(column_of(table, names.index(name)), n_bins)
    return {f"{name} {text}": np.flatnonzero(bins.codes == k) for k, text in enumerate(bins.labels)}


def _importance(explanation: Explanation, position: int | None) -> np.ndarray:
    if position is None:
        return explanation.global_importance_values
    importance: np.ndarray = explanation.per_class_values[position]
    return importance


def _number(value: float) -> str:
    return f"{value:.4g}"
