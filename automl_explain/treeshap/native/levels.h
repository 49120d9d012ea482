// Which kernels this processor can run, and which of them are in use.
#pragma once

#include "kernels.h"

namespace automl_explain {

// The kernels in use, chosen when the module is loaded and constant from then on.
extern const Kernels* kernels;

constexpr int MOST_LEVELS = 3;

// The levels that this processor and its operating system can run, the least first; returns how many.
int usable_levels(const Kernels* (&found)[MOST_LEVELS]);

// The usable level of this name; nullptr if there is none.
const Kernels* usable_level(const char* name);

// The best usable level; nullptr if this processor can run none.
const Kernels* best_level();

}  // namespace automl_explain
