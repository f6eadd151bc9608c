// AiTotals: the calls of models, added up by what one asks for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "store/model_record.h"

namespace weir::cli {

enum class AiGroup : std::uint8_t { model, provider, session, process, client, day, hour };
enum class AiMeasure : std::uint8_t { cost, tokens, calls };

class AiTotals {
 public:
  explicit AiTotals(AiGroup group) : group_(group) {}
  void add(const std::string& session, const store::ModelRecord& record);

  struct Sum {
    std::uint64_t calls = 0, errors = 0, partial = 0, unpriced = 0, tool_calls = 0;
    std::int64_t input = 0, cache_read = 0, cache_write = 0, output = 0, reasoning = 0;
    std::int64_t cost_pico = 0;

    void add(const store::ModelRecord& record);
  };

  bool empty() const { return sums_.empty(); }
  /// A table with a line a group, the dearest first, and one for all; what has no price is counted apart.
  std::string text() const;
  std::string csv() const;
  /// A bar a group, and a line for all. `width`: of the terminal.
  std::string chart(AiMeasure of, std::size_t width, bool blocks) const;
  void write(JsonWriter& json) const;

 private:
  std::string key_of(const std::string& session, const store::ModelRecord& record) const;
  std::vector<std::pair<std::string, const Sum*>> ordered() const;
  std::string reasons_text() const;

  const AiGroup group_;
  std::map<std::string, Sum> sums_;
  Sum all_;
  std::map<std::string, std::uint64_t> reasons_;  // why calls have no price
};

std::string_view name(AiGroup group);
std::string_view name(AiMeasure measure);

}  // namespace weir::cli
