"""Which scoring explainer fits which source, and how a source is found again when a file is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from automl_explain._lazy import load
from automl_explain._validation import shown
from automl_explain.exceptions import StorageError, UnsupportedModelError

# What files call a scoring explainer -> its module, which is imported where such a file is read.
KINDS = {
    "tree": "automl_explain.scoring._tree:TreeScoringExplainer",
    "linear": "automl_explain.scoring._linear:LinearScoringExplainer",
    "kernel": "automl_explain.scoring._kernel:KernelScoringExplainer",
    "deep": "automl_explain.scoring._deep:DeepScoringExplainer",
}
_SOURCES = {"tree": "automl_explain.sources._tree:TreeSource", "linear": "automl_explain.sources._linear:LinearSource"}
_ADDITIVE = "automl_explain.surrogates._additive:AdditiveSurrogate"
_NEEDS = {
    "tree": "an explainer with a tree surrogate (LGBMExplainableModel), or of a tree model",
    "linear": "an explainer of a linear model, or with a linear surrogate",
    "kernel": "a KernelExplainer",
    "deep": "a DeepExplainer",
}
_SCORED = ("n_features", "n_outputs", "for_scoring")
_SAVED = ("to_members", "from_members")


def kind_of(explainer: Any) -> str:
    """Kind of scoring explainer that fits an explainer.

    Raises
    ------
    UnsupportedModelError
        If none does.
    """
    kind = _told(explainer)
    if kind is None:
        raise UnsupportedModelError(
            f"{type(explainer).__name__} has nothing that gives the values of new rows, so no scoring explainer can be "
            "made from it. Make one from a MimicExplainer, TabularExplainer, TreeExplainer, LinearExplainer, "
            "KernelExplainer or DeepExplainer, or from a wrapper."
        )
    return kind


def check_kind(explainer: Any, only: str | None) -> None:
    """Refuse an explainer that no scoring explainer fits, or not the one of the kind ``only``.

    Raises
    ------
    UnsupportedModelError
        Names the class that fits.
    """
    kind = _told(explainer)
    if only is None:
        kind_of(explainer)
    elif kind != only:
        way = (
            "Make such an explainer first."
            if kind is None
            else f"Use {name_of(kind)}, or explainer.create_scoring_explainer(), which takes any."
        )
        raise UnsupportedModelError(f"{name_of(only)} needs {_NEEDS[only]}; got {type(explainer).__name__}. {way}")


def _told(explainer: Any) -> str | None:
    tell = getattr(getattr(explainer, "source", None), "explainable_model_type", None)
    kind = None if tell is None else tell()
    return kind if isinstance(kind, str) and kind in KINDS else None


def explainer_behind(explainer: Any) -> Any:
    """The explainer of rows in a wrapper, or in the explainer that chose it."""
    while hasattr(explainer, "explainer"):
        explainer = explainer.explainer
    return explainer


def create(explainer: Any, **arguments: Any) -> Any:
    """The scoring explainer of the class that fits an explainer or a wrapper; arguments as of `ScoringExplainer`."""
    return class_of(kind_of(explainer_behind(explainer)))(explainer, **arguments)


def class_of(kind: str) -> Any:
    """The strict class of a kind, imported now."""
    return load(KINDS[kind])


def name_of(kind: str) -> str:
    """Name of the class of a kind."""
    return KINDS[kind].partition(":")[2]


def slim(source: Any) -> Any:
    """What production needs of a source.

    Raises
    ------
    UnsupportedModelError
        If it lacks what a scoring explainer asks for.
    """
    if _lacking(source, _SCORED):
        raise UnsupportedModelError(
            f"{type(source).__name__} lacks {_lacking(source, _SCORED)}, which a scoring explainer needs. Add what "
            "automl_explain.protocols.ScorableSource asks for; automl_explain.testing.check_surrogate checks it."
        )
    return source.for_scoring()


def _lacking(part: Any, names: Sequence[str]) -> str:
    return ", ".join(name for name in names if not hasattr(part, name))


def written(source: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Fields and files of a source, with its class where it is not one of ours.

    Raises
    ------
    StorageError
        If it cannot be written, or its class could not be found again.
    """
    cls = type(source)
    if _lacking(cls, _SAVED):
        raise StorageError(
            f"{cls.__name__} lacks {_lacking(cls, _SAVED)}, so it cannot be saved. Add what "
            "automl_explain.protocols.SavableSource asks for."
        )
    fields, files = source.to_members()
    if cls.__module__.partition(".")[0] == "automl_explain":
        return fields, files
    name = f"{cls.__module__}:{cls.__qualname__}"
    if _known(name) is not cls:
        raise StorageError(
            f"{name} cannot be found again when the file is read; define the class at the top of a module."
        )
    return {"source": name, "fields": fields}, files


def read(kind: str, described: Mapping[str, Any], members: Mapping[str, bytes]) -> Any:
    """The source that `written` described.

    A class of others is looked up among the modules that are imported already: a file imports nothing.

    Raises
    ------
    StorageError
        If its class is not there.
    """
    name = described.get("source")
    if name is None:
        additive = kind == "linear" and described["levels"] is not None
        return load(_ADDITIVE if additive else _SOURCES[kind]).from_members(described, members)
    cls: Any = _known(name)
    if not isinstance(cls, type) or _lacking(cls, (*_SCORED[2:], *_SAVED)):
        module = str(name).partition(":")[0]
        raise StorageError(
            f"The file holds a surrogate of the class {shown(name)}, which is not known here. Import it first (import "
            f"{module}), if you trust it, and load the file again."
        )
    read_by: Any = cls
    return read_by.from_members(described["fields"], members)


def _known(name: Any) -> Any:
    """What ``"module:name"`` stands for, if the module is imported."""
    module, _, path = str(name).partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found
