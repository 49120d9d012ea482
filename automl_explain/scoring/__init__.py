"""Scoring explainers, and how they are saved without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_explain._files._archive import Format, read_file, write_file
from automl_explain._files._writing import as_ours, place
from automl_explain._lazy import attach
from automl_explain._lazy import load as load_part
from automl_explain._threads import check_n_jobs
from automl_explain.exceptions import AlreadyExistsError, CorruptFileError, InputError
from automl_explain.scoring._kinds import KINDS, name_of

if TYPE_CHECKING:
    from automl_explain.scoring._base import ScoringExplainer
    from automl_explain.scoring._deep import DeepScoringExplainer
    from automl_explain.scoring._kernel import KernelScoringExplainer
    from automl_explain.scoring._linear import LinearScoringExplainer
    from automl_explain.scoring._tree import TreeScoringExplainer

__all__ = [
    "DeepScoringExplainer",
    "KernelScoringExplainer",
    "LinearScoringExplainer",
    "ScoringExplainer",
    "TreeScoringExplainer",
    "load",
    "save",
]

FILE_NAME = "scoring_explainer.aex"
# 2: explainer.json says how raw values are made (`raw_method`)
# 3: trees may be arrays (`trees_<name>.npy`) instead of LightGBM texts
# Older ones are read in `_parts.ScoringParts.from_members`; each has a file in the tests.
FORMAT_VERSION = 3
_FORM = Format(
    "automl_explain.scoring_explainer",
    FORMAT_VERSION,
    "scoring explainer",
    "save one with automl_explain.save(scoring, directory)",
)

__getattr__, __dir__ = attach(
    __name__,
    {"ScoringExplainer": "._base", **{path.partition(":")[2]: path.partition(":")[0] for path in KINDS.values()}},
)


def save(scoring_explainer: Any, directory: str | Path = ".", exist_ok: bool = False) -> str:
    """Write a scoring explainer to ``<directory>/scoring_explainer.aex``.

    The file is a zip of JSON, text and ``.npy`` with a manifest; it holds no pickle. It appears whole
    or not at all.

    Parameters
    ----------
    scoring_explainer : ScoringExplainer
        Of any kind. What only a pickle could hold is left out: the model of a `KernelScoringExplainer` or a
        `DeepScoringExplainer`, and fitted ``transformations``. `load` takes them.
    directory : str or Path, default "."
        Made if it is not there.
    exist_ok : bool, default False
        Whether an existing directory (for the current directory, an existing file) may be written to.

    Returns
    -------
    str
        Path of the file.

    Raises
    ------
    AlreadyExistsError
        If the directory is there and ``exist_ok`` is False.
    StorageError
        If the system refuses to write there.

    Examples
    --------
    >>> import automl_explain
    >>> automl_explain.save(scoring, directory="model/", exist_ok=True)  # doctest: +SKIP
    'model/scoring_explainer.aex'
    """
    from automl_explain.scoring._base import ScoringExplainer

    if not isinstance(scoring_explainer, ScoringExplainer):
        names = ", ".join(name_of(kind) for kind in KINDS)
        raise InputError(
            f"`scoring_explainer` must be a ScoringExplainer ({names}); got {type(scoring_explainer).__name__}. Make "
            "one with explainer.create_scoring_explainer()."
        )
    folder = place(directory, "directory")
    path = folder / FILE_NAME
    with as_ours("write the scoring explainer to", folder, "directory"):
        if folder.exists() and not folder.is_dir():
            raise AlreadyExistsError(f"{folder} is a file; pass a directory.")
        # The current directory is always there; only the file in it can be in the way.
        in_the_way = path.exists() if folder == Path(".") else folder.exists()
    if in_the_way and not exist_ok:
        raise AlreadyExistsError(
            f"{path if folder == Path('.') else folder} exists; pass exist_ok=True to write to it."
        )
    members = scoring_explainer._to_members()
    with as_ours("make the directory", folder, "directory"):
        folder.mkdir(parents=True, exist_ok=True)
    write_file(path, _FORM, scoring_explainer.kind, members, "directory")
    return str(path)


def load(
    directory: str | Path = ".", *, model: Any = None, transformations: Any = None, n_jobs: int | None = None
) -> Any:
    """Read a scoring explainer; no code of the file is run.

    Parameters
    ----------
    directory : str or Path, default "."
        Directory given to `save`, or the file itself.
    model : object, optional
        The model explained, for a `KernelScoringExplainer` or a `DeepScoringExplainer`, whose file holds none.
    transformations : ColumnTransformer, list of (columns, transformer), or "applied", optional
        Fitted, those that the explainer was made with: rows are raw then, as before saving. Without them the
        engineered half is there, and rows are engineered; ``"applied"`` says that they are, where their
        columns could be either.
    n_jobs : int or None, default None
        Threads of a call, see `ScoringExplainer`.

    Returns
    -------
    TreeScoringExplainer, LinearScoringExplainer, KernelScoringExplainer or DeepScoringExplainer
        Its `explain` gives the same bits as before saving. Tables are prepared at its first rows, or by
        its `warm_up`.

    Raises
    ------
    InputError
        If ``directory`` is no path, ``model`` is missing, not needed, or another one, or ``n_jobs`` is no whole number.
    NotFoundError
        If there is none.
    CorruptFileError
        If the file is damaged, was changed, is not ours, or comes from a newer version.
    """
    check_n_jobs(n_jobs)
    given = place(directory, "directory")
    with as_ours("read the scoring explainer at", given, "directory"):
        path = given if given.is_file() else given / FILE_NAME
    manifest, members = read_file(path, _FORM, "directory")
    kind = manifest["kind"]
    if kind not in KINDS:
        raise CorruptFileError(f"{path} holds a scoring explainer of kind {kind!r}; known: {', '.join(KINDS)}.")
    needs_model = kind in ("kernel", "deep")
    if model is not None and not needs_model:
        raise InputError(f"{path} holds a {kind} explainer, which needs no model; leave out `model`.")
    more = {"model": model} if needs_model else {}
    made = load_part(KINDS[kind])._from_members(members, manifest["format_version"], **more)
    made._bring(transformations)
    made.n_jobs = n_jobs
    return made
