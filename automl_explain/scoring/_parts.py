"""What a scoring explainer is made of, and what it tells of that.

`ScoringParts` are taken from an explainer, written to the files of an archive, and read back.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_explain._files._archive import from_json, from_npy, to_json, to_npy
from automl_explain._lazy import is_sparse
from automl_explain._tables._encoding import EngineeredEncoder
from automl_explain._tables._schema import TableSchema
from automl_explain._validation import check_raw_method, listed, shown, warn
from automl_explain.exceptions import (
    DataError,
    InputError,
    MissingRawTransformationsError,
    StorageError,
    UnmappedFeaturesWarning,
)
from automl_explain.explanation import Fidelity
from automl_explain.explanation._units import NUMBERS, PROBABILITY_LINKS, ToProbability, check_output_unit, first_class
from automl_explain.feature_map import FeatureMap, refuse_another_order
from automl_explain.protocols import ScorableExplainer, ScorableSource

if TYPE_CHECKING:
    from automl_explain.reading import TableRecipe

_RECIPE = "table_recipe.json"
_LINKS = ("identity", "log", *PROBABILITY_LINKS)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoringParts:
    """All that a scoring explainer keeps of the explainer it was made from.

    Parameters
    ----------
    source : ValueSource
    encoder : EngineeredEncoder
    feature_map : FeatureMap or None
    raw_method : {"folded", "grouped"}
    classes : tuple or None
    output_unit : str
        Unit of the values where none is asked for.
    link : str
        How the outputs of the source, in ``own_unit``, become predictions.
    method : str
    fidelity : Fidelity or None
    featurized : bool, default False
        Whether the explainer takes raw rows, by ``transformations`` which are kept apart.
    table_recipe : TableRecipe or None, default None
        How the file was read that the model was fitted on.
    """

    source: ScorableSource
    encoder: EngineeredEncoder
    feature_map: FeatureMap | None
    raw_method: str
    classes: tuple[Any, ...] | None
    output_unit: Any
    link: Any
    method: str
    fidelity: Fidelity | None
    featurized: bool = False
    table_recipe: TableRecipe | None = None

    @functools.cached_property
    def binary(self) -> bool:
        """Whether there are two classes, so one output."""
        return self.classes is not None and len(self.classes) == 2

    @functools.cached_property
    def bounded(self) -> bool:
        """Whether values cannot overflow: those of leaves are bounded when trees are made."""
        return self.source.explainable_model_type() == "tree"

    @functools.cached_property
    def own_unit(self) -> str:
        """Unit of the outputs of the source."""
        return "log-odds" if self.link in PROBABILITY_LINKS and self.classes is not None else str(self.output_unit)

    def conversion(self, asked: str | None) -> ToProbability | None:
        """What turns the values of the source into the unit asked for; None where they are in it.

        Raises
        ------
        InputError
            If there are no values in this unit.
        """
        if asked is None:
            return self._usual_conversion
        unit = check_output_unit(asked, self.own_unit)
        return None if unit == self.own_unit else ToProbability(self.source.expected_values, self.link)

    @functools.cached_property
    def _usual_conversion(self) -> ToProbability | None:
        own = self.output_unit == self.own_unit
        return None if own else ToProbability(self.source.expected_values, self.link)

    @classmethod
    def of(
        cls,
        explainer: ScorableExplainer,
        source: ScorableSource,
        feature_map: FeatureMap | None,
        *,
        raw_features: Sequence[str | int] | None,
        engineered_features: Sequence[str | int] | None,
        raw_method: str,
        output_unit: str | None,
        table_recipe: Any = None,
    ) -> ScoringParts:
        """Parts of an explainer, under the names given.

        Raises
        ------
        InputError
            If the map, the names or the unit do not fit the explainer.
        MissingRawTransformationsError
            If raw columns are to be grouped without a map.
        """
        own = explainer.source_unit
        unit = explainer.output_unit if output_unit is None else check_output_unit(output_unit, own)
        encoder = explainer.encoder
        if engineered_features is not None:
            names = _named(engineered_features, encoder.n_features, "engineered_features")
            refuse_another_order(names, encoder.names, "`engineered_features` is", "the explainer")
            encoder = dataclasses.replace(encoder, names=names)
        if feature_map is not None:
            feature_map = _fitting(feature_map, explainer.encoder.names, raw_features)
            _warn_unmapped(feature_map, encoder.names)
        elif raw_method == "grouped":
            raise MissingRawTransformationsError(
                "`raw_method='grouped'` needs a feature map: make the scoring explainer with "
                "`feature_maps=[setup.feature_map]`."
            )
        classes = explainer.classes
        return cls(
            source=source,
            encoder=encoder,
            feature_map=feature_map,
            raw_method=raw_method,
            classes=None if classes is None else tuple(classes),
            output_unit=unit,
            link=explainer.source_link,
            method=explainer.method,
            fidelity=explainer.fidelity,
            featurized=explainer.featurizer is not None,
            table_recipe=None if table_recipe is None else _fitting_recipe(table_recipe, feature_map),
        )

    def to_members(self, described_source: Mapping[str, Any], source: Mapping[str, bytes]) -> dict[str, bytes]:
        """Name -> content of every file, with the source as given.

        Raises
        ------
        StorageError
            If a class or a name is of a type that JSON has not.
        """
        described = {
            "encoder": self.encoder.to_json(),
            "classes": self.classes,
            "output_unit": self.output_unit,
            "link": self.link,
            "method": self.method,
            "raw_method": self.raw_method,
            "fidelity": None if self.fidelity is None else self.fidelity.to_json(),
            "feature_map": None,
            **({"featurized": True} if self.featurized else {}),
            **described_source,
        }
        members = dict(source)
        if self.table_recipe is not None:
            members[_RECIPE] = to_json(self.table_recipe.to_json())
        if self.feature_map is not None:
            names = self.feature_map.to_json()
            for part in ("weights", "support"):
                for i, array in enumerate(names.pop(part)):
                    kind = np.float64 if (part, i) == ("weights", 2) else np.int64
                    members[f"{part}_{i}.npy"] = to_npy(np.asarray(array, dtype=kind))
            described["feature_map"] = names
        try:
            return {"explainer.json": to_json(described), **members}
        except (TypeError, ValueError) as error:
            raise StorageError(
                f"A class or a feature name cannot be saved: {error}. Use text, whole numbers, numbers or booleans."
            ) from error

    @classmethod
    def from_members(
        cls,
        members: Mapping[str, bytes],
        format_version: int,
        read_source: Callable[[Mapping[str, Any], Mapping[str, bytes], Mapping[str, Any]], ScorableSource],
    ) -> ScoringParts:
        """Read back what `to_members` wrote, now or in an older format."""
        described = from_json(members["explainer.json"])
        feature_map, fidelity, classes = (described[name] for name in ("feature_map", "fidelity", "classes"))
        if feature_map is not None:
            feature_map["weights"] = [from_npy(members[f"weights_{i}.npy"]) for i in range(3)]
            feature_map["support"] = [from_npy(members[f"support_{i}.npy"]) for i in range(2)]
        known: dict[str, Any] = {
            "encoder": EngineeredEncoder.from_json(described["encoder"]),
            "feature_map": None if feature_map is None else FeatureMap.from_json(feature_map),
            # Format 1 knew no other way.
            "raw_method": "folded" if format_version == 1 else described["raw_method"],
            "classes": None if classes is None else tuple(classes),
            "output_unit": described["output_unit"],
            "link": described["link"],
            "method": described["method"],
            "fidelity": None if fidelity is None else Fidelity.from_json(fidelity),
            "featurized": bool(described.get("featurized", False)),
            "table_recipe": _read_recipe(members.get(_RECIPE)),
        }
        return cls(source=read_source(described, members, known), **known).checked()

    def checked(self) -> ScoringParts:
        """Give itself if the parts fit together.

        Raises
        ------
        ValueError
            If they do not.
        """
        source = self.source
        widths = {source.n_features, self.encoder.n_features, len(self.encoder.labels)}
        if self.feature_map is not None:
            widths.add(self.feature_map.n_engineered)
        n_outputs = 1 if self.classes is None or self.binary else len(self.classes)
        if len(widths) > 1 or source.n_outputs != n_outputs:
            raise ValueError("its parts have different numbers of features or classes")
        if check_raw_method(self.raw_method) == "grouped" and self.feature_map is None:
            raise ValueError("it groups features without a feature map")
        check_output_unit(self.output_unit, self.own_unit)
        if self.link not in _LINKS or not isinstance(self.method, str):
            raise ValueError(f"its link is {self.link!r} and its method {self.method!r}")
        if (self.classes is None) != (self.own_unit in NUMBERS):
            raise ValueError(f"its classes are {self.classes} and its unit is {self.own_unit}")
        if not self.encoder.categories.keys() <= set(range(self.encoder.n_features)):
            raise ValueError("it has categories of columns that are not there")
        _check_labels(self.encoder, self.classes or ())
        if self.feature_map is not None:
            _check_shares(self.feature_map)
        if self.table_recipe is not None:
            self.table_recipe.check_features(_raw_names(self.feature_map))
        return self


def refuse_overflow(values: Any) -> None:
    """Refuse contributions that overflowed: weights and rows are finite, their products may not be."""
    for each in values if isinstance(values, tuple) else (values,):
        numbers = each.data if is_sparse(each) else each
        if np.count_nonzero(np.isfinite(numbers)) < numbers.size:  # half the time of `all` for a single row
            raise DataError(
                "`X` has rows whose contributions are too large for float64. Check the unit and scale of its columns, "
                "or make the scoring explainer anew if its file was changed."
            )


def _read_recipe(member: bytes | None) -> TableRecipe | None:
    if member is None:
        return None
    from automl_explain.reading import TableRecipe  # a scorer of plain arrays does without

    return TableRecipe.from_json(from_json(member))


def _fitting_recipe(recipe: Any, feature_map: FeatureMap | None) -> TableRecipe:
    """The recipe given, if it makes the raw columns of the map."""
    from automl_explain.reading import TableRecipe

    if not isinstance(recipe, TableRecipe):
        raise InputError(f"`table_recipe` is {shown(recipe)}; expected a TableRecipe. Leave it out if there is none.")
    try:
        recipe.check_features(_raw_names(feature_map))
    except ValueError as error:
        raise InputError(f"`table_recipe` does not fit: {error}. Pass that of the table of the model.") from error
    return recipe


def _raw_names(feature_map: FeatureMap | None) -> tuple[str | int, ...]:
    """Names of the raw columns as the model reads them."""
    schema = None if feature_map is None else feature_map.raw_schema
    if schema is None:
        raise ValueError("a recipe needs a feature map that knows the raw columns")
    return schema.names


def _check_labels(encoder: EngineeredEncoder, classes: tuple[Any, ...]) -> None:
    """Refuse names that are neither text nor whole numbers, and labels that are there twice or are no labels."""
    names = (*encoder.names, *encoder.labels)
    labels = (classes, *encoder.categories.values())
    if not all(type(name) in (str, int) for name in names):
        raise ValueError("a name is neither text nor a whole number")
    if any("\ud800" <= character <= "\udfff" for name in names for character in str(name)):
        raise ValueError("a name holds half of a character, which no table can be named by")
    if not all(type(label) in (str, int, float, bool) for each in labels for label in each):
        raise ValueError("a class or a category is neither text nor a number")
    if any(len({(type(label), label) for label in each}) < len(each) for each in labels):
        raise ValueError("a class or a category is there twice")
    code = encoder.missing_code
    if code is not None and type(code) not in (int, float):
        raise ValueError(f"its code of missing categories is {shown(code)}")


def _check_shares(feature_map: FeatureMap) -> None:
    """Refuse weights that would make other sums of raw values than of engineered ones."""
    _, columns, weights = feature_map.arrays
    sums = np.bincount(columns, weights, minlength=feature_map.n_engineered)
    sums[list(feature_map.unmapped)] = 1.0  # no parents at all: their contributions are unattributed
    if not ((weights >= 0).all() and (np.abs(sums - 1.0) <= 1e-6).all()):
        raise ValueError("the weights of its feature map are no shares")


def _fitting(
    feature_map: FeatureMap, names: Sequence[str | int], raw_features: Sequence[str | int] | None
) -> FeatureMap:
    """The map under the raw names given, if its engineered features are those of the explainer."""
    if feature_map.n_engineered != len(names):
        raise InputError(
            f"The feature map has {feature_map.n_engineered} engineered features; the explainer was trained on "
            f"{len(names)}. Pass `feature_maps=[setup.feature_map]` of the same setup."
        )
    refuse_another_order(feature_map.engineered_names, names, "The feature map makes", "the explainer")
    if raw_features is None:
        return feature_map
    return feature_map.with_names(_named(raw_features, feature_map.n_raw, "raw_features"))


def _warn_unmapped(feature_map: FeatureMap, names: Sequence[str | int]) -> None:
    if feature_map.unmapped:
        lost = listed([names[j] for j in feature_map.unmapped])
        warn(
            f"No raw column stands behind the engineered features {lost}: raw values leave their share out. "
            "`explanation(X, get_raw=True)` reports it as unmapped.",
            UnmappedFeaturesWarning,
        )


def _named(names: Sequence[str | int], n: int, argument: str) -> tuple[str | int, ...]:
    if len(names) != n:
        raise InputError(f"`{argument}` has {len(names)} names for {n} features; pass one name per feature, in order.")
    return tuple(names)


class Told:
    """Names, classes, units and expected values, from the parts that a `ScoringExplainer` keeps."""

    _parts: ScoringParts
    _featurizer: Any

    @property
    def kind(self) -> str:
        """What files call it: ``"tree"``, ``"linear"``, ``"kernel"`` or ``"deep"``."""
        return self._parts.source.explainable_model_type()

    @property
    def source(self) -> ScorableSource:
        """What gives the values."""
        return self._parts.source

    @property
    def feature_map(self) -> FeatureMap | None:
        """Map raw x engineered, if there is one."""
        return self._parts.feature_map

    @property
    def raw_method(self) -> str:
        """How raw values are made: ``"folded"`` or ``"grouped"``."""
        return self._parts.raw_method

    @property
    def classes(self) -> list[Any] | None:
        """Labels in the order of the outputs; None for regression."""
        return None if self._parts.classes is None else list(self._parts.classes)

    @property
    def output_unit(self) -> Any:
        """Unit of the values: ``"log-odds"``, ``"probability"``, ``"target"`` or another."""
        return self._parts.output_unit

    @property
    def link(self) -> Any:
        """How the output becomes a prediction."""
        return self._link(None)

    @property
    def fidelity(self) -> Fidelity | None:
        """Of a surrogate on held-out rows; None where the model itself is explained."""
        return self._parts.fidelity

    @property
    def method(self) -> str:
        """Name shown in engineered explanations; grouped raw ones add ``.grouped``."""
        return self._parts.method

    @property
    def features(self) -> list[str | int]:
        """Names of the default output: raw with ``transformations``, else engineered."""
        if self._featurizer is not None and self.raw_features is not None:
            return self.raw_features
        return self.engineered_features

    @property
    def raw_features(self) -> list[str | int] | None:
        """Names of raw values; None without a feature map."""
        return None if self.feature_map is None else list(self.feature_map.raw_names)

    @property
    def engineered_features(self) -> list[str | int]:
        """Names of engineered values."""
        return list(self._parts.encoder.names)

    @property
    def expected_values(self) -> np.ndarray:
        """Output where all contributions are zero."""
        base = self._base(None)
        return np.concatenate([first_class(base, self.output_unit), base]) if self._parts.binary else base.copy()

    @property
    def input_schema(self) -> TableSchema | None:
        """Names and types of the raw columns, if the feature map knows them."""
        return None if self.feature_map is None else self.feature_map.raw_schema

    @property
    def table_recipe(self) -> TableRecipe | None:
        """How the file was read that the model was fitted on; None where it was no file."""
        return self._parts.table_recipe

    def __repr__(self) -> str:
        raw = "" if self.feature_map is None else f"{self.feature_map.n_raw} raw, "
        kind = "regression" if self.classes is None else f"{len(self.classes)} classes"
        size = f"{raw}{self._parts.encoder.n_features} engineered features"
        return f"{type(self).__name__}({size}, {kind}, {self.output_unit}; {self._trust()})"

    def _trust(self) -> str:
        return "the model itself" if self.fidelity is None else str(self.fidelity)

    def _base(self, output_unit: str | None) -> np.ndarray:
        """Output where all contributions are zero, shape (n_outputs,)."""
        conversion = self._parts.conversion(output_unit)
        return self._parts.source.expected_values if conversion is None else conversion.expected_values

    def _link(self, output_unit: str | None) -> Any:
        return self._parts.link if self._parts.conversion(output_unit) is None else "identity"
