"""LightAutoML's presets: every algorithm has features of its own, so the whole is a black box."""

from __future__ import annotations

from typing import Any

from automl_explain.adapters._black_box import BlackBoxAdapter
from automl_explain.exceptions import UnsupportedModelError

_TASKS = {"binary": "classification", "multiclass": "classification", "reg": "regression"}


class LightAutoMLAdapter(BlackBoxAdapter):
    """A fitted LightAutoML preset; its labels are the most probable classes.

    Parameters
    ----------
    model : lightautoml.automl.presets.tabular_presets.TabularAutoML
        Fitted with ``fit_predict``; other presets too.

    Raises
    ------
    UnsupportedModelError
        If it is not fitted, or has several targets.
    """

    def __init__(self, model: Any) -> None:
        reader = getattr(model, "reader", None)  # made by the fit
        if reader is None:
            raise UnsupportedModelError("This LightAutoML model is not fitted; call `fit_predict` first.")
        name = reader.task.name
        if name not in _TASKS:
            raise UnsupportedModelError(
                f"This LightAutoML model does {name!r}, several targets at once; an explanation is of one. Fit one "
                "model per target, and explain each."
            )
        super().__init__(model, task=_TASKS[name], classes=None if name == "reg" else _classes(reader))

    def soft_output(self, X: Any) -> Any:
        """LightAutoML's own answer: one column for two classes, which belongs to the second."""
        return self.model.predict(X).data

    def labels(self, X: Any) -> None:
        """None: LightAutoML gives no labels of its own."""
        return


def _classes(reader: Any) -> list[Any]:
    """Frequent classes come first; labels that are 0, 1, ... already are left as they are."""
    mapping = reader.class_mapping
    return sorted(mapping, key=mapping.get) if mapping else list(range(reader._n_classes))
