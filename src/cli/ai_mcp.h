// McpTotals: the calls of MCP servers, added up by server and tool.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "store/model_record.h"

namespace weir::cli {

class McpTotals {
 public:
  void add(const store::McpRecord& record);

  bool empty() const { return sums_.empty(); }
  /// A table with a line a tool or other method, servers together, the most called first.
  std::string text() const;
  void write(JsonWriter& json) const;

 private:
  struct Sum {
    std::uint64_t calls = 0, errors = 0, unanswered = 0, linked = 0, changed = 0, result_bytes = 0;
    std::vector<std::int64_t> durations_us;  // of those that were answered

    std::int64_t median_us() const;  // -1: none was answered
  };
  struct Key {
    std::string server, host, what;
    auto operator<=>(const Key&) const = default;
  };
  using Row = std::pair<Key, const Sum*>;
  std::vector<Row> ordered() const;

  std::map<Key, Sum> sums_;
};

}  // namespace weir::cli
