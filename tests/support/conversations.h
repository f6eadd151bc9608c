// The conversations of tests/fixtures/conversations, whose README says how they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace weir::testing {

struct Conversation {
  std::string name, url, ask, type;
  std::uint16_t status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  ///< of the response, beside its type
  std::optional<WallNanos> at;
  bool complete = true;
  std::string response;  ///< without its coding
};

/// A row of totals.txt: its cells, in the order of kTotals, which are the names of its columns.
using Totals = std::vector<std::string>;
inline constexpr std::string_view kTotals[] = {
    "name",     "provider", "protocol",  "asked", "served", "input", "fresh",  "read",  "write 5m",
    "write 1h", "output",   "reasoning", "usd",   "source", "stop",  "finish", "tools", "marks"};

/// All of a folder. Throws std::runtime_error where a file cannot be read or understood.
std::vector<Conversation> read_conversations(const std::string& folder);
std::vector<Totals> read_totals(const std::string& folder);

}  // namespace weir::testing
