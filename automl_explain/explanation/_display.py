"""How an explanation looks: bars in text and in notebooks."""

from __future__ import annotations

import dataclasses
import html
import math
import textwrap
import unicodedata
from collections.abc import Sequence

import numpy as np

from automl_explain._lazy import is_sparse
from automl_explain._tables._positions import one_position
from automl_explain.explanation._accessors import ImportanceAccessors
from automl_explain.explanation._fidelity import told_fidelities
from automl_explain.explanation._header import Note
from automl_explain.explanation._residuals import RowOutputs, difference_unit, row_outputs, stated_bound
from automl_explain.feature_map import FeatureName

_SHOWN = 10
_PARTS = " ▏▎▍▌▋▊▉█"
_NUMBER_WIDTH = 10
_WIDTH = 78
_PAIR_BAR = 16
# Which way a score that only a detector defines is to be read.
_SENSE = {"outlier score": " (lower is more abnormal)", "anomaly score": " (higher is more abnormal)"}
# Mid-tones that stand out on white and on black alike.
_POSITIVE, _NEGATIVE = "#4c83d9", "#d9584c"


def bar_table(names: Sequence[FeatureName], values: Sequence[float], *, unit: str, width: int = _WIDTH) -> str:
    """Names, bars and values as aligned text.

    Parameters
    ----------
    names : sequence of str or int
        Row titles, in the order shown; long ones are cut.
    values : sequence of float
        Bars are as long as |value|, to the scale of the largest; numbers keep their sign.
    unit : str
        What the values are in, said above them, such as ``"log-odds"``.
    width : int, default 78
        Columns of text; at least 40 are used.

    Returns
    -------
    str
        Lines without a line break at the end; only a heading if there are no names.

    Examples
    --------
    >>> from automl_explain.explanation import bar_table
    >>> print(bar_table(["age", "job"], [2.0, 1.0], unit="log-odds", width=40))
    feature                         log-odds
    age      ███████████████████       2.000
    job      █████████▌                1.000
    """
    texts = [_one_line(n) for n in names]
    numbers = _numbers(values)
    right = max([_NUMBER_WIDTH, len(unit), *map(len, numbers)])
    total = max(40, width)
    left = min(max([len("feature"), *map(_columns, texts)]), max(8, (total - right - 4) // 2))
    room = total - left - right - 4
    head = f"{_pad('feature', left)}  {' ' * room}  {unit:>{right}}"
    lengths = _scaled(values)
    rows = (
        f"{_pad(text, left)}  {_bar(length, room):<{room}}  {number:>{right}}"
        for text, length, number in zip(texts, lengths, numbers, strict=True)
    )
    return "\n".join([head, *rows])


def pair_table(pairs: Sequence[tuple[FeatureName, FeatureName, float]], *, unit: str) -> str:
    """Values, bars and two names each, in full: engineered names are often alike but for their ends."""
    values = [value for _, _, value in pairs]
    numbers = _numbers(values)
    right = max([_NUMBER_WIDTH, len(unit), *map(len, numbers)])
    rows = (
        f"{number:>{right}}  {_bar(length, _PAIR_BAR):<{_PAIR_BAR}}  {_one_line(one)} x {_one_line(other)}"
        for number, length, (one, other, _) in zip(numbers, _scaled(values), pairs, strict=True)
    )
    return "\n".join([f"{unit:>{right}}  {' ' * _PAIR_BAR}  pair", *rows])


@dataclasses.dataclass(frozen=True)
class Visual:
    """Bars that show themselves: HTML in a notebook, text elsewhere.

    Parameters
    ----------
    text, markup : str
        The same content twice.
    """

    text: str
    markup: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.markup


def explanation_text(explanation: ImportanceAccessors) -> str:
    """Heading, fidelity and the most important features, as text."""
    names, values = explanation.get_ranked_global_names(_SHOWN), explanation.get_ranked_global_values(_SHOWN)
    table = bar_table(names, values, unit=_global_unit(explanation))
    return "\n".join([*_heading(explanation), "", table, *_footing(explanation)])


def explanation_html(explanation: ImportanceAccessors) -> str:
    """The same as a table for notebooks."""
    names, values = explanation.get_ranked_global_names(_SHOWN), explanation.get_ranked_global_values(_SHOWN)
    return _html(_heading(explanation), names, values, _global_unit(explanation), _footing(explanation))


def row_visual(explanation: ImportanceAccessors, row: int) -> Visual:
    """Bars of one row: the largest contributions to its output, or to its most likely class."""
    at = one_position(row, explanation.num_examples)
    outputs = row_outputs(explanation, at)
    k = int(outputs.explained.argmax())
    part = explanation._local[k]
    scores = np.asarray(part[[at]].todense()).ravel() if is_sparse(part) else part[at]
    order = np.argsort(-np.abs(scores), kind="stable")[:_SHOWN]
    names, values = [explanation.features[j] for j in order], scores[order].tolist()
    towards = ""
    if explanation.task == "classification":
        towards = f" towards {explanation.classes[k if len(explanation.base) > 1 else 1]!r}"
    label = at if explanation.row_labels is None else explanation.row_labels[at]
    heading = [
        f"Row {label}: contributions{towards} of {explanation.space} features, {explanation.output_unit}",
        f"expected value {_number(explanation.base[k])}, output {_number(outputs.explained[k])}",
        *_model_lines(explanation, outputs, k),
        *note_lines(explanation.notes),
    ]
    rest = len(scores) - len(order)
    footing = [f"and {rest:,} more features"] if rest else []
    text = "\n".join([*heading, "", bar_table(names, values, unit=explanation.output_unit), *footing])
    return Visual(text, _html(heading, names, values, explanation.output_unit, footing))


def _model_lines(explanation: ImportanceAccessors, outputs: RowOutputs, k: int) -> list[str]:
    """The model's own output beside the one explained; nothing where the model was not asked."""
    if outputs.model is None or outputs.residual is None:
        return []
    told = f"model's own output {_number(outputs.model[k])}, residual {_number(outputs.residual[k])}"
    return [told, *far_lines(explanation, outputs)]


def far_lines(explanation: ImportanceAccessors, outputs: RowOutputs) -> list[str]:
    """A mark for a row whose output explained is far from the model's own; nothing for others."""
    if not outputs.is_far:
        return []
    difference, bound = _number(outputs.difference or 0.0), _number(stated_bound(explanation) or 0.0)
    return [
        f"FAR OFF: the output explained differs from the model's own by {difference} "
        f"({difference_unit(explanation)}), more than {bound}"
    ]


def _heading(explanation: ImportanceAccessors) -> list[str]:
    n, d = explanation.num_examples, explanation.num_features
    kind: str = explanation.task
    if explanation.num_classes:
        kind = f"classification of {explanation.num_classes} classes"
    values = "" if explanation.values is not None else ", global values only"
    unit: str = explanation.output_unit
    lines = [
        f"Explanation by {d:,} {explanation.space} feature{'' if d == 1 else 's'} ({explanation.method})",
        f"{kind}, in {unit}{_SENSE.get(unit, '')}, {n:,} row{'' if n == 1 else 's'}{values}",
    ]
    if explanation.fidelity is not None:
        past = explanation.fidelity.rows == "past"  # else the other one need not be measured
        told = told_fidelities(explanation.fidelity, explanation.eval_fidelity if past else None)
        lines += [f"fidelity: {each}" for each in told]
    return [*lines, *_residual_lines(explanation), *note_lines(explanation.notes)]


def _residual_lines(explanation: ImportanceAccessors) -> list[str]:
    """How far the rows are from the model's own output."""
    residuals = explanation.residuals
    if residuals is None or not residuals.size:
        return []
    sizes = np.abs(residuals)
    text = f"residuals: mean |{_number(sizes.mean())}|, largest |{_number(sizes.max())}| in {explanation.output_unit}"
    n_far = 0 if explanation.values is None else int(explanation.far_rows.sum())
    if not n_far:
        return [text]
    bound = _number(stated_bound(explanation) or 0.0)
    far = f"FAR OFF: {n_far:,} row{'' if n_far == 1 else 's'}, by more than {bound} ({difference_unit(explanation)})"
    return [text, far]


def note_lines(notes: Sequence[Note]) -> list[str]:
    """Notes as lines of text."""
    wrapped = (textwrap.wrap(f"note: {n.message}", _WIDTH, subsequent_indent="  ") for n in notes)
    return [line for lines in wrapped for line in lines]


def _global_unit(explanation: ImportanceAccessors) -> str:
    unit = explanation.output_unit
    return "loss of score" if unit == "score" else f"mean |{unit}|"


def _footing(explanation: ImportanceAccessors) -> list[str]:
    lines = []
    rest = explanation.num_features - _SHOWN
    if rest > 0:
        lines.append(f"and {rest:,} more feature{'' if rest == 1 else 's'}")
    if explanation.unmapped_global is not None:
        n = len(explanation.unmapped_features)
        origin = f", from {n:,} feature{'' if n == 1 else 's'} not listed" if n else ""
        lines.append(f"unattributed contribution: {_number(explanation.unmapped_importance)}{origin}")
    return lines


def _html(
    heading: Sequence[str], names: Sequence[FeatureName], values: Sequence[float], unit: str, footing: Sequence[str]
) -> str:
    cell = "padding:2px 8px;border:0;background:transparent;"
    rows = []
    for name, value, number, length in zip(names, values, _numbers(values), _scaled(values), strict=True):
        colour = _NEGATIVE if value < 0 else _POSITIVE
        bar = f'<div style="height:0.8em;width:{100 * length:.1f}%;background:{colour};border-radius:2px"></div>'
        rows.append(
            f'<tr><th scope="row" style="{cell}text-align:left;font-weight:normal;overflow-wrap:anywhere">'
            f'{html.escape(_one_line(name))}</th><td aria-hidden="true" style="{cell}width:16em">{bar}</td>'
            f'<td style="{cell}text-align:right;font-variant-numeric:tabular-nums">{number}</td></tr>'
        )
    top = "<br>".join(html.escape(line) for line in heading)
    bottom = "".join(f"<div>{html.escape(line)}</div>" for line in footing)
    head = (
        f'<tr><th scope="col" style="{cell}text-align:left">feature</th><td aria-hidden="true" style="{cell}"></td>'
        f'<th scope="col" style="{cell}text-align:right">{html.escape(unit)}</th></tr>'
    )
    return (
        '<div style="color:inherit;font-size:0.95em"><table style="border-collapse:collapse;color:inherit;'
        f'border-top:1px solid rgba(128,128,128,.5);border-bottom:1px solid rgba(128,128,128,.5)">'
        f'<caption style="caption-side:top;text-align:left;color:inherit;padding:4px 8px">{top}</caption>'
        f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{bottom}</div>"
    )


def _scaled(values: Sequence[float]) -> list[float]:
    """Lengths from 0 to 1; values that are not finite have no bar."""
    sizes = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0))
    largest = sizes.max(initial=0.0)
    return [float(s / largest) if largest else 0.0 for s in sizes]


def _bar(length: float, room: int) -> str:
    eighths = round(length * room * 8)
    text = _PARTS[8] * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")
    # Small is not the same as none.
    return _PARTS[1] if length > 0 and not text else text


def _numbers(values: Sequence[float]) -> list[str]:
    """Numbers of one column, with as many decimals as show four digits of the largest."""
    largest = max((abs(float(v)) for v in values if math.isfinite(v)), default=0.0)
    if largest and not 1e-4 <= largest < 1e9:
        return [f"{float(v):.3e}" for v in values]
    decimals = max(3 - math.floor(math.log10(largest)), 0) if largest else 0
    return [f"{float(v):,.{decimals}f}" for v in values]


def _number(value: float) -> str:
    return _numbers([value])[0]


def _one_line(name: FeatureName) -> str:
    return "".join(c if c.isprintable() else "�" for c in str(name))


def _columns(text: str) -> int:
    """Columns a text takes in a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, columns: int) -> str:
    if _columns(text) > columns:
        while _columns(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - _columns(text))
