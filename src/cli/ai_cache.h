// CacheBreaks: how far providers' caches of prompts were used in each conversation, what broke them, and what
// that cost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "store/model_query.h"

namespace weir::cli {

class CacheBreaks {
 public:
  /// Keeps what is said of breaks of at most `most` of them, the dearest.
  explicit CacheBreaks(std::size_t most) : most_(most) {}
  void add(store::SessionTraces traces);

  bool empty() const { return threads_.empty(); }
  /// A line a thread, the one first that wasted most, and beneath it its breaks; then all of it.
  std::string text() const;
  void write(JsonWriter& json) const;

 private:
  struct Break {
    flow::FlowId flow = 0;
    WallNanos started = 0;
    llm::PromptChange prompt;
    bool priced = false;
    std::int64_t lost_pico = 0;
  };
  struct Thread {
    std::string session, model, title;
    std::uint64_t number = 0, calls = 0, broken = 0;
    std::int64_t read = 0, written = 0, fresh = 0, lost = 0, lost_pico = 0;
    std::vector<Break> breaks;

    void add(const store::ModelRecord& record);
    std::string hits() const;
  };

  std::vector<const Thread*> ordered() const;
  static void append_break(std::string& out, const Break& found);
  static void write_break(JsonWriter& json, const Break& found);

  const std::size_t most_;
  std::map<std::pair<std::string, std::uint64_t>, Thread> threads_;  // by session and number
  std::uint64_t unknown_ = 0;                                        // calls of no thread
};

}  // namespace weir::cli
