"""TransformationsFeaturizer: what the Azure SDK calls ``transformations``, as one featurizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin

from automl_explain.exceptions import AutoMLExplainError, DataError, InputError
from automl_explain.feature_map import FeatureMap
from automl_explain.lineage._texts import only_column, reads_texts
from automl_explain.lineage._trace import trace
from automl_explain.lineage._tuples import FORM, is_pairs, read_pairs, require_fitted, side_by_side


class TransformationsFeaturizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fitted transformations as one featurizer that knows its feature map.

    It may stand in a Pipeline: ``fit`` and ``clone`` leave its transformers as they are.

    Parameters
    ----------
    transformations : ColumnTransformer, DataFrameMapper, transformer or list of tuple
        A fitted ColumnTransformer, a fitted DataFrameMapper of sklearn-pandas, any other fitted
        transformer of scikit-learn, or pairs ``(columns, transformer)``: ``columns`` is a name, a
        position or several (list, tuple, array, Index, mask), ``transformer`` a fitted transformer, a
        list of them to apply one after the other, or None to pass the columns through. The engineered columns stand in
        the order of the pairs.

    Raises
    ------
    InputError
        If the form is another one, or a transformer cannot transform or is not fitted.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from automl_explain.lineage import TransformationsFeaturizer
    >>> X = pd.DataFrame({"age": [20.0, 30.0], "city": ["Oslo", "Rome"]})
    >>> featurizer = TransformationsFeaturizer([("age", None), (["city"], OneHotEncoder().fit(X[["city"]]))])
    >>> featurizer.transform(X).toarray()
    array([[20.,  1.,  0.],
           [30.,  0.,  1.]])
    >>> featurizer.feature_map(X).engineered_names
    ('age', 'city_Oslo', 'city_Rome')
    """

    def __init__(self, transformations: Any) -> None:
        if isinstance(transformations, (str, dict)) or transformations is None:
            raise InputError(
                f"`transformations` is {transformations!r}. Expected a fitted ColumnTransformer, a fitted "
                f"DataFrameMapper or {FORM}. Leave it out if the model reads the raw columns."
            )
        if is_pairs(transformations):
            read_pairs(transformations)
        else:
            require_fitted(transformations, "transformations")
        self.transformations = transformations

    def fit(self, X: Any, y: Any = None) -> TransformationsFeaturizer:
        """Change nothing: the transformations are fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> TransformationsFeaturizer:
        return self

    def transform(self, X: Any) -> Any:
        """Engineered rows.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw)
            Raw rows; of a single column of texts for a vectorizer of texts.

        Returns
        -------
        ndarray, DataFrame or csr_matrix of shape (n_rows, n_engineered)
            For pairs: csr_matrix if any block is sparse, else ndarray; for the others what their
            own ``transform`` gives.

        Raises
        ------
        InputError, DataError
            If a column is missing or a transformer refuses the rows.
        """
        try:
            if is_pairs(self.transformations):
                return side_by_side([block.transform(X) for block in read_pairs(self.transformations)])
            return self.transformations.transform(self._input(X))
        except AutoMLExplainError:
            raise
        except Exception as error:  # transformers raise whatever they like
            raise DataError(
                f"`transformations` cannot transform the rows: {error}. Expected the raw columns, with the types, that "
                "they were fitted on. Pass rows like those."
            ) from error

    def feature_map(self, X: Any, raw_names: Sequence[str | int] | None = None) -> FeatureMap:
        """Which raw column feeds which column of `transform`; see `trace`."""
        return trace(self.transformations, self._input(X), raw_names)

    def _input(self, X: Any) -> Any:
        return only_column(X) if reads_texts(self.transformations) else X

    def __repr__(self) -> str:
        if not is_pairs(self.transformations):
            return f"TransformationsFeaturizer({type(self.transformations).__name__})"
        return f"TransformationsFeaturizer({len(self.transformations)} pairs)"
