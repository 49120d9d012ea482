"""Inputs: what an explainer knows of its rows, and how it reads the rows it is given."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._schema import TableSchema
from automl_explain._validation import as_table, shown, table_and_types
from automl_explain.exceptions import ConflictingTransformationsError, InitDatasetMissingError, InputError
from automl_explain.explanation._fields import feature_name
from automl_explain.feature_map import FeatureMap, UniqueNames, unique_names

if TYPE_CHECKING:
    from automl_explain.lineage import TransformationsFeaturizer


class ReadingArguments(TypedDict, total=False):
    """What explainers are told about their rows; `Inputs.read` says what each means."""

    features: Sequence[str | int] | None
    transformations: Any
    explain_subset: Sequence[int] | None
    categorical_features: Sequence[str | int] | None
    text: str


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Columns, categories, transformations and subset, as the init rows settled them.

    Parameters
    ----------
    encoder : EngineeredEncoder
        From rows as the model reads them to numbers.
    width : int
        Columns of the rows that are given.
    category_types : dict of column label to CategoricalDtype
        Of the init rows, as the model reads them.
    featurizer : TransformationsFeaturizer, optional
        The ``transformations``.
    feature_map : FeatureMap, optional
        Theirs.
    subset : tuple of int, optional
        Positions of the features shown, if not all are.
    schema : TableSchema, optional
        Of init rows that are a DataFrame and given to the model as they are: what later rows are compared with.
    types : tuple of dtype, default ()
        Theirs. Rows of the same types, none of them ``object``, need no look at their values.
    """

    encoder: EngineeredEncoder
    width: int
    category_types: Mapping[Any, pd.CategoricalDtype]
    featurizer: TransformationsFeaturizer | None = None
    feature_map: FeatureMap | None = None
    subset: tuple[int, ...] | None = None
    schema: TableSchema | None = None
    types: tuple[Any, ...] = ()

    @classmethod
    def read(
        cls,
        initialization_examples: Any,
        *,
        features: Sequence[str | int] | None = None,
        transformations: Any = None,
        explain_subset: Sequence[int] | None = None,
        categorical_features: Sequence[str | int] | None = None,
        text: str = "refused",
        argument: str = "initialization_examples",
    ) -> tuple[Inputs, Any]:
        """Inputs like these rows, and the rows as the model reads them; ``text`` as in `EngineeredEncoder.of`.

        Raises
        ------
        InitDatasetMissingError
            If there are no rows.
        ConflictingTransformationsError
            If both ``explain_subset`` and ``transformations`` are given.
        """
        if initialization_examples is None:
            raise InitDatasetMissingError(
                "`initialization_examples` is None; pass the rows to train the surrogate on, or those to compare with."
            )
        featurizer, feature_map = None, None
        rows = as_table(initialization_examples, argument)
        width = rows.shape[1]
        if transformations is not None:
            if explain_subset is not None:
                raise ConflictingTransformationsError("`explain_subset` and `transformations` cannot be combined.")
            from automl_explain.lineage import TransformationsFeaturizer

            featurizer = TransformationsFeaturizer(transformations)
            feature_map = featurizer.feature_map(rows, None if isinstance(rows, pd.DataFrame) else features)
            features = feature_map.engineered_names
            rows = featurizer.transform(rows)
        encoder = EngineeredEncoder.of(rows, features, categorical_features, text=text)
        subset = check_subset(explain_subset, encoder.n_features)
        told = isinstance(rows, pd.DataFrame) and featurizer is None
        schema, types = (TableSchema.of(rows), tuple(rows.dtypes)) if told else (None, ())
        return cls(encoder, width, _category_types(rows), featurizer, feature_map, subset, schema, types), rows

    def with_encoder(self, **changes: Any) -> Inputs:
        """The same with an encoder changed in these fields."""
        return dataclasses.replace(self, encoder=dataclasses.replace(self.encoder, **changes))

    @functools.cached_property
    def names(self) -> UniqueNames:
        """Names of all engineered features, repeated ones told apart."""
        return unique_names(map(feature_name, self.encoder.names))

    @property
    def features(self) -> list[str | int]:
        """Names of the features in explanations."""
        if self.feature_map is not None:
            return list(self.feature_map.raw_names)
        return [self.encoder.names[j] for j in self.subset or range(self.encoder.n_features)]

    def engineered(self, rows: Any, argument: str) -> tuple[Any, Any]:
        """Rows as given, and as the model read them in training: same columns, order and categories."""
        if self.featurizer is None:
            shown, types = table_and_types(rows, argument, width=self.encoder.n_features)
            made = shown
        else:
            shown, types = table_and_types(rows, argument, width=self.width)
            if self.feature_map is not None and self.feature_map.raw_schema is not None:
                shown = self.feature_map.raw_schema.conform(shown, argument)
            made = self.featurizer.transform(shown)
        if isinstance(made, pd.DataFrame):
            aligned = self.encoder.align(made, argument)
            if self.schema is not None:
                types = types if aligned is made else tuple(aligned.dtypes)
                if object in self.types or types != self.types:
                    aligned = self.schema.conform(aligned, argument, types=types)
            made = _with_categories(aligned, self.category_types)
            shown = made if self.featurizer is None else shown
        return shown, made


def check_subset(positions: Sequence[int] | None, n_features: int) -> tuple[int, ...] | None:
    """Positions of the features shown, checked.

    Raises
    ------
    InputError
        If one is no position, or there twice.
    """
    if positions is None:
        return None
    if np.ndim(positions) != 1:
        raise InputError(
            f"`explain_subset` is {shown(positions)}; expected positions of features from 0 to {n_features - 1}. Rows "
            "go by name: initialization_examples=X."
        )
    chosen = tuple(positions)
    wrong = [p for p in chosen if not isinstance(p, (int, np.integer)) or not 0 <= p < n_features]
    if wrong or not chosen or len(set(chosen)) < len(chosen):
        raise InputError(
            f"`explain_subset` must hold different positions from 0 to {n_features - 1}; got {shown(list(positions))}."
        )
    return tuple(int(p) for p in chosen)


def _category_types(rows: Any) -> dict[Any, pd.CategoricalDtype]:
    """Types of the categorical columns of a frame, by label."""
    if not isinstance(rows, pd.DataFrame):
        return {}
    return {label: d for label, d in rows.dtypes.items() if isinstance(d, pd.CategoricalDtype)}


def _with_categories(frame: pd.DataFrame, dtypes: Mapping[Any, pd.CategoricalDtype]) -> pd.DataFrame:
    """Frame whose categorical columns list the categories of training first, unseen ones after them."""
    changed = {}
    for label, dtype in dtypes.items():
        column = frame[label]
        if column.dtype == dtype:
            continue
        present = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
        unseen = [c for c in present if c not in dtype.categories]
        categories = dtype.categories.append(pd.Index(unseen)) if unseen else dtype.categories
        changed[label] = column.astype(object).astype(pd.CategoricalDtype(categories, ordered=dtype.ordered))
    if changed:
        frame = frame.copy(deep=False)
    for label, column in changed.items():
        frame[label] = column
    return frame
