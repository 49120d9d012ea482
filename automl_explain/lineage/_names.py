"""Readable names for the outputs of a transformer; positions, not names, carry the lineage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from automl_explain.lineage._tables import labels_of, n_columns

Name = str | int


def leaf_names(transformer: Any, out: Any, inputs: Sequence[Name], *, own: bool, step: str) -> tuple[Name, ...]:
    """Names of the outputs of a single transformer.

    Parameters
    ----------
    transformer : object
        The fitted transformer.
    out : table
        What it made of the sample.
    inputs : sequence of str or int
        Names of its input columns.
    own : bool
        Whether every output belongs to the input at the same position.
    step : str
        Name for outputs that have none: ``step[0]``, ``step[1]``, ...
    """
    n_out = n_columns(out)
    for names in _offers(transformer, out, inputs):
        if names is not None and len(names) == n_out:
            given = tuple(str(name) for name in names)
            return tuple(inputs) if given == tuple(map(str, inputs)) else given
    if own:
        return tuple(inputs)
    if len(inputs) == 1:
        return (inputs[0],) if n_out == 1 else tuple(f"{inputs[0]}_{i}" for i in range(n_out))
    return tuple(f"{step}[{i}]" for i in range(n_out))


def _offers(transformer: Any, out: Any, inputs: Sequence[Name]) -> Iterator[Sequence[Any] | None]:
    namer = getattr(transformer, "get_feature_names_out", None)
    if namer is not None:
        yield _asked(namer, np.asarray([str(name) for name in inputs], dtype=object))
        if hasattr(transformer, "feature_names_in_"):  # it insists on the names of its fit
            yield _asked(namer)
    labels = labels_of(out)
    yield labels if labels is not None and all(isinstance(label, str) for label in labels) else None


def _asked(namer: Callable[..., Any], *names: Any) -> Sequence[Any] | None:
    """What it answers; other people's naming may fail in any way, and the map does not need it."""
    try:
        answer: Sequence[Any] = list(namer(*names))
    except Exception:
        return None
    return answer


def prefixed(verbose: Any, step: str, names: Sequence[Name]) -> list[Name]:
    """Names as `verbose_feature_names_out` of a ColumnTransformer or FeatureUnion wants them."""
    if callable(verbose):
        return [str(verbose(step, str(name))) for name in names]
    if isinstance(verbose, str):
        return [verbose.format(transformer_name=step, feature_name=name) for name in names]
    return [f"{step}__{name}" for name in names] if verbose else list(names)


def with_source(names: Sequence[Name], columns: Sequence[Name]) -> list[Name]:
    """Names that say their only column: a bare text token says nothing of where it came from."""
    if len(columns) != 1:
        return list(names)
    source = str(columns[0])
    return [name if str(name).startswith(source) else f"{source}_{name}" for name in names]
