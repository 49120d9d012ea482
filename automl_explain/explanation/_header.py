"""What every explanation has, whatever it explains: notes for the reader, classes, and the header that holds them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

import numpy as np

from automl_explain._validation import listed
from automl_explain.exceptions import InputError
from automl_explain.explanation._fidelity import LOW_R2, Fidelity
from automl_explain.explanation._units import first_class
from automl_explain.explanation._values import read_only
from automl_explain.feature_map import FeatureName, UniqueNames

_NAMED = 5  # features in a note


class Note(NamedTuple):
    """Something the reader of an explanation should know.

    Parameters
    ----------
    category : str
        What it is about, such as ``"fidelity"`` or ``"unattributed"``.
    message : str
        One sentence or two.
    """

    category: str
    message: str

    def __str__(self) -> str:
        return self.message


def as_notes(given: Iterable[Any]) -> tuple[Note, ...]:
    """Checked notes; a plain text is of the category ``"note"``."""
    if isinstance(given, str):
        given = [given]
    return tuple(_note(n) for n in given)


def with_usual_notes(
    notes: tuple[Note, ...], fidelity: Fidelity | None, unmapped: tuple[FeatureName, ...]
) -> tuple[Note, ...]:
    """The notes, and those that follow from what an explanation holds, one of each category."""
    if not unmapped and (fidelity is None or not (fidelity.is_low or fidelity.rows == "past")):
        return notes
    found = list(notes)
    known = {note.category for note in notes}
    if "fidelity" not in known and fidelity is not None and fidelity.is_low:
        found.append(
            Note(
                "fidelity",
                f"The surrogate reproduces the model with R2 {fidelity.score:.3f} on {fidelity.n_rows:,} rows, below "
                f"{LOW_R2}: read the contributions with care.",
            )
        )
    if "forecast" not in known and fidelity is not None and fidelity.rows == "past":
        found.append(
            Note(
                "forecast",
                "The held-out rows of the fidelity lie in the past, before the steps explained; at these steps it is "
                "in `eval_fidelity`.",
            )
        )
    if "unattributed" not in known and unmapped:
        n = len(unmapped)
        found.append(
            Note(
                "unattributed",
                f"{n:,} feature{' is' if n == 1 else 's are'} not listed: {listed(unmapped, _NAMED)}. "
                "The sum of their contributions is the unattributed contribution.",
            )
        )
    return tuple(found)


def _note(given: Any) -> Note:
    if isinstance(given, str):
        return Note("note", given)
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(part, str) for part in given):
        return Note(*given)
    raise InputError(f"`notes` holds {given!r}; expected texts, or pairs of texts (category, message).")


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


Task = Literal["classification", "regression"]
Unit = Literal[
    "log-odds",
    "probability",
    "target",
    "log of target",
    "logit of target",
    "decision value",
    "outlier score",
    "anomaly score",
    "score",
]
Link = Literal["identity", "logit", "softmax", "sigmoid", "log"]
_WORDS = {"task": get_args(Task), "output_unit": get_args(Unit), "link": get_args(Link)}


class ListField:
    """A dataclass field kept as a tuple and shown as a new list, so that nobody changes it from outside."""

    def __init__(self, clean: Callable[[Any], Any]) -> None:
        self._clean = clean

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = f"_{name}"

    def __get__(self, instance: object | None, owner: type) -> list[Any] | None:
        if instance is None:
            return None  # the default of the field
        items = instance.__dict__[self._key]
        return None if items is None else list(items)

    def __set__(self, instance: object, items: Iterable[Any] | None) -> None:
        if items is not None and not isinstance(items, UniqueNames):
            items = tuple(self._clean(item) for item in items)
        instance.__dict__[self._key] = items


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _new_id(header: ExplanationHeader) -> str:
    # Threads that read it at the same time get the same one.
    return str(header.__dict__.setdefault("id", str(uuid.uuid4())))


def _measured(header: ExplanationHeader) -> Fidelity | None:
    measure = header.__dict__["_eval_fidelity"]
    return None if measure is None else measure()


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ExplanationHeader:
    """The fields that every kind of explanation has; `Explanation` documents them.

    A subclass adds the values of its kind, names the kind, and checks its own fields in ``__post_init__``
    after those of the header.
    """

    kind: ClassVar[str]

    base: np.ndarray
    task: Task
    classes: Any = ListField(plain_label)
    output_unit: Unit = "target"
    link: Link = "identity"
    fidelity: Fidelity | None = None
    eval_fidelity: Any = functools.cached_property(_measured)
    method: str = "unknown"
    model_type: str | None = None
    model_id: str | None = None
    notes: tuple[Note, ...] = ()
    created: datetime.datetime | None = dataclasses.field(default_factory=_now)
    id: Any = functools.cached_property(_new_id)

    def __post_init__(self) -> None:
        for name, legal in _WORDS.items():
            self._check_word(name, legal)
        base = np.atleast_1d(np.asarray(self.base, dtype=np.float64))
        if base.ndim != 1 or not len(base):
            raise InputError(
                f"`base` has shape {base.shape}; expected one expected value per output, shape (n_outputs,)."
            )
        self._set("base", read_only(base))
        self._set_classes(len(base))
        self._late("eval_fidelity")
        self._set("notes", as_notes(self.notes))
        self._set("created", _utc(self.created))
        self._late("id")

    def _check_word(self, name: str, legal: tuple[str, ...]) -> None:
        if getattr(self, name) not in legal:
            raise InputError(f"`{name}` must be one of {', '.join(map(repr, legal))}; got {getattr(self, name)!r}.")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _late(self, name: str) -> Any:
        """The field if it was given; else its cached property works it out when it is first read."""
        given = self.__dict__[name]
        if given is None or isinstance(given, functools.cached_property) or callable(given):
            del self.__dict__[name]
            self.__dict__[f"_{name}"] = given if callable(given) else None
            return None
        return given

    def _set_classes(self, n_outputs: int) -> None:
        if self.task == "regression":
            if self.classes is not None or n_outputs != 1:
                given = f"{n_outputs} outputs" if self.classes is None else f"`classes` {self.classes!r}"
                raise InputError(f"Got {given} for regression, which has one output and no classes.")
            return
        if self.output_unit == "score":
            # A score is one number for the whole model, whatever the number of its classes.
            if n_outputs != 1:
                raise InputError(
                    f"Got {n_outputs} outputs for a score, which is one number for all classes together. Pass one."
                )
            return
        n_classes = 2 if n_outputs == 1 else n_outputs
        labels = list(range(n_classes)) if self.classes is None else self.classes
        if len(labels) != n_classes or n_outputs == 2:
            raise InputError(
                f"`classes` has {len(labels)} labels for {n_outputs} output{'' if n_outputs == 1 else 's'}; expected "
                "2 labels for one output (binary), or K >= 3 labels for K outputs, as the model orders them."
            )
        self._set("classes", labels)

    @property
    def model_task(self) -> str:
        """``"classification"`` or ``"regression"``."""
        return self.task

    @property
    def num_classes(self) -> int:
        """Number of classes with values of their own; 0 for regression and for scores."""
        return 0 if self.classes is None or self.output_unit == "score" else len(self.classes)

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero, in the output unit.

        Returns
        -------
        ndarray of shape (1,) for regression, (2,) for two classes, (K,) for more
            Of two classes ``[-e, e]``, or ``[1 - e, e]`` in probabilities.
        """
        if self.num_classes == 2:
            return np.array([first_class(self.base[0], self.output_unit), self.base[0]])
        return self.base

    def class_position(self, label: Any) -> int:
        """Position of a class.

        Parameters
        ----------
        label : object
            One of ``classes``: the label of its own type first (1, "1", True and 1.0 may all be classes of
            one model), else the only one equal to it.

        Returns
        -------
        int

        Raises
        ------
        InputError
            If there is no such class, two are meant as well, or there are no classes.
        """
        if self.num_classes == 0:
            kind = "a regression explanation" if self.task == "regression" else "an explanation of a score"
            raise InputError(f"`label` is {label!r}, but {kind} has no classes; leave it out.")
        return class_position(label, self.classes)

    def _held(self) -> dict[str, Any]:
        """The fields as they are held: what is worked out late is not worked out for this."""
        held = self.__dict__
        names = (f.name for f in dataclasses.fields(self))
        return {name: held[name] if name in held else held.get(f"_{name}") for name in names}

    def _changed(self, **changes: Any) -> Self:
        """A new explanation, with an id and a time of its own."""
        held = self._held()
        del held["id"], held["created"]
        return type(self)(**{**held, **changes})

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew rather than restored: unpickled arrays would be writeable.
        held = self._held()
        late = {name: getattr(self, name) for name, value in held.items() if callable(value) or name == "id"}
        return _remake, (type(self), {**held, **late})


def _remake(cls: type[ExplanationHeader], fields: dict[str, Any]) -> ExplanationHeader:
    return cls(**fields)


def _utc(created: Any) -> datetime.datetime | None:
    if created is None or (type(created) is datetime.datetime and created.tzinfo is datetime.UTC):
        return created
    if not isinstance(created, datetime.datetime) or created.tzinfo is None:
        raise InputError(
            f"`created` is {created!r}; expected a datetime with a time zone, such as datetime.now(datetime.UTC)."
        )
    return created.astimezone(datetime.UTC)
