"""Which class a label means: the one place that looks a label up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_explain._validation import listed
from automl_explain.exceptions import InputError


def plain_label(value: Any) -> Any:
    """A label as explanations keep it: Python's own number or text for numpy's."""
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufUS" else value


def class_position(label: Any, classes: Sequence[Any], argument: str = "label") -> int:
    """Position of the class that a label means.

    Parameters
    ----------
    label : object
        Numpy's numbers and texts count as Python's.
    classes : sequence
        Labels in the order of the model's outputs.
    argument : str, default "label"
        What the caller calls it.

    Returns
    -------
    int
        Of the class that is equal and of the same type; without one, of the only class that is equal.

    Raises
    ------
    InputError
        If no class is meant, or more than one.
    """
    wanted = plain_label(label)
    equal = [k for k, known in enumerate(classes) if _same(known, wanted)]
    exact = [k for k in equal if type(plain_label(classes[k])) is type(wanted)]
    found = exact or equal
    if len(found) == 1:
        return found[0]
    if found:
        meant = listed([classes[k] for k in found])
        raise InputError(f"`{argument}` is {label!r}, which may mean {meant}. Pass the label with its own type.")
    alike = [known for known in classes if str(known) == str(wanted)]
    hint = f" Did you mean {alike[0]!r}?" if alike else ""
    raise InputError(f"`{argument}` must be one of the classes {list(classes)!r}; got {label!r}.{hint}")


def _same(known: Any, wanted: Any) -> bool:
    try:
        return bool(known == wanted) or bool(known != known and wanted != wanted)  # NaN is no other label than NaN
    except (TypeError, ValueError):  # a missing value of pandas, or an array
        return known is wanted
