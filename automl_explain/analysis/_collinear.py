"""Groups of columns that say the same, and what such a group contributes as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from automl_explain._tables._rows import dense, take
from automl_explain._validation import as_table, listed
from automl_explain.analysis._association import association
from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureName

if TYPE_CHECKING:
    from automl_explain.explanation._explanation import Explanation

_MOST_ROWS, _MOST_COLUMNS = 5000, 2000


def collinear_groups(
    rows: Any, threshold: float = 0.9, *, names: Sequence[FeatureName] | None = None
) -> list[list[FeatureName]]:
    """Groups of columns that say much the same.

    Two numbers are compared by |Spearman correlation|, two categories by Cramer's V, a number and a category by
    the correlation ratio of the number's ranks: all from 0 to 1. The latter two are corrected for the number of
    categories, and what chance gives as easily counts as 0: a column that differs in every row seems to tell
    everything, and so does any column of very few rows. Columns are clustered by complete linkage, so that any
    two columns of a group reach the threshold.

    Parameters
    ----------
    rows : DataFrame, ndarray or scipy sparse of shape (n_rows, n_columns)
        At most 2,000 columns; 5,000 rows at equal distances are looked at. Missing numbers count as the
        middle rank, missing categories as one of their own.
    threshold : float, default 0.9
    names : sequence, optional
        Names of the columns; those of the frame, or 0, 1, ..., where left out.

    Returns
    -------
    list of list
        Groups of two columns and more, in the order of their first column.

    Raises
    ------
    InputError
        If there are too many columns, the names do not fit or the threshold is not in (0, 1].

    Notes
    -----
    Chance is judged at 5 % for all pairs of columns together (Bonferroni). Fewer than six rows tell nothing.

    References
    ----------
    Bergsma (2013), A bias-correction for Cramer's V and Tschuprow's T, doi:10.1016/j.jkss.2012.10.002.
    Kelley (1935), An unbiased correlation ratio measure, doi:10.1073/pnas.21.9.554.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.arange(1.0, 8.0)
    >>> rows = np.column_stack([a, 10 * a, [3.0, 1.0, 2.0, 7.0, 4.0, 6.0, 5.0]])
    >>> collinear_groups(rows, names=["a", "b", "c"])
    [['a', 'b']]
    """
    table, called = _checked(rows, threshold, names)
    n_rows, n_columns = table.shape
    if n_columns < 2:
        return []
    at = np.unique(np.linspace(0, max(n_rows - 1, 0), min(n_rows, _MOST_ROWS)).astype(np.int64))
    picked = take(table, at) if isinstance(table, pd.DataFrame) else pd.DataFrame(dense(take(table, at)))
    distance = 1.0 - association(picked)
    np.fill_diagonal(distance, 0.0)
    clusters = fcluster(linkage(squareform(distance, checks=False), "complete"), 1.0 - threshold + 1e-9, "distance")
    groups = [[called[j] for j in np.flatnonzero(clusters == c)] for c in pd.unique(clusters)]
    return [group for group in groups if len(group) > 1]


def _checked(rows: Any, threshold: Any, names: Sequence[FeatureName] | None) -> tuple[Any, list[FeatureName]]:
    """The rows as a table, and the names of its columns."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold <= 1:
        raise InputError(f"`threshold` is {threshold!r}; expected a number above 0, at most 1, such as 0.9.")
    table = as_table(np.asarray(rows) if isinstance(rows, (list, tuple)) else rows, "rows")
    n_columns = table.shape[1]
    if n_columns > _MOST_COLUMNS:
        raise InputError(
            f"`rows` has {n_columns} columns; groups are found among at most {_MOST_COLUMNS}. Pass the columns that "
            "matter most."
        )
    called: list[FeatureName] = list(table.columns) if isinstance(table, pd.DataFrame) else list(range(n_columns))
    called = called if names is None else list(names)
    if len(called) != n_columns:
        raise InputError(f"`names` has {len(called)} names for {n_columns} columns; pass one for each.")
    return table, called


def grouped_importance(
    explanation: Explanation, groups: Sequence[Sequence[FeatureName]] | Mapping[str, Sequence[FeatureName]]
) -> dict[Any, float]:
    """Global importance with the columns of a group as one: the mean |sum of their contributions|.

    Contributions of collinear columns that cancel do not count, those that a surrogate shared out add up.

    Parameters
    ----------
    explanation : Explanation
        With local values.
    groups : sequence of sequence of names, or mapping of name to sequence of names
        No feature in two of them, see `collinear_groups`; features in none stay by themselves.

    Returns
    -------
    dict of name to float
        Most important first, in the output unit; a group without a name is the tuple of its features.

    Raises
    ------
    InputError
        If a feature is not known or in two groups, or a group is empty.
    MissingLocalValuesError
        If the explanation has no local values.
    """
    named = dict(groups) if isinstance(groups, Mapping) else {tuple(group): group for group in groups}
    features = list(explanation.features)
    place = {name: j for j, name in enumerate(features)}
    members = [name for group in named.values() for name in group]
    unknown = [name for name in members if name not in place]
    if unknown:
        raise InputError(f"`groups` names {unknown[0]!r}, which is no feature. Known: {listed(features)}.")
    twice = sorted({str(name) for name in members if members.count(name) > 1})
    if twice or any(len(group) == 0 for group in named.values()):
        why = f"holds {listed(twice)} more than once" if twice else "holds an empty group"
        raise InputError(f"`groups` {why}; expected each feature in one group at most, and none empty.")
    keys: list[Any] = [*named, *(name for name in features if name not in set(members))]
    columns = [*([place[n] for n in group] for group in named.values()), *([place[k]] for k in keys[len(named) :])]
    sums = sp.csr_matrix(
        (np.ones(len(features)), (np.concatenate(columns), np.repeat(np.arange(len(keys)), [len(c) for c in columns]))),
        shape=(len(features), len(keys)),
    )
    values = explanation._local
    importance = np.mean([np.asarray(abs(each @ sums).mean(axis=0)).ravel() for each in values], axis=0)
    order = np.argsort(-importance, kind="stable")
    return {keys[k]: float(importance[k]) for k in order}
