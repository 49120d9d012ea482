"""Fitted models taken apart: featurization, estimator, names, classes and feature map.

`adapter_for` chooses by type. To add a library: one file with a class that meets
`automl_explain.protocols.PipelineAdapter`, and one line in the table of `_choice`; from another package, an entry point
of the group ``automl_explain.adapters`` named ``module.prefix:TypeName``. Where the featurization cannot
be taken apart, derive from `BlackBoxAdapter`. `automl_explain.testing.check_adapter` checks the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.adapters._black_box import BlackBox, BlackBoxAdapter
    from automl_explain.adapters._choice import adapter_for, library_adapter, refusal
    from automl_explain.adapters._inner import InnerModel, inner_model, is_linear
    from automl_explain.adapters._kinds import booster_objective, explained_method, is_network, told_task
    from automl_explain.adapters._networks import Reading
    from automl_explain.adapters._outputs import as_array, as_numbers, check_probabilities, label_array
    from automl_explain.adapters._sklearn import EstimatorAdapter
    from automl_explain.adapters._task import SAMPLE_ROWS, ModelOutput, check_model, output_of, task_of

__all__ = [
    "SAMPLE_ROWS",
    "BlackBox",
    "BlackBoxAdapter",
    "EstimatorAdapter",
    "InnerModel",
    "ModelOutput",
    "Reading",
    "adapter_for",
    "as_array",
    "as_numbers",
    "booster_objective",
    "check_model",
    "check_probabilities",
    "explained_method",
    "inner_model",
    "is_linear",
    "is_network",
    "label_array",
    "library_adapter",
    "output_of",
    "refusal",
    "task_of",
    "told_task",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "SAMPLE_ROWS": "._task",
        "BlackBox": "._black_box",
        "BlackBoxAdapter": "._black_box",
        "EstimatorAdapter": "._sklearn",
        "InnerModel": "._inner",
        "ModelOutput": "._task",
        "Reading": "._networks",
        "adapter_for": "._choice",
        "as_array": "._outputs",
        "as_numbers": "._outputs",
        "booster_objective": "._kinds",
        "check_model": "._task",
        "check_probabilities": "._outputs",
        "explained_method": "._kinds",
        "inner_model": "._inner",
        "is_linear": "._inner",
        "is_network": "._kinds",
        "label_array": "._outputs",
        "library_adapter": "._choice",
        "output_of": "._task",
        "refusal": "._choice",
        "task_of": "._task",
        "told_task": "._kinds",
    },
)
