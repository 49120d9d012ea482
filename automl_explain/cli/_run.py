"""The command line's work: fit FLAML, explain it, write the files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from automl_explain._threads import available_threads
from automl_explain.cli._checks import check_data, check_model
from automl_explain.cli._data import Table, marks, split
from automl_explain.cli._large import ALL_ROWS, AllRows, explain_all_rows, write_all_rows
from automl_explain.cli._model_file import SCORING, forget_model, save_model
from automl_explain.cli._quiet import quiet
from automl_explain.cli._split import SplitRule, group_codes
from automl_explain.exceptions import AlreadyExistsError, DataError, ExplanationWarning, StorageError
from automl_explain.explanation._units import check_output_unit
from automl_explain.protocols import is_black_box
from automl_explain.reading._notes import Note

# What a run writes; with --overwrite these alone are replaced.
RAW, ENGINEERED = "raw", "engineered"
MAX_EXPLAINED_ROWS = 5000


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How to run."""

    out: Path
    time_budget: float = 60.0
    test_size: float = 0.25
    seed: int = 0
    overwrite: bool = False
    save_model: bool = False
    raw_method: str = "folded"
    output_unit: str | None = None
    candidate: str | None = None
    list_candidates: bool = False
    split: SplitRule = dataclasses.field(default_factory=SplitRule)


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found.

    Parameters
    ----------
    table : Table
        What was read.
    setup : AutoMLExplainerSetup
        The fitted model taken apart.
    engineered, raw : Explanation
        Of the test rows, up to 5,000 of them.
    X_test, y_test : DataFrame, Series
        All test rows.
    n_train : int
        Rows the model is trained on.
    model : str
        What is explained, and what FLAML chose.
    scores : dict of str to float
        The model on the test rows.
    seconds : dict of str to float
        By phase.
    warnings : tuple of str
        What this package warned of.
    files : tuple of (Path, str)
        What was written, and what it is.
    candidates : Candidates or None
        What FLAML tried, where it was asked for.
    checks : tuple of Note
        What is wrong with the table and with what the model knows, what misleads most first.
    all_rows : AllRows or None
        Importance over all rows of a table of which a sample was learned from.
    """

    table: Table
    setup: Any
    engineered: Any
    raw: Any
    X_test: Any
    y_test: Any
    n_train: int
    model: str
    scores: dict[str, float]
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    files: tuple[tuple[Path, str], ...]
    candidates: Any = None
    checks: tuple[Note, ...] = ()
    all_rows: AllRows | None = None


class Phases:
    """Times the phases of a run and says on a terminal which one is on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str, doing: str) -> Iterator[None]:
        shown = sys.stderr.isatty()
        if shown:
            print(f"{doing} ...", end="\r", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - start
            if shown:
                print("\x1b[2K", end="\r", file=sys.stderr, flush=True)


def run(table: Table, options: RunOptions, phases: Phases) -> Outcome:
    """Fit, explain and write.

    Raises
    ------
    AlreadyExistsError, StorageError
        If the folder may not or cannot be written to; found out before the model is fitted.
    InputError
        If a regression is to be explained in a unit of classes, or the candidate is no learner of FLAML; found out
        before the model is fitted, too.
    DataError
        If the rows are too few, or FLAML finds no model for them.
    """
    _check_unit(table, options)
    prepare_folder(options)
    with phases("libraries", "Loading libraries"), quiet():
        from automl_explain.adapters._flaml_candidates import check_learner
        from automl_explain.explainers import MimicWrapper

        if _import_flaml() and options.candidate is not None:
            check_learner(options.candidate, table.task)
    with phases("checks", "Looking for leaks and drift"):
        parts = split(table, test_size=options.test_size, seed=options.seed, rule=options.split)
        checks = check_data(table, *parts, options.split)
    X_train, X_test, y_train, y_test = parts
    with phases("model", f"Fitting models with FLAML for {options.time_budget:g} s"):
        automl, model = _fit_model(table, X_train, y_train, options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ExplanationWarning)
        with phases("setup", "Taking the model apart"):
            scores = _scores(model, X_test, y_test, y_train, table.task)
            setup = _setup(model, table.task, parts, options)
        with phases("surrogate", "Training the surrogate"):
            wrapper = MimicWrapper.from_setup(setup)
        with phases("explanations", "Explaining the test rows"):
            engineered, raw = _explanations(wrapper, setup, options)
        everything = _all_rows(table, setup, wrapper, options, phases)
        with phases("files", "Writing files"):
            files = _write(options, table, model, setup, wrapper, engineered, raw)
            files += write_all_rows(everything, options.out)
    said = tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, ExplanationWarning)))
    return Outcome(
        table=table,
        setup=setup,
        engineered=engineered,
        raw=raw,
        X_test=X_test,
        y_test=y_test,
        n_train=len(X_train),
        model=_model_name(automl, model[-1] if hasattr(model, "steps") else model),
        scores=scores,
        seconds=dict(phases.seconds),
        warnings=said,
        files=files,
        candidates=_tried(automl) if options.list_candidates else None,
        checks=check_model((*checks, *(everything.notes if everything else ())), scores, len(y_test), table),
        all_rows=everything,
    )


def _setup(model: Any, task: str, parts: tuple[Any, Any, Any, Any], options: RunOptions) -> Any:
    """The model taken apart, with rows to learn from and rows to explain."""
    from automl_explain.explainer_setup import automl_setup_model_explanations

    rows = dict(zip(("X", "X_test", "y", "y_test"), parts, strict=True))
    return automl_setup_model_explanations(
        model, task, **rows, max_eval_rows=MAX_EXPLAINED_ROWS, random_state=options.seed
    )


def _all_rows(table: Table, setup: Any, wrapper: Any, options: RunOptions, phases: Phases) -> AllRows | None:
    """What all rows of a table come to that was too large to hold."""
    if table.drawn is None:
        return None
    with phases("all rows", "Explaining all rows"):
        return explain_all_rows(table, setup, wrapper, raw_method=options.raw_method, output_unit=options.output_unit)


def _check_unit(table: Table, options: RunOptions) -> None:
    if options.output_unit is not None:
        own = "log-odds" if table.task == "classification" else "target"
        check_output_unit(options.output_unit, own, "--output-unit")


def _fit_model(table: Table, X: Any, y: Any, options: RunOptions) -> tuple[Any, Any]:
    """FLAML's search, and the model to explain, which makes features of free text and of marks first."""
    settings, marked = _validation(table, X, options.split), marks(X)
    if not (table.texts or marked):
        automl = _fit(X, y, table.task, options, **settings)
        return automl, _chosen(automl, X, y, table.task, options, **settings)
    from automl_explain.cli._text_features import feature_step, with_step

    step = feature_step(X, y, table.task, texts=table.texts, marks=marked)
    Z = step.transform(X)
    automl = _fit(Z, y, table.task, options, **settings, **(_learners(table.task) if table.texts else {}))
    return automl, with_step(step, _chosen(automl, Z, y, table.task, options, **settings))


def _learners(task: str) -> dict[str, Any]:
    """FLAML's learners for tables with texts: all but ``sgd``.

    It divides every row by its norm, so that a price of 30 drowns words of weight 0.3, and its last fit may have
    nothing in common with those that FLAML chose it by.
    """
    from automl_explain.adapters._flaml_candidates import learner_names

    usual = ("lgbm", "rf", "xgboost", "extra_tree", "xgb_limitdepth", "catboost", "lrl1")
    known = learner_names(task)
    return {"estimator_list": [name for name in usual if name in known]}


def _validation(table: Table, X_train: Any, rule: SplitRule) -> dict[str, Any]:
    """Settings by which FLAML holds rows out as the test rows are."""
    if rule.column is None:
        return {}
    if rule.kind == "time":
        return {"split_type": "time"}
    return {"split_type": "group", "groups": group_codes(table.column(rule.column).loc[X_train.index])}


def _explanations(wrapper: Any, setup: Any, options: RunOptions) -> tuple[Any, Any]:
    """The test rows explained in engineered and in raw columns."""
    kinds, rows, unit = ["local", "global"], setup.X_test_transform, options.output_unit
    engineered = wrapper.explain(kinds, eval_dataset=rows, output_unit=unit)
    raw = wrapper.explain(
        kinds,
        eval_dataset=rows,
        get_raw=True,
        raw_feature_names=setup.raw_feature_names,
        raw_eval_dataset=setup.X_test_raw,
        raw_method=options.raw_method,
        output_unit=unit,
    )
    return engineered, raw


def prepare_folder(options: RunOptions) -> None:
    """Make the output folder, or say why it cannot be used."""
    out = options.out
    if out.exists() and not out.is_dir():
        raise AlreadyExistsError(f"{str(out)!r} is a file; name a folder with --out.")
    if out.is_dir() and any(out.iterdir()) and not options.overwrite:
        raise AlreadyExistsError(
            f"The folder {str(out)!r} exists and is not empty; pass --overwrite, or another folder with --out."
        )
    for name in (RAW, ENGINEERED, ALL_ROWS):
        folder = out / name
        if folder.is_dir() and any(folder.iterdir()) and not _holds_explanation(folder):
            raise AlreadyExistsError(
                f"The folder {str(folder)!r} holds files that are no explanation; choose another folder with --out."
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {str(out)!r} cannot be made: {error.strerror}. Name another with --out."
        ) from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise StorageError(f"The folder {str(out)!r} cannot be written to; name another with --out.")


def _holds_explanation(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("manifest.json", "explanation.json"))  # the latter was the first


def _import_flaml() -> Any:
    from flaml import AutoML

    return AutoML


def _fit(X: Any, y: Any, task: str, options: RunOptions, **settings: Any) -> Any:
    AutoML = _import_flaml()
    # FLAML's own choice for two classes, the AUC, is blind to how sure a model is; probabilities are explained here.
    metric = "log_loss" if task == "classification" else "auto"
    settings |= {"metric": metric, "time_budget": options.time_budget, "seed": options.seed}
    settings.setdefault("n_jobs", available_threads())
    with quiet():
        automl = AutoML()
        try:
            automl.fit(X, y, task=task, verbose=0, log_file_name="", **settings)
        except Exception as error:
            raise DataError(f"FLAML could not fit a model: {type(error).__name__}: {_first_line(error)}") from error
    if automl.best_estimator is None or automl.model is None:
        raise DataError(f"FLAML found no model within {options.time_budget:g} s; give it more with --time-budget.")
    return automl


def _chosen(automl: Any, X: Any, y: Any, task: str, options: RunOptions, **settings: Any) -> Any:
    """The model to explain: FLAML's choice, or the candidate that the user named."""
    if options.candidate is None:
        return automl
    from automl_explain.candidates import candidate

    if options.candidate not in _tried(automl).names:
        # FLAML did not come to it within the budget; the same time goes to it alone.
        automl = _fit(X, y, task, options, estimator_list=[options.candidate], **settings)
    with quiet():
        return candidate(automl, options.candidate, X, y)


def _tried(automl: Any) -> Any:
    from automl_explain.candidates import list_candidates

    return list_candidates(automl)


def _model_name(automl: Any, model: Any) -> str:
    tried = sum(bool(np.isfinite(loss)) for loss in automl.best_loss_per_estimator.values() if loss is not None)
    choice = f"FLAML chose {automl.best_estimator} (best of {tried} kind{'' if tried == 1 else 's'} of learner)"
    if model is automl:
        return choice
    origin = model.note if model.name in _tried(automl).names else "found by a search of its own"
    return f"{choice}; explained is {model.name}, {origin}"


def _scores(automl: Any, X: Any, y: Any, y_train: Any, task: str) -> dict[str, float]:
    """How good the model itself is on the test rows, beside the best guess without any column."""
    from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score

    with quiet():
        predicted = automl.predict(X)
        if task == "regression":
            guess = np.full(len(y), float(np.mean(y_train)))
            return {
                "R2": float(r2_score(y, predicted)),
                "mean absolute error": float(mean_absolute_error(y, predicted)),
                "mean absolute error of the mean": float(mean_absolute_error(y, guess)),
            }
        scores = {
            "accuracy": float(accuracy_score(y, predicted)),
            "accuracy of the majority class": float((y == y_train.value_counts().idxmax()).mean()),
        }
        if y_train.nunique() == 2:
            scores["AUC"] = float(roc_auc_score(y == automl.classes_[1], automl.predict_proba(X)[:, 1]))
        return scores


def _write(
    options: RunOptions, table: Table, automl: Any, setup: Any, wrapper: Any, engineered: Any, raw: Any
) -> tuple[tuple[Path, str], ...]:
    from automl_explain.scoring import save

    out = options.out
    raw.save(out / RAW, exist_ok=True)
    engineered.save(out / ENGINEERED, exist_ok=True)
    scoring = wrapper.create_scoring_explainer(
        feature_maps=[setup.feature_map],
        raw_method=options.raw_method,
        output_unit=options.output_unit,
        table_recipe=table.recipe,
    )
    forget_model(out)
    saved = Path(save(scoring, directory=out / SCORING, exist_ok=True))
    files = [
        (out / RAW, "explanation in your columns, for Explanation.load"),
        (out / ENGINEERED, "explanation in the columns the model sees"),
        (saved, "explains new rows, for automl_explain.load"),
    ]
    if options.save_model:
        files.append(
            (
                save_model(automl, out, is_black_box=is_black_box(setup._adapter)),
                "the model, a pickle: load only your own",
            )
        )
    return tuple(files)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")
