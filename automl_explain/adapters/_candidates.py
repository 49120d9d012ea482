"""The models that a search tried, beside the one it chose: what is known of each, and the model to explain.

Sources are found by type, like adapters. To add a library: a class with `listed` and `model`, and one line
in the table, or an entry point of the group ``automl_explain.candidates``.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from automl_explain._lazy import find
from automl_explain._tables._rows import take
from automl_explain._validation import labels, present_targets, raw_table
from automl_explain.exceptions import InputError, UnsupportedModelError

_SOURCES = (
    ("flaml.automl.automl", "AutoML", "automl_explain.adapters._flaml_candidates:FlamlCandidates"),
    ("sklearn.pipeline", "Pipeline", "automl_explain.adapters._candidates:PipelineCandidates"),
    ("sklearn.model_selection", "BaseSearchCV", "automl_explain.adapters._search_candidates:SearchCandidates"),
)

ALL_ROWS, PART = "all rows", "part of the rows"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What a search knows of one model that it tried.

    Attributes
    ----------
    name : str
        For `candidate` and ``--candidate``.
    configuration : mapping of str to object
        Best hyperparameters found; read-only.
    loss : float
        The smaller the better, in the metric of the search; NaN where it told none.
    training_seconds : float or None
        What fitting it took.
    best : bool
        Whether the search chose it.
    fitted_on : {"all rows", "part of the rows"} or None
        What the model that the search kept was fitted on; None where it kept none.
    refusal : str or None
        Why it cannot be explained at all.
    """

    name: str
    configuration: Mapping[str, Any]
    loss: float
    training_seconds: float | None = None
    best: bool = False
    fitted_on: str | None = None
    refusal: str | None = None

    def __post_init__(self) -> None:
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in self.configuration.items()}
        object.__setattr__(self, "configuration", MappingProxyType(plain))

    def __reduce__(self) -> Any:
        told = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return _remade, ({**told, "configuration": dict(self.configuration)},)

    @property
    def needs_refit(self) -> bool:
        """Whether it must be fitted anew, on rows that you pass, before it can be explained."""
        return self.refusal is None and not self.explainable_at_once

    @property
    def explainable_at_once(self) -> bool:
        """Whether the search kept a model that can be explained as it is.

        The model that the search chose is one, whatever it was fitted on: it is what predicts.
        """
        return self.refusal is None and (self.fitted_on == ALL_ROWS or (self.best and self.fitted_on is not None))

    @property
    def status(self) -> str:
        """The same in words."""
        if self.refusal is not None:
            return "refused"
        if not self.explainable_at_once:
            return "needs a refit" + (", kept a fit on part of the rows" if self.fitted_on else "")
        return "at once" if self.fitted_on == ALL_ROWS else "at once; was fitted on part of the rows"


def _remade(told: dict[str, Any]) -> Candidate:
    return Candidate(**told)


class CandidateSource(Protocol):
    """What is asked of a fitted search."""

    def listed(self) -> Sequence[Candidate]:
        """Every model that was tried to the end, the best first."""

    def model(self, name: str, X: Any = None, y: Any = None) -> Any:
        """Fitted model of one of them; with rows it may be fitted anew, without them only what was kept."""


def candidates_of(automl: Any) -> CandidateSource:
    """Source of the candidates of a fitted search.

    Raises
    ------
    UnsupportedModelError
        If its library tells of no candidates, or it is not fitted.
    """
    source = find(automl, _SOURCES, "candidates")
    if source is None or isinstance(automl, type):
        name = automl.__qualname__ if isinstance(automl, type) else type(automl).__name__
        raise UnsupportedModelError(
            f"{name} tells of no candidates; expected a fitted FLAML AutoML, a Pipeline that ends in one, or a search "
            "of scikit-learn. Explain the model itself, or fit the others and explain each."
        )
    found: CandidateSource = source(automl)
    return found


def chosen(candidates: Sequence[Candidate], name: Any, never: Sequence[str] = ()) -> Candidate:
    """Candidate of that name.

    Raises
    ------
    InputError
        If there is none; ``never`` names those that the search did not come to.
    UnsupportedModelError
        If it cannot be explained.
    """
    for one in candidates:
        if one.name == name:
            if one.refusal is not None:
                raise UnsupportedModelError(one.refusal)
            return one
    names = [one.name for one in candidates]
    close = difflib.get_close_matches(str(name), names, n=1)
    why = "was never tried within the budget" if name in never else "is no candidate"
    raise InputError(
        f"{name!r} {why}{f'; did you mean {close[0]!r}?' if close else '.'} Tried were {', '.join(map(repr, names))}."
        + (" Fit with a larger budget." if name in never else "")
    )


def training_rows(name: str, X: Any, y: Any) -> tuple[Any, np.ndarray]:
    """Rows to fit a candidate anew, with their targets; rows without one are left out.

    Raises
    ------
    InputError
        If a part is missing, or they do not fit each other.
    DataError
        If all targets are missing.
    """
    if X is None or y is None:
        lacks = "`X` and `y` are" if X is None and y is None else "`X` is" if X is None else "`y` is"
        raise InputError(
            f"The search kept no model of {name!r} that was fitted on all rows, so it must be fitted anew, and {lacks} "
            f"missing. Pass the training rows: candidate(automl, {name!r}, X, y), or `X` and `y` to the setup."
        )
    rows = raw_table(X, "X")
    targets = labels(y, "y", rows.shape[0])
    present = present_targets(targets, "y")
    return (rows, targets) if present.all() else (take(rows, np.flatnonzero(present)), targets[present])


class PipelineCandidates:
    """Those of the search that a Pipeline ends in; the steps before it stay.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._last = candidates_of(pipeline.steps[-1][1])

    def listed(self) -> Sequence[Candidate]:
        """As of the last step."""
        return self._last.listed()

    def model(self, name: str, X: Any = None, y: Any = None) -> Any:
        """Pipeline that ends in the candidate."""
        if X is not None:
            for _, step in self._pipeline.steps[:-1]:
                trains_only = step is None or step == "passthrough" or hasattr(step, "fit_resample")
                X = X if trains_only else step.transform(X)
        moved = copy.copy(self._pipeline)
        moved.steps = [*self._pipeline.steps[:-1], (self._pipeline.steps[-1][0], self._last.model(name, X, y))]
        return moved


class UnfittedCandidate:
    """A candidate that must be fitted anew; the setup does so with its ``X`` and ``y``.

    Parameters
    ----------
    source : CandidateSource
    name : str
    """

    def __init__(self, source: CandidateSource, name: str) -> None:
        self._source, self.name = source, name

    def fit(self, X: Any, y: Any) -> Any:
        """The candidate, fitted on these rows from its best configuration: another object than this one."""
        return self._source.model(self.name, X, y)

    def __repr__(self) -> str:
        return f"UnfittedCandidate({self.name!r}): to be fitted anew from its best configuration, on `X` and `y`"


def fitted_candidate(model: Any, X: Any, y: Any) -> Any:
    """The model itself, or where it is a candidate without a fit, that candidate fitted on these rows."""
    return model.fit(X, y) if isinstance(model, UnfittedCandidate) else model
