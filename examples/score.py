"""Scoring script: predictions with their explanations, for rows that arrive as JSON.

`init` loads the model and its scoring explainer from ``$AZUREML_MODEL_DIR`` (or ``model/``) once;
`run` answers one request. Run ``python examples/score.py [FOLDER]`` to try it on a few rows.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from automl_explain import automl_setup_model_explanations, load
from automl_explain.exceptions import AutoMLExplainError

model: Any = None
scoring_explainer: Any = None


def init() -> None:
    """Load the model and the scoring explainer; called once when the container starts."""
    global model, scoring_explainer
    folder = Path(os.environ.get("AZUREML_MODEL_DIR", "model"))
    model = joblib.load(folder / "model.joblib")
    scoring_explainer = load(folder)


def run(raw_data: str | bytes) -> dict[str, Any]:
    """Predict and explain.

    Parameters
    ----------
    raw_data : str or bytes
        JSON in any layout that `read_records` takes: records (column name -> value), ``{"data": [...]}``, ...

    Returns
    -------
    dict
        ``predictions``, ``engineered_local_importance_values`` and ``raw_local_importance_values``
        (class by row by feature; row by feature for regression) with the names they belong to; or
        ``error``, one line saying what was wrong with the rows. Ready for ``json.dumps``.
    """
    try:
        rows = scoring_explainer.read_records(raw_data)
        if rows.shape[0] == 0:
            none: list[Any] = [[] for _ in scoring_explainer.classes or ()]
            return answer([], none, none)
        task = "classification" if scoring_explainer.classes else "regression"
        # The rows are featurized once, here; every row of a request is kept.
        setup = automl_setup_model_explanations(model, X_test=rows, task=task, downsample=False)
        predictions = setup.automl_estimator.predict(setup.X_test_transform)
        engineered = scoring_explainer.explain(setup.X_test_transform, as_list=True)
        raw = scoring_explainer.explain(setup.X_test_transform, get_raw=True, as_list=True)
    except AutoMLExplainError as error:
        return {"error": " ".join(str(error).split())}
    return answer(np.asarray(predictions).tolist(), engineered, raw)


def answer(predictions: list[Any], engineered: list[Any], raw: list[Any]) -> dict[str, Any]:
    """What a request gets: values, and the names that they belong to."""
    return {
        "predictions": predictions,
        "classes": scoring_explainer.classes,
        "expected_values": scoring_explainer.expected_values.tolist(),
        "output_unit": scoring_explainer.output_unit,
        "engineered_feature_names": scoring_explainer.engineered_features,
        "engineered_local_importance_values": engineered,
        "raw_feature_names": scoring_explainer.raw_features,
        "raw_local_importance_values": raw,
    }


if __name__ == "__main__":
    from automl_explain.datasets import make_mixed_table

    if sys.argv[1:]:
        os.environ["AZUREML_MODEL_DIR"] = sys.argv[1]
    init()
    sample = make_mixed_table(n_rows=100, random_state=1).X.head(3)
    print(json.dumps(run(sample.to_json(orient="records", date_format="iso")), indent=1)[:3000])
