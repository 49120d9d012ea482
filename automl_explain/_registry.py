"""Finds a part by the type it is for, and imports it only then.

A part is named ``"package.module:Name"``. Other packages add theirs through entry points of the
group ``automl_explain.<kind>`` whose name is ``module.prefix:TypeName``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any


def find(model: Any, table: Iterable[tuple[str, str, str]], kind: str) -> Any | None:
    """The part for a model's type, its nearest base class first; None if there is none.

    Parameters
    ----------
    model : object
    table : iterable of (module prefix, type name, "package.module:Name")
        ``"*"`` as type name stands for every type of the module.
    kind : str
        Entry points of the group ``automl_explain.<kind>`` are looked at first.
    """
    others = [(*entry.name.partition(":")[::2], entry.value) for entry in entry_points(group=f"automl_explain.{kind}")]
    rows = [*others, *table]
    for base in type(model).__mro__:
        for prefix, name, target in rows:
            inside = base.__module__ == prefix or base.__module__.startswith(prefix + ".")
            if inside and name in ("*", base.__name__):
                return load(target)
    return None


def load(target: str) -> Any:
    """The part named ``"package.module:Name"``, imported now."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
