"""Value sources of models themselves: trees, weighted sums, and any model by its predictions.

Each meets `automl_explain.protocols.ValueSource`; explainers make them, and scoring explainers keep them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_explain._lazy import attach

if TYPE_CHECKING:
    from automl_explain.sources._kernel import KernelSource
    from automl_explain.sources._linear import LinearSource
    from automl_explain.sources._tree import TreeSource

__all__ = [
    "KernelSource",
    "LinearSource",
    "TreeSource",
]

__getattr__, __dir__ = attach(
    __name__,
    {
        "KernelSource": "._kernel",
        "LinearSource": "._linear",
        "TreeSource": "._tree",
    },
)
