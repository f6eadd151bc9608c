// Landlock (landlock(7)): where a process may still change files, whoever it is.
#pragma once

#include <filesystem>
#include <vector>

#include "base/error.h"

namespace weir::sandbox {

/// The version of Landlock that the kernel speaks; 0: it has none, or it is switched off.
int landlock_version();

struct LandlockRules {
  std::vector<std::filesystem::path> writable;        ///< folders, with all below them, and single files
  std::vector<std::filesystem::path> removable_from;  ///< folders that files may be taken out of
};

/// The calling thread, and all it will start, can from now on change no file outside `rules`, run no program,
/// bind no TCP port (version 4) and reach no abstract Unix socket (version 6). What is open stays open;
/// reading is left as it is. What does not exist is left out. Also from now on: it can look into no process
/// that is not under the same restriction. The answer is landlock_version(): when that is 0, nothing has
/// changed. Needs no_new_privs.
Result<int> restrict_writes(const LandlockRules& rules);

}  // namespace weir::sandbox
