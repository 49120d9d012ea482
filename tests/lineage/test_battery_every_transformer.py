"""Every transformer of scikit-learn: its map against exhaustive perturbation, or why no pipeline can hold it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import (
    DictionaryLearning,
    KernelPCA,
    LatentDirichletAllocation,
    MiniBatchDictionaryLearning,
    MiniBatchSparsePCA,
    SparseCoder,
)
from sklearn.ensemble import (
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.feature_selection import (
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    f_regression,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import Nystroem, PolynomialCountSketch, RBFSampler, SkewedChi2Sampler
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.manifold import Isomap, LocallyLinearEmbedding
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsTransformer, RadiusNeighborsTransformer
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, KernelCenterer, LabelBinarizer, LabelEncoder, MaxAbsScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.utils import all_estimators
from test_lineage_battery import CASES, target, to_dicts
from truth import dependence, frame, positive

from automl_explain.exceptions import UnmappedFeaturesWarning
from automl_explain.lineage import trace

X = positive()
UNIT = X / X.max(axis=0)
COUNTS = np.random.default_rng(0).poisson(2.0, (240, 5))
KERNEL = UNIT[:40] @ UNIT[:40].T
CITY = frame()["city"]
TEXTS = frame()[["city", "size"]].to_numpy()

# Sound, but looser than what 240 rows show: a bucket that is not hit, neighbours out of reach, a question that all
# rows answer alike, an atom that is never used.
LOOSE = {"FeatureHasher", "RadiusNeighborsTransformer", "RandomTreesEmbedding", "SparseCoder"}

MADE: dict[str, tuple[Callable[[], Any], Any]] = {
    "BernoulliRBM": (lambda: BernoulliRBM(3, n_iter=3, random_state=0), UNIT),
    "Birch": (lambda: Birch(n_clusters=3, threshold=0.3), UNIT),
    "BisectingKMeans": (lambda: BisectingKMeans(3, random_state=0), X),
    "DictionaryLearning": (lambda: DictionaryLearning(3, max_iter=3, random_state=0), X),
    "FeatureAgglomeration": (lambda: FeatureAgglomeration(2), X),
    "FeatureHasher": (lambda: FeatureHasher(8, input_type="string"), TEXTS),
    "GaussianRandomProjection": (lambda: GaussianRandomProjection(2, random_state=0), X),
    "GenericUnivariateSelect": (lambda: GenericUnivariateSelect(f_regression, mode="k_best", param=2), X),
    "HashingVectorizer": (lambda: HashingVectorizer(n_features=16), frame()["review"]),
    "Isomap": (lambda: Isomap(n_neighbors=8), X),
    "IsotonicRegression": (lambda: IsotonicRegression(out_of_bounds="clip"), X[:, :1]),
    "KMeans": (lambda: KMeans(3, n_init=1, random_state=0), X),
    "KNeighborsTransformer": (lambda: KNeighborsTransformer(n_neighbors=5), X),
    "KernelCenterer": (lambda: KernelCenterer(), KERNEL),
    "KernelPCA": (lambda: KernelPCA(3, kernel="rbf"), X),
    "LabelBinarizer": (lambda: LabelBinarizer(), CITY),
    "LabelEncoder": (lambda: LabelEncoder(), CITY),
    "LatentDirichletAllocation": (lambda: LatentDirichletAllocation(3, max_iter=3, random_state=0), COUNTS),
    "LocallyLinearEmbedding": (lambda: LocallyLinearEmbedding(n_neighbors=30, n_components=2), X),
    "MiniBatchDictionaryLearning": (lambda: MiniBatchDictionaryLearning(3, max_iter=3, random_state=0), X),
    "MiniBatchKMeans": (lambda: MiniBatchKMeans(3, n_init=1, random_state=0), X),
    "MiniBatchSparsePCA": (lambda: MiniBatchSparsePCA(2, max_iter=3, random_state=0), X),
    "Nystroem": (lambda: Nystroem(n_components=6, random_state=0), X),
    "PLSCanonical": (lambda: by_name("PLSCanonical")(1), X),
    "PLSSVD": (lambda: by_name("PLSSVD")(1), X),
    "PolynomialCountSketch": (lambda: PolynomialCountSketch(n_components=5, degree=2, random_state=0), X),
    "RBFSampler": (lambda: RBFSampler(gamma=0.1, n_components=6, random_state=0), X),
    "RFECV": (lambda: RFECV(LinearRegression(), cv=2), X),
    "RadiusNeighborsTransformer": (lambda: RadiusNeighborsTransformer(radius=2.0), X),
    "RandomTreesEmbedding": (lambda: RandomTreesEmbedding(4, max_depth=3, random_state=0), X),
    "SelectFdr": (lambda: SelectFdr(f_regression, alpha=0.5), X),
    "SelectFpr": (lambda: SelectFpr(f_regression, alpha=0.5), X),
    "SelectFromModel": (lambda: SelectFromModel(LinearRegression()), X),
    "SelectFwe": (lambda: SelectFwe(f_regression, alpha=0.9), X),
    "SkewedChi2Sampler": (lambda: SkewedChi2Sampler(n_components=6, random_state=0), X),
    "SparseCoder": (lambda: SparseCoder(np.abs(np.random.default_rng(0).normal(size=(3, 5))), split_sign=True), X),
    "StackingClassifier": (lambda: StackingClassifier([("b", GaussianNB()), ("l", LogisticRegression())], cv=2), UNIT),
    "StackingRegressor": (lambda: StackingRegressor([("l", LinearRegression())], passthrough=True, cv=2), X),
    "VotingClassifier": (lambda: VotingClassifier([("b", GaussianNB())], voting="soft", flatten_transform=True), UNIT),
    "VotingRegressor": (lambda: VotingRegressor([("l", LinearRegression())]), X),
}

CANNOT_STAND = {
    "MultiLabelBinarizer": "its input is a list of sets of labels, the target of a model and no table of features",
    "PatchExtractor": "its input is a stack of images, and it makes other rows than it is given",
    "TSNE": "it has no `transform`: it places the rows of the fit and no others",
}

# Transformers with cases in `test_lineage_battery`, under the names of those; containers; and what has a test below.
ELSEWHERE = {case.name.split(" ")[0].replace("KBins", "KBinsDiscretizer") for case in CASES}
OTHERS = {ColumnTransformer.__name__, FeatureUnion.__name__, DictVectorizer.__name__}


def by_name(name: str) -> Any:
    return dict(all_estimators("transformer"))[name]


def test_no_transformer_of_scikit_learn_is_forgotten() -> None:
    """A new one has to be traced here, or listed with the reason why it cannot be."""
    names = {name for name, _ in all_estimators("transformer")}
    assert names - ELSEWHERE - set(MADE) - set(CANNOT_STAND) - OTHERS == set()


@pytest.mark.parametrize("last", [DictVectorizer(), DictVectorizer(sparse=False), FeatureHasher(32)], ids=str)
def test_dicts_made_of_several_columns_are_followed_through_the_chain(last: Any) -> None:
    """Between the steps there is no table, so both steps are probed as one."""
    rows = frame()[["city", "size", "a"]]
    chain = make_pipeline(FunctionTransformer(to_dicts), last).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmappedFeaturesWarning)  # buckets that no value falls into
        fm = trace(make_pipeline("passthrough", chain, MaxAbsScaler()).fit(rows), rows)
    mapped = np.setdiff1d(np.arange(fm.n_engineered), fm.unmapped)
    np.testing.assert_array_equal(fm.support.toarray()[:, mapped], dependence(chain.transform, rows)[:, mapped])
    if isinstance(last, DictVectorizer):
        assert fm.unmapped == ()
        assert fm.engineered_names[:3] == ("a", "city=Bern", "city=Oslo")


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_map_of_every_transformer_holds_what_perturbation_finds(name: str) -> None:
    make, rows = MADE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # made-up rows converge badly
        given = (rows, target(rows)) if isinstance(rows, np.ndarray) else (rows,)
        fitted = make().fit(*given)
        fm = trace(fitted, rows, probe=False)
    if getattr(rows, "ndim", 2) == 1:
        np.testing.assert_array_equal(np.asarray(fm), np.ones(fm.shape))
        return
    truth = dependence(fitted.transform, rows)
    support = fm.support.toarray()
    assert not (truth & ~support).any(), "a true parent is missing"
    if name not in LOOSE:
        assert (support == truth).all(), "a parent was made up"
    np.testing.assert_allclose(np.asarray(fm.matrix.sum(axis=0)).ravel(), 1.0, atol=1e-12)  # a few sums
    assert len(set(fm.engineered_names)) == fm.n_engineered


@pytest.mark.parametrize("name", sorted(CANNOT_STAND))
def test_what_cannot_stand_in_a_featurization_has_no_rows_to_give(name: str) -> None:
    if name == "TSNE":
        assert not hasattr(by_name(name), "transform")
    elif name == "PatchExtractor":
        images = np.zeros((3, 4, 4))
        assert by_name(name)(patch_size=(2, 2)).fit(images).transform(images).shape[0] == 27
    else:
        assert by_name(name)().fit_transform([{"a"}, {"b", "c"}]).shape == (2, 3)
