// What functions leave on the stack when they return: copies of secrets in buffers and registers that were
// spilled, which nobody owns.
#pragma once

namespace weir {

/// Overwrites the 64 KiB below the caller's frame, and the vector registers. For threads that have handled a
/// secret and go to sleep, or on to other things.
void wipe_stack();

}  // namespace weir
