"""Every surrogate keeps one contract; a broken one is told what it breaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automl_explain import (
    DecisionTreeExplainableModel,
    LGBMExplainableModel,
    LinearExplainableModel,
    SGDExplainableModel,
)
from automl_explain.exceptions import ContractError, SurrogateNotFittedError
from automl_explain.testing import check_surrogate

SMALL: dict[str, Any] = {"n_estimators": 10, "num_leaves": 7, "n_jobs": 1}


@pytest.mark.parametrize(
    ("surrogate", "arguments"),
    [
        (DecisionTreeExplainableModel, {"max_leaves": 8, "n_jobs": 1}),
        (LGBMExplainableModel, SMALL),
        (LinearExplainableModel, {}),
        (SGDExplainableModel, {"max_passes": 10}),
    ],
)
def test_it_keeps_the_contract(surrogate: type, arguments: dict[str, Any]) -> None:
    check_surrogate(surrogate, **arguments)


class Shifted(LinearExplainableModel):
    @property
    def expected_values(self) -> np.ndarray:
        return super().expected_values + 1.0


class Forgetful(LinearExplainableModel):
    def __reduce__(self) -> Any:
        return type(self)._refit, ()

    @classmethod
    def _refit(cls) -> Any:
        return cls().fit(np.ones((4, 5)), np.ones((4, 1)))


class Unscaled(LinearExplainableModel):
    def raw_values(self, X: Any, feature_map: Any, raw_method: str = "folded") -> Any:
        values, unmapped = super().raw_values(X, feature_map, raw_method)
        return values * 2, unmapped


class Constant(LinearExplainableModel):
    def _learn(self, train: Any, judge: Any, task: str) -> Any:
        weights, intercept = super()._learn(train, judge, task)
        return weights * 0, intercept


class Wordless(LinearExplainableModel):
    def predict_output(self, X: Any) -> np.ndarray:
        return super().predict_output(X) if self.task_ else np.zeros((len(X), 1))


@pytest.mark.parametrize(
    ("surrogate", "message"),
    [
        (Shifted, "values and expected values do not add up to `predict_output`"),
        (Forgetful, "a copy through pickle gives other bits"),
        (Unscaled, "folded raw values, unmapped share and expected values do not add up"),
        (Constant, "learnt a constant"),
        (Wordless, "answers before `fit`"),
    ],
)
def test_a_broken_clause_is_named(surrogate: type, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_surrogate(surrogate)


def test_what_is_no_surrogate_is_told_what_it_lacks() -> None:
    with pytest.raises(ContractError, match=r"it lacks fit, .*explainable_model_type"):
        check_surrogate(object)


class FromTheProtocolAlone:
    """A least-squares surrogate that has what `protocols.SurrogateModel` names and nothing else."""

    model, method = None, "mimic.squares"

    def fit(self, X: Any, targets: np.ndarray, **options: Any) -> Any:
        if options.get("task") == "classification":
            others = 1 - targets if targets.shape[1] == 1 else 1
            targets = np.log(targets) - np.log(others)
        rows = self._rows(X)
        self._weights = np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), targets, rcond=None)[0]
        self._mean = rows.mean(axis=0)
        return self

    @staticmethod
    def _rows(X: Any) -> np.ndarray:
        return np.nan_to_num(X.toarray() if hasattr(X, "toarray") else X)

    def predict_output(self, X: Any) -> np.ndarray:
        if not hasattr(self, "_weights"):
            raise SurrogateNotFittedError("Call `fit` first.")
        return np.asarray(self._rows(X) @ self._weights[:-1] + self._weights[-1])

    def shapley_values(self, X: Any) -> np.ndarray:
        return np.asarray((self._rows(X) - self._mean)[None] * self._weights[:-1].T[:, None])

    def raw_values(self, X: Any, feature_map: Any, raw_method: str = "folded") -> tuple[np.ndarray, np.ndarray]:
        values, shares = self.shapley_values(X), feature_map.matrix.toarray()
        return values @ shares.T, values @ (1 - shares.sum(axis=0))

    @property
    def expected_values(self) -> np.ndarray:
        return np.asarray(self._mean @ self._weights[:-1] + self._weights[-1])

    @property
    def n_features(self) -> int:
        return len(self._mean)

    @property
    def n_outputs(self) -> int:
        return self._weights.shape[1]

    @staticmethod
    def explainable_model_type() -> str:
        return "linear"

    def for_scoring(self) -> Any:
        return self

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        return {"weights": self._weights.tolist(), "mean": self._mean.tolist()}, {}

    @classmethod
    def from_members(cls, fields: Any, files: Any) -> Any:
        made = cls()
        made._weights, made._mean = np.array(fields["weights"]), np.array(fields["mean"])
        return made


def test_a_surrogate_written_from_the_protocol_alone_keeps_the_contract() -> None:
    check_surrogate(FromTheProtocolAlone)
