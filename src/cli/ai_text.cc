#include "cli/ai_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/text.h"

namespace weir::cli {

std::string shown(std::string_view text, std::size_t width) {
  return flow::fitted(flow::printable(text), width);
}

std::int64_t micros(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

void add_to(std::int64_t& sum, std::int64_t more) {
  if (__builtin_add_overflow(sum, std::max<std::int64_t>(more, 0), &sum)) sum = INT64_MAX;
}

std::string model_of(const llm::ModelCall& call) {
  const std::string& name = call.model_served.empty() ? call.model_asked : call.model_served;
  return name.empty() ? "(unknown)" : shown(name);
}

std::string ending(const llm::ModelCall& call) {
  constexpr std::size_t kErrorWidth = 80, kReasonWidth = 24;
  if (call.status == 0) return "no answer";
  if (call.status >= 400 || !call.error_type.empty())
    return fmt::format("{} {}", call.status, shown(call.error_type, kErrorWidth));
  if (call.partial) return "broke off";
  return shown(call.stop_reason, kReasonWidth);
}

}  // namespace weir::cli
