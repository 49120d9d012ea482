"""Explanation: contributions that add up to each prediction."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Self

from automl_explain._lazy import pandas as pd
from automl_explain.exceptions import InputError
from automl_explain.explanation._data import overall_data, row_data, rows_data, selector
from automl_explain.explanation._display import Visual, explanation_html, explanation_text, row_visual
from automl_explain.explanation._export import global_frame, local_frame, to_shap
from automl_explain.explanation._selecting import Selecting
from automl_explain.explanation._storage import from_members, load_fields, save_fields, to_members
from automl_explain.explanation._wire import from_wire, to_wire


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation(Selecting):
    """Contributions of features to the outputs of a model, row by row and over all rows.

    In every row the contributions, the unattributed contribution and the expected value add up to the output
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
        Unit of values and expected values: ``"log-odds"``, ``"probability"``, ``"target"``, ``"log of target"``,
        ``"logit of target"``;
        ``"decision value"`` where a classifier has no probabilities; of outlier detectors ``"outlier score"``,
        which is lower for abnormal rows, or ``"anomaly score"``, which is higher for them.
        ``"score"``: what the model's score loses without the feature (`PFIExplainer`), one for all classes.
    link : {"identity", "logit", "softmax", "sigmoid", "log"}, default "identity"
        How outputs become predictions. ``identity``: they are predictions, or decision values, which
        stand for the second of two classes where they are positive, else for the class of the largest;
        in probability the output of two classes is that of the second, and the first has the rest.
        ``logit``: an output is the log-odds of a class, and its sigmoid a probability; with more than
        two classes there is one per class, and the probabilities are divided by their sum.
        ``softmax``: exponentials divided by their sum. ``sigmoid``: sigmoids as they are, of models of one class
        versus all others whose probabilities need not add up to 1. ``log``: the exponential of the output is the
        target, of which the output unit is ``"log of target"``. For a regression ``logit``: the sigmoid of the
        output is the target, in the unit ``"logit of target"``.
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
    residuals : ndarray of shape (n_outputs, n_rows), or function without arguments that gives one, optional
        The model's own output minus the output explained, in the output unit; None where the model was not
        asked.
    residual_bound : float, optional
        From which difference to the model's own output a row counts as far off (`far_rows`): in a probability
        where the output is log-odds, else in the output unit.
    unmapped : ndarray of shape (n_outputs, n_rows), optional
        Unattributed contribution: the part of each output that belongs to no listed feature.
    unmapped_features : tuple of str or int, default ()
        Features that are not listed, such as engineered ones without a raw parent; their contributions are in
        ``unmapped``.
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
            first, the unattributed contribution last if there is one. ``local``: one row per explained row
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
            (n_rows, n_features, n_classes) for more; sparse values become dense. The unattributed
            contribution of a row is in its base value, so that values and base value still add up.

        Raises
        ------
        MissingLocalValuesError
            If the explanation holds global values only.
        MissingExtraError
            If shap is not installed: ``pip install automl-explain[shap]``.
        """
        return to_shap(self)

    def to_json(self) -> dict[str, Any]:
        """The wire form: one JSON object with everything that the explanation holds.

        Returns
        -------
        dict
            Ready for ``json.dumps``, also with ``allow_nan=False``: NaN is None, infinite numbers are texts.
            Types of labels, dates and categories are kept. Described in the documentation as "wire form".

        Raises
        ------
        InputError
            If ``eval_data`` holds cells that have no JSON form; names the column.

        Examples
        --------
        >>> import json
        >>> from automl_explain import Explanation
        >>> explanation = Explanation(values=[[[1.0, -2.0]]], base=[0.5], task="regression", features=["a", "b"])
        >>> text = json.dumps(explanation.to_json())
        >>> json.loads(text)["values"], Explanation.from_json(text).features
        ([[[1.0, -2.0]]], ['a', 'b'])
        """
        return to_wire(self)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The explanation that `to_json` gave, to the last bit.

        Parameters
        ----------
        data : dict, str or bytes
            The object, or its text.

        Raises
        ------
        InputError
            If it is no explanation, of another kind, or from a newer version.
        """
        return from_wire(cls, data)

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
