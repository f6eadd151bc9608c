// Hardening of a process that keeps secrets: what others can no longer learn from it, and what it can no
// longer do to others. docs/hardening.md says what is protected from whom, and what is not.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace weir::app {

/// What a process that serves still has to do with files, once it serves.
struct Haunts {
  std::vector<std::filesystem::path> writable;  ///< folders with all below them, made where they are missing
  std::vector<std::filesystem::path> removable_from;  ///< folders where it removes sockets of its own
};

/// In two steps. Neither can be taken back, and what is started afterwards inherits both: what is to be plain
/// (sandbox::Spawner) is forked before.
class Hardening {
 public:
  /// The first step; before a secret is read and a thread started. Not dumpable: other processes of this user
  /// can neither trace it nor read its memory, environment or descriptors. No core files. No new privileges.
  /// WEIR_NO_HARDENING=1 in the environment leaves both steps out, which is said aloud.
  static Result<Hardening> begin();

  /// WEIR_NO_HARDENING is set.
  bool off() const { return off_; }

  /// The second step: when all listeners are bound, and before the threads that serve are started (what is
  /// given up here is given up by a thread for itself and those it starts). Capabilities; files (Landlock,
  /// see sandbox/landlock.h); system calls (sandbox/serving_filter.h). The answer is what is in force, in
  /// words for Weir's log; what the kernel does not have is said there.
  Result<std::string> confine(const Haunts& haunts) const;

 private:
  explicit Hardening(bool off) : off_(off) {}
  bool off_;
};

}  // namespace weir::app
