#include "relay/answer_watch.h"

namespace weir::relay {
namespace {

http::h1::Limits limits() {
  http::h1::Limits out;
  out.head_bytes = 8 << 10;
  return out;
}

}  // namespace

AnswerWatch::AnswerWatch() : scanner_(limits()) {}

void AnswerWatch::take(std::string_view bytes) {
  if (done_) return;
  head_ += bytes.substr(0, limits().head_bytes + 1);
  judge();
  if (done_) std::string().swap(head_);
}

void AnswerWatch::judge() {
  auto size = scanner_.scan(head_);
  if (size && !*size) return;
  done_ = true;
  auto answer = size ? http::h1::parse_response_head(std::string_view(head_).substr(0, **size), limits())
                     : Result<http::ResponseHead>(pass(size));
  if (!answer) {
    mishap_ = {Trouble::gateway_fault, "its answer to CONNECT is no HTTP: " + answer.error().context(), 0};
    return;
  }
  if (answer->status / 100 == 2) return;
  auto reason = answer->fields.get("x-deny-reason");
  mishap_ = mishap_of(answer->status, reason ? *reason : "", true);
}

}  // namespace weir::relay
