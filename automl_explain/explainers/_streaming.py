"""Global importances of rows that arrive in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from automl_explain.analysis import GlobalAccumulator, GlobalSummary
from automl_explain.exceptions import InputError
from automl_explain.explanation import Explanation

if TYPE_CHECKING:
    from automl_explain.explainers._request import Request


class Streaming(Protocol):
    """What is asked of an explainer whose rows come in pieces."""

    inputs: Any
    teacher: Any
    show_progress: bool | None
    _shap_values_output: str

    @property
    def encoder(self) -> Any:
        """Turns engineered rows into numbers."""

    def _conversion(self, unit: str, output: np.ndarray | None) -> Any: ...

    def _common(self, view: Any, conversion: Any) -> dict[str, Any]: ...


def stream_summary(explainer: Streaming, chunks: Iterable[Any], request: Request, quantiles: bool) -> GlobalSummary:
    """Global values of rows in pieces; see `RowExplainer.explain_global_stream`."""
    total = GlobalAccumulator(quantiles=quantiles)
    conversion = None
    for made, encoded in encoded_pieces(explainer, chunks):
        conversion = explainer._conversion(request.unit, _proba(explainer, made))
        for _, values, unmapped in request.blocks(
            encoded, explainer.teacher.n_outputs, conversion, explainer.show_progress
        ):
            total.add(values, unmapped)
    explanation = Explanation(
        values=None,
        global_values=total.global_values,
        unmapped_global=total.unmapped_global,
        n_explained_rows=total.n_rows,
        **explainer._common(request.view, conversion),
    )
    return GlobalSummary(explanation, total)


def encoded_pieces(explainer: Streaming, chunks: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The tables of a stream that have rows, as the model reads them and as numbers.

    Raises
    ------
    InputError
        If there is no row in any of them.
    """
    n_rows = 0
    for number, rows in enumerate(pieces(chunks)):
        if np.shape(rows)[:1] != (0,):
            made = explainer.inputs.engineered(rows, f"chunks[{number}]")[1]
            n_rows += made.shape[0]
            yield made, explainer.encoder.encode(made, f"chunks[{number}]")
    if not n_rows:
        raise InputError("`chunks` holds no rows; pass at least one table with a row.")


def _proba(explainer: Streaming, rows: Any) -> np.ndarray | None:
    """The teacher's probabilities, where values are to add up to them; else it is not asked."""
    wanted = explainer._shap_values_output == "teacher_probability"
    return explainer.teacher.soft_output(rows) if wanted else None


def pieces(chunks: Any) -> Iterator[Any]:
    """The tables of a stream; refuses what is one table."""
    if hasattr(chunks, "shape") or not isinstance(chunks, Iterable) or isinstance(chunks, (str, bytes, dict)):
        raise InputError(
            f"`chunks` is one {type(chunks).__name__}; expected an iterable of tables. Pass `[table]`, or use "
            "`explain_global(table, include_local=False)`."
        )
    return iter(chunks)
