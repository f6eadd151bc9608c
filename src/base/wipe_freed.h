// WipeFreed: what a thread gives back while it handles secrets is overwritten.
#pragma once

namespace weir {

/// While one is there, memory that its thread gives back by `delete`, as every container does, is overwritten
/// first. For work that takes secrets through strings of the standard library and of others (a TOML tree, a
/// JSON text), which are copied, grown and dropped where nobody could zero them. They nest. What outlives the
/// scope is not its business, nor what is on the stack (base/wipe_stack.h) or given back by free(3).
class WipeFreed {
 public:
  WipeFreed();
  ~WipeFreed();
  WipeFreed(const WipeFreed&) = delete;
  WipeFreed& operator=(const WipeFreed&) = delete;
};

}  // namespace weir
