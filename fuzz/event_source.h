// What holds for every framing: events do not depend on where the bytes are cut, and stay within the limit.
#pragma once

#include <string>
#include <tuple>

#include "harness.h"
#include "llm/event_source.h"

namespace weir::fuzz {

using SeenEvent = std::tuple<std::string, std::string, bool, bool>;

template <typename Source>
std::vector<SeenEvent> events_of(const std::vector<std::string_view>& parts, std::size_t limit) {
  Source source(limit);
  std::vector<SeenEvent> seen;
  auto drain = [&] {
    for (llm::StreamEvent event; source.next(event);)
      seen.emplace_back(event.name, event.data, event.cut, event.exception);
  };
  for (std::string_view part : parts) {
    std::vector<char> copy(part.begin(), part.end());
    source.feed({copy.data(), copy.size()});
    drain();
  }
  source.finish();
  drain();
  return seen;
}

template <typename Source>
void check_source(std::string_view input) {
  for (std::size_t limit : {std::size_t{24}, llm::EventSource::kMaxEvent}) {
    auto whole = events_of<Source>({input}, limit);
    for_each_cut(input, [&](const std::vector<std::string_view>& parts) {
      require(events_of<Source>(parts, limit) == whole, "the same events wherever the bytes are cut");
    });
  }
}

}  // namespace weir::fuzz
