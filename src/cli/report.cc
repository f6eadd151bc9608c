#include <fmt/format.h>

#include <cstdio>

#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {

int report(const Error& error) {
  fmt::print(stderr, "weir: {}\n", flow::printable(error.message()));
  if (std::string_view mend = info(error.code()).mend; !mend.empty()) fmt::print(stderr, "  {}\n", mend);
  return error.code() == Code::bad_config ? kExitUsage : kExitError;
}

}  // namespace weir::cli
