"""What an explanation holds, checked once when it is made."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp

from automl_explain.exceptions import InputError
from automl_explain.explanation._fidelity import Fidelity
from automl_explain.explanation._values import Values, as_values, mean_absolute, read_only, read_only_csr, shape_of
from automl_explain.feature_map import FeatureName, UniqueNames, unique_names

TASKS = ("classification", "regression")
SPACES = ("engineered", "raw")
UNITS = (
    "log-odds",
    "probability",
    "target",
    "log of target",
    "decision value",
    "outlier score",
    "anomaly score",
    "score",
)
LINKS = ("identity", "logit", "softmax", "log")


class _ListField:
    """A dataclass field kept as a tuple and shown as a new list, so that nobody changes it from outside."""

    def __init__(self, clean: Callable[[Any], Any]) -> None:
        self._clean = clean

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_{name}"

    def __get__(self, instance: object | None, owner: type) -> list[Any] | None:
        if instance is None:
            return None  # the default of the field
        items = instance.__dict__[self._key]
        return None if items is None else list(items)

    def __set__(self, instance: object, items: Iterable[Any] | None) -> None:
        if items is not None and not isinstance(items, UniqueNames):
            items = tuple(self._clean(item) for item in items)
        instance.__dict__[self._key] = items


class _LateField:
    """A dataclass field that may be given as a function, called when the field is first read."""

    def __init__(self, default: Callable[[], Any] | None = None) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_{name}"

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return None  # the default of the field
        value = instance.__dict__[self._key]
        if callable(value):
            value = instance.__dict__[self._key] = value()
        return value

    def __set__(self, instance: object, value: Any) -> None:
        instance.__dict__[self._key] = self._default if value is None else value


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufUS" else value


def feature_name(value: Any) -> FeatureName:
    """A name as explanations keep it: text or a whole number."""
    if type(value) is str or type(value) is int:
        return value
    plain = _scalar(value)
    return plain if isinstance(plain, (str, int)) and not isinstance(plain, bool) else str(plain)


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ExplanationFields:
    """The fields of `Explanation`, which documents them."""

    values: Values | None
    base: np.ndarray
    task: Literal["classification", "regression"]
    features: Any = _ListField(feature_name)
    classes: Any = _ListField(_scalar)
    space: Literal["engineered", "raw"] = "engineered"
    output_unit: Literal[
        "log-odds",
        "probability",
        "target",
        "log of target",
        "decision value",
        "outlier score",
        "anomaly score",
        "score",
    ] = "target"
    link: Literal["identity", "logit", "softmax", "log"] = "identity"
    fidelity: Fidelity | None = None
    eval_fidelity: Any = _LateField()
    method: str = "unknown"
    model_type: str | None = None
    model_id: str | None = None
    eval_data: Any = None
    eval_y_predicted: np.ndarray | None = None
    eval_y_predicted_proba: np.ndarray | None = None
    unmapped: np.ndarray | None = None
    unmapped_features: tuple[FeatureName, ...] = ()
    global_values: Any = _LateField()
    unmapped_global: np.ndarray | None = None
    n_explained_rows: int | None = None
    global_spread: np.ndarray | None = None
    local_fit: np.ndarray | None = None
    row_labels: pd.Index | None = None
    id: Any = _LateField(lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        for name, legal in (("task", TASKS), ("space", SPACES), ("output_unit", UNITS), ("link", LINKS)):
            if getattr(self, name) not in legal:
                raise InputError(f"`{name}` must be one of {', '.join(map(repr, legal))}; got {getattr(self, name)!r}.")
        base = np.atleast_1d(np.asarray(self.base, dtype=np.float64))
        if base.ndim != 1 or not len(base):
            raise InputError(
                f"`base` has shape {base.shape}; expected one expected value per output, shape (n_outputs,)."
            )
        self._set("base", read_only(base))
        n_features = self._set_values(len(base))
        assert self.n_explained_rows is not None
        self._set_names(n_features)
        self._set_classes(len(base))
        self._set_rows(self.n_explained_rows)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _set_values(self, n_outputs: int) -> int:
        """Check the values and what goes with them; gives the number of features."""
        given = self.global_values
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
            self._set("unmapped", _floats("unmapped", self.unmapped, (n_outputs, n_rows)))
            if self.unmapped_global is None:
                self._set("unmapped_global", np.abs(self.unmapped).sum(axis=1) / max(1, n_rows))
        if self.unmapped_global is not None:
            self._set("unmapped_global", _floats("unmapped_global", self.unmapped_global, (n_outputs,)))
        if given is not None:
            self._set("global_values", _floats("global_values", given, (n_outputs, n_features)))
        elif self.values is not None:
            # Of a single row nobody may ever ask for them.
            self._set("global_values", functools.partial(_mean_absolute, self.values))
        if self.global_spread is not None:
            self._set("global_spread", _floats("global_spread", self.global_spread, (n_outputs, n_features)))
        if self.local_fit is not None:
            self._set("local_fit", _floats("local_fit", self.local_fit, (n_outputs, n_rows)))
        self._set("unmapped_features", tuple(feature_name(n) for n in self.unmapped_features))
        return n_features

    def _set_names(self, n_features: int) -> None:
        kept: tuple[FeatureName, ...] | None = self.__dict__["_features"]
        names = tuple(range(n_features)) if kept is None else kept
        if len(names) != n_features:
            raise InputError(
                f"`features` has {len(names)} names for the {n_features} features of the values. "
                "Pass one name per column, or None for the numbers 0, 1, ..."
            )
        self._set("features", unique_names(names))

    def _set_classes(self, n_outputs: int) -> None:
        if self.output_unit == "score":
            # One score speaks for the whole model, whatever the number of its classes.
            if self.classes is not None or n_outputs != 1:
                raise InputError(
                    f"Got {n_outputs} outputs and `classes` {self.classes!r} for a score, which is one number for all "
                    "classes together. Leave `classes` out and pass one output."
                )
            return
        if self.task == "regression":
            if self.classes is not None or n_outputs != 1:
                given = f"{n_outputs} outputs" if self.classes is None else f"`classes` {self.classes!r}"
                raise InputError(f"Got {given} for regression, which has one output and no classes.")
            return
        n_classes = 2 if n_outputs == 1 else n_outputs
        labels = list(range(n_classes)) if self.classes is None else self.classes
        if len(labels) != n_classes or n_outputs == 2:
            raise InputError(
                f"`classes` has {len(labels)} labels for {n_outputs} output{'' if n_outputs == 1 else 's'}; expected "
                "2 labels for one output (binary), or K >= 3 labels for K outputs, as the model orders them."
            )
        self._set("classes", labels)

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
        if labels is None and isinstance(self.eval_data, pd.DataFrame):
            labels = self.eval_data.index
        if labels is not None:
            self._set("row_labels", label_index(labels))
            if len(labels) != n_rows:
                raise InputError(
                    f"`row_labels` has {len(labels)} labels for {n_rows} explained rows; pass one per row."
                )

    @property
    def num_classes(self) -> int:
        """Number of classes with values of their own; 0 for regression and for scores."""
        return 0 if self.classes is None else len(self.classes)

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew rather than restored: unpickled arrays would be writeable.
        return _remake, (type(self), {f.name: getattr(self, f.name) for f in dataclasses.fields(self)})


def _remake(cls: type[ExplanationFields], fields: dict[str, Any]) -> ExplanationFields:
    return cls(**fields)


def _mean_absolute(values: Values) -> np.ndarray:
    return read_only(mean_absolute(values))


def _floats(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(given, dtype=np.float64)
    if array.shape != shape:
        raise InputError(f"`{name}` has shape {array.shape}; expected {shape} to fit `values` and `base`.")
    return read_only(array)


def _table(name: str, rows: Any, n_rows: int) -> Any:
    """The rows, protected from later changes as far as this costs no copy."""
    if rows is None:
        return None
    if isinstance(rows, pd.Series):
        raise InputError(
            f"`{name}` is a Series; pass a DataFrame with one row per explained row (`series.to_frame()`)."
        )
    if isinstance(rows, pd.DataFrame):
        # Shallow copies are safe from pandas 3 on, where every write copies first.
        table: Any = rows.copy(deep=int(pd.__version__.split(".")[0]) < 3)
    elif sp.issparse(rows):
        table = read_only_csr(rows) if rows.dtype == np.float64 else sp.csr_matrix(rows)
    else:
        table = read_only(np.asarray(rows))
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
    if all(type(_scalar(a)) is type(b) for a, b in zip(given, kept, strict=True)):
        return index
    return pd.Index(given, dtype=object)
