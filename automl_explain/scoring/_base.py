"""ScoringExplainer: what the explainers of production have in common, whatever gives the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from automl_explain._lazy import sparse as sp
from automl_explain._threads import check_n_jobs
from automl_explain._validation import check_raw_method, shown, warn
from automl_explain.exceptions import (
    ConflictingTransformationsError,
    CorruptFileError,
    ExplanationWarning,
    InputError,
    StorageError,
)
from automl_explain.explanation._units import output_probabilities
from automl_explain.explanation._values import dense_if_small, method_name
from automl_explain.feature_map import MAX_DENSE_RAW_COLUMNS, FeatureMap
from automl_explain.protocols import ScorableSource
from automl_explain.scoring._kinds import check_kind, class_of, explainer_behind, read, slim, written
from automl_explain.scoring._parts import ScoringParts, refuse_overflow
from automl_explain.scoring._reader import Reader

if TYPE_CHECKING:
    from automl_explain.explanation import Explanation

_BOTH = np.array([-1.0, 1.0]).reshape(2, 1, 1)  # contributions to two classes, from those to the second


_OPEN: Mapping[str, int] = {}  # no number of threads was given


class WrongModelError(InputError):
    """The model that a file needs was not given, or another one."""


class ScoringExplainer(Reader):
    """Explains rows with the source of any explainer; holds no training row beyond a background.

    Subclasses take explainers of one kind alone: `TreeScoringExplainer`, `LinearScoringExplainer`,
    `KernelScoringExplainer` and `DeepScoringExplainer`. ``explainer.create_scoring_explainer()`` gives the one that
    fits.

    Parameters
    ----------
    original_explainer : wrapper or explainer
        What was made with ``transformations`` takes raw rows, and so does its scoring explainer.
    feature_maps : list of FeatureMap, ndarray or scipy sparse, optional
        Maps raw x engineered, raw first; rows given to `explain` are engineered then, and
        ``get_raw=True`` gives values of raw columns. A wrapper brings its own.
    raw_features, engineered_features : sequence of str, optional
        Names; those of the map and of the explainer where left out.
    raw_method : {"folded", "grouped"}, default "folded"
        How raw values are made, see `MimicWrapper.explain`.
    output_unit : {"log-odds", "probability"}, optional
        Unit of a classification's values where `explain` is asked for none; that of the explainer where
        left out. Saved with the explainer.
    n_jobs : int or None, default None
        Threads of a call, where trees are explained; None for as many as the process may use then. An attribute that
        may be changed; neither saved nor pickled, since another machine has other cores.
    table_recipe : TableRecipe, optional
        How the file was read that the model was fitted on; saved with the explainer, and followed by `read_records`.

    Raises
    ------
    UnsupportedModelError
        If the explainer has nothing that gives values of new rows, or is of another kind than the class.
    InputError
        If the map, the names or the unit do not fit, or ``raw_method`` is not known.
    MissingRawTransformationsError
        If ``raw_method="grouped"`` and there is no feature map.

    Warns
    -----
    ExplanationWarning
        If the explainer gives values that add up to the model's own probability
        (``shap_values_output="teacher_probability"``): in production the model is not asked.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from automl_explain import LinearExplainer, ScoringExplainer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> scoring = ScoringExplainer(LinearExplainer(Ridge().fit(X, y), X))
    >>> scoring.kind, scoring.explain(X[:3]).shape
    ('linear', (3, 10))
    """

    #: Kind that a subclass takes; any where it is None.
    _only: str | None = None
    n_jobs: int | None = None

    def __init__(
        self,
        original_explainer: Any,
        feature_maps: Any = None,
        raw_features: Sequence[str | int] | None = None,
        engineered_features: Sequence[str | int] | None = None,
        *,
        raw_method: str = "folded",
        output_unit: str | None = None,
        n_jobs: int | None = None,
        table_recipe: Any = None,
    ) -> None:
        check_n_jobs(n_jobs)
        explainer = explainer_behind(original_explainer)
        source = self._source_of(explainer)
        if explainer.explain_subset is not None:
            raise InputError(
                "The explainer shows a subset of its features; make one without `explain_subset` for scoring."
            )
        self._featurizer = explainer.featurizer
        if self._featurizer is not None and feature_maps is not None:
            raise ConflictingTransformationsError(
                "The explainer has `transformations`, so its rows are raw; leave out `feature_maps`."
            )
        own = explainer.feature_map or getattr(original_explainer, "feature_map", None)
        chain = own if feature_maps is None else FeatureMap.chain(feature_maps)
        self._parts = ScoringParts.of(
            explainer,
            source,
            chain,
            raw_features=raw_features,
            engineered_features=engineered_features,
            raw_method=check_raw_method(raw_method),
            output_unit=output_unit,
            table_recipe=table_recipe,
        )
        self._transformed, self.n_jobs = False, n_jobs
        by_model = getattr(explainer, "shap_values_output", "default") == "teacher_probability"
        if by_model and self._parts.output_unit == "probability":
            warn(
                "The explainer's values add up to the probability of the model "
                "(`shap_values_output='teacher_probability'`). A scoring explainer does not ask the model: its values "
                "add up to the probability of the surrogate, and the residual of a row is not in them.",
                ExplanationWarning,
            )

    @classmethod
    def _source_of(cls, explainer: Any) -> ScorableSource:
        """What production needs of an explainer's source."""
        check_kind(explainer, cls._only)
        made: ScorableSource = slim(explainer.source)
        return made

    @classmethod
    def _written(cls, source: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The source as JSON-ready fields and as files."""
        return written(source)

    @classmethod
    def _read(
        cls, described: Mapping[str, Any], members: Mapping[str, bytes], parts: Mapping[str, Any]
    ) -> ScorableSource:
        """The source from what `_written` wrote, and ``parts`` that are read already."""
        made: ScorableSource = read(str(cls._only), described, members)
        return made

    def explain(
        self,
        X: Any,
        get_raw: bool | None = None,
        *,
        as_list: bool = False,
        output_unit: str | None = None,
        n_jobs: int | None = None,
    ) -> Any:
        """Contributions of every feature to the output explained.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)
            Engineered rows (raw rows with ``transformations``); one row may come as a vector.
        get_raw : bool, optional
            Whether values are raw; False without ``transformations``, True with them.
        as_list : bool, default False
            Whether to give nested lists, ready for JSON.
        output_unit : {"log-odds", "probability"}, optional
            Unit of the values; `output_unit` of the explainer where left out.
        n_jobs : int, optional
            Threads of this call, where trees are explained; `n_jobs` of the explainer where left out. Values do not
            depend on it.

        Returns
        -------
        ndarray of shape (n_rows, n_features) for regression, else (n_classes, n_rows, n_features)
            In the unit asked for. Binary values are mirrored, ``[-v, v]``. Values of sparse rows that would
            take more than 100 MB (raw ones of more than 1,000 columns) are csr_matrix, a list of them for
            classes. With ``as_list`` nested lists of the same shape, NaN as None, as in the wire form.

        Raises
        ------
        MissingRawTransformationsError
            If raw values are asked for without a feature map.
        InputError, DataError
            If columns are missing, values cannot be read, or ``n_jobs`` is no whole number.
        """
        values, _ = self._values(X, self._is_raw(get_raw), output_unit, n_jobs)
        parts = self._parts
        if isinstance(values, tuple):
            blocks = [-values[0], values[0]] if parts.binary else list(values)
            shown = blocks if parts.classes is not None else blocks[0]
            return _listed(shown) if as_list else shown
        if parts.classes is None:
            shown = values[0]
        elif parts.binary:
            shown = values * _BOTH  # in one go: a row is explained in microseconds
        else:
            shown = values
        return shown.tolist() if as_list else shown  # values that are not finite are refused

    def predict(self, X: Any) -> Any:
        """Same as `explain`, so that the explainer stands where a model is expected."""
        return self.explain(X)

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Nothing to learn; gives itself."""
        return self

    def warm_up(self) -> Self:
        """Make ready for the first row: a service calls it once at its start.

        Tables of engineered and of raw values are prepared, where there are any. Without it the first row
        of each kind waits for its tables.

        Returns
        -------
        ScoringExplainer
            Itself.
        """
        ready = getattr(self._parts.source, "warm_up", None)
        if ready is not None:
            ready()
            if self._parts.feature_map is not None:
                self._raw_values(self._empty_row(self._parts.feature_map), _OPEN)
        return self

    def predict_output(self, X: Any) -> np.ndarray:
        """The output that the values and `expected_values` add up to.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse of shape (n_rows, n_engineered)

        Returns
        -------
        ndarray of shape (n_rows, n_outputs)
            In ``output_unit``; one output for two classes (the second).
        """
        rows = self._encode(X)
        if not rows.shape[0]:
            return np.zeros((0, self._parts.source.n_outputs))
        margins = self._parts.source.predict_output(rows)
        if self._parts.conversion(None) is None:
            return margins
        return output_probabilities(margins, self._parts.link)

    def explanation(
        self, X: Any, get_raw: bool | None = None, *, output_unit: str | None = None, n_jobs: int | None = None
    ) -> Explanation:
        """Contributions as an `Explanation`, to be shown, sliced or saved.

        Parameters
        ----------
        X, get_raw, output_unit, n_jobs
            As in `explain`.
        """
        from automl_explain.explanation import Explanation  # values alone need no views

        raw, parts = self._is_raw(get_raw), self._parts
        unit: Any = output_unit or self.output_unit
        values, unmapped = self._values(X, raw, output_unit, n_jobs)
        rest = parts.feature_map.unmapped if raw and parts.feature_map is not None else ()
        return Explanation(
            values=values,
            base=self._base(output_unit),
            features=tuple(self.raw_features or ()) if raw else tuple(self.engineered_features),
            task="regression" if self.classes is None else "classification",
            classes=self.classes,
            space="raw" if raw else "engineered",
            output_unit=unit,
            link=self._link(output_unit),
            fidelity=self.fidelity,
            method=method_name(self.method, self.raw_method) if raw else self.method,
            unmapped=unmapped,
            unmapped_features=tuple(parts.encoder.names[j] for j in rest),
        )

    def _values(self, X: Any, raw: bool, output_unit: str | None, n_jobs: int | None) -> tuple[Any, np.ndarray | None]:
        threads = _OPEN if n_jobs is None and self.n_jobs is None else self._threads(n_jobs)
        conversion = self._parts.conversion(output_unit)
        rows = self._encode(X)
        if rows.shape[0] == 0:
            names: Sequence[Any] = self.raw_features or () if raw else self._parts.encoder.names
            n_outputs = self._parts.source.n_outputs
            return np.zeros((n_outputs, 0, len(names))), np.zeros((n_outputs, 0)) if raw else None
        made = self._raw_values if raw else self._engineered_values
        if self._parts.bounded:
            values, unmapped = made(rows, threads)
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                values, unmapped = made(rows, threads)
            refuse_overflow(values)
        if conversion is not None:
            values, unmapped = conversion(values, unmapped)
        return dense_if_small(values), unmapped

    def _engineered_values(self, rows: Any, threads: Mapping[str, int]) -> tuple[Any, None]:
        source = self._parts.source
        return source.shapley_values(rows, **threads) if threads else source.shapley_values(rows), None

    def _raw_values(self, rows: Any, threads: Mapping[str, int]) -> tuple[Any, np.ndarray]:
        parts = self._parts
        assert parts.feature_map is not None
        return parts.source.raw_values(rows, parts.feature_map, parts.raw_method, **threads)

    def _threads(self, n_jobs: int | None) -> Mapping[str, int]:
        """The threads of a call as an argument, for a source that takes them."""
        chosen = self.n_jobs if n_jobs is None else n_jobs
        check_n_jobs(chosen)
        if chosen is None or not getattr(self._parts.source, "takes_n_jobs", False):
            return _OPEN
        return {"n_jobs": chosen}

    def _empty_row(self, feature_map: FeatureMap) -> Any:
        """A row such as comes: values of wide maps come from tables of their own where rows are sparse."""
        shape = (1, self._parts.encoder.n_features)
        return sp.csr_matrix(shape) if feature_map.n_raw > MAX_DENSE_RAW_COLUMNS else np.zeros(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {"_featurizer": self._featurizer, "_parts": self._parts, "_transformed": self._transformed}

    def _to_members(self) -> dict[str, bytes]:
        """Everything but the transformations as files of an archive."""
        return self._parts.to_members(*class_of(self.kind)._written(self._parts.source))

    @classmethod
    def _from_members(cls, members: Mapping[str, bytes], format_version: int, **more: Any) -> Self:
        """Build from the checked files of an archive; ``more`` goes to `_read`."""
        made = cls.__new__(cls)
        made._featurizer, made._transformed = None, False
        try:
            made._parts = ScoringParts.from_members(members, format_version, lambda *known: cls._read(*known, **more))
        except (WrongModelError, StorageError):
            raise
        except Exception as error:  # whatever a changed file makes numpy or a reader raise
            raise CorruptFileError(f"The scoring explainer file does not hold what it should: {error!r}.") from error
        return made

    def _bring(self, transformations: Any) -> None:
        """Take the transformations that the file was saved without."""
        if transformations is None:
            return
        if not self._parts.featurized or self.feature_map is None:
            raise InputError("The file was made without `transformations`; leave them out.")
        if isinstance(transformations, str):
            if transformations != "applied":
                raise InputError(f"`transformations` is {shown(transformations)}; expected fitted ones, or 'applied'.")
            self._transformed = True
            return
        from automl_explain.lineage import TransformationsFeaturizer

        self._featurizer = TransformationsFeaturizer(transformations)


def _listed(values: Any) -> Any:
    return [v.toarray().tolist() for v in values] if isinstance(values, list) else values.toarray().tolist()
