// Tables of merged leaves, and which of them a row of sums is shared by.
#pragma once

#include "grouping.h"
#include "quadrature.h"
#include "steps.h"

namespace automl_explain {

constexpr i64 WIDTH = 8;  // values of a table row: a cache line

// A part is WIDTH slots of a group's table. Parts whose slots are together no more than WIDTH make a bundle: their table
// rows are added to each other before they are added to the sums of the slots, which is most of the work.
struct Tables {
    i64 n_groups;
    Steps steps;  // of each group, to the place of the cell in its table
    i64 n_bundles;
    i64* part_ptr;  // parts of each bundle
    i64* part_group;
    i64* part_start;  // of each part in `values`
    i64* slot;        // WIDTH of each bundle; the number of slots where there is none
    f64* values;
    i64 n_values;
};

struct SlotsOfGroups {
    i64 *ptr, *slot;  // rising
};

// What `fill` needs to make the tables of groups.
struct Layout {
    Groups groups;
    Described described;
    SlotsOfGroups slots;
    i64* first_cell;  // in the values, of each of these slots; the next cell is WIDTH further
    i64* chosen;      // numbers of the groups with a table, `Tables::n_groups`
    u8* in_tables;    // of each leaf
};

// Finds groups, gives tables to those that fit into the memory, and leaves the values zero.
Layout lay_out(Arena& kept, Arena& work, Arena& temporary, const Leaves& leaves, const Columns& columns,
               const Slots& slots, const Players& players, i64 max_bytes, Tables& tables);

}  // namespace automl_explain
