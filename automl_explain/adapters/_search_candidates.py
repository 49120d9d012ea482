"""Every configuration that a search of scikit-learn tried (``GridSearchCV``, ``HalvingRandomSearchCV``, ...)."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from automl_explain.adapters._candidates import ALL_ROWS, Candidate, chosen, training_rows
from automl_explain.exceptions import UnsupportedModelError


class SearchCandidates:
    """The configurations that a search tried, named by their values.

    A search over several metrics is listed in the order of the one it refits by, else of the first.
    ``HalvingGridSearchCV`` tries a configuration several times, with more rows each; its last trial counts.

    Parameters
    ----------
    search : sklearn.model_selection.BaseSearchCV
        Fitted.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted.
    """

    def __init__(self, search: Any) -> None:
        if not hasattr(search, "cv_results_"):
            raise UnsupportedModelError(f"{type(search).__name__} is not fitted; call `fit` first.")
        self._search = search

    def listed(self) -> Sequence[Candidate]:
        """The chosen one first, then by score; trials that failed are left out."""
        search, results = self._search, self._search.cv_results_
        scores = np.asarray(results[self._score()], dtype=np.float64)
        kept = ALL_ROWS if hasattr(search, "best_estimator_") else None
        last = {_key(p): i for i, p in enumerate(results["params"])}
        best = getattr(search, "best_index_", None)
        if best is not None:
            last[_key(results["params"][best])] = int(best)
        rows = [
            Candidate(
                _name(results["params"][i]),
                results["params"][i],
                float(-scores[i]),
                float(results["mean_fit_time"][i]),
                best=i == best,
                fitted_on=kept if i == best else None,
            )
            for i in sorted(last.values())
            if np.isfinite(scores[i])
        ]
        return _named_apart(sorted(rows, key=lambda one: (not one.best, one.loss)))

    def model(self, name: str, X: Any = None, y: Any = None) -> Any:
        """The search itself for its best configuration, else the estimator fitted anew with this one."""
        one = chosen(self.listed(), name)
        if one.explainable_at_once:
            return self._search
        rows, targets = training_rows(name, X, y)
        own = {k: clone(v, safe=False) for k, v in one.configuration.items()}  # an estimator may be a parameter
        return clone(self._search.estimator).set_params(**own).fit(rows, targets)

    def _score(self) -> str:
        results = self._search.cv_results_
        if "mean_test_score" in results:
            return "mean_test_score"
        named = f"mean_test_{self._search.refit}"
        return named if named in results else next(k for k in results if k.startswith("mean_test_"))


def _key(configuration: dict[str, Any]) -> tuple[Any, ...]:
    """Equal for trials of the same configuration; large objects print shortened, so they are told by identity."""
    large = (BaseEstimator, np.ndarray)
    return tuple((k, id(v) if isinstance(v, large) else repr(v)) for k, v in sorted(configuration.items()))


def _named_apart(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those with the name of an earlier one are numbered: a name stands for one configuration."""
    seen: collections.Counter[str] = collections.Counter()
    named = []
    for one in candidates:
        seen[one.name] += 1
        again = seen[one.name] > 1
        named.append(dataclasses.replace(one, name=f"{one.name} ({seen[one.name]})") if again else one)
    return named


def _name(configuration: dict[str, Any]) -> str:
    return ", ".join(f"{k}={_plain(v)}" for k, v in configuration.items()) or "defaults"


def _plain(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str) else " ".join(repr(value).split())
