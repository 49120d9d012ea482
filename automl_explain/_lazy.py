"""What is imported when first used: other libraries, the public names of a package, and parts for a model's type.

``from automl_explain._lazy import pandas as pd`` reads like the import itself and costs nothing until an attribute is
used, so that a scorer of plain arrays starts without pandas, SciPy or LightGBM. `is_frame`, `is_series` and
`is_sparse` do not import a library either: while it has not been imported, no value can be of its types.

A part is named ``"package.module:Name"``, and `find` takes the one for a model's type. Other packages add theirs
through entry points of the group ``automl_explain.<kind>`` whose name is ``module.prefix:TypeName``. These are read
once per process, since reading them takes milliseconds: call `refresh` after a package was installed into a running
process, or in a test that adds entry points.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lightgbm
    import pandas
    from scipy import sparse, special


__all__ = ["attach", "is_frame", "is_series", "is_sparse", "lightgbm", "pandas", "sparse", "special"]


class _Library:
    """Stands for a module until an attribute of it is used."""

    def __init__(self, module: str) -> None:
        self.__module = module

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module(self.__module)
        self.__dict__.update(vars(module))  # the next look-up is as fast as one in the module
        return getattr(module, name)


if not TYPE_CHECKING:
    lightgbm = _Library("lightgbm")
    pandas = _Library("pandas")
    sparse = _Library("scipy.sparse")
    special = _Library("scipy.special")


def is_frame(value: object) -> bool:
    """Whether a value is a pandas DataFrame."""
    return "pandas" in sys.modules and isinstance(value, pandas.DataFrame)


def is_series(value: object) -> bool:
    """Whether a value is a pandas Series."""
    return "pandas" in sys.modules and isinstance(value, pandas.Series)


def is_sparse(value: object) -> bool:
    """Whether a value is a sparse matrix or array of SciPy."""
    # As `scipy.sparse.issparse`, without a call: a single row is explained in microseconds.
    return "scipy.sparse" in sys.modules and isinstance(value, (sparse.spmatrix, sparse.sparray))


def attach(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that imports the modules of its public names on first use.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    names : mapping of str to str
        Public name -> module that holds it, in full or relative to the package with a leading dot;
        ``"module:name"`` where it has another name there.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, own = names[name].partition(":")
        value = getattr(importlib.import_module(module, package), own or name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return get, listed


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
    from importlib import metadata  # no part is looked for where a saved scorer explains rows

    found = metadata.entry_points(group=f"automl_explain.{kind}")
    return tuple((*entry.name.partition(":")[::2], entry.value) for entry in found)


def load(target: str) -> Any:
    """The part named ``"package.module:Name"``, imported now."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
