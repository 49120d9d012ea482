// Steps from ranks to the number of a cell.
#pragma once

#include "memory.h"

namespace automl_explain {

// The cell of a row in table i is first[i] and the sum of the sizes of those steps, ptr[i] to ptr[i + 1], whose column's
// rank is above a limit; in 16 bits, so that a step back is a step around.
struct Steps {
    i64 n;
    i64* ptr;
    u16* first;
    i32* column;
    u16 *above, *size;
};

struct StepList {
    List<i64> ptr;
    List<i32> column;
    List<u16> first, above, size;

    explicit StepList(Arena& a) : ptr(a), column(a), first(a), above(a), size(a) { ptr.add(0); }
    void add(i64 of_column, i64 over, i64 by) {
        column.add((i32)of_column);
        above.add((u16)over);
        size.add((u16)(u64)by);
    }
    void end_table(i64 first_cell) {
        first.add((u16)first_cell);
        ptr.add(column.n);
    }
    Steps steps() const { return {first.n, ptr.data, first.data, column.data, above.data, size.data}; }
};

}  // namespace automl_explain
