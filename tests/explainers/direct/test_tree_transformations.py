"""TreeExplainer with transformations and without init rows: the first rows tell the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import TreeExplainer
from automl_explain.exceptions import ConflictingTransformationsError, InitDatasetMissingError, InputError

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"city": RNG.choice(["Oslo", "Rome"], 60), "age": RNG.normal(size=60), "n": np.arange(60)})
READ = ColumnTransformer([("c", OneHotEncoder(sparse_output=False), ["city"]), ("a", StandardScaler(), ["age", "n"])])
TARGET = ROWS["n"] + 9.0 * (ROWS["city"] == "Rome")
MODEL = RandomForestRegressor(5, random_state=0).fit(READ.fit_transform(ROWS), TARGET)
CITY, NUMBERS = READ.named_transformers_["c"], READ.named_transformers_["a"]
FORMS: list[Any] = [
    READ,
    [(pd.Index(["city"]), CITY), (("age", "n"), NUMBERS)],
    [
        (np.array(["city"]), CITY),
        (np.array([False, True, True]), NUMBERS),
    ],
    [([0], CITY), (np.array([1, 2]), NUMBERS)],
]


@pytest.mark.parametrize("transformations", FORMS)
def test_values_are_those_of_an_explainer_that_was_given_rows(transformations: Any) -> None:
    known = TreeExplainer(MODEL, transformations=READ, initialization_examples=ROWS).explain_local(ROWS[:5])
    found = TreeExplainer(MODEL, transformations=transformations).explain_local(ROWS[:5])
    assert found.features == ["city", "age", "n"]
    assert found.is_raw
    np.testing.assert_array_equal(found.local_importance_values, known.local_importance_values)


def test_a_stream_tells_the_columns_with_its_first_rows() -> None:
    explainer = TreeExplainer(MODEL, transformations=READ)
    summary = explainer.explain_global_stream([ROWS[:0], ROWS[:30], ROWS[30:]])
    assert explainer.features == ["city", "age", "n"]
    whole = explainer.explain_global(ROWS).global_importance_values
    np.testing.assert_allclose(summary.explanation.global_importance_values, whole, rtol=1e-12)  # order of the sums


def test_what_no_rows_have_told_is_not_made_up() -> None:
    explainer = TreeExplainer(MODEL, transformations=READ)
    for part in ("features", "feature_map", "featurizer"):
        with pytest.raises(InitDatasetMissingError, match="No rows have told yet which columns"):
            getattr(explainer, part)


def test_transformations_of_another_width_and_a_subset_are_refused() -> None:
    with pytest.raises(InputError, match="make 2 columns of the rows, the model was fitted on 4"):
        TreeExplainer(MODEL, transformations=NUMBERS).explain_local(ROWS[["age", "n"]])
    with pytest.raises(ConflictingTransformationsError, match="cannot be combined"):
        TreeExplainer(MODEL, [0], transformations=READ)
