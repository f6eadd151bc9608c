#include "proxy/guarded_body.h"

namespace weir::proxy {

async::Task<Result<std::string_view>> GuardedBody::read() {
  for (;;) {
    auto part = co_await inner_.read();
    if (!part) co_return part;
    bool last = part->empty() || inner_.finished();
    auto looked = sieve_.look(*guard_, allowed_, *part, last);
    if (looked.found) co_return std::unexpected(explain_(*looked.found));
    if (last)
      if (auto done = look_at_trailers(); !done) co_return pass(done);
    std::size_t size = looked.text.size() - looked.passed - looked.held;
    if (size > 0 || last) co_return looked.text.substr(looked.passed, size);
  }
}

Result<> GuardedBody::look_at(std::string_view text) {
  if (auto thing = guard_->find(text, allowed_)) return std::unexpected(explain_(*thing));
  return {};
}

Result<> GuardedBody::look_at_trailers() {
  looked_ = true;
  for (http::Fields::View field : inner_.trailers()) {
    if (auto done = look_at(field.name); !done) return done;
    if (auto done = look_at(field.value); !done) return done;
  }
  return {};
}

}  // namespace weir::proxy
