// Words about calls of models that several views of `weir ai` use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "llm/model_call.h"

namespace weir::cli {

/// On one line, safe to print, and no wider than that.
std::string shown(std::string_view text, std::size_t width = 60);
std::int64_t micros(Duration time);
/// Counts come from anybody: sums stay what fits, and nothing is taken away from them.
void add_to(std::int64_t& sum, std::int64_t more);
/// The one that answered, else the one asked for.
std::string model_of(const llm::ModelCall& call);
/// How it ended, in a few words: "end_turn", "429 rate_limit_error", "broke off".
std::string ending(const llm::ModelCall& call);

}  // namespace weir::cli
