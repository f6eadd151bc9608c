#include "flow/flow.h"

#include "base/ascii.h"

namespace weir::flow {

std::string_view name(Interception interception) {
  constexpr std::string_view kNames[] = {"plain", "intercepted", "passthrough", "opaque"};
  return kNames[static_cast<std::size_t>(interception)];
}

bool has_mark(const Flow& flow, std::string_view word) {
  bool found = false;
  for_each_element(flow.marks, [&](std::string_view mark) { found |= mark == word; });
  return found;
}

void add_mark(Flow& flow, std::string_view word) {
  if (!has_mark(flow, word)) flow.marks.append(flow.marks.empty() ? "" : ",").append(word);
}

void set_decoded(Flow& flow) {
  flow.request_body.decoded = has_mark(flow, "req_decoded");
  flow.response_body.decoded = has_mark(flow, "resp_decoded");
}

}  // namespace weir::flow
