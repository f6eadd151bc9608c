#include "proxy/tap.h"

#include <algorithm>

namespace weir::proxy {

Tap::Tap(wire::Body& inner, flow::Captured& captured, std::size_t limit)
    : inner_(inner), captured_(captured), limit_(limit) {}

async::Task<Result<std::string_view>> Tap::read() {
  auto part = co_await inner_.read();
  if (!part) co_return pass(part);
  if (captured_.size == 0 && !part->empty())
    if (auto length = inner_.length()) captured_.bytes.reserve(std::min<std::uint64_t>(*length, limit_));
  std::size_t room = limit_ - captured_.bytes.size();
  captured_.bytes.append(part->substr(0, room));
  captured_.truncated = captured_.truncated || part->size() > room;
  captured_.size += part->size();
  captured_.complete = inner_.finished();
  co_return part;
}

}  // namespace weir::proxy
