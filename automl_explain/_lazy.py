"""What is imported when first used: other libraries, and the public names of a package.

``from automl_explain._lazy import pandas as pd`` reads like the import itself and costs nothing until an attribute is
used, so that a scorer of plain arrays starts without pandas, SciPy or LightGBM. `is_frame`, `is_series` and
`is_sparse` do not import a library either: while it has not been imported, no value can be of its types.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
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
    return "scipy.sparse" in sys.modules and bool(sparse.issparse(value))


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
