// PriceGaps: the models that were called and have no price, or one that assumes something.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "base/json.h"
#include "llm/cost.h"
#include "store/model_record.h"

namespace weir::cli {

class PriceGaps {
 public:
  /// `pricing`, by the prices in question, outlives it.
  explicit PriceGaps(const llm::Pricing& pricing) : pricing_(pricing) {}
  void add(const store::ModelRecord& record);

  std::uint64_t calls() const { return calls_; }
  /// Every model that was called has a price.
  bool complete() const { return unpriced_.empty(); }
  /// What is missing, why, and the settings that would say it; `file` is where those go.
  std::string text(std::string_view file) const;
  void write(JsonWriter& json) const;  ///< members of an object

 private:
  struct Gap {
    std::string provider, model, why;
    auto operator<=>(const Gap&) const = default;
  };
  using Gaps = std::map<Gap, std::uint64_t>;  ///< and of how many calls

  void note(Gaps& gaps, const llm::ModelCall& call, std::string_view why);
  static std::string table(const Gaps& gaps);
  static void write(JsonWriter& json, std::string_view name, const Gaps& gaps);
  std::string settings() const;

  const llm::Pricing& pricing_;
  Gaps unpriced_, estimated_;
  std::uint64_t calls_ = 0;
  std::uint64_t silent_ = 0;  ///< said nothing of what they used
  std::uint64_t late_ = 0;    ///< recorded before they had a price
};

}  // namespace weir::cli
