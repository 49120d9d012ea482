"""RowDecoder: from the numbers of the encoder back to rows as a model reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._verbatim import VerbatimColumn


@dataclasses.dataclass(frozen=True)
class RowDecoder:
    """Makes rows of the container and the types of the init rows.

    Parameters
    ----------
    container : {"frame", "array", "sparse"}
    labels : tuple of str or int
        Columns of the frame.
    types : tuple of str
        Type of every column of a frame, or the one type of an array.
    categories : dict of int to tuple
        Position of a categorical column -> its categories in the order of their codes.
    verbatim : dict of int to VerbatimColumn
        Position of a column whose values come back exactly as they are; those of the encoder.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl_explain._tables._encoding import EngineeredEncoder
    >>> rows = pd.DataFrame({"size": [1, 2], "colour": pd.Categorical(["red", "blue"])})
    >>> encoder = EngineeredEncoder.of(rows)
    >>> RowDecoder.of(rows, encoder).rows(encoder.encode(rows)).equals(rows)
    True
    """

    container: str
    labels: tuple[str | int, ...]
    types: tuple[str, ...]
    categories: Mapping[int, tuple[Any, ...]]
    verbatim: Mapping[int, VerbatimColumn] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, rows: Any, encoder: EngineeredEncoder) -> RowDecoder:
        """Decoder of what the encoder makes of rows like these."""
        if isinstance(rows, pd.DataFrame):
            types = tuple(_type_name(dtype) for dtype in rows.dtypes)
            return cls("frame", encoder.labels, types, encoder.categories, encoder.verbatim)
        container = "sparse" if sp.issparse(rows) else "array"
        return cls(container, encoder.labels, (str(rows.dtype),), encoder.categories, encoder.verbatim)

    def rows(self, encoded: Any) -> Any:
        """Rows as the model reads them, of shape (n_rows, n_features)."""
        if self.container == "sparse":
            return sp.csr_matrix(encoded)
        if self.container == "array":
            if not self.categories:
                return encoded
            made = encoded.astype(object)
            for j, categories in self.categories.items():
                exact = self.verbatim.get(j)
                made[:, j] = _cells(encoded[:, j], categories) if exact is None else exact.cells(encoded[:, j])
            return made
        columns = [self._column(encoded[:, j], j) for j in range(encoded.shape[1])]
        frame = pd.DataFrame(dict(enumerate(columns)))
        return frame.set_axis(list(self.labels), axis=1)

    def _column(self, cells: np.ndarray, j: int) -> Any:
        name = self.types[j]
        if j in self.verbatim:
            return self.verbatim[j].cells(cells)
        if j in self.categories:
            if name.startswith("category"):
                codes = np.where(np.isnan(cells), -1, cells).astype(int)
                return pd.Categorical.from_codes(codes, list(self.categories[j]), ordered=name == "category ordered")
            return pd.Series(_cells(cells, self.categories[j]), dtype=name)
        if name.startswith(("int", "uint", "bool")) and not np.isnan(cells).any():
            whole = cells.astype(name)
            return whole if (whole == cells).all() else cells
        if name.startswith(("Int", "UInt", "Float", "boolean")):
            return _as_type(pd.Series(cells).astype("Float64").array, name)
        return cells.astype(name) if name in ("float32", "float64") else cells

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form; `from_json` reads it back."""
        categories = [[j, list(c)] for j, c in self.categories.items()]
        return {
            "container": self.container,
            "labels": list(self.labels),
            "types": list(self.types),
            "categories": categories,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RowDecoder:
        """Read back what `to_json` wrote."""
        categories = {int(j): tuple(c) for j, c in data["categories"]}
        return cls(str(data["container"]), tuple(data["labels"]), tuple(map(str, data["types"])), categories)

    def with_verbatim(self, verbatim: Mapping[int, VerbatimColumn]) -> RowDecoder:
        """The same with these columns, which an encoder holds."""
        return dataclasses.replace(self, verbatim=verbatim)


def _type_name(dtype: Any) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "category ordered" if dtype.ordered else "category"
    return str(dtype)


def _cells(codes: np.ndarray, categories: tuple[Any, ...]) -> np.ndarray:
    """Categories of codes, None where there is none."""
    known = np.empty(len(categories) + 1, dtype=object)
    known[:-1] = categories
    return np.asarray(known[np.where(np.isnan(codes), -1, codes).astype(int)])


def _as_type(cells: Any, name: str) -> Any:
    """Values with missing ones as NA in a pandas type, where that holds them all; else as they come."""
    try:
        return cells.astype(name)
    except TypeError:  # fractions in a column that had none
        return cells
