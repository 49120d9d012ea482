"""LineageReport: the feature map as a table that a person reads."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator

import pandas as pd

from automl_explain.exceptions import InputError
from automl_explain.feature_map import FeatureMap, FeatureName
from automl_explain.lineage._place import ProbedStep

SHOWN = 20
WORDS = {"rule": "known", "probe": "seen by probing", "dense": "mixed, weights by convention", "given": "given"}


@dataclasses.dataclass(frozen=True, eq=False)
class LineageReport:
    """For every engineered feature its raw parents, their weights, and how they were found.

    Made by `automl_explain.lineage_report`. Prints as a table; `to_frame` gives all of it.

    Parameters
    ----------
    feature_map : FeatureMap
        The map that is reported.
    probed : tuple of ProbedStep, default ()
        Steps that no rule knows: what probing them cost, and how sure it is.

    Examples
    --------
    >>> from automl_explain import FeatureMap
    >>> from automl_explain.lineage import LineageReport
    >>> fm = FeatureMap.from_matrix([[1, 1], [0, 1]], raw_names=["a", "b"], engineered_names=["a", "a b"])
    >>> print(LineageReport(fm))
    2 engineered features from 2 raw columns: 2 given; 0 unmapped
    engineered            raw   how
             a              a given
           a b 0.50 a, 0.50 b given
    """

    feature_map: FeatureMap
    probed: tuple[ProbedStep, ...] = ()

    def __len__(self) -> int:
        return self.feature_map.n_engineered

    def __iter__(self) -> Iterator[tuple[FeatureName, dict[FeatureName, float]]]:
        """Names of the engineered features with their parents."""
        csc = self.feature_map.matrix.tocsc()
        for j, name in enumerate(self.feature_map.engineered_names):
            part = slice(csc.indptr[j], csc.indptr[j + 1])
            rows, weights = csc.indices[part].tolist(), csc.data[part].tolist()
            yield name, {self.feature_map.raw_names[i]: w for i, w in sorted(zip(rows, weights, strict=True))}

    def __getitem__(self, engineered: FeatureName) -> dict[FeatureName, float]:
        """Raw parents of an engineered feature, with their weights."""
        for name, parents in self:
            if name == engineered:
                return parents
        raise InputError(
            f"{engineered!r} is no engineered feature of this report. Expected one of its {len(self)} names. See "
            "`report.feature_map.engineered_names`."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row for every link; features without a parent have one row, with the raw column missing.

        Returns
        -------
        DataFrame
            With the columns ``engineered``, ``raw``, ``weight`` (they sum to 1 for a feature that has
            parents), ``how`` (as in `FeatureMap`, ``"unknown"`` where there are parents that could not
            be told) and ``note``.
        """
        rows = []
        for (name, parents), how, note in zip(self, self._how(), self._notes(), strict=True):
            links: list[tuple[FeatureName | None, float]] = [*parents.items()] or [(None, 0.0)]
            rows += [(name, raw, weight, how, note) for raw, weight in links]
        return pd.DataFrame(rows, columns=["engineered", "raw", "weight", "how", "note"])

    def _how(self) -> list[str]:
        unknown = set(self.feature_map.unknown)
        return ["unknown" if j in unknown else how for j, how in enumerate(self.feature_map.how)]

    def _notes(self) -> list[str]:
        """What the weights do not say of each feature."""
        fm, unknown = self.feature_map, set(self.feature_map.unknown)
        extra = (fm.support.astype(float) - fm.matrix.astype(bool).astype(float)).tocsc()
        extra.eliminate_zeros()
        notes = []
        for j in range(fm.n_engineered):
            more = [str(fm.raw_names[i]) for i in sorted(extra.indices[extra.indptr[j] : extra.indptr[j + 1]].tolist())]
            listed = ", ".join(more[:5]) + (f" and {len(more) - 5} more" if len(more) > 5 else "")
            if j in unknown:
                notes.append(f"may depend on {listed}")
            elif more:
                notes.append(f"depends on {listed} too")
            else:
                notes.append("constant" if fm.how[j] == "none" else "")
        return notes

    def _table(self) -> pd.DataFrame:
        """The first features, a line each."""
        lines = []
        for (name, parents), how, note, _ in zip(self, self._how(), self._notes(), range(SHOWN), strict=False):
            first = [f"{w:.2f} {raw}" if len(parents) > 1 else str(raw) for raw, w in list(parents.items())[:5]]
            more = [f"{len(parents) - 5} more"] if len(parents) > 5 else []
            lines.append((name, ", ".join(first + more) or "-", how, note))
        table = pd.DataFrame(lines, columns=["engineered", "raw", "how", "note"])
        return table if table["note"].any() else table.drop(columns="note")

    def _head(self) -> str:
        fm = self.feature_map
        found = [f"{fm.how.count(how)} {words}" for how, words in WORDS.items() if how in fm.how]
        unknown = f" ({len(fm.unknown)} unknown)" if fm.unknown else ""
        counts = f"{fm.n_engineered} engineered features from {fm.n_raw} raw columns"
        return f"{counts}: {', '.join(found) or 'no links'}; {len(fm.unmapped)} unmapped{unknown}"

    def _foot(self) -> list[str]:
        fm, foot = self.feature_map, []
        if len(self) > SHOWN:
            foot.append(f"... {len(self) - SHOWN} more; `to_frame()` gives all")
        if fm.unused_raw:
            foot.append("raw columns that feed nothing: " + ", ".join(map(str, fm.unused_raw)))
        return foot + [str(step) for step in self.probed]

    def __repr__(self) -> str:
        with pd.option_context("display.max_colwidth", 60, "display.width", 200):
            table = self._table().to_string(index=False)
        return "\n".join([self._head(), table, *self._foot()])

    def _repr_html_(self) -> str:
        parts = [f"<p>{html.escape(text)}</p>" for text in (self._head(), *self._foot())]
        return "".join([parts[0], self._table().to_html(index=False), *parts[1:]])
