"""Where a surrogate errs: by bins of the features, and in single rows."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl_explain._tables._rows import check_same_rows, dense, take
from automl_explain._validation import check_count, raw_table
from automl_explain.analysis._bins import Bins, column_of
from automl_explain.exceptions import InputError
from automl_explain.explainers._fidelity import measure
from automl_explain.explainers._predictions import Predictions
from automl_explain.explanation import Fidelity
from automl_explain.explanation._closeness import r2_of_columns
from automl_explain.explanation._header import class_position
from automl_explain.explanation._units import class_probabilities
from automl_explain.feature_map import FeatureName

_SHOWN = 5
_FEW = 10  # rows of a bin that a summary does not single out
_MOST_CELLS = 8  # columns of the rows that a summary shows


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SurrogateReport:
    """Where a surrogate errs; what `MimicWrapper.surrogate_report` gives.

    Attributes
    ----------
    fidelity : Fidelity
        On the rows of the report.
    unit : {"probability", "target", "decision value"}
        What errors are in.
    classes : list or None
        Labels in the order of the outputs.
    """

    fidelity: Fidelity
    unit: str
    classes: list[Any] | None
    _bins: pd.DataFrame
    _rows: pd.DataFrame

    def to_frame(self, label: Any = None) -> pd.DataFrame:
        """Errors by bins of the features.

        Parameters
        ----------
        label : object, optional
            One of more than two classes; all of them where left out. Two classes are told by the second.

        Returns
        -------
        DataFrame
            One row per feature and bin (and class, of more than two), in the order of the features. Columns
            ``feature``, ``bin``, ``class`` (of more than two), ``rows``, ``mean error`` (surrogate minus
            teacher), ``mean |error|``, both in `unit`, and ``R2`` among the rows of the bin (NaN for a
            single row).

        Raises
        ------
        InputError
            If there is no such class.
        """
        if label is None:
            return self._bins.copy()
        if "class" not in self._bins or self.classes is None:
            second = f": its errors are those of {self.classes[1]!r}" if self.classes else ""
            raise InputError(f"`label` is {label!r}, but this report tells no classes apart{second}. Leave it out.")
        position = class_position(label, self.classes)
        chosen = [class_position(c, self.classes) == position for c in self._bins["class"]]
        return self._bins[chosen].drop(columns="class").reset_index(drop=True)

    frame = to_frame  # its former name

    def worst(self) -> pd.DataFrame:
        """Rows that the surrogate misses most.

        Returns
        -------
        DataFrame
            The worst row first, under its label. Columns ``(class)`` (of more than two: the one missed most),
            ``(teacher)``, ``(surrogate)`` and ``(error)`` in `unit`, then the values of the row.
        """
        return self._rows.copy()

    def __repr__(self) -> str:
        return "\n\n".join([str(self.fidelity), *(f"{title}\n{t.to_string()}" for title, t in self._tables())])

    def _repr_html_(self) -> str:
        parts = (f"<h4>{html.escape(title)}</h4>{t.to_html()}" for title, t in self._tables())
        return f"<p>{self.fidelity}</p>" + "".join(parts)

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        few = min(_FEW, self._bins["rows"].max())
        large = self._bins[self._bins["rows"] >= few]
        bins = large.sort_values("mean |error|", ascending=False, kind="stable").head(_SHOWN)
        rows = f"{few} row{'' if few == 1 else 's'} and more"
        # Of two classes the second is told.
        of = f"{self.unit} of {self.classes[1]!r}" if self.classes and len(self.classes) == 2 else self.unit
        told = 3 + ("(class)" in self._rows)
        shown = self._rows.iloc[:_SHOWN, : told + _MOST_CELLS]
        left = self._rows.shape[1] - shown.shape[1]
        more = f" (and {left} more columns, see worst())" if left else ""
        return [
            (f"Bins of {rows} with the largest errors, in {of}", bins.reset_index(drop=True)),
            (f"Rows with the largest errors{more}", shown),
        ]


def surrogate_report(
    surrogate: Any,
    teacher: Predictions,
    rows: Any,
    encoded: Any,
    shown: Any,
    *,
    raw: Any = None,
    raw_names: Sequence[FeatureName] | None = None,
    n_worst: int = 10,
    n_bins: int = 5,
) -> SurrogateReport:
    """Report on rows; see `MimicExplainer.surrogate_report`.

    Parameters
    ----------
    surrogate : SurrogateModel
    teacher : Predictions
    rows, encoded : rows as the teacher and the surrogate read them
    shown : DataFrame, ndarray or csr_matrix of shape (n_rows, n_columns)
        Rows whose columns make the bins, unless ``raw`` is given.
    raw : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
    raw_names : sequence of str or int, optional
        Names of the columns of ``raw``, where it has none itself.
    n_worst, n_bins : int
    """
    check_count(n_worst, "n_worst", least=0)
    check_count(n_bins, "n_bins", least=2)
    if raw is not None:
        check_same_rows(rows, raw, "raw_eval_dataset")
        shown = raw_table(raw, "raw_eval_dataset")
    output = teacher.soft_output(rows)
    wanted, got, unit = _compared(teacher, output, surrogate.predict_output(encoded))
    classes = teacher.classes
    labels = classes if classes is not None and len(classes) > 2 else None
    names = _names(shown, raw_names)
    return SurrogateReport(
        fidelity=measure(surrogate, teacher, encoded, output, rows="eval"),
        unit=unit,
        classes=classes,
        _bins=errors_by_bin(shown, names, wanted, got, n_bins=n_bins, labels=labels),
        _rows=worst_rows(shown, names, wanted, got, n_worst=n_worst, labels=labels),
    )


def errors_by_bin(
    table: Any,
    names: Sequence[FeatureName],
    wanted: np.ndarray,
    got: np.ndarray,
    *,
    n_bins: int,
    labels: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """Errors of ``got`` (n_rows, n_outputs) by bins of each column; the columns of `SurrogateReport.frame`."""
    found: list[dict[str, Any]] = []
    for j, name in enumerate(names):
        bins = Bins.of(column_of(table, j), n_bins)
        for k, text in enumerate(bins.labels):
            at = np.flatnonzero(bins.codes == k)
            error = got[at] - wanted[at]
            r2 = r2_of_columns(wanted[at], got[at]) if len(at) > 1 else np.full(wanted.shape[1], np.nan)
            for output in range(wanted.shape[1]):
                row: dict[str, Any] = {"feature": name, "bin": text}
                if labels is not None:
                    row["class"] = labels[output]
                row["rows"] = len(at)
                row["mean error"] = error[:, output].mean()
                row["mean |error|"] = np.abs(error[:, output]).mean()
                row["R2"] = r2[output]
                found.append(row)
    return pd.DataFrame(found)


def worst_rows(
    table: Any,
    names: Sequence[FeatureName],
    wanted: np.ndarray,
    got: np.ndarray,
    *,
    n_worst: int,
    labels: Sequence[Any] | None = None,
) -> pd.DataFrame:
    """Rows with the largest error in any output; the columns of `SurrogateReport.worst`."""
    error = got - wanted
    output = np.abs(error).argmax(axis=1)
    every = np.arange(len(error))
    at = np.argsort(-np.abs(error[every, output]), kind="stable")[:n_worst]
    part = take(table, at)
    cells = part.copy() if isinstance(part, pd.DataFrame) else pd.DataFrame(dense(part), index=at)
    cells.columns = pd.Index(list(names), dtype=object)
    told = pd.DataFrame(
        {
            "(teacher)": wanted[at, output[at]],
            "(surrogate)": got[at, output[at]],
            "(error)": error[at, output[at]],
        },
        index=cells.index,
    )
    if labels is not None:
        told.insert(0, "(class)", [labels[k] for k in output[at]])
    return pd.concat([told, cells], axis=1)


def _compared(teacher: Predictions, output: np.ndarray, margins: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Outputs of teacher and surrogate, one column per output, and their unit."""
    if teacher.unit != "log-odds":
        return teacher.targets(output), margins, teacher.unit
    # Classifiers are read in probabilities: log-odds of a sure teacher may differ wildly and change nothing.
    first = 1 if output.shape[1] == 2 else 0
    return output[:, first:], class_probabilities(margins)[:, first:], "probability"


def _names(table: Any, raw_names: Sequence[FeatureName] | None) -> list[FeatureName]:
    if isinstance(table, pd.DataFrame):
        return list(table.columns)
    n_columns = table.shape[1]
    return list(raw_names) if raw_names is not None and len(raw_names) == n_columns else list(range(n_columns))
