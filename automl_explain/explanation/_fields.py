"""What a tabular explanation holds beside its header, checked once when it is made."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar, Literal

import numpy as np

from automl_explain._lazy import is_frame, is_series, is_sparse
from automl_explain._lazy import pandas as pd
from automl_explain._lazy import sparse as sp
from automl_explain._validation import refuse_complex, sound_sparse
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation._header import ExplanationHeader, ListField, plain_label, with_usual_notes
from automl_explain.explanation._values import Values, as_values, mean_absolute, read_only, read_only_csr, shape_of
from automl_explain.feature_map import FeatureName, unique_names

SPACES = ("engineered", "raw")


def _mean_absolute(explanation: ExplanationFields) -> np.ndarray:
    assert explanation.values is not None
    return read_only(mean_absolute(explanation.values))


def _worked_out(explanation: ExplanationFields) -> np.ndarray | None:
    work_out = explanation.__dict__["_residuals"]
    assert explanation.n_explained_rows is not None
    shape = (len(explanation.base), explanation.n_explained_rows)
    return None if work_out is None else as_floats("residuals", work_out(), shape)


def feature_name(value: Any) -> FeatureName:
    """A name as explanations keep it: text or a whole number."""
    if type(value) is str or type(value) is int:
        return value
    plain = plain_label(value)
    return plain if isinstance(plain, (str, int)) and not isinstance(plain, bool) else str(plain)


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ExplanationFields(ExplanationHeader):
    """The fields of tabular values; `Explanation` documents them."""

    kind: ClassVar[str] = "tabular"

    values: Values | None
    features: Any = ListField(feature_name)
    space: Literal["engineered", "raw"] = "engineered"
    eval_data: Any = None
    eval_y_predicted: np.ndarray | None = None
    eval_y_predicted_proba: np.ndarray | None = None
    residuals: Any = functools.cached_property(_worked_out)
    residual_bound: float | None = None
    unmapped: np.ndarray | None = None
    unmapped_features: tuple[FeatureName, ...] = ()
    global_values: Any = functools.cached_property(_mean_absolute)
    unmapped_global: np.ndarray | None = None
    n_explained_rows: int | None = None
    global_spread: np.ndarray | None = None
    local_fit: np.ndarray | None = None
    row_labels: pd.Index | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_word("space", SPACES)
        n_features = self._set_values(len(self.base))
        assert self.n_explained_rows is not None
        self._set_names(n_features)
        self._set_rows(self.n_explained_rows)
        self._set("notes", with_usual_notes(self.notes, self.fidelity, self.unmapped_features))

    def _set_values(self, n_outputs: int) -> int:
        """Check the values and what goes with them; gives the number of features."""
        given = self._late("global_values")
        if self.values is None:
            if given is None or self.n_explained_rows is None:
                raise InputError(
                    "`values` is None; global-only explanations need `global_values` and `n_explained_rows`."
                )
            n_rows, n_features = self.n_explained_rows, int(np.shape(given)[-1])
        else:
            self._set("values", as_values(self.values, n_outputs))
            n_rows, n_features = shape_of(self.values)
            if self.n_explained_rows not in (None, n_rows):
                raise InputError(f"`n_explained_rows` is {self.n_explained_rows}, but `values` has {n_rows} rows.")
        self._set("n_explained_rows", int(n_rows))
        if self.unmapped is not None:
            self._set("unmapped", as_floats("unmapped", self.unmapped, (n_outputs, n_rows)))
            if self.unmapped_global is None:
                self._set("unmapped_global", np.abs(self.unmapped).sum(axis=1) / max(1, n_rows))
        if self.unmapped_global is not None:
            self._set("unmapped_global", as_floats("unmapped_global", self.unmapped_global, (n_outputs,)))
        if given is not None:
            self._set("global_values", as_floats("global_values", given, (n_outputs, n_features)))
        if self.global_spread is not None:
            self._set("global_spread", as_floats("global_spread", self.global_spread, (n_outputs, n_features)))
        if self.local_fit is not None:
            self._set("local_fit", as_floats("local_fit", self.local_fit, (n_outputs, n_rows)))
        residuals = self._late("residuals")
        if residuals is not None:
            self._set("residuals", as_floats("residuals", residuals, (n_outputs, n_rows)))
        if self.residual_bound is not None:
            self._set("residual_bound", _bound(self.residual_bound))
        self._set("unmapped_features", tuple(feature_name(n) for n in self.unmapped_features))
        return n_features

    @property
    def _local(self) -> Values:
        if self.values is None:
            raise MissingLocalValuesError(
                "This explanation holds global values only; local values are needed here. "
                "Explain with explanation_types=['local', 'global'] (or include_local=True)."
            )
        return self.values

    def _set_names(self, n_features: int) -> None:
        kept: tuple[FeatureName, ...] | None = self.__dict__["_features"]
        names = tuple(range(n_features)) if kept is None else kept
        if len(names) != n_features:
            raise InputError(
                f"`features` has {len(names)} names for the {n_features} features of the values. "
                "Pass one name per column, or None for the numbers 0, 1, ..."
            )
        self._set("features", unique_names(names))

    def _set_rows(self, n_rows: int) -> None:
        self._set("eval_data", _table("eval_data", self.eval_data, n_rows))
        for name, n_columns in (("eval_y_predicted", None), ("eval_y_predicted_proba", self.num_classes)):
            if getattr(self, name) is not None:
                array = np.asarray(getattr(self, name))
                expected = (n_rows,) if n_columns is None else (n_rows, n_columns)
                # A model that predicts a column of targets means the same as one that predicts them flat.
                if array.shape == (n_rows, 1) and n_columns is None:
                    array = array[:, 0]
                if array.shape != expected:
                    raise InputError(
                        f"`{name}` has shape {array.shape}; expected {expected}, one entry per explained row."
                    )
                self._set(name, read_only(array))
        labels = self.row_labels
        if labels is None and is_frame(self.eval_data):
            labels = self.eval_data.index
        if labels is not None:
            self._set("row_labels", label_index(labels))
            if len(labels) != n_rows:
                raise InputError(
                    f"`row_labels` has {len(labels)} labels for {n_rows} explained rows; pass one per row."
                )


def as_floats(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Read-only float64 of this shape."""
    array = np.asarray(given, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"`{name}` has shape {array.shape}; expected {shape} to fit `values` and `base`.")
    return read_only(array)


def _bound(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float, np.number)) or not 0 <= given < np.inf:
        raise InputError(f"`residual_bound` is {given!r}; expected a finite number of at least 0.")
    return float(given)


@dataclasses.dataclass(frozen=True)
class CheckedRows:
    """Rows for an `Explanation` in which an explainer has found no complex numbers, so that they are not looked for."""

    rows: Any


def _table(name: str, rows: Any, n_rows: int) -> Any:
    """The rows, protected from later changes as far as this costs no copy."""
    checked = isinstance(rows, CheckedRows)
    if checked:
        rows = rows.rows
    if rows is None:
        return None
    if is_series(rows):
        raise InputError(
            f"`{name}` is a Series; pass a DataFrame with one row per explained row (`series.to_frame()`)."
        )
    if is_frame(rows):
        # Shallow copies are safe from pandas 3 on, where every write copies first.
        table: Any = rows.copy(deep=int(pd.__version__.split(".")[0]) < 3)
    elif is_sparse(rows):
        rows = sound_sparse(rows, name)
        table = read_only_csr(rows) if rows.dtype == np.float64 else sp.csr_matrix(rows)
    else:
        table = read_only(np.asarray(rows))
    if not checked:
        refuse_complex(table, name)
    if table.ndim != 2 or table.shape[0] != n_rows:
        raise InputError(
            f"`{name}` has shape {table.shape}; expected 2-D with {n_rows} rows: those explained, in order."
        )
    return table


def label_index(labels: Any) -> pd.Index:
    """Index of the labels, with their types kept (pandas alone makes ``[1, 2.5]`` floats)."""
    if isinstance(labels, pd.Index):
        return labels
    if isinstance(labels, (np.ndarray, pd.Series)) and labels.dtype != object:
        return pd.Index(labels)
    given = list(labels)
    index = pd.Index(given)
    kept = list(index)
    if all(type(plain_label(a)) is type(b) for a, b in zip(given, kept, strict=True)):
        return index
    return pd.Index(given, dtype=object)
