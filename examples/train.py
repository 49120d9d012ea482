"""Train a model with FLAML, explain it, and put what scoring needs into one folder.

Run ``python examples/train.py [FOLDER] [SECONDS]``, then ``python examples/score.py [FOLDER]``.
The folder holds ``model.joblib`` (the model, a pickle: load it only if you made it) and
``scoring_explainer.aex`` (the explainer, which holds no pickle).
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
from flaml import AutoML
from sklearn.model_selection import train_test_split

from automl_explain import MimicWrapper, automl_setup_model_explanations, save
from automl_explain.datasets import make_mixed_table


def main(folder: str = "model", seconds: float = 10) -> None:
    """Fit, explain and save."""
    table = make_mixed_table(n_rows=4000, random_state=0)
    X_train, X_test, y_train, _ = train_test_split(table.X, table.y, random_state=0)
    automl = AutoML()
    automl.fit(X_train, y_train, task="classification", time_budget=seconds, seed=0, verbose=0)

    setup = automl_setup_model_explanations(automl, X=X_train, X_test=X_test, y=y_train, task="classification")
    explainer = MimicWrapper.from_setup(setup)
    print(explainer.explain(["global"], eval_dataset=setup.X_test_transform, get_raw=True))

    scoring = explainer.create_scoring_explainer()
    save(scoring, directory=folder, exist_ok=True)
    joblib.dump(automl, Path(folder) / "model.joblib")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:3]))
