#include "base/wipe_stack.h"

#include <string.h>

namespace weir {

[[gnu::noinline]] void wipe_stack() {
  char below[64 << 10];
  ::explicit_bzero(below, sizeof below);
}

}  // namespace weir
