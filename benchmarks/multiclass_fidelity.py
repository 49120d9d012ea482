"""Fidelity of the default surrogate to multiclass teachers, on rows neither has seen. Prints JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_wine, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl_explain import LGBMExplainableModel, MimicExplainer
from automl_explain.surrogates import probabilities

TABLES = {
    "digits": load_digits(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "4 classes": make_classification(5000, 20, n_informative=8, n_classes=4, random_state=0),
}
TEACHERS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "random forest": RandomForestClassifier(100, random_state=0),
}


def measure(X: np.ndarray, y: np.ndarray, teacher: Any) -> dict[str, float]:
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    teacher.fit(X_train, y_train)
    explainer = MimicExplainer(teacher, X_train, LGBMExplainableModel)
    wanted = teacher.predict_proba(X_test)
    found = probabilities(explainer.surrogate_model.predict_output(explainer.encoder.encode(X_test)))
    return {
        "R2 of probabilities, test rows": round(r2_score(wanted, found), 4),
        "R2 of probabilities, held-out init rows": round(explainer.fidelity.r2_probability, 4),
        "agreement, test rows": round(float((wanted.argmax(1) == found.argmax(1)).mean()), 4),
        "trees": explainer.surrogate_model.size_,
    }


if __name__ == "__main__":
    results = {f"{t}, {m}": measure(X, y, model) for t, (X, y) in TABLES.items() for m, model in TEACHERS.items()}
    print(json.dumps(results, indent=1))
