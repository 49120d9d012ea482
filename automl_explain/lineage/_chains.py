"""Steps of a Pipeline that hand each other something other than a table (dicts, texts made of columns)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from automl_explain.lineage._place import Place
from automl_explain.lineage._tables import is_table


class Chain:
    """Steps from a table to the next table, as one transformer: between them there are no columns to follow.

    Parameters
    ----------
    steps : sequence of transformer
        One after the other.
    """

    def __init__(self, steps: Sequence[Any]) -> None:
        self.steps = list(steps)

    @property
    def classes_in_order(self) -> str:
        """Classes of the steps."""
        return " -> ".join(type(step).__name__ for step in self.steps)

    def transform(self, X: Any) -> Any:
        """What comes out of the last step."""
        for step in self.steps:
            X = step.transform(X)
        return X

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the last step."""
        return self.steps[-1].get_feature_names_out()


def flat_steps(pipeline: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Steps that transform, with pipelines inside opened up, and where they are."""
    for name, step in pipeline.steps:
        if type(step).__name__ == "Pipeline" and type(step).__module__.partition(".")[0] in ("sklearn", "imblearn"):
            yield from flat_steps(step, place.into(name))
        elif not hasattr(step, "fit_resample"):  # samplers of imbalanced-learn act in fit only
            yield place.into(name), step


def may_leave_tables(step: Any, rule: Any) -> bool:
    """Whether a step has to be tried to know that it makes a table; scikit-learn's containers always do."""
    if step is None or isinstance(step, (str, list, tuple)) or not callable(getattr(step, "transform", None)):
        return False
    return rule is None or type(step).__name__ == "FunctionTransformer"


def opaque_chain(step: Any, later: Sequence[Any], X: Any) -> Chain | None:
    """The step and as many later ones as it takes to be back at a table; None if it makes one itself."""
    chain = [step]
    try:
        value = step.transform(X)
        for following in later:
            if is_table(value):
                break
            if following is not None and following != "passthrough":
                chain.append(following)
                value = following.transform(value)
    except Exception:  # the walk itself fails at the same step, and words it
        return None
    return Chain(chain) if len(chain) > 1 else None
