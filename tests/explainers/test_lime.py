"""LIMEExplainer: numbers by hand, order of classes, categories, fit, and what is refused; skipped without lime."""

import concurrent.futures
import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from automl_explain import LIMEExplainer
from automl_explain.exceptions import DataError, InputError, MissingExtraError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)) * [1, 2, 5] + [0, 1, -3]
W = np.array([3.0, -1.0, 0.5])


if importlib.util.find_spec("lime") is None:
    pytest.skip("lime is not installed", allow_module_level=True)


def linear(rows):
    return np.asarray(rows) @ W + 7


def explained(model, init, rows, **more):
    return LIMEExplainer(model, init, num_samples=500, **more).explain_local(rows)


def test_a_linear_function_by_hand():
    """Its local models are itself: weight times difference from the mean, and the output at the mean."""
    explanation = LIMEExplainer(linear, X, is_function=True).explain_local(X[:4])
    # Ridge with alpha 1 over 5,000 weighted neighbours shrinks the weights by a thousandth or two.
    assert explanation.local_importance_values == pytest.approx(W * (X[:4] - X.mean(axis=0)), rel=5e-3, abs=5e-3)
    assert explanation.expected_values == pytest.approx([linear(X.mean(axis=0))], rel=5e-3)
    assert explanation.output[:, 0] == pytest.approx(linear(X[:4]), abs=0.05)
    assert explanation.local_fit == pytest.approx(np.ones((1, 4)), abs=1e-4)
    assert (explanation.method, explanation.output_unit, explanation.link) == ("lime", "target", "identity")


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_every_class_has_the_values_of_its_own_probability(n_classes):
    """Hazard: the reference stored class k at k - 1, so that the first class sat last."""
    y = np.digitize(X[:, 0], np.linspace(-0.7, 0.7, n_classes - 1))
    names = np.array(["z", "a", "m", "b"])[:n_classes]
    model = LogisticRegression(max_iter=500).fit(X, y)
    explanation = explained(model.predict_proba, X, X[:5], classes=list(names), is_function=True)
    assert explanation.classes == list(names)
    values = explanation.local_importance_values
    assert values.shape == (n_classes, 5, 3)
    for k in range(n_classes):

        def one(rows, k=k):
            return model.predict_proba(rows)[:, k]

        alone = explained(one, X, X[:5], is_function=True, model_task="regression")
        assert values[k] == pytest.approx(alone.local_importance_values, abs=1e-9)
        assert explanation.output_unit == "probability"


def test_labels_in_unsorted_order_stay_with_their_column():
    class Unsorted:
        classes_ = np.array(["yes", "no", "maybe"])

        def predict_proba(self, rows):
            yes = 1 / (1 + np.exp(-np.asarray(rows)[:, 0]))
            return np.column_stack([yes, 0.7 * (1 - yes), 0.3 * (1 - yes)])

        def predict(self, rows):
            return self.classes_[self.predict_proba(rows).argmax(axis=1)]

    high = np.array([[2.0, 1.0, -3.0]])
    explanation = explained(Unsorted(), X, high)
    values = explanation.local_importance_values[:, 0, 0]
    assert values[0] > 0 > values[1]
    assert values[1] / values[2] == pytest.approx(7 / 3, rel=1e-6)
    assert list(explanation.eval_y_predicted) == ["yes"]


def test_intercepts_and_values_add_up_to_the_local_model():
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    explainer = LIMEExplainer(model, X, num_samples=500)
    explanation = explainer.explain_local(X[:6])
    assert explanation.base == pytest.approx(explainer.source.fits(X[:6]).intercepts.mean(axis=1))
    assert explanation.output == pytest.approx(explainer.source.predict_output(X[:6]))
    one = explainer.explain_local(X[:1])
    assert one.unmapped_values.tolist() == [[0.0]]
    assert one.base == pytest.approx(explainer.source.fits(X[:1]).intercepts[:, 0])


def test_the_local_model_is_that_of_the_lime_package():
    from lime.lime_tabular import LimeTabularExplainer

    model = LogisticRegression().fit(X, X[:, 0] > 0)
    theirs = LimeTabularExplainer(X, mode="regression", discretize_continuous=False, random_state=3).explain_instance(
        X[0], lambda rows: model.predict_proba(rows)[:, 1], num_features=3, num_samples=500
    )
    explainer = LIMEExplainer(model, X, num_samples=500, seed=3)
    explanation = explainer.explain_local(X[:1])
    weights = np.array([dict(theirs.local_exp[1])[j] for j in range(3)])
    scaled = (X[0] - X.mean(axis=0)) / X.std(axis=0)
    assert explanation.local_importance_values[1, 0] == pytest.approx(weights * scaled)
    assert explanation.output[0, 0] == pytest.approx(theirs.local_pred[0])
    assert explanation.local_fit[0, 0] == pytest.approx(theirs.score)


def test_all_features_are_shown_and_fewer_when_asked_for():
    rows = RNG.normal(size=(100, 14))
    model = LinearRegression().fit(rows, rows @ np.arange(1.0, 15.0))
    assert (explained(model, rows, rows[:2]).local_importance_values != 0).all()
    assert ((explained(model, rows, rows[:2], n_features=3).local_importance_values != 0).sum(axis=1) == 3).all()


def test_a_poor_fit_is_told():
    explanation = explained(lambda rows: np.sin(20 * rows[:, 0]), X, X[:5], is_function=True)
    assert (explanation.local_fit < 0.2).all()
    assert explanation[[1, 2]].local_fit.tolist() == explanation.local_fit[:, [1, 2]].tolist()


def test_a_row_has_the_values_it_has_alone_and_the_seed_decides():
    explainer = LIMEExplainer(linear, X, is_function=True, num_samples=100)
    together = explainer.explain_local(X[:5]).local_importance_values
    alone = np.concatenate([explainer.explain_local(X[[i]]).local_importance_values for i in range(5)])
    assert together.tolist() == alone.tolist()
    other = LIMEExplainer(linear, X, is_function=True, num_samples=100, seed=1).explain_local(X[:5])
    assert together.tolist() != other.local_importance_values.tolist()


def test_threads_share_one_explainer():
    explainer = LIMEExplainer(linear, X, is_function=True, num_samples=50)
    serial = [explainer.explain_local(X[[i]]).local_importance_values.tolist() for i in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: explainer.explain_local(X[[i]]).local_importance_values.tolist(), range(40)))
    assert found == serial


def towns(n=300):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "town": pd.Categorical(rng.choice(["Rome", "Oslo", "Bern"], n), categories=["Rome", "Oslo", "Bern"]),
            "rooms": rng.integers(1, 6, n),
            "sold": rng.random(n) < 0.3,
        }
    )


def by_town(table):
    assert isinstance(table["town"].dtype, pd.CategoricalDtype)
    assert table["rooms"].dtype.kind == "i"
    assert table["sold"].dtype == bool
    return 10.0 * (table["town"] == "Oslo").to_numpy() + 4.0 * table["sold"].to_numpy() + table["rooms"].to_numpy()


def test_categories_reach_the_model_as_they_are():
    frame = towns()
    explanation = explained(by_town, frame, frame[:12], is_function=True)
    values = pd.DataFrame(explanation.local_importance_values, columns=explanation.features)
    oslo = (frame["town"][:12] == "Oslo").to_numpy()
    # Being in Oslo is worth 10; being in another town, beside a mean of half a chance for Oslo, about -5.
    assert values["town"][oslo].to_numpy() == pytest.approx(np.full(oslo.sum(), 10.0), abs=1.0)
    assert (values["town"][~oslo] < -2).all()
    assert values["sold"].abs().to_numpy() == pytest.approx(np.full(12, 4.0), abs=1.0)
    assert values["size"].abs().max() < 0.5
    assert (explanation.local_fit[0][oslo] > 0.99).all()


def test_text_columns_and_codes_may_be_named_as_categories():
    frame = towns()
    named = frame.assign(town=frame["town"].astype(str).astype(object))
    explanation = explained(town_by_name, named, named[:6], is_function=True, categorical_features=["town"])
    codes = np.column_stack([frame["size"], frame["town"].cat.codes]).astype(float)
    coded = explained(lambda r: 10.0 * (r[:, 1].astype(float) == 1), codes, codes[:6], is_function=True,
                      categorical_features=[1])  # fmt: skip
    oslo = (frame["town"][:6] == "Oslo").to_numpy()
    for values in (explanation.local_importance_values[:, 1], coded.local_importance_values[:, 1]):
        assert values[oslo] == pytest.approx(np.full(oslo.sum(), 10.0), abs=1.0)


def town_by_name(table):
    assert set(table["town"]) <= {"Rome", "Oslo", "Bern"}
    return 10.0 * (table["town"] == "Oslo").to_numpy()


def test_missing_categories_are_one_of_their_own_and_missing_numbers_refused():
    frame = towns()
    frame.loc[:60, "town"] = np.nan

    def model(table):
        return 10.0 * table["town"].isna().to_numpy()

    explanation = explained(model, frame, frame[:3], is_function=True)
    assert explanation.local_importance_values[:, 1] == pytest.approx(np.full(3, 10.0), abs=1.0)
    frame.loc[1, "size"] = np.nan
    with pytest.raises(
        DataError, match="LIME cannot explain rows with missing or infinite values \\(columns 'size'\\)"
    ):
        explained(model, frame, frame[:3], is_function=True)


@pytest.mark.usefixtures("as_if_large")
def test_sparse_rows_stay_sparse_and_have_values_where_they_have_entries():
    rows = sp.random(200, 30, density=0.2, random_state=0, format="csr")
    model = LinearRegression().fit(rows, rows @ np.arange(30.0))
    explanation = explained(model, rows, rows[:4])
    values = explanation.local_importance_values
    assert sp.issparse(values)
    assert ((values != 0).astype(int) - (rows[:4] != 0).astype(int)).max() == 0
    assert explanation.output[:, 0] == pytest.approx(model.predict(rows[:4]), rel=0.02)


def test_decision_values_keep_their_unit():
    model = LinearSVC().fit(X, X[:, 0] > 0)
    explanation = explained(model, X, X[:4])
    assert explanation.output_unit == "decision value"
    assert explanation.output[:, 0] == pytest.approx(model.decision_function(X[:4]), abs=0.05)


def test_transformations_give_raw_columns():
    frame = towns()[["size", "town"]]
    made = ColumnTransformer([("one", OneHotEncoder(sparse_output=False), ["town"])], remainder="passthrough").fit(
        frame
    )
    model = LinearRegression().fit(made.transform(frame), frame["size"] + (frame["town"] == "Oslo"))
    explanation = explained(model, frame, frame[:4], transformations=made)
    engineered = explained(model, made.transform(frame), made.transform(frame[:4]))
    values = engineered.local_importance_values
    assert explanation.features == ["size", "town"]
    assert explanation.is_raw
    assert explanation.local_importance_values == pytest.approx(
        np.column_stack([values[:, 3], values[:, :3].sum(axis=1)])
    )
    assert explanation.output == pytest.approx(engineered.output)


def test_a_subset_keeps_the_sum():
    whole = explained(linear, X, X[:4], is_function=True)
    part = explained(linear, X, X[:4], is_function=True, explain_subset=[2])
    assert part.local_importance_values == pytest.approx(whole.local_importance_values[:, [2]])
    assert part.output == pytest.approx(whole.output)


def test_global_values_are_the_mean_of_the_local_ones():
    explainer = LIMEExplainer(linear, X, is_function=True, num_samples=100)
    local = np.abs(explainer.explain_local(X[:8]).local_importance_values).mean(axis=0)
    explanation = explainer.explain_global(X[:8], include_local=False)
    assert explanation.global_importance_values == pytest.approx(local)
    assert explanation.values is None
    assert explainer.explain_global(X[:8]).values is not None
    assert explainer.explain_global().n_explained_rows == 100


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="`num_samples` must be a whole number of at least 10"):
        LIMEExplainer(linear, X, is_function=True, num_samples=3)
    with pytest.raises(InputError, match="`n_features` must be a whole number of at least 1"):
        LIMEExplainer(linear, X, is_function=True, n_features=0)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lime.lime_tabular", None)
    with pytest.raises(MissingExtraError, match="pip install automl-explain\\[lime\\]"):
        LIMEExplainer(linear, X, is_function=True)


def test_global_values_without_rows_are_of_a_seeded_sample():
    """Tables are often sorted: the first rows are no sample."""
    rows = X[np.argsort(X[:, 0])]
    made = [LIMEExplainer(linear, rows, is_function=True, num_samples=200, seed=s).explain_global() for s in (0, 0, 1)]
    assert made[0].global_values == pytest.approx(made[1].global_values, abs=0)
    assert made[0].global_values != pytest.approx(made[2].global_values, rel=1e-3)
    assert [len(each.local_fit[0]) for each in made] == [100, 100, 100]
    # Means over 100 of 200 rows, which the first 100 in order of the first column would miss by half.
    wanted = np.abs(W * (X - X.mean(axis=0))).mean(axis=0)
    assert made[0].global_values[0] == pytest.approx(wanted, rel=0.2)


@pytest.mark.parametrize("how", ["plain", "raw", "subset", "classes"])
def test_a_stream_is_explained_as_all_rows_at_once(how):
    model, more, rows = linear, {"is_function": True}, X[:7]
    if how == "classes":
        model, more = LogisticRegression().fit(X, np.digitize(X[:, 0], [-0.5, 0.5])), {}
    if how == "subset":
        more["explain_subset"] = [0, 2]
    init = X
    if how == "raw":
        init = pd.DataFrame(X, columns=list("abc"))
        more["transformations"] = ColumnTransformer([("same", "passthrough", ["a", "b", "c"])]).fit(init)
        rows = init[:7]
    explainer = LIMEExplainer(model, init, num_samples=300, **more)
    whole = explainer.explain_global(rows, include_local=False)
    pieces = [rows[:2], rows[2:2], rows[2:6], rows[6:]]
    summary = explainer.explain_global_stream(pieces)
    found = summary.explanation
    assert found.expected_values == pytest.approx(whole.expected_values, rel=1e-12)
    # Sums of the same numbers in another order.
    assert found.global_values == pytest.approx(whole.global_values, rel=1e-12)
    assert found.unmapped_global == pytest.approx(whole.unmapped_global, rel=1e-9, abs=1e-12)
    assert found.local_fit == pytest.approx(whole.local_fit, abs=0)
    assert (found.features, found.output_unit, found.space) == (whole.features, whole.output_unit, whole.space)
    assert found.n_explained_rows == 7
    with pytest.raises(InputError, match="`chunks` holds no rows"):
        explainer.explain_global_stream([rows[:0]])


def test_labels_are_compared_on_rows_from_everywhere():
    """A model that predicts another class than the likeliest in the last rows alone."""
    rows = X[np.argsort(X[:, 0])]

    class Cautious(LogisticRegression):
        def predict(self, given):
            return (self.predict_proba(given)[:, 1] > 0.9).astype(int)

    model = Cautious().fit(rows, (rows[:, 0] > 0.5).astype(int))
    many = np.concatenate([np.repeat(rows[:1], 1500, axis=0), rows])
    explanation = explained(model, many, rows[::20])
    assert list(explanation.eval_y_predicted) == list(model.predict(rows[::20]))
