#include "proxy/guarded_body.h"

#include <algorithm>

namespace weir::proxy {

async::Task<Result<std::string_view>> GuardedBody::read() {
  for (;;) {
    auto part = co_await inner_.read();
    if (!part) co_return part;
    std::string_view text = *part;
    std::size_t begin = std::exchange(passed_, 0);
    if (!kept_.empty()) {
      joined_ = std::exchange(kept_, {}).append(text);
      text = joined_;
    }
    if (auto done = look_at(text); !done) co_return pass(done);
    bool last = part->empty() || inner_.finished();
    if (last) {
      if (auto done = look_at_trailers(); !done) co_return pass(done);
      co_return text.substr(begin);
    }
    std::size_t unfinished = guard_->unfinished(text);
    kept_.assign(text.substr(unfinished));
    std::size_t end = kept_.size() > kMayPass ? std::max(begin, unfinished) : text.size();
    passed_ = end - unfinished;
    if (end > begin) co_return text.substr(begin, end - begin);
  }
}

Result<> GuardedBody::look_at(std::string_view text) const {
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
