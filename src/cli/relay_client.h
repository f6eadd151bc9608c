// Relays that run: found by their status sockets, and asked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace weir::cli {

/// What a relay says of itself; the document is docs/formats/relay.md's.
struct FoundRelay {
  std::string json;
  std::uint64_t pid = 0;
  std::string listen, bundle, no_proxy;
};

/// Every relay of this user that answers; `pid` = 0 for any. not_found when there is none.
Result<std::vector<FoundRelay>> find_relays(std::uint64_t pid);

/// For people: whole lines, escaped for terminals. `json` is a relay's status. Empty when it is none.
std::string relay_status_text(const std::string& json);
/// `export` lines for a POSIX shell.
std::string relay_exports(const FoundRelay& relay);

}  // namespace weir::cli
