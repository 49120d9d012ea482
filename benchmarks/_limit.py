"""What the machine could do at best, next to what the engine does: lookups a second and bytes a second.

The engine's work for a row is to find its cell in every table, fetch the table row of that cell, and add it to
sums that are kept per column. `limits` does the fetching alone: the engine's own tables, in its order, for the
cells of real rows, added up in eight places that stay in the fastest cache.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BLOCK = 1024  # rows for which one table is read before the next
_AHEAD = (16, 32, 64, 2**40)  # rows that memory is asked for beforehand; the best is taken
_TURNS = 7
_STREAM_BYTES = 2**27


def _adder(width: int) -> Any:
    """``sums[k, :width] += table[at : at + width]``: one load of all neighbours, one addition, one store."""

    @intrinsic
    def add(typingctx, sums, k, table, at):
        def codegen(context, builder, signature, values):
            vectors = []
            for array, place in ((0, builder.mul(values[1], ir.Constant(ir.IntType(64), 8))), (2, values[3])):
                data = context.make_array(signature.args[array])(context, builder, values[array]).data
                item = context.get_data_type(signature.args[array].dtype)
                place = builder.bitcast(builder.gep(data, [place]), ir.VectorType(item, width).as_pointer())
                vectors.append((builder.load(place, align=item.get_abi_size(context.target_data)), place))
            (total, place), (row, _) = vectors
            if row.type != total.type:
                row = builder.fpext(row, total.type)
            builder.store(builder.fadd(total, row), place, align=8)
            return context.get_dummy_value()

        return types.void(sums, types.int64, table, types.int64), codegen

    return add


_add_4, _add_8 = _adder(4), _adder(8)


@intrinsic
def _ask_for(typingctx, table, at):
    """Ask memory for ``table[at]``, so that it is in the cache when its turn comes."""

    def codegen(context, builder, signature, values):
        i32, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        place = builder.gep(context.make_array(signature.args[0])(context, builder, values[0]).data, [values[1]])
        kind = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
        builder.call(prefetch, [builder.bitcast(place, pointer), *(ir.Constant(i32, flag) for flag in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(table, types.int64), codegen


def _looker(add: Any, width: int) -> Any:
    @numba.njit(error_model="numpy")
    def look_up(table, start, cells, ahead, sums):
        n = np.uint64(cells.shape[0])
        for r in range(n):
            if r + ahead < n:
                _ask_for(table, start + width * np.int64(cells[r + ahead]))
            add(sums, np.int64(r & np.uint64(7)), table, start + width * np.int64(cells[r]))

    return look_up


_look_up_4, _look_up_8 = _looker(_add_4, 4), _looker(_add_8, 8)


@numba.njit(error_model="numpy")
def _look_up(table, start, width, group, cells, ahead, sums):
    """Add the rows of every table (from ``start[k]`` on) at the cells (n_groups, block) of its group.

    Memory is asked for the row that comes ``ahead`` rows later.
    """
    for k in range(start.shape[0]):
        if width[k] == 8:
            _look_up_8(table, start[k], cells[group[k]], np.uint64(ahead), sums)
        else:
            _look_up_4(table, start[k], cells[group[k]], np.uint64(ahead), sums)


def cells_of(prepared: Any, X: np.ndarray) -> np.ndarray:
    """Cells (n_groups, n_rows) of dense rows without missing values, from the engine's ranks and steps."""
    ranking, tables = prepared.ranking, prepared.tables
    ends = zip(ranking.feature, ranking.cut_ptr[:-1], ranking.cut_ptr[1:], strict=True)
    ranks = np.stack([np.searchsorted(ranking.cuts[a:b], X[:, f]) for f, a, b in ends])
    steps = np.where(ranks[tables.step_column] > tables.step_above[:, None], tables.step_size[:, None], 0)
    totals = np.cumsum(np.vstack([np.zeros((1, len(X)), np.int64), steps]), axis=0)
    return np.diff(totals[tables.step_ptr], axis=0).astype(np.uint16)


def limits(prepared: Any, X: np.ndarray, row_bytes: int) -> dict[str, Any]:
    """Measure this machine with the tables of one model (`_prepare.Prepared`) and the cells of the rows of ``X``.

    ``row_bytes`` are those that a row reads from the input and writes to the output. Lookups a second are given
    for the cells as they are, for one cell of every table (nothing but the fastest cache is read) and for places
    anywhere in all tables (hardly any cache helps).
    """
    tables = prepared.tables
    cells = cells_of(prepared, X[:_BLOCK])
    group = np.repeat(np.arange(len(cells)), np.diff(tables.chunk_ptr))
    anywhere = np.random.default_rng(0).integers(0, tables.table.size // 8, (1, len(group) * cells.shape[1]))
    zero, eight = np.zeros(1, np.int64), np.full(1, 8)
    own = tables.table, tables.start, tables.width, group
    rates = {
        "": _lookups_per_s(*own, cells),
        "_cached": _lookups_per_s(*own, np.zeros_like(cells)),
        "_anywhere": _lookups_per_s(tables.table, zero, eight, zero, anywhere),
    }
    source = np.ones(_STREAM_BYTES // 8)
    target = np.empty_like(source)
    bandwidth = 2 * _STREAM_BYTES / _least_seconds(lambda: np.copyto(target, source))
    return {
        "lookups_per_row": len(group),
        "comparisons_per_row": len(tables.step_column),
        "table_bytes_per_row": int(tables.width.sum() * tables.table.itemsize),
        "row_bytes": row_bytes,
        "table_mb": round(tables.table.nbytes / 1e6, 1),
        "table_dtype": str(tables.table.dtype),
        **{f"lookups_per_s{name}": float(f"{rate:.4g}") for name, rate in rates.items()},
        "bytes_per_s": float(f"{bandwidth:.4g}"),
        "us_lookups": float(f"{1e6 * len(group) / rates['']:.4g}"),
        "us_lookups_cached": float(f"{1e6 * len(group) / rates['_cached']:.4g}"),
        "us_row_bytes": float(f"{1e6 * row_bytes / bandwidth:.4g}"),
    }


def _lookups_per_s(
    table: np.ndarray, start: np.ndarray, width: np.ndarray, group: np.ndarray, cells: np.ndarray
) -> float:
    sums = np.zeros((8, 8))
    seconds = [
        _least_seconds(functools.partial(_look_up, table, start, width, group, cells, ahead, sums)) for ahead in _AHEAD
    ]
    return len(start) * cells.shape[1] / min(seconds)


def _least_seconds(call: Callable[[], Any]) -> float:
    """The least of several turns: a limit is what the machine can do undisturbed."""
    call()
    times = []
    for _ in range(_TURNS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)
