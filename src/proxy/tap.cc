#include "proxy/tap.h"

namespace weir::proxy {

async::Task<Result<std::string_view>> Tap::read() {
  auto part = co_await inner_.read();
  if (!part) co_return pass(part);
  recording_.capture(captured_, *part);
  if (onlooker_ != nullptr && !part->empty()) show(*part);
  captured_.complete = inner_.finished();
  co_return part;
}

void Tap::show(std::string_view part) {
  if (&captured_ == &recording_.flow().request_body)
    onlooker_->request_part(part);
  else
    onlooker_->response_part(part, steady_now());
}

}  // namespace weir::proxy
