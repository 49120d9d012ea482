"""The command line's report: what was found, as text and bars on standard output."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from automl_explain.cli._report_json import REPORT, ranked
from automl_explain.cli._run import Outcome
from automl_explain.datasets import MixedTable
from automl_explain.explanation import bar_table
from automl_explain.explanation._display import far_lines
from automl_explain.explanation._fidelity import told_fidelities
from automl_explain.explanation._residuals import row_outputs
from automl_explain.reading import WARNING, Note

_MARGIN = 11
_BARS_WIDTH = 78
_TOP_COLUMNS = 20
_TOP_CONTRIBUTIONS = 6
_SHOWN_CLASSES = 5


def report(outcome: Outcome) -> None:
    """Print what a run found."""
    _emit(
        _warning_lines(outcome),
        _data_lines(outcome),
        _model_lines(outcome),
        _ranking(outcome),
        _example(outcome),
        _data_page(outcome),
        _closing(outcome),
    )


def report_demo(outcome: Outcome, made: MixedTable) -> None:
    """Print what a run found on a table whose true effects are known, beside them."""
    _emit(
        _warning_lines(outcome),
        _data_lines(outcome),
        _model_lines(outcome),
        _ranking(outcome),
        _beside_truth(outcome, made),
        _example(outcome),
        _closing(outcome),
    )


def _emit(*blocks: Iterable[str]) -> None:
    print("\n\n".join(text for block in blocks if (text := "\n".join(block))))


def _data_lines(outcome: Outcome) -> list[str]:
    table, y = outcome.table, outcome.table.y
    n_rows, n_columns = table.X.shape
    about = (
        _classes(y)
        if table.task == "classification"
        else f"{_amount(y.min())} to {_amount(y.max())}, mean {_amount(y.mean())}"
    )
    lines = _labelled("data", f"{n_rows:,} rows, {n_columns} columns besides the target {str(y.name)!r} ({about})")
    for note in table.notes:
        if note.weight < WARNING:
            lines += note_lines(note)
    return lines + _labelled("", f"{outcome.n_train:,} rows to train on, {len(outcome.y_test):,} to test on")


def _warning_lines(outcome: Outcome) -> list[str]:
    """What may mislead, before all else: of the model, then of the table."""
    found = [note for note in (*outcome.checks, *outcome.table.notes) if note.weight == WARNING]
    return [line for note in found for line in note_lines(note, "WARNING")]


def note_lines(note: Note, label: str = "") -> list[str]:
    """A note with its remedy, and below it what it is about, such as cells that did not fit."""
    lines = _labelled(label, f"{note.text} ({note.remedy})" if note.remedy else note.text)
    return lines + (_labelled("", f"  {'; '.join(note.details)}") if note.details else [])


def _data_page(outcome: Outcome) -> list[str]:
    """What every column of the file was taken for."""
    columns = outcome.table.columns
    if not columns:
        return []
    head = ("column", "missing", "values", "use", "taken for")
    rows = [(_short(c.name), f"{c.n_missing:,}", f"{c.n_values:,}", c.use, c.taken_for) for c in columns]
    widths = [max(len(row[j]) for row in (head, *rows)) for j in range(3)]
    use = min(40, max(len(row[3]) for row in (head, *rows)))
    drawn = outcome.table.drawn
    lines = ["What every column was taken for" + (f", by {drawn.n_drawn:,} rows" if drawn is not None else "")]
    for name, missing, values, used, kind in (head, *rows):
        start = f"{name:<{widths[0]}}  {missing:>{widths[1]}}  {values:>{widths[2]}}  "
        text = f"{kind}; {used}" if len(used) > use else f"{used:<{use}}  {kind}"
        lines += textwrap.wrap(text, _width(), initial_indent=start, subsequent_indent=" " * len(start))
    return lines


def _short(name: str) -> str:
    return name if len(name) <= 30 else name[:29] + "…"


def _classes(y: pd.Series) -> str:
    shares = y.value_counts(normalize=True)
    shown = ", ".join(f"{label} {share:.0%}" for label, share in shares.iloc[:_SHOWN_CLASSES].items())
    return shown + (f" and {len(shares) - _SHOWN_CLASSES} more classes" if len(shares) > _SHOWN_CLASSES else "")


def _model_lines(outcome: Outcome) -> list[str]:
    lines = _labelled("model", f"{outcome.model}; on the test rows: {_score_text(outcome.scores)}")
    lines += _labelled("fidelity", _fidelity_text(outcome))
    for warning in outcome.warnings:
        lines += _labelled("note", warning)
    for check in outcome.checks:
        if check.weight < WARNING:
            lines += note_lines(check)
    if outcome.candidates is not None:
        told = repr(outcome.candidates).splitlines()
        lines += ["", *told, "loss: smaller is better; --candidate NAME explains another candidate"]
    return lines


def _score_text(scores: dict[str, float]) -> str:
    if "R2" in scores:
        error, of_mean = scores["mean absolute error"], scores["mean absolute error of the mean"]
        return f"R2 {scores['R2']:.3f}, mean absolute error {_amount(error)} (always the mean: {_amount(of_mean)})"
    auc = f", AUC {scores['AUC']:.3f}" if "AUC" in scores else ""
    guess = scores["accuracy of the majority class"]
    return f"accuracy {scores['accuracy']:.1%} (always the majority class: {guess:.1%}){auc}"


def _fidelity_text(outcome: Outcome) -> str:
    fidelity, *others = told_fidelities(outcome.raw.fidelity, outcome.raw.eval_fidelity)
    if others:  # of a forecast
        return (
            f"at the {fidelity.n_rows:,} steps explained the surrogate is off the forecast by "
            f"{_amount(fidelity.mean_absolute_error)} on average; on {others[0].n_rows:,} rows of the past, held out "
            f"from its training, it reproduces the forecasts with R2 {others[0].r2:.3f}"
        )
    rows = f"{fidelity.n_rows:,} rows held out from its training"
    if fidelity.r2_probability is None:
        return f"the surrogate reproduces the model's predictions with R2 {fidelity.r2:.3f}, on {rows}"
    return (
        f"the surrogate reproduces the model's probabilities with R2 {fidelity.r2_probability:.3f} and predicts the "
        f"same class in {fidelity.agreement:.1%}, on {rows}"
    )


def _ranking(outcome: Outcome) -> list[str]:
    found = ranked(outcome).get_feature_importance_dict()
    unit = _unit(outcome)
    top = dict(list(found.items())[:_TOP_COLUMNS])
    rest = len(found) - len(top)
    rows = f"{len(outcome.setup.X_test_raw):,} test rows"
    if outcome.all_rows is not None:
        rows = f"over all {outcome.all_rows.n_rows:,} rows; learned from {outcome.all_rows.n_learned:,}"
    heading = f"What drives {_predicted_thing(outcome)}: mean absolute contribution of each column, {rows}"
    table = bar_table([str(n) for n in top], list(top.values()), unit=unit, width=min(_width(), _BARS_WIDTH))
    return [*textwrap.wrap(heading, _width()), *table.splitlines(), *([f"and {rest} weaker columns"] if rest else [])]


def _beside_truth(outcome: Outcome, made: MixedTable) -> list[str]:
    from scipy.stats import spearmanr

    found = outcome.raw.get_feature_importance_dict()
    names = sorted(made.true_effects, key=lambda n: -made.true_effects[n])
    true = [made.true_effects[n] for n in names]
    seen = [float(found[n]) for n in names]
    agreement = float(spearmanr(true, seen).statistic)
    digits = 1 if max(true) >= 20 else 3
    longest = max(map(len, names))
    heading = f"Known truth beside what was found ({made.unit})"
    if made.task == "multiclass":
        heading += "; true: the score of a class, found: its log-odds against the others, so compare the order"
    lines = [*textwrap.wrap(heading, _width()), f"{'column':<{longest}}  {'true':>8}  {'found':>8}"]
    lines += [f"{n:<{longest}}  {t:>8.{digits}f}  {s:>8.{digits}f}" for n, t, s in zip(names, true, seen, strict=True)]
    return [*lines, f"rank correlation {agreement:.2f} (1.00: the same order)"]


def _example(outcome: Outcome) -> list[str]:
    """The row furthest above the average of the output shown, beside the model's own output."""
    raw = outcome.raw
    output = _shown_output(outcome)
    values = np.asarray(raw.values)[output]
    row = int(values.sum(axis=1).argmax())
    start, outputs = float(np.asarray(raw.base)[output]), row_outputs(raw, row)
    total = float(outputs.explained[output])
    order = np.argsort(-np.abs(values[row]), kind="stable")
    row_values = outcome.setup.X_test_raw.iloc[row]
    label = outcome.setup.X_test_raw.index[row]
    parts = [(f"{raw.features[j]} = {_shown(row_values.iloc[j])}", values[row, j]) for j in order[:_TOP_CONTRIBUTIONS]]
    if len(order) > _TOP_CONTRIBUTIONS:
        parts.append(
            (f"the other {len(order) - _TOP_CONTRIBUTIONS} columns", values[row, order[_TOP_CONTRIBUTIONS:]].sum())
        )
    if raw.unmapped is not None:
        parts.append(("of no listed column", raw.unmapped[output, row]))
    lines = [(start_name(raw.output_unit), start), *parts, (_sum_name(outcome, total), total)]
    if outputs.model is not None and outputs.residual is not None:
        lines += [("the model's own", outputs.model[output]), ("residual", outputs.residual[output])]
    heading = f"One row as an example: test row {label}, {_prediction(outcome, row)}"
    return [*textwrap.wrap(heading, _width()), *_aligned(lines), *far_lines(raw, outputs)]


def _aligned(lines: list[tuple[str, float]]) -> list[str]:
    """Names and signed numbers, one below the other."""
    longest = max(len(name) for name, _ in lines)
    number = "{:+,.3f}" if max(abs(v) for _, v in lines) < 100 else "{:+,.1f}"
    shown = [number.format(v) for _, v in lines]
    widest = max(map(len, shown))
    return [f"{n:<{longest}}  {v:>{widest}}" for (n, _), v in zip(lines, shown, strict=True)]


def start_name(output_unit: str) -> str:
    """What the expected value is: in probability not the average, but where the average log-odds come to."""
    return "at average log-odds" if output_unit == "probability" else "average"


def _closing(outcome: Outcome) -> list[str]:
    seconds = {k: v for k, v in outcome.seconds.items() if v >= 0.05}
    each = ", ".join(f"{name} {s:.1f}" for name, s in seconds.items())
    lines = _labelled("seconds", f"{sum(outcome.seconds.values()):.1f}: {each}")
    folder = outcome.files[0][0].parent
    lines += _labelled("files", f"in {folder}/")
    files = [
        *((str(path.relative_to(folder)), what) for path, what in outcome.files),
        (REPORT, "this report, for programs"),
    ]
    longest = max(len(name) for name, _ in files)
    lines += [f"{'':<{_MARGIN}}{name:<{longest}}  {what}" for name, what in files]
    return lines


def _predicted_thing(outcome: Outcome) -> str:
    target, classes = outcome.table.y.name, outcome.setup.classes
    return f"{target} = {classes[1]}" if classes is not None and len(classes) == 2 else str(target)


def _unit(outcome: Outcome) -> str:
    unit = str(outcome.raw.output_unit)
    return f"units of {outcome.table.y.name}" if unit == "target" else unit


def _shown_output(outcome: Outcome) -> int:
    """For many classes: the one that the explained rows are predicted as most often."""
    classes = outcome.setup.classes
    if classes is None or len(classes) == 2:
        return 0
    predicted = [str(p) for p in outcome.raw.eval_y_predicted]
    return max(range(len(classes)), key=lambda k: predicted.count(str(classes[k])))


def _prediction(outcome: Outcome, row: int) -> str:
    target, classes = outcome.table.y.name, outcome.setup.classes
    if classes is None:
        return f"{target} predicted as {_amount(outcome.raw.eval_y_predicted[row])}"
    if outcome.raw.eval_y_predicted_proba is None:
        return f"{target} predicted as {outcome.raw.eval_y_predicted[row]}"
    k = 1 if len(classes) == 2 else _shown_output(outcome)
    probability = float(np.asarray(outcome.raw.eval_y_predicted_proba)[row, k])
    return f"{target} = {classes[k]} predicted with probability {probability:.1%}"


def _sum_name(outcome: Outcome, total: float) -> str:
    if outcome.setup.classes is None:
        return f"sum = surrogate's {outcome.table.y.name}"
    if len(outcome.setup.classes) > 2 or outcome.raw.output_unit != "log-odds":
        return f"sum = surrogate's {outcome.raw.output_unit}"
    return f"sum = surrogate's log-odds, a probability of {expit(total):.1%}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    if isinstance(value, (float, np.floating)):
        return f"{value:,.6g}"
    text = str(value)
    return text if len(text) <= 30 else text[:29] + "…"


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _width(), initial_indent=f"{label:<{_MARGIN}}", subsequent_indent=" " * _MARGIN)


def _width() -> int:
    return min(100, max(60, shutil.get_terminal_size((100, 24)).columns))
