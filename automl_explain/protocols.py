"""The contracts between the parts, on one page.

A part that meets its contract works everywhere; none asks what another part is, only what it can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from automl_explain._tables._encoding import EngineeredEncoder
    from automl_explain.feature_map import FeatureMap


@runtime_checkable
class PipelineAdapter(Protocol):
    """What the setup asks of a fitted model: its parts, its names and its own predictions.

    The setup calls `feature_map` first, then `transform`; both see the same raw table. Rows are answered
    one by one: no answer depends on the other rows.

    Attributes
    ----------
    task : {"classification", "regression"}
        What the model does.
    classes : list or None
        Original labels in the order of the soft output; None for regression, or where the model does
        not tell.
    """

    task: str
    classes: list[Any] | None

    @property
    def estimator(self) -> Any:
        """Predicts from engineered rows: ``predict`` and, for classifiers, ``predict_proba`` and ``classes_``.

        A classifier without ``predict_proba`` has ``decision_function``, whose values are explained.
        """

    @property
    def featurizer(self) -> Any:
        """Makes engineered rows from raw rows; None where the model reads the raw columns."""

    def transform(self, X: Any) -> Any:
        """Engineered rows (DataFrame, ndarray or csr_matrix of shape (n_rows, n_engineered))."""

    def predict_raw(self, X: Any) -> np.ndarray:
        """The library's own soft output on raw rows: (n_rows, n_classes) or (n_rows,).

        Decision values of two classes are of shape (n_rows,) and belong to the second one.
        """

    def predict_engineered(self, Z: Any) -> np.ndarray:
        """The estimator's soft output on engineered rows, in the same shape as `predict_raw`."""

    def feature_map(self, X: Any, raw_names: Sequence[str | int]) -> FeatureMap:
        """Weights of shape (n_raw, n_engineered), with the engineered names in the order of `transform`."""


class AdapterExtras(Protocol):
    """What an adapter may have beside the members of `PipelineAdapter`, all of it optional.

    Attributes
    ----------
    is_black_box : bool
        Whether `estimator` asks the model itself about raw rows, so that there are no parts to compare with the
        whole; False where it is missing.
    estimator_name : str
        How the estimator is called where the setup is shown; the name of its type where it is missing.
    named : list or None
        Of a black box: the names of the columns that the model answered with last.
    """

    is_black_box: bool
    estimator_name: str
    named: list[Any] | None

    def raw_rows(self, X: Any, y: Any, X_test: Any) -> tuple[Any, Any, Any]:
        """Rows with the columns that the model reads beside those of a row, such as the known past of a series."""

    def conform(self, X: Any, argument: str) -> Any:
        """Raw rows with the types that the fitted model is known to expect; a DataError where that is impossible."""


def is_black_box(adapter: Any) -> bool:
    """Whether an adapter's estimator asks the model itself about raw rows."""
    return bool(getattr(adapter, "is_black_box", False))


def estimator_name(adapter: Any) -> str:
    """How an adapter's estimator is called where the setup is shown."""
    return str(getattr(adapter, "estimator_name", None) or type(adapter.estimator).__name__)


@runtime_checkable
class ValueSource(Protocol):
    """Gives the contributions of encoded rows: a surrogate, or the model itself where it can be read.

    Outputs are margins: log-odds for classification (one column for two classes, one per class
    for more), the target for regression; or what the explainer over it names as its output unit.
    """

    def predict_output(self, X: Any) -> np.ndarray:
        """Outputs of shape (n_rows, n_outputs), which the values of a row and the expected values add up to."""

    def shapley_values(self, X: Any) -> Any:
        """Contributions: ndarray of shape (n_outputs, n_rows, n_features), or a tuple of csr_matrix."""

    def raw_values(self, X: Any, feature_map: FeatureMap, raw_method: str = "folded") -> tuple[Any, np.ndarray]:
        """Contributions of raw columns, shaped alike, and the unmapped share of shape (n_outputs, n_rows)."""

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""

    @property
    def model(self) -> Any:
        """The native learner, or a list of learners where there is one per class."""

    @property
    def method(self) -> str:
        """Name shown in explanations, such as ``"mimic.lightgbm"``."""


@runtime_checkable
class ScorableSource(ValueSource, Protocol):
    """A source that explains rows in production, without the explainer around it.

    One that has tables to prepare may have a method ``warm_up()``, which is called before the first row. One whose
    attribute ``takes_n_jobs`` is true is given the threads of a call, ``n_jobs=...``, with the rows.
    """

    @property
    def n_features(self) -> int:
        """Columns of the encoded rows."""

    @property
    def n_outputs(self) -> int:
        """Number of outputs: 1 for a regression and for two classes, else one per class."""

    def explainable_model_type(self) -> str:
        """The kind of scoring explainer that fits: ``"tree"``, ``"linear"``, ``"kernel"`` or ``"deep"``."""

    def for_scoring(self) -> ScorableSource:
        """Itself, or what production needs of it."""


@runtime_checkable
class SavableSource(ScorableSource, Protocol):
    """A source that is saved without its explainer; one that asks a model is brought together with it by scoring."""

    def to_members(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """All that it is: fields that JSON can hold, and files by name (``.npy``, ``.txt`` or ``.json``)."""

    @classmethod
    def from_members(cls, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Build what `to_members` gave, to the bit; raises ValueError where they are not what it gave."""


@runtime_checkable
class SurrogateModel(SavableSource, Protocol):
    """A glass-box model that learns a teacher's soft output and explains itself.

    It can be pickled. Of the kinds of scoring explainer it is ``"tree"`` or ``"linear"``.
    """

    def fit(self, X: Any, targets: np.ndarray, **options: Any) -> SurrogateModel:
        """Learn targets of shape (n_rows, n_outputs) from encoded engineered rows; gives itself.

        ``options`` are ``task``, ``"regression"`` or ``"classification"`` (then targets are probabilities: of the
        second of two classes, or of each class); ``stopping``, other rows and targets to decide when to stop, or
        None; and ``categories``, those of categorical columns by position, whose values are codes. NaN is a missing
        value.
        The same call gives the same bits. Before it, every other method raises `SurrogateNotFittedError`.
        """


@runtime_checkable
class Explainer(Protocol):
    """Makes explanations; what scoring explainers and stores know of one."""

    features: Sequence[str | int]
    classes: list[Any] | None

    def explain_local(self, evaluation_examples: Any) -> Any:
        """Explanation of every row."""

    def explain_global(self, evaluation_examples: Any = None, include_local: bool = True) -> Any:
        """Explanation of the rows together."""


@runtime_checkable
class ScorableExplainer(Explainer, Protocol):
    """An explainer that a scoring explainer can be made from.

    Attributes
    ----------
    source : ScorableSource
        What gives the values of encoded rows.
    encoder : EngineeredEncoder
        From rows to numbers.
    fidelity : Fidelity or None
        Of a surrogate on held-out rows.
    """

    source: ScorableSource
    encoder: EngineeredEncoder
    fidelity: Any

    @property
    def explain_subset(self) -> Sequence[int] | None:
        """Positions of the features shown, if not all are; such an explainer cannot be scored."""

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map of the ``transformations``, if any."""

    @property
    def featurizer(self) -> Any:
        """The ``transformations``, if any: ``transform(X)`` gives engineered rows."""

    @property
    def method(self) -> str:
        """Name shown in explanations."""

    @property
    def source_unit(self) -> str:
        """Unit of the source's outputs."""

    @property
    def source_link(self) -> str:
        """How the source's outputs become predictions."""

    @property
    def output_unit(self) -> str:
        """Unit of explanations where none is asked for."""

    @property
    def shap_values_output(self) -> str:
        """``"default"``, ``"probability"`` or ``"teacher_probability"``."""


@runtime_checkable
class ExplanationStore(Protocol):
    """Keeps explanations; ``MimicWrapper`` hands them to one when it is given one."""

    def upload_model_explanation(
        self, explanation: Any, *, top_k: int | None = None, comment: str | None = None, true_ys: Any = None
    ) -> Any:
        """Keep an explanation."""
