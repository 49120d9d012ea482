"""The models that an AutoML run tried: listed, explained one by one, and beside each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd

from automl_explain._validation import warn
from automl_explain.adapters import adapter_for
from automl_explain.adapters._candidates import Candidate, UnfittedCandidate, candidates_of, chosen
from automl_explain.exceptions import ExplanationWarning, InputError
from automl_explain.explain import AutoMLExplanations, explain_automl
from automl_explain.explanation._fidelity import told_fidelities

__all__ = ["Candidate", "CandidateComparison", "Candidates", "candidate", "compare_candidates", "list_candidates"]


@dataclasses.dataclass(frozen=True, repr=False)
class Candidates(Sequence[Candidate]):
    """What `list_candidates` gives: the chosen model first, the others by loss.

    Attributes
    ----------
    members : tuple of Candidate
    """

    members: tuple[Candidate, ...]

    @property
    def names(self) -> list[str]:
        """Names, in order."""
        return [one.name for one in self.members]

    @overload
    def __getitem__(self, at: int | str) -> Candidate: ...
    @overload
    def __getitem__(self, at: slice) -> Candidates: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, str):
            found = [one for one in self.members if one.name == at]
            if not found:
                raise KeyError(at)
            return found[0]
        return Candidates(self.members[at]) if isinstance(at, slice) else self.members[at]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.members)

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate: its name, loss, training seconds, status and configuration."""
        return pd.DataFrame(
            {
                "name": self.names,
                "loss": [one.loss for one in self.members],
                "training_seconds": [one.training_seconds for one in self.members],
                "explainable": [one.status for one in self.members],
                "best": [one.best for one in self.members],
                "configuration": [dict(one.configuration) for one in self.members],
            }
        )

    def __repr__(self) -> str:
        cells = [("candidate", "loss", "seconds", "explainable")]
        for one in self.members:
            loss = "" if np.isnan(one.loss) else f"{one.loss:.4g}"
            seconds = "" if one.training_seconds is None else f"{one.training_seconds:.2f}"
            cells.append((one.name + (" (chosen)" if one.best else ""), loss, seconds, one.status))
        return _aligned(cells)


def list_candidates(automl: Any) -> Candidates:
    """Every model that an AutoML run tried.

    Parameters
    ----------
    automl : flaml.AutoML, Pipeline that ends in one, or search of scikit-learn
        Fitted. FLAML's learners that never came to a trial are left out; the stack of an ensemble is
        named ``"ensemble"``. The configurations of a search are named by their values: ``"C=0.1"``.

    Returns
    -------
    Candidates
        A sequence of `Candidate`: name, configuration, loss (smaller is better), training seconds, and whether
        it can be explained at once or needs a refit.

    Raises
    ------
    UnsupportedModelError
        If the library tells of no candidates, or nothing is fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from automl_explain import list_candidates
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.01, 1.0]}).fit(X, y)
    >>> [(one.name, one.status) for one in list_candidates(search)]
    [('C=1.0', 'at once'), ('C=0.01', 'needs a refit')]
    """
    return Candidates(tuple(candidates_of(automl).listed()))


def candidate(automl: Any, name: str, X: Any = None, y: Any = None) -> Any:
    """One of the models that an AutoML run tried, to be explained like the chosen one.

    Parameters
    ----------
    automl : flaml.AutoML, Pipeline that ends in one, or search of scikit-learn
        Fitted.
    name : str
        As in `list_candidates`.
    X, y : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), and array-like of shape (n_rows,), optional
        The rows that the run was fitted on. Needed where the run kept no model that was fitted on all of
        them: the candidate is then **fitted anew** from its best configuration. Without them it is fitted
        by `automl_setup_model_explanations`, on its ``X`` and ``y``.

    Returns
    -------
    object
        Fitted model, for ``fitted_model`` of `automl_setup_model_explanations`; of FLAML's, `repr` says where the
        fit comes from. The run itself is unchanged. A search of scikit-learn keeps no ``sample_weight`` and other
        arguments of its `fit`, so its candidates are fitted anew without.

    Raises
    ------
    InputError
        If there is no such candidate, or it was never tried.
    UnsupportedModelError
        If it cannot be explained (a pure time-series model).
    DataError
        If ``y`` holds labels that the run was not fitted on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from automl_explain import candidate
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.01, 1.0]}).fit(X, y)
    >>> candidate(search, "C=0.01", X, y)
    LogisticRegression(C=0.01, max_iter=1000)
    """
    source = candidates_of(automl)
    if X is None and y is None and any(one.name == name and one.needs_refit for one in source.listed()):
        return UnfittedCandidate(source, name)
    return source.model(name, X, y)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CandidateComparison:
    """Explanations of several candidates on the same rows; what `compare_candidates` gives.

    Attributes
    ----------
    candidates : tuple of Candidate
        Those explained, in the order asked for.
    explanations : mapping of str to AutoMLExplanations
        By name.
    failures : mapping of str to str
        Why a candidate could not be explained, by name.
    """

    candidates: tuple[Candidate, ...]
    explanations: Mapping[str, AutoMLExplanations]
    failures: Mapping[str, str]

    def to_frame(self, *, space: str = "raw", share: bool = False) -> pd.DataFrame:
        """Global importance of every feature for every candidate.

        Parameters
        ----------
        space : {"raw", "engineered"}, default "raw"
            Candidates of one run share both spaces; those of a search may differ in the engineered
            one, where a feature that a candidate does not have is NaN.
        share : bool, default False
            Whether to divide by the sum of the column, so that cautious and bold models compare.

        Returns
        -------
        DataFrame
            Features by candidates, the most important first on average; in the output unit, or as shares.
        """
        if space not in ("raw", "engineered"):
            raise InputError(f"`space` is {space!r}; expected 'raw' or 'engineered'. Leave it out for 'raw'.")
        table = pd.DataFrame(
            {
                name: pd.Series(getattr(one, space).get_feature_importance_dict(), dtype=np.float64)
                for name, one in self.explanations.items()
            }
        )
        shares = table / table.sum().replace(0.0, 1.0)
        order = shares.mean(axis=1).sort_values(ascending=False, kind="stable").index
        return (shares if share else table).loc[order]

    def __repr__(self) -> str:
        shares = self.to_frame(share=True)
        shown = shares.head(_SHOWN)
        cells = [("share of importance", *map(str, shown.columns))]
        cells += [
            (str(feature), *(f"{v:.1%}" for v in row))
            for feature, row in zip(shown.index, shown.to_numpy(), strict=True)
        ]
        if len(shares) > len(shown):
            cells.append((f"and {len(shares) - len(shown)} weaker", *(f"{v:.1%}" for v in shares[_SHOWN:].sum())))
        loss = {one.name: one.loss for one in self.candidates}
        cells.append(("loss", *("" if np.isnan(loss[n]) else f"{loss[n]:.4g}" for n in shown.columns)))
        cells.append(("surrogate R2", *(_fidelity(self.explanations[n]) for n in shown.columns)))
        failed = [f"{name} could not be explained: {why}" for name, why in self.failures.items()]
        return "\n".join(["CandidateComparison", _aligned(cells), *failed])


_SHOWN = 15


def compare_candidates(
    automl: Any,
    X: Any,
    X_test: Any,
    y: Any,
    names: Sequence[str] | None = None,
    *,
    task: str | None = None,
    **options: Any,
) -> CandidateComparison:
    """Explain several candidates of an AutoML run on the same rows.

    Parameters
    ----------
    automl : flaml.AutoML, Pipeline that ends in one, or search of scikit-learn
        Fitted.
    X, X_test : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
        Raw rows that the run was fitted on, and raw rows to explain.
    y : array-like of shape (n_rows,)
        Targets of ``X``. Candidates without a fit on all rows are fitted anew on ``X`` and ``y``.
    names : sequence of str, optional
        Which; every candidate that can be explained where left out.
    task : {"classification", "regression"}, optional
        Taken from the model where left out.
    **options
        More arguments of `explain_automl`.

    Returns
    -------
    CandidateComparison
        One that fails is told in ``failures`` and warned of, the others are kept.

    Raises
    ------
    InputError
        If a name is no candidate, or ``names`` is empty.
    UnsupportedModelError
        If a candidate named cannot be explained.
    AutoMLExplainError
        If none could be explained: the error of the first.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from automl_explain import compare_candidates
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}).fit(X, y)
    >>> compare_candidates(search, X, X, y).to_frame(share=True).shape
    (4, 2)
    """
    source = candidates_of(automl)
    asked = _asked(source.listed(), names)
    explanations, told = _explained(source, asked, (X, X_test, y), task, options)
    return CandidateComparison(asked, explanations, told)


def _explained(
    source: Any, asked: Sequence[Candidate], rows: tuple[Any, Any, Any], task: str | None, options: Mapping[str, Any]
) -> tuple[dict[str, AutoMLExplanations], dict[str, str]]:
    """Explanations by name, and why others failed; the error of the first where all did."""
    X, X_test, y = rows
    explanations: dict[str, AutoMLExplanations] = {}
    failures: dict[str, Exception] = {}
    for one in asked:
        try:
            model = source.model(one.name, X, y)
            known = task or adapter_for(model).task
            explanations[one.name] = explain_automl(model, X, X_test, y, task=known, **options)
        except Exception as error:  # one that fails must not cost the others
            failures[one.name] = error
    if not explanations:
        raise next(iter(failures.values()))
    told = {name: f"{type(failure).__name__}: {failure}" for name, failure in failures.items()}
    for name, why in told.items():
        warn(f"Candidate {name!r} could not be explained: {why}", ExplanationWarning)
    return explanations, told


def _asked(known: Sequence[Candidate], names: Sequence[str] | None) -> tuple[Candidate, ...]:
    if isinstance(names, str):
        raise InputError(f"`names` is the text {names!r}; expected a list of names. Pass [{names!r}].")
    if names is None:
        found = tuple(one for one in known if one.refusal is None)
        if not found:
            chosen(known, known[0].name)  # raises the reason
        return found
    if not isinstance(names, Iterable) or any(not isinstance(name, str) for name in names):
        raise InputError(f"`names` is {names!r}; expected a list of names. Pass one such as {[known[0].name]}.")
    if not len(names):
        raise InputError("`names` is empty; expected names of candidates. Leave it out for all of them.")
    return tuple(chosen(known, name) for name in dict.fromkeys(names))


def _fidelity(explanations: AutoMLExplanations) -> str:
    told = told_fidelities(explanations.raw.fidelity, explanations.raw.eval_fidelity)
    return "" if not told or told[0].score is None else f"{told[0].score:.3f}"


def _aligned(cells: Sequence[tuple[str, ...]]) -> str:
    """Rows of text under each other: the first and any column of words to the left, numbers to the right."""
    widths = [max(len(row[j]) for row in cells) for j in range(len(cells[0]))]
    words = [
        j == 0 or any(row[j] and not row[j][0].isdigit() and row[j][0] not in "-+" for row in cells[1:])
        for j in range(len(widths))
    ]
    lines = [
        "  ".join(c.ljust(w) if left else c.rjust(w) for c, w, left in zip(row, widths, words, strict=True))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)
