"""One vector operation that numba does not find by itself.

LLVM lowers it to what the processor has (AVX-512, AVX2, SSE, NEON); there is no machine code here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


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
