// TurnTree: what an agent did at each turn: the calls of models, the tools they called, and what came of
// them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "store/model_query.h"

namespace weir::cli {

class TurnTree {
 public:
  /// Keeps the latest `most` turns.
  explicit TurnTree(std::size_t most) : most_(most) {}
  void add(store::SessionTraces traces);

  bool empty() const { return turns_.empty(); }
  /// Oldest first: a line a turn and what the user said, beneath it each call and each tool. `lines`: with
  /// those that need more than ASCII.
  std::string text(bool lines) const;
  void write(JsonWriter& json) const;

 private:
  using Key = std::pair<std::uint64_t, std::uint32_t>;  // a ToolRef
  struct Outcome {
    bool is_error = false;
    std::uint64_t bytes = 0;
    std::int64_t took_us = -1;  // from the end of the call to the next one, which brought the result
    std::string agent;
  };
  struct Turn {
    std::string session;
    std::uint64_t number = 0;
    WallNanos started = INT64_MAX, ended = 0;
    std::vector<store::ModelRecord> calls;
    std::map<Key, Outcome> outcomes;
    std::multimap<Key, store::McpRecord> mcp;
    std::uint64_t unpriced = 0;
    std::int64_t input = 0, output = 0, cost_pico = 0;

    void add(store::ModelRecord record);
    std::string cost() const;
    std::string title() const;
    std::string models() const;
  };
  struct Lines {
    std::string_view branch, last, bar;
  };

  static std::map<Key, Outcome> outcomes_of(const std::vector<store::ModelRecord>& calls);
  void append_turn(std::string& out, const Turn& turn, const Lines& lines) const;
  static void append_tools(std::string& out, const Turn& turn, const store::ModelRecord& call,
                           const std::string& indent, const Lines& lines);
  static void write_call(JsonWriter& json, const Turn& turn, const store::ModelRecord& record);

  const std::size_t most_;
  std::vector<Turn> turns_;
};

}  // namespace weir::cli
