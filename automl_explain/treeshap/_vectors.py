"""One vector operation that numba does not find by itself.

LLVM lowers it to what the processor has (AVX-512, AVX2, SSE, NEON); there is no machine code here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator]
def add_rows(typingctx: Any, table: Any, start: Any, cells: Any, row: Any, targets: Any) -> Any:
    """Fetch the table rows of n rows of data, transpose them in registers, and add them up.

    Does ``targets[k][i] += table[start + cells[row + i] * n + k]`` for all i and k below n, a power of
    two, with n loads of n neighbours instead of n * n single ones. ``targets`` is a tuple of n
    addresses of float64; ``table`` holds float32 or float64.
    """
    n = len(targets)
    signature = types.void(table, types.int64, cells, types.int64, types.UniTuple(types.int64, n))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        item = context.get_data_type(signature.args[0].dtype)
        first, numbers = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2))
        i64 = ir.IntType(64)
        rows = []
        for i in range(n):
            place = builder.gep(numbers, [builder.add(values[3], ir.Constant(i64, i))])
            cell = builder.zext(builder.load(place), i64)
            at = builder.add(values[1], builder.mul(cell, ir.Constant(i64, n)))
            vector = builder.bitcast(builder.gep(first, [at]), ir.VectorType(item, n).as_pointer())
            rows.append(builder.load(vector, align=item.get_abi_size(context.target_data)))
        wide = ir.VectorType(ir.DoubleType(), n)
        for k, column in enumerate(_transposed(builder, rows)):
            if item != ir.DoubleType():
                column = builder.fpext(column, wide)
            place = builder.inttoptr(builder.extract_value(values[4], k), wide.as_pointer())
            builder.store(builder.fadd(builder.load(place, align=8), column), place, align=8)
        return context.get_dummy_value()

    return signature, codegen


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
