"""Reads the trees of scikit-learn (single trees, forests, both kinds of gradient boosting) into a `TreeEnsemble`."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl_explain.exceptions import InputError, UnsupportedModelError
from automl_explain.treeshap._building import MAX_CATEGORY, Tree, category_words, ensemble_of, float32_cuts
from automl_explain.treeshap._ensemble import TreeEnsemble

# Trees


def read_tree(model: Any) -> TreeEnsemble:
    """A decision tree or extra tree.

    Parameters
    ----------
    model : DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier or ExtraTreeRegressor

    Returns
    -------
    TreeEnsemble
        Its prediction is the target of a regressor (one output per target), or the probability of
        every class, of the second class alone if there are two.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If it is a classifier of several targets.
    """
    return _averaged(model, [model] if hasattr(model, "tree_") else None)


def read_forest(model: Any) -> TreeEnsemble:
    """A forest of the trees above; its prediction is their mean, as that of `read_tree`.

    Parameters
    ----------
    model : RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier or ExtraTreesRegressor
    """
    return _averaged(model, getattr(model, "estimators_", None))


def _averaged(model: Any, members: list[Any] | None) -> TreeEnsemble:
    if members is None:
        raise _not_fitted(model)
    if hasattr(model, "classes_") and model.n_outputs_ > 1:
        raise UnsupportedModelError(
            f"The {type(model).__name__} predicts {model.n_outputs_} targets of classes at once; expected one. Fit "
            "one model per target."
        )
    trees = [_tree(m.tree_, _outputs(m.tree_, hasattr(model, "classes_")) / len(members)) for m in members]
    return ensemble_of(trees, base=np.zeros(trees[0].value.shape[1]), n_features=int(model.n_features_in_))


def _outputs(tree: Any, classifier: bool) -> np.ndarray:
    """Values of the nodes, (n_nodes, n_outputs)."""
    if not classifier:
        return np.asarray(tree.value[:, :, 0])
    weight = tree.value[:, 0, :]
    share: np.ndarray = weight / weight.sum(axis=1, keepdims=True)
    return share[:, 1:] if share.shape[1] == 2 else share


def _tree(tree: Any, value: np.ndarray, output: int = 0) -> Tree:
    leaf = tree.children_left < 0
    return Tree(
        feature=np.where(leaf, -1, tree.feature),
        threshold=float32_cuts(np.where(leaf, 0.0, tree.threshold), strict=False),
        default_left=np.asarray(tree.missing_go_to_left) != 0,
        left=tree.children_left,
        right=tree.children_right,
        cover=tree.weighted_n_node_samples,
        value=value,
        output=output,
    )


# Gradient boosting


def read_gradient_boosting(model: Any) -> TreeEnsemble:
    """A GradientBoostingClassifier or GradientBoostingRegressor; its prediction is the raw score.

    Parameters
    ----------
    model : GradientBoostingClassifier or GradientBoostingRegressor
        One output for a regressor and for two classes, else one per class.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If its ``init`` is an estimator that learns from the columns.
    """
    if not hasattr(model, "estimators_"):
        raise _not_fitted(model)
    kind = type(model.init_)
    constant = model.init_ == "zero" if isinstance(model.init_, str) else kind.__module__.startswith("sklearn.dummy")
    if not constant:
        raise UnsupportedModelError(
            f"The {type(model).__name__} starts from a {kind.__name__} (`init`), whose part of the prediction is no "
            "tree; expected `init=None` or 'zero'."
        )
    n_features = int(model.n_features_in_)
    base = model._raw_predict_init(np.zeros((1, n_features), dtype=np.float32))[0]
    trees = [
        _tree(member.tree_, member.tree_.value[:, 0, 0] * model.learning_rate, output)
        for stage in model.estimators_
        for output, member in enumerate(stage)
    ]
    return ensemble_of(trees, base=base, n_features=n_features)


def read_hist_gradient_boosting(model: Any) -> TreeEnsemble:
    """A HistGradientBoostingClassifier or HistGradientBoostingRegressor; its prediction is the raw score.

    Parameters
    ----------
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        Rows hold categories as they were in training; these must be whole numbers that are not negative.

    Raises
    ------
    InputError
        If the model is not fitted.
    UnsupportedModelError
        If a split is on categories of another kind (text).
    """
    if not hasattr(model, "_predictors"):
        raise _not_fitted(model)
    n_features = int(model.n_features_in_)
    columns, categories = np.arange(n_features), {}
    if model.is_categorical_ is not None:
        # Inside, categorical columns come first, and their categories are numbered.
        mask = np.asarray(model.is_categorical_)
        columns = np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)])
        categories = dict(enumerate(model._preprocessor.named_transformers_["encoder"].categories_))
    trees = [
        _hist_tree(predictor, output, columns, categories)
        for stage in model._predictors
        for output, predictor in enumerate(stage)
    ]
    return ensemble_of(trees, base=np.ravel(model._baseline_prediction), n_features=n_features)


def _hist_tree(predictor: Any, output: int, columns: np.ndarray, categories: dict[int, Any]) -> Tree:
    nodes = predictor.nodes
    leaf, by_category = nodes["is_leaf"] != 0, nodes["is_categorical"] != 0
    missing_left = nodes["missing_go_to_left"] != 0
    inside = np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64)
    category = np.full(len(nodes), -1)
    sets: list[np.ndarray] = []
    for at in np.flatnonzero(by_category & ~leaf):
        category[at] = len(sets)
        found = _codes(categories[inside[at]], int(columns[inside[at]]))
        words = np.asarray(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][at]], dtype="<u4")
        in_set = np.unpackbits(words.view(np.uint8), bitorder="little")[: len(found)] != 0
        sets.append(category_words(found[in_set != missing_left[at]]))
    # Unknown categories go the way of missing ones there, and always right here.
    swapped = by_category & missing_left
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    return Tree(
        feature=np.where(leaf, -1, columns[inside]),
        threshold=np.where(leaf | by_category, 0.0, nodes["num_threshold"]),
        default_left=missing_left & ~by_category,
        left=np.where(swapped, right, left),
        right=np.where(swapped, left, right),
        cover=nodes["count"],
        value=nodes["value"],
        output=output,
        category=category,
        sets=sets,
    )


def _codes(categories: Any, column: int) -> np.ndarray:
    """Categories of a column, without NaN, in the order of their numbers inside."""
    try:
        found = np.asarray(categories, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.array([-1.0])
    found = found[~np.isnan(found)]
    if not ((found >= 0) & (found < MAX_CATEGORY) & (found == np.floor(found))).all():
        shown = ", ".join(repr(c) for c in list(categories)[:3])
        raise UnsupportedModelError(
            f"A split is on the categories of column {column} ({shown}, ...); expected whole numbers from 0 to "
            f"{MAX_CATEGORY - 1}. Encode the column (OrdinalEncoder) before the model."
        )
    return found.astype(np.int64)


def _not_fitted(model: Any) -> InputError:
    return InputError(f"The {type(model).__name__} is not fitted; call `fit` before reading its trees.")
