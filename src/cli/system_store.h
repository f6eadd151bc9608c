// The system's store of trusted CAs: putting ours in and taking it out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::cli {

/// Where a distribution keeps CAs added by hand, and what makes them take effect.
struct SystemStore {
  std::string folder;
  std::vector<std::string> add_command;  ///< run after a file was added
  /// Run after a file was removed. Debian's needs --fresh, else its links to the file stay, dangling.
  std::vector<std::string> remove_command;

  /// The file of the CA with this SHA-256 (hex).
  std::string file_of(std::string_view sha256_hex) const;
};

/// Debian's or Fedora's way, whichever this system has; not_found when it has neither.
Result<SystemStore> system_store();

/// Writes the CA's PEM into the store and makes it take effect. io when a step failed; the text says which.
Result<> add_to(const SystemStore& store, std::string_view sha256_hex, std::string_view pem);
/// Removes the files of these CAs; returns those that were there. The command runs only if there were any.
Result<std::vector<std::string>> remove_from(const SystemStore& store,
                                             const std::vector<std::string>& sha256_hex);

}  // namespace weir::cli
