"""What a scoring explainer is made of, as files of an archive and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_explain._encoding import EngineeredEncoder
from automl_explain._validation import check_raw_method
from automl_explain.exceptions import StorageError
from automl_explain.explanation import Fidelity
from automl_explain.feature_map import FeatureMap
from automl_explain.scoring._archive import from_npy, to_npy
from automl_explain.treeshap import TreeModel


@dataclasses.dataclass(frozen=True, eq=False)
class TreeParts:
    """All that a `TreeScoringExplainer` keeps of the explainer it was made from.

    Parameters
    ----------
    trees : TreeModel
    encoder : EngineeredEncoder
    feature_map : FeatureMap or None
    raw_method : {"folded", "grouped"}
    classes : tuple or None
    output_unit, link, method : str
    fidelity : Fidelity or None
    """

    trees: TreeModel
    encoder: EngineeredEncoder
    feature_map: FeatureMap | None
    raw_method: str
    classes: tuple[Any, ...] | None
    output_unit: Any
    link: Any
    method: str
    fidelity: Fidelity | None

    @property
    def binary(self) -> bool:
        """Whether there are two classes, so one output."""
        return self.classes is not None and len(self.classes) == 2

    def to_members(self) -> dict[str, bytes]:
        """Name -> content of every file.

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
            "n_models": len(self.trees.texts),
            "feature_map": None,
        }
        members = {f"trees_{k}.txt": text.encode() for k, text in enumerate(self.trees.texts)}
        if self.feature_map is not None:
            names = self.feature_map.to_json()
            for part in ("weights", "support"):
                for i, array in enumerate(names.pop(part)):
                    kind = np.float64 if (part, i) == ("weights", 2) else np.int64
                    members[f"{part}_{i}.npy"] = to_npy(np.asarray(array, dtype=kind))
            described["feature_map"] = names
        try:
            return {"explainer.json": json.dumps(described).encode(), **members}
        except TypeError as error:
            raise StorageError(
                f"A class or a feature name cannot be saved: {error}. Use text, whole numbers, numbers or booleans."
            ) from error

    @classmethod
    def from_members(cls, members: Mapping[str, bytes], format_version: int) -> TreeParts:
        """Read back what `to_members` wrote, now or in an older format."""
        described = json.loads(members["explainer.json"])
        texts = [members[f"trees_{k}.txt"].decode() for k in range(described["n_models"])]
        feature_map, fidelity, classes = (described[name] for name in ("feature_map", "fidelity", "classes"))
        if feature_map is not None:
            feature_map["weights"] = [from_npy(members[f"weights_{i}.npy"]) for i in range(3)]
            feature_map["support"] = [from_npy(members[f"support_{i}.npy"]) for i in range(2)]
        return cls(
            trees=TreeModel(texts),
            encoder=EngineeredEncoder.from_json(described["encoder"]),
            feature_map=None if feature_map is None else FeatureMap.from_json(feature_map),
            # Format 1 knew no other way.
            raw_method="folded" if format_version == 1 else described["raw_method"],
            classes=None if classes is None else tuple(classes),
            output_unit=described["output_unit"],
            link=described["link"],
            method=described["method"],
            fidelity=None if fidelity is None else Fidelity.from_json(fidelity),
        ).checked()

    def checked(self) -> TreeParts:
        """Give itself if the parts fit together.

        Raises
        ------
        ValueError
            If they do not.
        """
        widths = {self.trees.n_features, self.encoder.n_features, len(self.encoder.labels)}
        if self.feature_map is not None:
            widths.add(self.feature_map.n_engineered)
        n_outputs = 1 if self.classes is None or self.binary else len(self.classes)
        if len(widths) > 1 or self.trees.n_outputs != n_outputs:
            raise ValueError("its parts have different numbers of features or classes")
        if not all("end of trees" in text for text in self.trees.texts):
            raise ValueError("its trees are cut short")
        if check_raw_method(self.raw_method) == "grouped" and self.feature_map is None:
            raise ValueError("it groups features without a feature map")
        return self
