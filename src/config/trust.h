// Which project files this user has looked at and accepted: one small file for each, in the state folder.
// A change of the project's file ends its trust.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::config {

struct Trust {
  std::string file;    ///< absolute path of the .weir.toml
  std::string sha256;  ///< hex, of what was in it
  bool widen = false;  ///< it may allow what the layers above do not, and set every key
};

/// Absolute and without links up to its folder, so that one file has one name.
std::string canonical_file(std::string_view path);
/// The hash as Trust has it.
std::string content_hash(std::string_view text);

/// Where what is said about `file` is kept, said or not.
Result<std::string> trust_file(const std::string& file);
/// What was said last about `file`, as canonical_file names it; nothing when it was never trusted.
Result<std::optional<Trust>> find_trust(const std::string& file);
/// Replaces what was said before.
Result<> store_trust(const Trust& trust);
/// False when it was not trusted.
Result<bool> remove_trust(const std::string& file);
/// By path.
Result<std::vector<Trust>> all_trust();

}  // namespace weir::config
