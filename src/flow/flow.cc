#include "flow/flow.h"

namespace weir::flow {

std::string_view name(Interception interception) {
  constexpr std::string_view kNames[] = {"plain", "intercepted", "passthrough", "opaque"};
  return kNames[static_cast<std::size_t>(interception)];
}

}  // namespace weir::flow
