// Groups of strings in a memory file: how a command, or the plan of a sandbox, gets to the process that
// carries it out, however long it is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace weir::sandbox {

/// bad_config when a string holds a NUL byte.
Result<UniqueFd> write_groups(std::span<const std::vector<std::string>> groups);

/// Read back; the pointers lead into `bytes`, and each group ends with a null pointer, as exec wants it.
struct StringGroups {
  std::vector<char> bytes;  ///< a vector, since moving one leaves its bytes where they are
  std::vector<std::vector<char*>> groups;
};
Result<StringGroups> read_groups(int file);

}  // namespace weir::sandbox
