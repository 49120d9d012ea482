"""Vector operations that numba does not find by itself.

LLVM lowers it to what the processor has (AVX-512, AVX2, SSE, NEON); there is no machine code here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from automl_explain.treeshap._jit import compiled


@intrinsic  # type: ignore[untyped-decorator]
def add_rows(typingctx: Any, table: Any, start: Any, cells: Any, row: Any, ahead: Any, targets: Any) -> Any:
    """Fetch the table rows of n rows of data, transpose them in registers, and add them up.

    Does ``targets[k][i] += table[start + cells[row + i] * n + k]`` for all i and k below n, a power of
    two, with n loads of n neighbours instead of n * n single ones. ``targets`` is a tuple of n
    addresses of float64; ``table`` holds float32 or float64. The table rows of ``ahead`` to ``ahead + n``
    are asked for, so that they are in the cache when their turn comes: waiting for memory is most of the work.
    """
    n = len(targets)
    signature = types.void(table, types.int64, cells, types.int64, types.int64, types.UniTuple(types.int64, n))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        item = context.get_data_type(signature.args[0].dtype)
        first, numbers = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2))
        i64 = ir.IntType(64)

        def table_row(of: Any, i: int) -> Any:
            place = builder.gep(numbers, [builder.add(of, ir.Constant(i64, i))])
            cell = builder.zext(builder.load(place), i64)
            return builder.gep(first, [builder.add(values[1], builder.mul(cell, ir.Constant(i64, n)))])

        rows = []
        for i in range(n):
            vector = builder.bitcast(table_row(values[3], i), ir.VectorType(item, n).as_pointer())
            rows.append(builder.load(vector, align=item.get_abi_size(context.target_data)))
        for i in range(n):
            _prefetch(builder, table_row(values[4], i))
        wide = ir.VectorType(ir.DoubleType(), n)
        for k, column in enumerate(_transposed(builder, rows)):
            if item != ir.DoubleType():
                column = builder.fpext(column, wide)
            place = builder.inttoptr(builder.extract_value(values[5], k), wide.as_pointer())
            builder.store(builder.fadd(builder.load(place, align=8), column), place, align=8)
        return context.get_dummy_value()

    return signature, codegen


@compiled
def room_for(n: int) -> Any:
    """Uninitialised float64 that begin with a cache line: vectors that lie in two cost twice."""
    room = np.empty(n + 8)
    first = (64 - room.ctypes.data % 64) % 64 // 8
    return room[first : first + n]


#: Rows that `go_down` and `go_up` take at once.
LANES = 8


@intrinsic  # type: ignore[untyped-decorator]
def answer(typingctx: Any, own: Any, same: Any, cells: Any, low: Any, high: Any, missing: Any) -> Any:
    """Do ``own[i] = same[i] if low <= cells[i] <= high or cells[i] == missing else 0`` for LANES rows.

    The first three are addresses, of float64, float64 and uint16. One store of all lanes: loading what was stored
    number by number makes the processor wait.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.VectorType(ir.IntType(16), LANES)
        cells = builder.load(builder.inttoptr(values[2], kind.as_pointer()), align=2)
        low, high, missing = (_spread(builder, builder.trunc(value, kind.element)) for value in values[3:])
        inside = builder.and_(builder.icmp_unsigned("<=", low, cells), builder.icmp_unsigned("<=", cells, high))
        holds = builder.or_(inside, builder.icmp_unsigned("==", cells, missing))
        same = builder.load(_lanes(builder, values[1], 0), align=8)
        builder.store(builder.select(holds, same, ir.Constant(same.type, None)), _lanes(builder, values[0], 0), align=8)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen


@intrinsic  # type: ignore[untyped-decorator]
def go_down(typingctx: Any, product: Any, above: Any, same: Any, own: Any, terms: Any, n: Any) -> Any:
    """Do ``product[q] = above[q] * (terms[q, 0] + terms[q, 1] * same + terms[q, 2] * own)`` for q below n.

    The first four are addresses of LANES float64, one a row (``product`` and ``above`` of n times as many),
    ``terms`` is that of (n, 5) numbers.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        same, own = (builder.load(_lanes(builder, values[i], 0), align=8) for i in (2, 3))
        with cgutils.for_range(builder, values[5]) as loop:
            plain, if_same, if_own = (_term(builder, values[4], loop.index, k) for k in range(3))
            factor = builder.fadd(plain, builder.fmul(if_same, same))
            factor = builder.fadd(factor, builder.fmul(if_own, own))
            found = builder.fmul(builder.load(_lanes(builder, values[1], loop.index), align=8), factor)
            builder.store(found, _lanes(builder, values[0], loop.index), align=8)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen


@intrinsic  # type: ignore[untyped-decorator]
def go_up(typingctx: Any, found: Any, above: Any, below: Any, same: Any, own: Any, terms: Any, n: Any) -> Any:
    """Do ``above[q] += below[q]`` and ``found += below[q] * (terms[q, 3] * same + terms[q, 4] * own)`` for q below n.

    Arguments as in `go_down`.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        same, own = (builder.load(_lanes(builder, values[i], 0), align=8) for i in (3, 4))
        sums = cgutils.alloca_once_value(builder, builder.load(_lanes(builder, values[0], 0), align=8))
        with cgutils.for_range(builder, values[6]) as loop:
            one = builder.load(_lanes(builder, values[2], loop.index), align=8)
            place = _lanes(builder, values[1], loop.index)
            builder.store(builder.fadd(builder.load(place, align=8), one), place, align=8)
            if_same, if_own = (_term(builder, values[5], loop.index, k) for k in (3, 4))
            gain = builder.fadd(builder.fmul(if_same, same), builder.fmul(if_own, own))
            builder.store(builder.fadd(builder.load(sums), builder.fmul(one, gain)), sums)
        builder.store(builder.load(sums), _lanes(builder, values[0], 0), align=8)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), codegen


def _lanes(builder: Any, address: Any, index: Any) -> Any:
    """Place of the vector with a number, behind an address."""
    vector = ir.VectorType(ir.DoubleType(), LANES).as_pointer()
    step = builder.mul(index, ir.Constant(ir.IntType(64), 8 * LANES)) if index else ir.Constant(ir.IntType(64), 0)
    return builder.inttoptr(builder.add(address, step), vector)


def _term(builder: Any, address: Any, index: Any, k: int) -> Any:
    """One of the five terms with a number, in every lane."""
    i64 = ir.IntType(64)
    place = builder.add(address, builder.add(builder.mul(index, ir.Constant(i64, 40)), ir.Constant(i64, 8 * k)))
    return _spread(builder, builder.load(builder.inttoptr(place, ir.DoubleType().as_pointer())))


def _spread(builder: Any, one: Any) -> Any:
    """A number in every lane."""
    vector = ir.VectorType(one.type, LANES)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _prefetch(builder: Any, place: Any) -> None:
    """Ask for the cache line of a place, for reading, to stay in all caches."""
    pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
    builder.call(fetch, [builder.bitcast(place, pointer), *(ir.Constant(i32, flag) for flag in (0, 3, 1))])


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Columns of an n x n matrix from its rows: log2(n) rounds that swap ever smaller blocks."""
    n = len(rows)
    half = n // 2
    while half:
        # Of two rows, one keeps its lanes whose bit `half` is 0 and takes those of the other, and vice versa.
        low = [lane if not lane & half else n + lane - half for lane in range(n)]
        high = [lane + half if not lane & half else n + lane for lane in range(n)]
        mixed = list(rows)
        for i in (i for i in range(n) if not i & half):
            for at, lanes in ((i, low), (i + half, high)):
                mask = ir.Constant(ir.VectorType(ir.IntType(32), n), lanes)
                mixed[at] = builder.shuffle_vector(rows[i], rows[i + half], mask)
        rows, half = mixed, half // 2
    return rows
