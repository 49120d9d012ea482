"""ExplainerWrapper: engineered and raw explanations from one explainer, in the Azure SDK's vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from automl_explain._tables._rows import check_same_rows
from automl_explain._validation import check_count, check_raw_method, shown, warn
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    ExplanationWarning,
    InitDatasetMissingError,
    InputError,
    MissingEvalDataError,
    MissingExplanationTypesError,
    MissingRawTransformationsError,
)
from automl_explain.explainers._base import RowExplainer
from automl_explain.explainers._scoring import Scored
from automl_explain.explanation import Explanation
from automl_explain.feature_map import FeatureMap

if TYPE_CHECKING:
    from automl_explain.analysis import GlobalSummary

EXPLANATION_TYPES = ("local", "global")


class ExplainerWrapper(Scored):
    """What wrappers have in common, whatever explainer they hold.

    A subclass calls `_settle`, then makes its ``explainer``.

    Attributes
    ----------
    explainer : RowExplainer
        The explainer underneath.
    feature_map : FeatureMap or None
    workspace, run : ExplanationStore or None
    """

    explainer: RowExplainer

    def _settle(
        self,
        workspace: Any,
        run: Any,
        init_dataset: Any,
        features: Sequence[str | int] | None,
        explain_subset: Sequence[int] | None,
        transformations: Any,
        feature_maps: Any,
    ) -> Sequence[str | int] | None:
        """Keep store and feature map; gives the engineered names."""
        if transformations is not None and feature_maps is not None:
            raise ConflictingTransformationsError(
                "Both `transformations` and `feature_maps` were given; pass one of them: both say how raw columns "
                "become engineered ones."
            )
        if init_dataset is None:
            raise InitDatasetMissingError(
                "`init_dataset` is None; the surrogate needs rows to learn from, a direct explainer rows to compare "
                "with. Pass `setup.X_transform`."
            )
        self.workspace, self.run = workspace, run
        self._store = _store(run, workspace)
        if explain_subset is not None and feature_maps is not None:
            raise ConflictingTransformationsError("`explain_subset` and `feature_maps` cannot be combined.")
        self.feature_map = None if feature_maps is None else FeatureMap.chain(feature_maps)
        if self.feature_map is not None:
            _check_map(self.feature_map, init_dataset, features)
            if features is None and isinstance(self.feature_map.engineered_names[0], str):
                features = self.feature_map.engineered_names
        return features

    def explain(
        self,
        explanation_types: Sequence[str] | str,
        eval_dataset: Any = None,
        top_k: int | None = None,
        upload: bool = True,
        upload_datasets: bool = False,
        tag: str = "",
        get_raw: bool = False,
        raw_feature_names: Sequence[str | int] | None = None,
        experiment_name: str = "explain_model",
        raw_eval_dataset: Any = None,
        true_ys: Any = None,
        *,
        raw_method: str = "folded",
        output_unit: str | None = None,
    ) -> Explanation:
        """Explain rows.

        Parameters
        ----------
        explanation_types : sequence of {"local", "global"}
            ``["global"]`` works through the rows in blocks and keeps no local values.
        eval_dataset : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered), optional
            Engineered rows (raw with ``transformations``); for global values a sample of the init rows if left out.
        top_k : int, optional
            Features that a store keeps; the explanation returned has all.
        upload : bool, default True
            Whether to hand the explanation to the store, if there is one, with ``tag`` as its comment and
            ``true_ys``, the true labels or targets of shape (n_rows,).
        upload_datasets, experiment_name
            Accepted for compatibility; a store that keeps rows decides by itself.
        get_raw : bool, default False
            Whether to give the values of raw columns, under ``raw_feature_names`` (those of the feature map where
            left out) and with ``raw_eval_dataset``, the raw rows of shape (n_rows, n_raw).
        raw_method : {"folded", "grouped"}, default "folded"
            How raw values are made, see `RowExplainer.explain_rows`; ``method`` ends in ``.grouped`` then.
        output_unit : {"log-odds", "probability"}, optional
            Unit of a classification's values; the explainer's where left out.

        Returns
        -------
        Explanation
            In the space asked for. Raw values are computed from the rows, without engineered ones.

        Raises
        ------
        InputError
            If an argument is not legal; its kinds tell of types, of missing rows and of missing feature maps.
        """
        types = _checked_types(explanation_types, eval_dataset, top_k, get_raw)
        fold, raw_method = self._raw(get_raw, raw_feature_names, raw_method)
        check_same_rows(eval_dataset, raw_eval_dataset, "raw_eval_dataset")
        check_same_rows(eval_dataset, true_ys, "true_ys")
        how: dict[str, Any] = {"feature_map": fold, "raw_method": raw_method, "raw_rows": raw_eval_dataset}
        how |= {"include_local": "local" in types, "output_unit": output_unit, "argument": "eval_dataset"}
        explanation = self.explainer.explain_rows(eval_dataset, **how)
        if upload and self._store is not None:
            self._upload(explanation, top_k=top_k, comment=tag, true_ys=true_ys)
        return explanation

    def explain_global_stream(
        self,
        chunks: Iterable[Any],
        *,
        get_raw: bool = False,
        raw_feature_names: Sequence[str | int] | None = None,
        quantiles: bool = True,
        raw_method: str = "folded",
        output_unit: str | None = None,
    ) -> GlobalSummary:
        """Global importances of rows that arrive in pieces, as from a file too large for memory.

        Parameters
        ----------
        chunks : iterable of DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
            Engineered rows (raw rows with ``transformations``), in pieces that fit into memory.
        quantiles : bool, default True
            Whether to keep the quantiles of the contributions too.
        get_raw, raw_feature_names, raw_method
            As in `explain`.
        output_unit : {"log-odds", "probability"}, optional
            Unit of the contributions.

        Returns
        -------
        GlobalSummary
            See `MimicExplainer.explain_global_stream`. It is handed to no store.
        """
        fold, raw_method = self._raw(get_raw, raw_feature_names, raw_method)
        return self.explainer.explain_global_stream(
            chunks, quantiles=quantiles, feature_map=fold, raw_method=raw_method, output_unit=output_unit
        )

    def _raw(
        self, get_raw: bool, raw_feature_names: Sequence[str | int] | None, raw_method: str
    ) -> tuple[FeatureMap | None, str]:
        """The map to raw columns where they are asked for, and how it is used."""
        check_raw_method(raw_method)
        fold = self._fold(raw_feature_names) if get_raw else None
        # It changes nothing about engineered values.
        return fold, "folded" if fold is None and self.feature_map is not None else raw_method

    def _fold(self, raw_feature_names: Sequence[str | int] | None) -> FeatureMap | None:
        own = self.explainer.feature_map  # made with transformations: raw anyway
        if own is None and self.feature_map is None:
            raise MissingRawTransformationsError(
                "`get_raw=True` needs to know which raw column feeds which engineered feature: pass "
                f"`feature_maps=[setup.feature_map]` (or `transformations`) to {type(self).__name__}."
            )
        feature_map = own or self.feature_map
        assert feature_map is not None
        return feature_map if raw_feature_names is None else feature_map.with_names(raw_feature_names)

    def _upload(self, explanation: Explanation, **how: Any) -> None:
        try:
            self._store.upload_model_explanation(explanation, **how)
        except Exception as error:  # whatever a store raises, the explanation must not be lost with it
            warn(f"The explanation was made but not uploaded: {error}", ExplanationWarning)


def _checked_types(explanation_types: Sequence[str] | str, eval_dataset: Any, top_k: Any, get_raw: Any) -> set[str]:
    types = _types(explanation_types)
    if not isinstance(get_raw, bool):
        raise InputError(f"`get_raw` must be True or False; got {shown(get_raw)}.")
    if top_k is not None:
        check_count(top_k, "top_k", least=0)
    if "local" in types and eval_dataset is None:
        raise MissingEvalDataError("Local values need rows: pass `eval_dataset` (such as `setup.X_test_transform`).")
    return types


def _types(explanation_types: Sequence[str] | str) -> set[str]:
    several = isinstance(explanation_types, (list, tuple, set, frozenset))
    given: list[Any] = list(explanation_types) if several else [explanation_types]
    wrong = [t for t in given if not isinstance(t, str) or t not in EXPLANATION_TYPES]
    if wrong or not given:
        told = [repr(t) if isinstance(t, (str, int, float)) else type(t).__name__ for t in wrong]
        seen = f"got {', '.join(told)}" if wrong else "got an empty list"
        raise MissingExplanationTypesError(f"`explanation_types` must hold 'local', 'global' or both; {seen}.")
    return set(given)


def _store(run: Any, workspace: Any) -> Any:
    for place in (run, workspace):
        if place is not None and hasattr(place, "upload_model_explanation"):
            return place
    if workspace is not None:
        raise InputError(
            f"`workspace` must keep explanations (an object with `upload_model_explanation`) or be None; got "
            f"{type(workspace).__module__}.{type(workspace).__name__}, which does not. Nothing is uploaded to Azure "
            "from here: pass None in its place, and keep explanations with explanation.save(path)."
        )
    return None


def _check_map(feature_map: FeatureMap, init_dataset: Any, features: Sequence[str | int] | None) -> None:
    width = getattr(init_dataset, "shape", (0, feature_map.n_engineered))[-1]
    if width != feature_map.n_engineered:
        raise InputError(
            f"The feature map has {feature_map.n_engineered} engineered features, `init_dataset` has {width} columns. "
            "Pass `feature_maps=[setup.feature_map]` and `init_dataset=setup.X_transform` of one setup."
        )
    names = list(feature_map.engineered_names)
    if features is not None and list(features) != names and sorted(map(str, features)) == sorted(map(str, names)):
        raise InputError(
            "`features` has the engineered names of the feature map in another order. Pass "
            "`setup.engineered_feature_names` with `setup.feature_map`."
        )
