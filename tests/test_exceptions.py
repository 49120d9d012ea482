"""The error tree: what each kind is, and that the drawing of it is true."""

from __future__ import annotations

import inspect
import re

import pytest

from automl_explain import exceptions
from automl_explain.exceptions import AutoMLExplainError, ExplanationWarning

ALL = [getattr(exceptions, name) for name in exceptions.__all__]
WARNINGS = [kind for kind in ALL if issubclass(kind, Warning)]
ERRORS = [kind for kind in ALL if not issubclass(kind, Warning)]


def test_every_class_of_the_module_is_exported() -> None:
    defined = {
        name
        for name, kind in vars(exceptions).items()
        if inspect.isclass(kind) and kind.__module__ == exceptions.__name__
    }
    assert defined == set(exceptions.__all__)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_caught_by_the_root_and_says_when_it_comes(kind: type[Exception]) -> None:
    with pytest.raises(AutoMLExplainError, match="what was wrong"):
        raise kind("what was wrong")
    assert kind.__doc__


@pytest.mark.parametrize("kind", WARNINGS, ids=lambda kind: kind.__name__)
def test_every_warning_is_a_user_warning_below_one_root(kind: type[Warning]) -> None:
    assert issubclass(kind, ExplanationWarning)
    assert issubclass(kind, UserWarning)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InputError", ValueError),
        ("MissingEvalDataError", ValueError),
        ("MissingPartError", AttributeError),
        ("MissingLocalValuesError", AttributeError),
        ("DataError", ValueError),
        ("UnsupportedModelError", TypeError),
        ("UnknownTransformerError", TypeError),
        ("SelfCheckError", RuntimeError),
        ("ContractError", AssertionError),
        ("SurrogateNotFittedError", RuntimeError),
        ("StorageError", RuntimeError),
        ("AlreadyExistsError", FileExistsError),
        ("NotFoundError", FileNotFoundError),
        ("CorruptFileError", ValueError),
    ],
)
def test_those_who_know_only_builtin_errors_catch_the_one_that_fits(name: str, builtin: type[Exception]) -> None:
    with pytest.raises(builtin, match="mend"):
        raise getattr(exceptions, name)("mend")


def test_the_drawing_shows_every_error_with_its_real_bases() -> None:
    drawn = dict(re.findall(r"[|`]-- (\w+)(?: \((\w+)\))?", exceptions.__doc__ or ""))
    assert set(drawn) == {kind.__name__ for kind in ERRORS} - {"AutoMLExplainError"}
    for name, base in drawn.items():
        if base:
            assert base in {b.__name__ for b in getattr(exceptions, name).__mro__}, name


def test_the_drawing_puts_every_error_below_its_parent() -> None:
    above: list[str] = ["AutoMLExplainError"]
    for line in (exceptions.__doc__ or "").splitlines():
        found = re.match(r"(\s*)((?:\|   |    )*)[|`]-- (\w+)", line)
        if found is None:
            continue
        depth = (len(found.group(1)) + len(found.group(2)) - 4) // 4 + 1
        above[depth:] = [found.group(3)]
        assert getattr(exceptions, above[depth - 1]) in getattr(exceptions, found.group(3)).__bases__
