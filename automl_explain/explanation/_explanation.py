"""Explanation: contributions that add up to each prediction."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import pandas as pd
import scipy.sparse as sp

from automl_explain._tables._positions import positions
from automl_explain._tables._rows import take
from automl_explain.exceptions import InputError, MissingLocalValuesError
from automl_explain.explanation._accessors import ImportanceAccessors
from automl_explain.explanation._data import overall_data, row_data, rows_data, selector
from automl_explain.explanation._display import Visual, explanation_html, explanation_text, row_visual
from automl_explain.explanation._export import global_frame, local_frame, to_shap
from automl_explain.explanation._folding import fold, raw_rows, warn_unmapped
from automl_explain.explanation._storage import from_members, load_fields, save_fields, to_members
from automl_explain.explanation._values import take_rows
from automl_explain.feature_map import FeatureMap, FeatureName


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation(ImportanceAccessors):
    """Contributions of features to the outputs of a model, row by row and over all rows.

    In every row the contributions, the unmapped share and the expected value add up to the output
    explained. Nothing in an explanation changes once it is made: arrays are read-only, lists are
    given out as copies.

    Parameters
    ----------
    values : ndarray (n_outputs, n_rows, n_features), tuple of n_outputs csr_matrix (n_rows, n_features), or None
        Contributions in the output unit; None if only global values are known. There is one output
        for regression and for two classes (that of the second class), and one per class for more.
    base : ndarray of shape (n_outputs,)
        Output where all contributions are zero.
    task : {"classification", "regression"}
        What the model does.
    features : sequence of str or int, optional
        Names, one per column of ``values``; 0, 1, ... where left out. Repeated ones get ``#2``.
    classes : sequence, optional
        Labels in the order of the model's probabilities; 0, 1, ... where left out.
    space : {"engineered", "raw"}, default "engineered"
        Whether the features are those the model sees or the columns the user knows.
    output_unit : str, default "target"
        Unit of values and expected values: ``"log-odds"``, ``"probability"``, ``"target"``, ``"log of target"``;
        ``"decision value"`` where a classifier has no probabilities; of outlier detectors ``"outlier score"``,
        which is lower for abnormal rows, or ``"anomaly score"``, which is higher for them.
        ``"score"``: what the model's score loses without the feature (`PFIExplainer`), one for all classes.
    link : {"identity", "logit", "softmax", "log"}, default "identity"
        How outputs become predictions. ``identity``: they are predictions, or decision values, which
        speak for the second of two classes where they are positive, else for the class of the largest;
        in probability the output of two classes is that of the second, and the first has the rest.
        ``logit``: an output is the log-odds of a class, and its sigmoid a probability; with more than
        two classes there is one per class, and the probabilities are divided by their sum.
        ``softmax``: exponentials divided by their sum. ``log``: the exponential of the output is the
        target, of which the output unit is ``"log of target"``.
    fidelity : Fidelity, optional
        How well the surrogate reproduces the teacher on rows held out from its training.
    eval_fidelity : Fidelity, or function without arguments that gives one, optional
        The same on the rows explained; a function is called when it is first read, and must not hold the model.
    method : str, default "unknown"
        Such as ``"mimic.lightgbm"``; with ``.grouped`` behind it where raw columns were the players
        (``raw_method="grouped"``).
    model_type, model_id : str, optional
        Type and name of the teacher.
    eval_data : DataFrame, ndarray or scipy sparse of shape (n_rows, ...), optional
        The rows explained.
    eval_y_predicted : array-like of shape (n_rows,), optional
        The teacher's predictions.
    eval_y_predicted_proba : array-like of shape (n_rows, n_classes), optional
        The teacher's probabilities.
    residuals : ndarray of shape (n_outputs, n_rows), optional
        The model's own output minus the output explained, in the output unit; None where the model was not
        asked.
    residual_bound : float, optional
        From which difference to the model's own output a row counts as far off (`far_rows`): in a probability
        where the output is log-odds, else in the output unit.
    unmapped : ndarray of shape (n_outputs, n_rows), optional
        Share of each output that belongs to no listed feature.
    unmapped_features : tuple of str or int, default ()
        Engineered features without a raw parent; their contributions are in ``unmapped``.
    global_values : ndarray of shape (n_outputs, n_features), optional
        Mean |value| over the rows; worked out from ``values`` where left out.
    unmapped_global : ndarray of shape (n_outputs,), optional
        Mean |unmapped| over the rows.
    n_explained_rows : int, optional
        Number of rows behind ``global_values``; needed if ``values`` is None.
    global_spread : ndarray of shape (n_outputs, n_features), optional
        Standard deviation of ``global_values`` over repeats, where they were measured several times.
    local_fit : ndarray of shape (n_outputs, n_rows), optional
        How well a local model fits around each row (R2 weighted by nearness), where there is one
        (`LIMEExplainer`).
    row_labels : sequence, optional
        Index of the rows explained; that of ``eval_data`` where left out and it is a DataFrame.
    notes : sequence of str or of (category, message), optional
        What the reader should know, such as a low fidelity.
    created : datetime, optional
        When it was made, with a time zone; kept in UTC. Now where left out; None if nobody knows.
    id : str, optional
        Own name; a new uuid4 where left out.

    Raises
    ------
    InputError
        If names, classes, rows or shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from automl_explain import Explanation
    >>> explanation = Explanation(values=np.array([[[1.0, -3.0], [0.0, 5.0]]]), base=[10.0],
    ...                           task="regression", features=["age", "size"])
    >>> explanation.get_feature_importance_dict()
    {'size': 4.0, 'age': 0.5}
    >>> explanation.output.tolist()
    [[8.0], [15.0]]
    """

    def __len__(self) -> int:
        return self.num_examples

    def __bool__(self) -> bool:
        # An explanation of no rows is still an explanation.
        return True

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, rows: Any) -> Self:
        """Explanation of some rows: a number, a slice, a list of numbers or a bool mask."""
        at = positions(rows, len(self), self.row_labels)
        changes = {
            "values": take_rows(self._local, at),
            "eval_data": take(self.eval_data, at),
            "eval_y_predicted": take(self.eval_y_predicted, at),
            "eval_y_predicted_proba": take(self.eval_y_predicted_proba, at),
            "row_labels": None if self.row_labels is None else self.row_labels[at],
            "unmapped": None if self.unmapped is None else self.unmapped[:, at],
            "residuals": None if self.residuals is None else self.residuals[:, at],
            "local_fit": None if self.local_fit is None else self.local_fit[:, at],
        }
        return self._changed(
            **changes,
            eval_fidelity=None,
            global_values=None,
            global_spread=None,
            unmapped_global=None,
            n_explained_rows=None,
        )

    def subset(self, mask: Any) -> Self:
        """Explanation of a cohort.

        Parameters
        ----------
        mask : array-like of bool of shape (n_rows,), or sequence of int
            Which rows, by position. A bool Series goes by its index: it may have the rows in another
            order, and more of them.

        Returns
        -------
        Explanation
            With its own ``id`` and global values, and without ``eval_fidelity``, which was measured
            on other rows.

        Raises
        ------
        MissingLocalValuesError
            If the explanation holds global values only.
        InputError
            If the mask has another length, another index or missing cells, or a row does not exist.

        See Also
        --------
        compare_cohorts : Importances of several cohorts side by side.
        """
        return self[mask]

    def get_raw_feature_importances(self, feature_maps: Any) -> list[Any]:
        """Local values of the raw columns as nested lists, or csr_matrix where they stay sparse.

        Parameters
        ----------
        feature_maps : FeatureMap, array-like, scipy sparse, or list of them
            See `get_raw_explanation`.

        Returns
        -------
        nested list of shape (n_rows, n_raw), or (n_classes, n_rows, n_raw) for classification
        """
        values = self.get_raw_explanation(feature_maps).local_importance_values
        if sp.issparse(values):
            return [values]
        return values if isinstance(values, list) else list(values.tolist())

    def get_raw_explanation(
        self, feature_maps: Any, raw_feature_names: Sequence[FeatureName] | None = None, eval_data: Any = None
    ) -> Self:
        """The same explanation in the raw columns.

        Every engineered value is shared among its raw parents by weight, with its sign, so that
        each row still adds up. This explanation is not changed. Values of the raw columns as players
        (``raw_method="grouped"``) cannot be made from values: ask for them when explaining.

        Parameters
        ----------
        feature_maps : FeatureMap, array-like or scipy sparse of shape (n_raw, n_engineered), or list of them
            Weights >= 0. Several are composed, raw first.
        raw_feature_names : sequence of str or int, optional
            Names of the raw columns; those of the map where left out.
        eval_data : DataFrame, ndarray or scipy sparse of shape (n_rows, n_raw), optional
            The raw rows; none where left out.

        Returns
        -------
        Explanation
            In the raw space, with a new ``id``. What belongs to engineered features without a raw
            parent is in ``unmapped``.

        Raises
        ------
        InputError
            If the explanation is raw already, the map does not fit it, or the number of names
            differs from the map.
        MissingLocalValuesError
            If the explanation holds global values only: the signs needed for folding are gone.

        Warns
        -----
        UnmappedFeaturesWarning
            If engineered features have no raw parent.

        Examples
        --------
        >>> from automl_explain import Explanation
        >>> engineered = Explanation(values=[[[1.0, -2.0, 4.0]]], base=[0.0], task="regression")
        >>> engineered.get_raw_explanation([[1, 1, 0], [0, 1, 1]]).local_importance_values
        array([[0., 3.]])
        """
        if self.is_raw:
            raise InputError("The explanation is raw already; fold the engineered one it was made from.")
        if self.values is None:
            raise MissingLocalValuesError(
                "This explanation holds global values only; folding to raw columns needs the signs of local values. "
                "Explain with explanation_types=['local', 'global'], or ask for raw values at once with get_raw=True."
            )
        feature_map = FeatureMap.chain(feature_maps).with_names(raw_names=raw_feature_names)
        values, lost = fold(self.values, feature_map)
        names = self.features
        unmapped_features = self.unmapped_features + tuple(names[j] for j in feature_map.unmapped)
        if feature_map.unmapped:
            warn_unmapped(unmapped_features)
        unmapped = self.unmapped
        if feature_map.unmapped:
            unmapped = lost if unmapped is None else unmapped + lost
        eval_data, labels = raw_rows(eval_data, feature_map, self.row_labels)
        return self._changed(
            values=values,
            features=feature_map.raw_names,
            space="raw",
            eval_data=eval_data,
            row_labels=labels,
            unmapped=unmapped,
            unmapped_features=unmapped_features,
            global_values=None,
            global_spread=None,
            unmapped_global=None,
        )

    def data(self, key: int | None = None) -> dict[str, Any]:
        """Names and scores as plain dicts.

        Parameters
        ----------
        key : int or None, default None
            None for all rows together (``names``, ``scores``, ``intercept``, ``mli``), the number
            of a row for that row (``names``, ``scores``, ``values``, ``perf``, ``intercept``,
            ``extra``, ``type``, and ``output``, ``model_output``, ``residual``, ``is_far``), -1 for
            everything (``overall``, ``specific``, ``mli``).

        Returns
        -------
        dict
            ``scores`` of a row is a list of n_features numbers for regression, and one such list
            per class for classification.

        Raises
        ------
        InputError
            If there is no such row; also an IndexError.
        """
        if key is None:
            return overall_data(self)
        if key == -1:
            return {"overall": overall_data(self), "specific": rows_data(self), "mli": overall_data(self)["mli"]}
        self._local  # noqa: B018 - refuses where there are no rows
        return row_data(self, key)

    @property
    def name(self) -> str:
        """Title, such as ``"mimic.lightgbm (raw features)"``."""
        return f"{self.method} ({self.space} features)"

    @property
    def selector(self) -> pd.DataFrame | None:
        """One row per explained row with its prediction, to choose from; None without local values."""
        return selector(self)

    def visualize(self, key: int | None = None) -> Visual:
        """Bars of all rows together, or of row ``key``; shows itself in a notebook and as text."""
        if key is None:
            return Visual(explanation_text(self), explanation_html(self))
        self._local  # noqa: B018 - refuses where there are no rows
        return row_visual(self, key)

    def to_frame(self, kind: str | None = None, label: Any = None) -> pd.DataFrame:
        """The explanation as a table.

        Parameters
        ----------
        kind : {"local", "global"}, optional
            ``local`` where local values are present, else ``global``.
        label : object, optional
            One class. Without it, ``local`` shows the second of two classes and one row per row
            and class of more; ``global`` shows the mean over the classes and a column per class.

        Returns
        -------
        DataFrame
            ``global``: columns ``feature``, ``importance``, ``share`` (of the sum), most important
            first, the unmapped share last if there is one. ``local``: one row per explained row
            under its label, a column per feature, then ``(unmapped)`` if there is any,
            ``(expected value)`` and ``(output)``, which is the sum of those before it; and where the model
            was asked, its own output as ``(model output)`` and what ``(output)`` lacks to it as ``(residual)``.

        Raises
        ------
        InputError
            If ``kind`` or ``label`` is not known.
        MissingLocalValuesError
            If ``kind="local"`` and there are only global values.
        """
        chosen = kind or ("global" if self.values is None else "local")
        if chosen not in ("local", "global"):
            raise InputError(f"`kind` must be 'local', 'global' or None; got {kind!r}.")
        return global_frame(self, label) if chosen == "global" else local_frame(self, label)

    def to_shap(self) -> Any:
        """A `shap.Explanation`, so that every plot of shap works.

        Returns
        -------
        shap.Explanation
            Values of shape (n_rows, n_features) for regression and two classes (the second class),
            (n_rows, n_features, n_classes) for more; sparse values become dense. The unmapped share
            of a row is in its base value, so that values and base value still add up.

        Raises
        ------
        MissingLocalValuesError
            If the explanation holds global values only.
        """
        return to_shap(self)

    def save(self, path: str | os.PathLike[str], exist_ok: bool = False) -> None:
        """Write to a directory; see `save_explanation`."""
        save_fields(self, path, exist_ok)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; see `load_explanation`."""
        return load_fields(cls, path)

    def to_members(self) -> dict[str, bytes]:
        """The explanation as members of an archive: ``explanation.json`` and ``.npy`` files.

        Returns
        -------
        dict of str to bytes
            Name -> content. `from_members` builds the same explanation from them, so a store may keep
            them where it likes.

        Raises
        ------
        InputError
            If ``eval_data`` holds cells that cannot be written; names the column.
        """
        return to_members(self)

    @classmethod
    def from_members(cls, members: Mapping[str, bytes]) -> Self:
        """Build the explanation that `to_members` gave; nothing of the members is run.

        Raises
        ------
        CorruptFileError
            If the members are none of an explanation, do not fit together, or come from a newer version.
        """
        return from_members(cls, members)

    def __repr__(self) -> str:
        return explanation_text(self)

    def _repr_html_(self) -> str:
        return explanation_html(self)


def save_explanation(explanation: Explanation, path: str | os.PathLike[str], exist_ok: bool = False) -> None:
    """Write an explanation to a directory: ``manifest.json`` and a zip of members, without pickle.

    Everything comes back as it was, to the last bit and with its types. A crash while writing over
    an older explanation leaves the older one readable.

    Parameters
    ----------
    explanation : Explanation
    path : str or path-like
        Directory; made with its parents.
    exist_ok : bool, default False
        Whether an existing directory may be written to.

    Raises
    ------
    AlreadyExistsError
        If the directory exists and ``exist_ok`` is False, or the path is a file.
    InputError
        If ``eval_data`` holds cells that cannot be written (names the column; nothing is written), or there
        can be no such path.
    StorageError
        If the system refuses to write there.
    """
    explanation.save(path, exist_ok=exist_ok)


def load_explanation(path: str | os.PathLike[str]) -> Explanation:
    """Read an explanation from the directory that `save_explanation` wrote.

    Raises
    ------
    NotFoundError
        If there is no explanation.
    CorruptFileError
        If it is damaged, was changed, is not ours or comes from a newer version.
    StorageError
        If the system refuses to read there.
    """
    return Explanation.load(path)
