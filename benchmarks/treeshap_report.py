"""Tables and plots of ``treeshap.py``'s JSON, written into the documentation; needs matplotlib.

``python benchmarks/treeshap_report.py results.json`` replaces what stands between the two marks of
``docs/engine.md`` and draws ``docs/images/engine-*.svg``. The same JSON gives the same files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- benchmark:begin -->\n", "<!-- benchmark:end -->"
LABELS = {"ours": "automl-explain", "lightgbm": "LightGBM", "shap": "shap", "xgboost": "XGBoost"}
COLOURS = {
    "ours": "#0b4f9e", "before": "#86b6e8", "lightgbm": "#d55e00", "shap": "#e6a122", "xgboost": "#009e73",
    "fasttreeshap v1": "#b8a0c8", "fasttreeshap v2": "#8e5aa8", "woodelf": "#8c6d46", "shapiq": "#8a8f94",
}  # fmt: skip
PANELS = {
    "rows": "rows in one call",
    "trees": "trees",
    "leaves": "leaves of a tree",
    "columns": "columns (1000 and more: csr, 1 % filled)",
    "outputs": "outputs (trees for each)",
    "threads": "threads",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder with engine.md")
    arguments = parser.parse_args()
    found = json.loads(arguments.results.read_text())
    page = arguments.docs / "engine.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{section(found)}\n{END}{after}", encoding="utf-8")
    images = arguments.docs / "images"
    images.mkdir(exist_ok=True)
    style = {"svg.hashsalt": "engine", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    with plt.rc_context({**style, "axes.spines.top": False, "axes.spines.right": False}):
        save(base_plot(found), images / "engine-base.svg")
        save(growth_plot(found), images / "engine-growth.svg")


def section(found: dict[str, Any]) -> str:
    parts = [setting, base_table, growth_table, sparse_table, interaction_table, memory_table, limit_table]
    return "\n\n".join(part(found) for part in [*parts, first_values_table]) + "\n"


def setting(found: dict[str, Any]) -> str:
    machine = found["machine"]
    names = ("automl-explain", "numpy", "scipy", "lightgbm")
    peers = {name: package for name, package in found["peers"].items() if package != "not installed"}
    before = f" *Before* is {peers.pop('before')}." if "before" in peers else ""
    absent = sorted(name for name, package in found["peers"].items() if package == "not installed")
    return (
        f"Machine: {machine['processor']}, {machine['processors']} processors, {machine['system']}, "
        f"kernels of {machine['kernels']}, Python {machine['python']}; "
        f"{', '.join(f'{name} {machine[name]}' for name in names)}. Peers: "
        f"{', '.join(sorted(set(peers.values())))}. Not installed: {', '.join(absent) or 'none'}.{before} "
        f"{found['turns']} turns; the run took {found['minutes']} minutes."
    )


def base_table(found: dict[str, Any]) -> str:
    case, rows = base(found), []
    for name, way in case["ways"].items():
        if "failed" in way:
            rows.append([LABELS.get(name, name), "", f"failed: {way['failed']}", "", "", "", ""])
            continue
        cpu = way["cpu_us"]
        rows.append([
            LABELS.get(name, name), f"{way['rows']:,}", number(cpu["median"]),
            f"{number(cpu['lower_quartile'])} to {number(cpu['upper_quartile'])}",
            f"{number(cpu['least'])} to {number(cpu['most'])}", number(way["wall_us"]["median"]),
            f"{number(way['cpu_ratio'])} x", f"{way['difference']:.0e}",
        ])  # fmt: skip
    rows += [[LABELS.get(name, name), "", why, "", "", "", "", ""] for name, why in case["left_out"].items()]
    head = ["", "rows", "CPU µs a row", "quartiles", "least to most", "wall µs a row", "of ours", "difference"]
    return (
        f"### Base case\n\n{describe(found['base'])}; median of the turns. *Difference* is the largest one to "
        "LightGBM's `pred_contrib`, relative to the largest value of the same row and output.\n\n" + table(head, rows)
    )


def growth_table(found: dict[str, Any]) -> str:
    rows = []
    for grid in found["grids"]:
        for value, case in series(found, grid):
            ways = {name: way for name, way in case["ways"].items() if "failed" not in way}
            clock = "wall" if grid == "threads" else "cpu"
            others = [name for name in ways if name not in ("ours", "before", "lightgbm", "shap")]
            fastest = min(others, key=lambda name: ways[name][f"{clock}_us"]["median"], default=None)
            other = f"{ratio(ways[fastest], clock)} ({LABELS.get(fastest, fastest)})" if fastest else ""
            rows.append([
                f"{grid} {'none' if value is None else f'{value:,}' if isinstance(value, int) else value}",
                number(ways["ours"][f"{clock}_us"]["median"]), number(ways["lightgbm"][f"{clock}_us"]["median"]),
                ratio(ways["lightgbm"], clock), other, earlier(ways, clock), f"{ways['ours']['difference']:.0e}",
                number(case["fit_s"]), prepared(case), number(case["table_mb"]), leaves(case),
            ])  # fmt: skip
    head = ["varied", "ours, µs a row", "`pred_contrib`, µs", "ratio", "fastest other", "before", "difference",
            "fit, s", "prepare, s (before)", "tables, MB", "leaves"]  # fmt: skip
    return (
        "### One size varied at a time\n\nCPU microseconds a row, for threads wall time; everything else as in the "
        "base case. *Fit* and *prepare* are CPU seconds of the model's training and of making the tables; *leaves* are "
        "those in tables, in factors and walked to.\n\n" + table(head, rows)
    )


def leaves(part: dict[str, Any]) -> str:
    """How many are in tables, in factors and walked to."""
    return " / ".join(f"{n:,}" for n in part["leaves"].values())


def sparse_table(found: dict[str, Any]) -> str:
    rows = []
    for part in found["to_raw"]:
        ours, theirs = part["ways"]["ours"], part["ways"]["lightgbm"]
        rows.append([
            f"{part['kind']} ({100 * part['filled']:.1f} %)", f"{part['rows']:,} x {part['columns']:,}",
            f"{part['raw_columns']}", number(ours["cpu_us"]["median"]), number(theirs["cpu_us"]["median"]),
            ratio(theirs), earlier(part["ways"], "cpu"), f"{ours['difference']:.0e}", prepared(part),
            megabytes(part["memory"], "extra_mb"),
        ])  # fmt: skip
    head = ["csr rows", "shape", "raw columns", "ours, CPU µs a row", "`pred_contrib` and fold, µs", "ratio", "before",
            "difference", "prepare, s (before)", "extra MB"]  # fmt: skip
    return "### Sparse rows to raw columns\n\n" + table(head, rows)


def earlier(ways: dict[str, Any], clock: str) -> str:
    return ratio(ways["before"], clock) if "before" in ways else ""


def prepared(part: dict[str, Any]) -> str:
    """CPU seconds, and those of the earlier version."""
    before = part["prepare_s"].get("before")
    return number(part["prepare_s"]["ours"]["median"]) + (f" ({number(before['median'])})" if before else "")


def memory_table(found: dict[str, Any]) -> str:
    rows = []
    for name, part in found["memory"].items():
        fields = ("input_mb", "output_mb", "tables_mb", "extra_mb_preparing", "extra_mb")
        shape = f"{part['rows_at_a_time']:,} of {part['rows']:,}" if "rows" in part else part.get("failed", "")
        rows.append([name.replace("_", " "), shape, *(megabytes(part, field) for field in fields)])
    head = ["", "rows at a time", "input, MB", "output, MB", "tables, MB", "extra while preparing, MB", "extra, MB"]
    return (
        "### Memory\n\nLargest resident memory of a fresh process during the call, beyond what it held before and "
        "beyond the output.\n\n" + table(head, rows)
    )


def limit_table(found: dict[str, Any]) -> str:
    limit, head = found["limit"], "### How near to the machine's limit\n\n"
    if "failed" in limit:
        return f"{head}Not measured: {limit['failed']}."
    rows = []
    for name, work in limit["works"].items():
        parts = [work[key] for key in ("us_look_ups", "us_comparisons", "us_row_bytes")]
        rows.append([
            name, f"{work['look_ups']:,}", f"{work['comparisons']:,}", leaves(work), *map(number, parts),
            number(work["us_ours"]), f"{100 * sum(parts) / work['us_ours']:.0f} %",
        ])  # fmt: skip
    rates = ", ".join(f"{rate / 1e6:,.0f} from {size}" for size, rate in limit["look_ups_per_s"].items())
    compared, calculated, copied = (limit[f"{name}_per_s"] / 1e9 for name in ("comparisons", "operations", "bytes"))
    return (
        f"{head}Microseconds a row that its look-ups alone take if every table row is in the fastest cache, its "
        "comparisons of 16-bit numbers alone, and its bytes of input and output alone; *part* is their sum over ours. "
        "What is left is table rows that come from farther, the sums that are kept for each column, and the arithmetic "
        "of leaves in factors and walked to. This machine fetches and adds so many million table rows of 64 bytes a "
        f"second, at random places: {rates}; it makes {compared:.0f} billion comparisons, or {calculated:.0f} "
        f"billion multiplications and additions of float64 numbers, and copies {copied:.0f} GB a second.\n\n"
        + table(["", "look-ups", "comparisons", "leaves", "look-ups, µs", "comparisons, µs", "bytes, µs",
                 "ours, µs", "part"], rows)
    )  # fmt: skip


def interaction_table(found: dict[str, Any]) -> str:
    rows = []
    for name, way in found["interactions"]["ways"].items():
        if "failed" in way:
            rows.append([LABELS.get(name, name), "", f"failed: {way['failed']}"])
            continue
        rows.append([
            LABELS.get(name, name), f"{way['rows']:,}", number(way["cpu_us"]["median"]), ratio(way),
            f"{way['difference']:.0e}" if "difference" in way else "", f"{way['from_shapley_values']:.0e}",
        ])  # fmt: skip
    head = ["", "rows", "CPU µs a row", "of ours", "difference", "sums from Shapley values"]
    return (
        "### Interaction values\n\nOf all pairs of columns, base case. *Difference* is the largest one to shap's, and "
        "the last column that of the sums over one column of the pair to our Shapley values, each relative to the "
        "largest value of the row.\n\n" + table(head, rows)
    )


def first_values_table(found: dict[str, Any]) -> str:
    fields = [f"{step}_{clock}_s" for clock in ("cpu", "wall") for step in ("import", "first_values")]
    rows = [
        [name, *(f"{part[field]:.2f}" for field in fields), f"{1e6 * part['next_values_cpu_s']:,.0f}"]
        for name, part in found["first_values"].items()
    ]
    head = ["", "import, CPU s", "to the first values, CPU s", "import, wall s", "to the first values, wall s",
            "next values, CPU µs"]  # fmt: skip
    return (
        "### From a new interpreter to the first values\n\n`import` is that of NumPy and `automl_explain.treeshap`; "
        "then the model of the base case is read from its text, its tables are made and one row is explained.\n\n"
        + table(head, rows)
    )


def base(found: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = next(case for case in found["cases"] if case["case"] == found["base"])
    return result


def series(found: dict[str, Any], grid: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Values of one size and their cases, everything else as in the base case."""
    for value in found["grids"][grid]:
        wanted = {**found["base"], grid: value}
        yield value, next(case for case in found["cases"] if case["case"] == wanted)


def describe(case: dict[str, Any]) -> str:
    return (
        f"{case['trees']} trees x {case['leaves']} leaves, {case['columns']} columns, {case['rows']:,} rows, "
        f"{case['outputs']} output, {case['threads']} thread, {case['dtype']}"
    )


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(way: dict[str, Any], clock: str = "cpu") -> str:
    return f"{number(way[f'{clock}_ratio'])} x"


def megabytes(part: dict[str, Any], field: str) -> str:
    return number(part[field]) if field in part else part.get("failed", "")


def table(head: list[str], rows: list[list[str]]) -> str:
    width = len(head)
    lines = [head, ["---"] + ["---:"] * (width - 1), *([*row, *[""] * (width - len(row))] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def base_plot(found: dict[str, Any]) -> Any:
    ways = {name: way for name, way in base(found)["ways"].items() if "failed" not in way}
    order = sorted(ways, key=lambda name: -ways[name]["cpu_us"]["median"])
    figure, axes = plt.subplots(figsize=(7, 0.4 + 0.36 * len(order)), layout="constrained")
    for y, name in enumerate(order):
        way = ways[name]
        median = way["cpu_us"]["median"]
        axes.barh(y, median, color=COLOURS[name], height=0.66)
        times = "" if name == "ours" else f"  ({number(way['cpu_ratio'])} x)"
        axes.text(median, y, f"  {number(median)} µs{times}", va="center")
    axes.set_xlim(right=axes.get_xlim()[1] * 1.15)  # room for the text of the longest
    axes.set_yticks(range(len(order)), [LABELS.get(name, name) for name in order])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("CPU microseconds a row")
    return figure


def growth_plot(found: dict[str, Any]) -> Any:
    grids = [grid for grid in PANELS if grid in found["grids"]]
    figure, panels = plt.subplots(-(-len(grids) // 2), 2, figsize=(8, 2.6 * -(-len(grids) // 2)), layout="constrained")
    handles: dict[str, Any] = {}
    for grid, axes in zip(grids, panels.flat, strict=False):
        clock = "wall" if grid == "threads" else "cpu"
        points = list(series(found, grid))
        for name, colour in COLOURS.items():
            drawn = [
                (value, case["ways"][name][f"{clock}_us"]["median"])
                for value, case in points
                if "failed" not in case["ways"].get(name, {"failed": ""})
            ]
            if drawn:
                strong = name == "ours"
                (handles[name],) = axes.plot(
                    *zip(*drawn, strict=True), color=colour, marker="o", markersize=4.5 if strong else 3,
                    linewidth=2.4 if strong else 1.2, zorder=3 if strong else 2,
                    linestyle="--" if name == "shap" else "-",  # lies upon LightGBM's line
                )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel=PANELS[grid])
        axes.set_ylabel("wall µs a row" if clock == "wall" else "CPU µs a row")
        axes.set_xticks([value for value, _ in points], [f"{value:,}" for value, _ in points])
        axes.minorticks_off()
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    for axes in panels.flat[len(grids) :]:
        axes.remove()
    names = [name for name in COLOURS if name in handles]
    labels = [LABELS.get(name, name) for name in names]
    figure.legend([handles[name] for name in names], labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
