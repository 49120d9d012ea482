"""Reader: how a scoring explainer reads the rows it is given, raw or engineered."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain._lazy import is_frame
from automl_explain._validation import as_table, listed, shown
from automl_explain.exceptions import InputError, MissingRawTransformationsError
from automl_explain.scoring._parts import Told


class Reader(Told):
    """Rows of a caller as the encoded rows of the source."""

    _transformed = False

    def read_records(self, rows: Any) -> Any:
        """Raw rows that arrived as JSON, as the table the pipeline was trained on.

        Column order, whole numbers, booleans, categories and dates are restored. With a `table_recipe` texts are read
        as the cells of that file were: decimal commas, units, gap marks, dates with the day first.

        Parameters
        ----------
        rows : list, dict, DataFrame, str or bytes
            Records, one per row; or lists of values in the order of the columns, a single record,
            ``{"data": [...]}`` with or without ``"columns"``, pandas' ``{column: {index: value}}``, a table of pandas,
            polars or pyarrow, or JSON text of these. Columns in excess are left out; None and NaN are missing values.

        Returns
        -------
        DataFrame, ndarray or csr_matrix of shape (n_rows, n_raw)
            Without rows an empty table of the same types.

        Raises
        ------
        InputError
            If the rows are something else, or a column is missing or there twice; names the row and the column.
        DataError
            If a value cannot be read; names the column, the row and the value.
        """
        if self.input_schema is None:
            raise MissingRawTransformationsError(
                "The raw columns are not known: make the scoring explainer with `feature_maps=[setup.feature_map]`."
            )
        if self.table_recipe is not None:
            return self.table_recipe.read_records(rows, self.input_schema)
        return self.input_schema.read(rows)

    def _is_raw(self, get_raw: bool | None) -> bool:
        if get_raw is None and self._featurizer is None:
            return False
        if get_raw is not None and not isinstance(get_raw, (bool, np.bool_)):
            raise InputError(
                f"`get_raw` is {shown(get_raw)}; expected True, False or None. Pass True for the values of raw columns."
            )
        raw = self._featurizer is not None if get_raw is None else bool(get_raw)
        if raw and self.feature_map is None:
            raise MissingRawTransformationsError(
                "`get_raw=True` needs a feature map: make the scoring explainer with "
                "`feature_maps=[setup.feature_map]`."
            )
        return raw

    def _encode(self, X: Any) -> Any:
        if self._featurizer is not None:
            width = None if self.feature_map is None else self.feature_map.n_raw
            X = as_table(X, "X", width=width, allow_empty=True)
            if not X.shape[0]:  # transformers refuse them
                return self._no_raw_rows(X)
            X = self._featurizer.transform(X if self.input_schema is None else self.input_schema.conform(X, "X"))
        elif self._parts.featurized and not self._transformed:
            self._refuse_unclear(X)
        return self._parts.encoder.encode(X, "X", allow_empty=True)

    def _no_raw_rows(self, X: Any) -> np.ndarray:
        """An empty batch of engineered rows from one of raw rows."""
        names = self.raw_features or []
        wanted = {str(name) for name in names}
        if X.shape[1] != len(names) or (is_frame(X) and {str(c) for c in X.columns} != wanted):
            raise InputError(f"`X` has no rows, and other columns than the raw ones: {listed(names)}. Pass those.")
        return np.zeros((0, self._parts.encoder.n_features))

    def _refuse_unclear(self, X: Any) -> None:
        """Refuse rows that are raw, and those that may be raw or engineered: both would be taken."""
        own = {str(name) for name in self._parts.encoder.names}
        raw = {str(name) for name in self.raw_features or ()}
        if is_frame(X):
            unclear, is_raw = own == raw, raw == {str(name) for name in X.columns}
        else:
            unclear, is_raw = len(own) == len(raw), np.shape(X)[1:] == (len(raw),)
        if unclear or is_raw:
            raise InputError(
                "The file was made by an explainer with `transformations`, which are not in it, and `X` "
                f"{'may be raw or engineered' if unclear else 'holds raw rows'}. Load it with load(directory, "
                "transformations=...) to pass raw rows, or with transformations='applied' to pass engineered ones."
            )
