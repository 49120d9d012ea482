"""The examples: training writes one folder; scoring answers batches, and bad ones in one line."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import flaml
import joblib
import numpy as np
import pandas as pd
import pytest
from models import QUICK, SmallWrapper
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_explain import MimicWrapper, automl_setup_model_explanations, load, save
from automl_explain.datasets import make_mixed_table

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Twenty trees on a few hundred rows: fidelity has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::automl_explain.exceptions.LowFidelityWarning")


def example(name: str) -> ModuleType:
    """An example as a module, fresh each time."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SmallAutoML(flaml.AutoML):  # type: ignore[misc]
    """FLAML that tries one small LightGBM."""

    def fit(self, *args: Any, **kwargs: Any) -> None:
        start = {"lgbm": {"n_estimators": 30, "num_leaves": 8, "min_child_samples": 10}}
        small = {"estimator_list": ["lgbm"], "max_iter": 1, "n_jobs": 1, "time_budget": -1, "starting_points": start}
        super().fit(*args, **{**kwargs, **small})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that examples/train.py writes, with a small model and a small table."""
    folder = tmp_path_factory.mktemp("deployed") / "model"
    train = example("train")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "AutoML", SmallAutoML)
        patch.setattr(train, "MimicWrapper", SmallWrapper)
        patch.setattr(train, "make_mixed_table", lambda n_rows, random_state: make_mixed_table(600, random_state=0))
        train.main(str(folder), seconds=1)
    return folder


@pytest.fixture
def service(trained: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """examples/score.py after its container started."""
    return started(trained, monkeypatch)


def started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder))
    score = example("score")
    score.init()
    return score


@pytest.fixture(scope="module")
def batch() -> pd.DataFrame:
    return make_mixed_table(n_rows=30, random_state=5).X


def ask(service: ModuleType, rows: pd.DataFrame | list[Any]) -> Any:
    """The answer as a caller at the other end of the line gets it: through JSON, without NaN."""
    request = (
        rows
        if isinstance(rows, list)
        else json.loads(rows.to_json(orient="records", date_format="iso", double_precision=15))
    )
    return json.loads(json.dumps(service.run(json.dumps(request)), allow_nan=False))


# Training


def test_training_writes_what_scoring_needs(trained: Path) -> None:
    assert sorted(p.name for p in trained.iterdir()) == ["model.joblib", "scoring_explainer.aex"]
    scoring = load(trained)
    assert scoring.raw_features == list(make_mixed_table(n_rows=20).X.columns)
    assert scoring.classes == ["no", "yes"]


# A batch


def test_a_batch_is_answered_with_predictions_and_both_explanations(
    service: ModuleType, trained: Path, batch: pd.DataFrame
) -> None:
    """A scoring service answers what the process that trained would, as JSON."""
    answer = ask(service, batch)
    automl = joblib.load(trained / "model.joblib")
    setup = automl_setup_model_explanations(automl, X_test=batch, task="classification")
    scoring = load(trained)
    assert answer["predictions"] == list(automl.predict(batch))
    assert answer["classes"] == ["no", "yes"]
    assert answer["raw_feature_names"] == list(batch.columns)
    assert answer["engineered_feature_names"] == setup.engineered_feature_names
    assert answer["output_unit"] == "log-odds"
    for space, get_raw in (("engineered", False), ("raw", True)):
        values = np.array(answer[f"{space}_local_importance_values"])
        np.testing.assert_array_equal(values, scoring.explain(setup.X_test_transform, get_raw=get_raw))
        assert values.shape == (2, 30, len(answer[f"{space}_feature_names"]))
    # Values and expected value are the log-odds of the class; their sign is its prediction mostly.
    output = values.sum(-1)[1] + answer["expected_values"][1]
    np.testing.assert_allclose(output, scoring.predict_output(setup.X_test_transform)[:, 0], atol=1e-6)


def test_a_single_record_gives_one_row(service: ModuleType, batch: pd.DataFrame) -> None:
    answer = ask(service, batch.head(1))
    assert np.shape(answer["raw_local_importance_values"]) == (2, 1, len(batch.columns))
    assert len(answer["predictions"]) == 1


@pytest.mark.parametrize("form", ["iso", "epoch"])
def test_dates_come_as_text_or_as_milliseconds(service: ModuleType, batch: pd.DataFrame, form: str) -> None:
    request = json.loads(batch.to_json(orient="records", date_format="iso"))
    if form == "epoch":
        for record in request:
            record["last_contact"] = pd.Timestamp(record["last_contact"]).value // 10**6
    assert ask(service, request) == ask(service, batch)


def test_columns_may_come_in_another_order_and_with_others(service: ModuleType, batch: pd.DataFrame) -> None:
    shuffled = batch[list(batch.columns[::-1])].assign(request_id=range(30))
    assert ask(service, shuffled) == ask(service, batch)


def test_records_may_come_under_data_and_as_bytes(service: ModuleType, batch: pd.DataFrame) -> None:
    records = batch.to_json(orient="records", date_format="iso")
    wanted = service.run(records)
    assert service.run(f'{{"data": {records}}}') == wanted
    assert service.run(records.encode()) == wanted


def test_every_row_is_answered_as_if_it_came_alone(service: ModuleType, batch: pd.DataFrame) -> None:
    together = np.array(ask(service, batch)["raw_local_importance_values"])
    alone = [np.array(ask(service, batch.iloc[[i]])["raw_local_importance_values"])[:, 0] for i in (0, 11, 29)]
    np.testing.assert_array_equal(np.stack(alone, axis=1), together[:, [0, 11, 29]])


def test_more_rows_than_setup_samples_are_all_answered(service: ModuleType, batch: pd.DataFrame) -> None:
    rows = pd.concat([batch] * 170, ignore_index=True)
    answer = service.run(rows.to_json(orient="records", date_format="iso"))
    assert len(answer["predictions"]) == len(rows) == 5100
    assert answer["predictions"][:30] == answer["predictions"][-30:]


# Odd cells that can be read


@pytest.mark.filterwarnings("ignore:Column .* contains values unseen at fit time:UserWarning")  # FLAML says so itself
def test_an_unknown_category_counts_as_one_never_seen(service: ModuleType, batch: pd.DataFrame) -> None:
    record = json.loads(batch.head(1).to_json(orient="records", date_format="iso"))
    for column in ("contract", "payment_method", "region"):
        answer = ask(service, [{**record[0], column: "never seen"}])
        assert "error" not in answer
        assert answer["predictions"][0] in ("no", "yes")


@pytest.mark.parametrize("column", ["contract", "tenure_months", "income", "payment_method", "last_contact"])
def test_missing_cells_can_be_scored(service: ModuleType, batch: pd.DataFrame, column: str) -> None:
    record = json.loads(batch.head(1).to_json(orient="records", date_format="iso"))[0]
    for request in (json.dumps([{**record, column: None}]), json.dumps([{**record, column: float("nan")}])):
        answer = service.run(request)
        assert "error" not in answer, answer
        assert np.isfinite(answer["raw_local_importance_values"]).all()


def test_numbers_may_come_as_text(service: ModuleType, batch: pd.DataFrame) -> None:
    record = json.loads(batch.dropna().head(1).to_json(orient="records", date_format="iso"))[0]
    as_text = {**record, "income": str(record["income"]), "tenure_months": str(record["tenure_months"])}
    assert ask(service, [as_text]) == ask(service, [record])


# Bad batches


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenure_months": "a while"}, "Column 'tenure_months', row 0: 'a while' is not a number"),
        ({"paperless": "perhaps"}, "Column 'paperless', row 0: 'perhaps' is not true or false"),
        ({"last_contact": "yesterday"}, "Column 'last_contact', row 0: 'yesterday' is not a date"),
        ({"region": ["north"]}, "Column 'region', row 0: ['north'] is not text"),
    ],
)
def test_a_cell_of_another_type_is_named(
    service: ModuleType, batch: pd.DataFrame, change: dict[str, Any], said: str
) -> None:
    record = json.loads(batch.head(1).to_json(orient="records", date_format="iso"))[0]
    answer = ask(service, [{**record, **change}])
    assert list(answer) == ["error"]
    assert said in answer["error"]


def test_a_missing_column_is_named_with_the_one_meant(service: ModuleType, batch: pd.DataFrame) -> None:
    answer = ask(service, batch.rename(columns={"income": "incomes"}))
    assert answer["error"].startswith("Row 0: missing column 'income'; expected 'contract', ")
    assert "did you mean 'incomes' for 'income'?" in answer["error"]


@pytest.mark.parametrize(
    ("request_text", "said"),
    [
        ("contract=monthly", "The rows are text that is not JSON: "),
        ("", "The rows are text that is not JSON: "),
        (None, "got NoneType"),
        (b"\xff\xfe\x00", "The rows are text that is not JSON: "),
        ('{"income": 1}', "Row 0: missing columns 'contract', "),
        ('"text"', "got str"),
        ("7", "got int"),
        ("null", "got NoneType"),
        ("[[1, 2], [3, 4]]", "Row 0 has 2 values; expected "),
        ('[{"income": 1}, 5]', "Row 0: missing columns 'contract', "),
        ("[5]", "Row 0 is 5 (int); every row must be a record"),
        ("[{}]", "Row 0: missing columns 'contract', "),
    ],
)
def test_a_request_that_is_no_list_of_records_gets_one_line(service: ModuleType, request_text: Any, said: str) -> None:
    answer = service.run(request_text)
    assert list(answer) == ["error"]
    assert said in answer["error"]
    assert "\n" not in answer["error"]
    json.dumps(answer)


@pytest.mark.parametrize("request_text", ["[]", '{"data": []}'])
def test_no_rows_get_no_values(service: ModuleType, request_text: str) -> None:
    answer = service.run(request_text)
    assert answer["predictions"] == []
    assert answer["raw_local_importance_values"] == [[], []]


def test_one_record_by_itself_is_answered_like_a_list_of_it(service: ModuleType, batch: pd.DataFrame) -> None:
    record = batch.head(1).to_json(orient="records", date_format="iso")
    assert service.run(record.strip("[]")) == service.run(record)


def test_a_bad_batch_leaves_the_next_one_alone(service: ModuleType, batch: pd.DataFrame) -> None:
    wanted = ask(service, batch)
    service.run("[]")
    service.run("no JSON")
    assert ask(service, batch) == wanted


def test_a_folder_without_an_explainer_fails_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joblib.dump(None, tmp_path / "model.joblib")
    with pytest.raises(FileNotFoundError, match="There is no scoring explainer at"):
        started(tmp_path, monkeypatch)


# Other models


@pytest.fixture(params=["regression", "three classes"])
def other(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service of another task, and the in-process explanation of its rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=400), "kind": rng.choice(list("xyz"), 400), "n": rng.integers(0, 9, 400)})
    signal = X["size"] + (X["kind"] == "x") + 0.1 * X["n"]
    task = "regression" if request.param == "regression" else "classification"
    y = signal if task == "regression" else np.array([3, 1, 2])[np.digitize(signal, [0.3, 1.2])]
    featurizer = make_column_transformer((StandardScaler(), ["size", "n"]), (OneHotEncoder(), ["kind"]))
    model = make_pipeline(featurizer, Ridge() if task == "regression" else LogisticRegression()).fit(X, y)
    setup = automl_setup_model_explanations(model, task, X=X, X_test=X.head(20), y=y)
    wrapper = MimicWrapper.from_setup(setup, **QUICK)
    joblib.dump(model, tmp_path / "model.joblib")
    save(wrapper.create_scoring_explainer(), tmp_path, exist_ok=True)
    raw = wrapper.explain(["local"], setup.X_test_transform, get_raw=True)
    return started(tmp_path, monkeypatch), X.head(20), raw, model


def test_every_task_is_answered_like_in_training(other: Any) -> None:
    service, X, raw, model = other
    answer = ask(service, X)
    # JSON keeps 15 digits behind the point, and a linear surrogate sees every one of them.
    np.testing.assert_allclose(answer["raw_local_importance_values"], raw.local_importance_values, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(answer["expected_values"], raw.expected_values)
    assert answer["raw_feature_names"] == raw.features == ["size", "kind", "n"]
    np.testing.assert_allclose(answer["predictions"], model.predict(X))
    assert answer["classes"] == (None if raw.task == "regression" else [1, 2, 3])


def test_the_example_runs_as_a_script(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["score.py", str(trained)])
    monkeypatch.setenv("AZUREML_MODEL_DIR", "nowhere")
    source = (EXAMPLES / "score.py").read_text(encoding="utf-8")
    exec(compile(source, str(EXAMPLES / "score.py"), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.startswith('{\n "predictions": [')


@pytest.mark.parametrize("body", ["[" * 100_000, b"\xff\xfe", '{"rows": []}'])
def test_every_bad_request_is_answered_in_one_line(body: Any, service: ModuleType) -> None:
    answer = service.run(body)
    assert list(answer) == ["error"]
    assert "\n" not in answer["error"]


def test_an_infinite_number_is_answered_in_one_line(service: ModuleType, batch: pd.DataFrame) -> None:
    record = json.loads(batch.head(1).to_json(orient="records", date_format="iso"))[0]
    answer = service.run(json.dumps([{**record, "income": float("inf")}]))
    assert list(answer) == ["error"]
    assert "infinity" in answer["error"]
