"""Finds a part by the type it is for, and imports it only then.

A part is named ``"package.module:Name"``. Other packages add theirs through entry points of the
group ``automl_explain.<kind>`` whose name is ``module.prefix:TypeName``. These are read once per process, since
reading them takes milliseconds: call `refresh` after a package was installed into a running process, or in a
test that adds entry points.
"""

from __future__ import annotations

import functools
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
    rows = [*_others(kind), *table]
    for base in type(model).__mro__:
        for prefix, name, target in rows:
            inside = base.__module__ == prefix or base.__module__.startswith(prefix + ".")
            if inside and name in ("*", base.__name__):
                return load(target)
    return None


def refresh() -> None:
    """Read the entry points of other packages anew at the next `find`."""
    _others.cache_clear()


@functools.cache  # threads that ask at the same time read twice and get the same
def _others(kind: str) -> tuple[tuple[str, str, str], ...]:
    """Rows of the table that other packages add."""
    found = entry_points(group=f"automl_explain.{kind}")
    return tuple((*entry.name.partition(":")[::2], entry.value) for entry in found)


def load(target: str) -> Any:
    """The part named ``"package.module:Name"``, imported now."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
