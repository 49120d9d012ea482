"""Follows a sample of rows through a fitted pipeline and notes at every step what became of each column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from sklearn.exceptions import NotFittedError

from automl_explain.exceptions import AutoMLExplainError, DataError, InputError, UnknownTransformerError
from automl_explain.lineage._chains import flat_steps, may_leave_tables, opaque_chain
from automl_explain.lineage._links import Columns, Links, pick
from automl_explain.lineage._names import leaf_names, prefixed, with_source
from automl_explain.lineage._place import NoRuleError, Place
from automl_explain.lineage._probing import measured, probed
from automl_explain.lineage._rules import changed_itself, rule_for
from automl_explain.lineage._tables import is_table, labels_of, n_columns, n_rows, positions_of, take_columns
from automl_explain.lineage._tuples import is_pairs, read_pairs, side_by_side

Walked: TypeAlias = tuple[Any, Columns]


def walk(transformer: Any, X: Any, columns: Columns, place: Place) -> Walked:
    """Output of a fitted transformer for the sample ``X``, and where its columns come from.

    Parameters
    ----------
    transformer : object
        A transformer, a container of transformers, None, ``"passthrough"`` or ``"drop"``.
    X : table
        Sample of its input.
    columns : Columns
        Where the columns of ``X`` come from.
    place : Place
        The steps that lead here, and the choices of the whole walk.
    """
    if transformer is None or isinstance(transformer, str):
        if transformer == "drop":
            return take_columns(X, []), columns.take([])
        return X, columns
    if is_pairs(transformer):
        return _pairs(transformer, X, columns, place)
    container = None if changed_itself(transformer) else _container_of(type(transformer))
    out, made = (container or _leaf)(transformer, X, columns, place)
    if made.n != n_columns(out):
        place.refuse(
            transformer,
            columns,
            f"its parts make {made.n} columns, but its `transform` makes {n_columns(out)}",
            kind=UnknownTransformerError,
        )
    return out, made


def _container_of(cls: type) -> Callable[[Any, Any, Columns, Place], Walked] | None:
    for base in cls.__mro__:
        found = CONTAINERS.get((base.__module__.partition(".")[0], base.__name__))
        if found is not None:
            return found
        if "transform" in vars(base):  # a subclass that transforms in its own way is no container we know
            return None
    return None


def _pipeline(pipeline: Any, X: Any, columns: Columns, place: Place) -> Walked:
    steps = list(flat_steps(pipeline, place))
    while steps:
        at, step = steps.pop(0)
        if steps and len(columns.ancestors()) > 1 and may_leave_tables(step, rule_for(step)):
            chain = opaque_chain(step, [later for _, later in steps], X)
            if chain is not None:
                step = chain
                del steps[: len(chain.steps) - 1]
        X, columns = walk(step, X, columns, at)
    return X, columns


def _column_transformer(transformer: Any, X: Any, columns: Columns, place: Place) -> Walked:
    out = _transform(transformer, X, columns, place)
    here = labels_of(X)
    fitted = (
        list(transformer.feature_names_in_) if here is not None and hasattr(transformer, "feature_names_in_") else None
    )
    # Rows may hold their columns in another order, or more of them, than the rows of the fit.
    stands = None if fitted is None or here is None else {label: i for i, label in enumerate(here)}
    parts: list[tuple[int, Columns]] = []
    for name, child, selector in transformer.transformers_:
        at, scalar = positions_of(selector, X, fitted)
        if not at or (isinstance(child, str) and child == "drop"):
            continue
        if stands is not None and fitted is not None:
            at = [stands[fitted[i]] for i in at]
        value = take_columns(X, at, scalar=scalar)
        _, made = walk(child, value, columns.take(at), place.into(name))
        where = transformer.output_indices_[name]
        if made.n != where.stop - where.start:
            doubt = f"{made.n} columns come out, {where.stop - where.start} were expected"
            place.into(name).refuse(child, columns.take(at), doubt, kind=UnknownTransformerError)
        parts.append((where.start, made.renamed(prefixed(transformer.verbose_feature_names_out, name, made.names))))
    parts.sort(key=lambda part: part[0])
    return out, Columns.side_by_side([part for _, part in parts], columns.weights.shape[0])


def _feature_union(union: Any, X: Any, columns: Columns, place: Place) -> Walked:
    out = _transform(union, X, columns, place)
    verbose = getattr(union, "verbose_feature_names_out", True)
    parts = []
    for name, child in union.transformer_list:
        _, made = walk(child, X, columns, place.into(name))
        parts.append(made.renamed(prefixed(verbose, name, made.names)))
    return out, Columns.side_by_side(parts, columns.weights.shape[0])


def _pairs(pairs: Any, X: Any, columns: Columns, place: Place) -> Walked:
    blocks, parts = [], []
    for i, block in enumerate(read_pairs(pairs)):
        at, _ = block.positions(X)
        value, mine = block.input(X), columns.take(at)
        made = mine
        for transformer in block.chain:
            here = place.into(f"transformations[{i}]", type(transformer).__name__)
            value, made = walk(transformer, value, made, here)
        blocks.append(block.transform(X))
        parts.append(made.renamed(block.names(made.names, mine.names)))
    return side_by_side(blocks), Columns.side_by_side(parts, columns.weights.shape[0])


def _mapper(mapper: Any, X: Any, columns: Columns, place: Place) -> Walked:
    """DataFrameMapper of sklearn-pandas, which is never imported."""
    if labels_of(X) is None:
        raise DataError(
            f"{place.of(mapper)} selects columns by name; got {type(X).__name__}. Pass the rows as a DataFrame."
        )
    # Its transform overwrites `transformed_names_`; `copy.copy` would lose what it has built.
    own = object.__new__(type(mapper))
    vars(own).update(vars(mapper))
    out = _transform(own, X, columns, place)
    blocks = [*own.built_features]
    if own.built_default is not False:
        blocks.append((own._unselected_columns(X), own.built_default, {}))
    parts: list[Columns] = []
    for selector, child, options in blocks:
        at, scalar = positions_of(selector, X, labels_of(X), labels_first=True)
        value = take_columns(X, at, scalar=scalar)
        value = value if options.get("input_df", own.input_df) else value.to_numpy()
        made = columns.take(at)
        for step in child if isinstance(child, list) else [child]:
            value, made = walk(step, value, made, place.into(str(selector)))
        start = sum(part.n for part in parts)
        renames = own.df_out or any(options.get(key) for key in ("alias", "prefix", "suffix"))
        theirs = own.transformed_names_[start : start + made.n]
        good = renames and len(theirs) == made.n
        parts.append(made.renamed(theirs if good else with_source(made.names, columns.take(at).names)))
    return out, Columns.side_by_side(parts, columns.weights.shape[0])


def _search(search: Any, X: Any, columns: Columns, place: Place) -> Walked:
    return walk(search.best_estimator_, X, columns, place)


def _frozen(frozen: Any, X: Any, columns: Columns, place: Place) -> Walked:
    return walk(frozen.estimator, X, columns, place)


def _featurizer(featurizer: Any, X: Any, columns: Columns, place: Place) -> Walked:
    return walk(featurizer.transformations, X, columns, place)


CONTAINERS: dict[tuple[str, str], Callable[[Any, Any, Columns, Place], Walked]] = {
    ("sklearn", "Pipeline"): _pipeline,
    ("imblearn", "Pipeline"): _pipeline,
    ("sklearn", "ColumnTransformer"): _column_transformer,
    ("sklearn", "FeatureUnion"): _feature_union,
    ("sklearn", "BaseSearchCV"): _search,
    ("sklearn", "FrozenEstimator"): _frozen,
    ("sklearn_pandas", "DataFrameMapper"): _mapper,
    ("automl_explain", "TransformationsFeaturizer"): _featurizer,
}


def _leaf(transformer: Any, X: Any, columns: Columns, place: Place) -> Walked:
    out = _transform(transformer, X, columns, place)
    if n_rows(out) != n_rows(X):
        doubt = f"it makes {n_rows(out)} rows of {n_rows(X)}, so it is not row-wise"
        place.refuse(transformer, columns, doubt, kind=UnknownTransformerError)
    links, doubt = _links(transformer, X, out, place)
    if len(columns.ancestors()) <= 1 or columns.n == 1:
        # All columns come from one raw column, so whatever is made of them does too.
        links = links or _from_one(columns, n_columns(out))
    elif links is None:
        links = _probed(transformer, X, out, columns, place, doubt)
    elif links.measured:
        links = measured(transformer, X, columns, links)
    own = links.n_out == columns.n and bool((links.weights.diagonal() > 0).all()) and links.weights.nnz == columns.n
    step = place.steps[-1] if place.steps else type(transformer).__name__.lower()
    return out, columns.through(links, leaf_names(transformer, out, columns.names, own=own, step=step))


def _from_one(columns: Columns, n_out: int) -> Links:
    """Links of outputs made of a single raw column; one of its columns stands for all, so that they stay sparse."""
    parents = np.diff(columns.support.indptr)
    speaker = int(np.argmax(parents + columns.probed)) if columns.n else -1
    return pick(np.full(n_out, speaker), columns.n)


def _probed(transformer: Any, X: Any, out: Any, columns: Columns, place: Place, doubt: str) -> Links:
    if place.random_state is None or not is_table(X):
        place.refuse(transformer, columns, doubt, kind=NoRuleError)
    try:
        links = probed(transformer, X, columns, place, doubt)
    except Exception as error:  # it transforms the sample once, but not a second time
        place.refuse(transformer, columns, f"{doubt}, and probing it failed ({error})", kind=UnknownTransformerError)
    if links.n_out != n_columns(out):
        doubt = f"{doubt}, and it makes {links.n_out} columns of rows of which it made {n_columns(out)} before"
        place.refuse(transformer, columns, doubt, kind=UnknownTransformerError)
    return links


def _links(transformer: Any, X: Any, out: Any, place: Place) -> tuple[Links | None, str]:
    rule = rule_for(transformer, weights=place.weights)
    if rule is None:
        return None, "no rule knows this class"
    try:
        links = rule(transformer, X, out)
    except AttributeError as error:  # a fitted attribute of another release
        return None, f"the rule for its class does not fit this release ({error})"
    if links is None:
        return None, "the rule for its class does not cover these settings"
    if links.n_out != n_columns(out):
        return None, f"the rule for its class expects {links.n_out} outputs, its `transform` makes {n_columns(out)}"
    return links, ""


def _transform(transformer: Any, X: Any, columns: Columns, place: Place) -> Any:
    if not callable(getattr(transformer, "transform", None)):
        doubt = "it has no `transform` (leave the predictor out: `pipeline[:-1]`)"
        place.refuse(transformer, columns, doubt, kind=UnknownTransformerError)
    try:
        return transformer.transform(X)
    except AutoMLExplainError:
        raise
    except NotFittedError as error:
        raise InputError(f"{place.of(transformer)} is not fitted ({error}). Pass the fitted pipeline.") from error
    except Exception as error:
        raise DataError(
            f"{place.of(transformer)} cannot transform the sample: {type(error).__name__}: {error}. "
            "Expected rows like those it was fitted on. Pass raw rows with the same columns and types."
        ) from error
