#include "proxy/tap.h"

namespace weir::proxy {

async::Task<Result<std::string_view>> Tap::read() {
  auto part = co_await inner_.read();
  if (!part) co_return pass(part);
  recording_.capture(captured_, *part);
  captured_.complete = inner_.finished();
  co_return part;
}

}  // namespace weir::proxy
