"""Native boosters of LightGBM and XGBoost: how they are asked, and what their objective is for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np


def is_booster(model: Any) -> bool:
    """Whether the model is a LightGBM or XGBoost booster without an interface of scikit-learn around it."""
    return type(model).__name__ == "Booster" and hasattr(model, "predict")


def ask_booster(booster: Any, rows: Any) -> np.ndarray:
    """Its predictions for rows."""
    if hasattr(booster, "inplace_predict"):  # XGBoost's
        import xgboost as xgb

        rows = xgb.DMatrix(np.asarray(rows) if booster.feature_names is None else rows, enable_categorical=True)
        return np.asarray(booster.predict(rows, validate_features=False))
    return np.asarray(booster.predict(rows))


def booster_objective(booster: Any) -> str:
    """Name of the objective it was trained for; empty where it tells none."""
    if hasattr(booster, "save_config"):
        found = re.search(r'"objective":\s*\{\s*"name":\s*"([^"]*)"', booster.save_config())
    else:
        found = re.search(r"^objective=(\S+)", booster.model_to_string(num_iteration=1), flags=re.MULTILINE)
    return found.group(1) if found else ""
