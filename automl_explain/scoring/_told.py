"""What a scoring explainer tells about itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._tables._schema import TableSchema
from automl_explain.explanation import Fidelity
from automl_explain.explanation._units import first_class
from automl_explain.feature_map import FeatureMap
from automl_explain.protocols import ScorableSource
from automl_explain.scoring._parts import ScoringParts


class Told:
    """Names, classes, units and expected values, from the parts that a `ScoringExplainer` keeps."""

    _parts: ScoringParts
    _featurizer: Any

    @property
    def kind(self) -> str:
        """What files call it: ``"tree"``, ``"linear"``, ``"kernel"`` or ``"deep"``."""
        return self._parts.source.explainable_model_type()

    @property
    def source(self) -> ScorableSource:
        """What gives the values."""
        return self._parts.source

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map raw x engineered, if there is one."""
        return self._parts.feature_map

    @property
    def raw_method(self) -> str:
        """How raw values are made: ``"folded"`` or ``"grouped"``."""
        return self._parts.raw_method

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the outputs; None for regression."""
        return None if self._parts.classes is None else list(self._parts.classes)

    @property
    def output_unit(self) -> Any:
        """Unit of the values: ``"log-odds"``, ``"probability"``, ``"target"`` or another."""
        return self._parts.output_unit

    @property
    def link(self) -> Any:
        """How the output becomes a prediction."""
        return self._link(None)

    @property
    def fidelity(self) -> Fidelity | None:
        """Of a surrogate on held-out rows; None where the model itself is explained."""
        return self._parts.fidelity

    @property
    def method(self) -> str:
        """Name shown in engineered explanations; grouped raw ones add ``.grouped``."""
        return self._parts.method

    @property
    def features(self) -> list[str | int]:
        """Names of the default output: raw with ``transformations``, else engineered."""
        if self._featurizer is not None and self.raw_features is not None:
            return self.raw_features
        return self.engineered_features

    @property
    def raw_features(self) -> list[str | int] | None:
        """Names of raw values; None without a feature map."""
        return None if self.feature_map is None else list(self.feature_map.raw_names)

    @property
    def engineered_features(self) -> list[str | int]:
        """Names of engineered values."""
        return list(self._parts.encoder.names)

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero."""
        base = self._base(None)
        return np.concatenate([first_class(base, self.output_unit), base]) if self._parts.binary else base.copy()

    @property
    def input_schema(self) -> TableSchema | None:
        """Names and types of the raw columns, if the feature map knows them."""
        return None if self.feature_map is None else self.feature_map.raw_schema

    def __repr__(self) -> str:
        raw = "" if self.feature_map is None else f"{self.feature_map.n_raw} raw, "
        kind = "regression" if self.classes is None else f"{len(self.classes)} classes"
        size = f"{raw}{self._parts.encoder.n_features} engineered features"
        return f"{type(self).__name__}({size}, {kind}, {self.output_unit}; {self._trust()})"

    def _trust(self) -> str:
        return "the model itself" if self.fidelity is None else str(self.fidelity)

    def _base(self, output_unit: str | None) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""
        conversion = self._parts.conversion(output_unit)
        return self._parts.source.expected_values if conversion is None else conversion.expected_values

    def _link(self, output_unit: str | None) -> Any:
        return self._parts.link if self._parts.conversion(output_unit) is None else "identity"
