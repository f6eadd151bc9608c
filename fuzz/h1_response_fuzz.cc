// Bytes from an upstream: head, framing and body, in answer to the methods that change what a response means.
#include "h1_harness.h"
#include "http/h1/encoder.h"
#include "http/h1/framing.h"

namespace weir::fuzz {
namespace {

using namespace http;

std::string summary_of(const ResponseHead& head) {
  std::string reason = head.reason.empty() ? std::string(reason_phrase(head.status)) : head.reason;
  return std::to_string(head.status) + " " + reason + "\n" + text_of(head.fields);
}

void check_response(const ResponseHead& head, std::string_view rest) {
  std::string wire;
  h1::append_response_head(wire, head);
  auto again = h1::parse_response_head(wire, {});
  require(again.has_value(), "an encoded head parses");
  require(summary_of(*again) == summary_of(head), "an encoded head says the same");
  for (std::string_view method : {"GET", "HEAD", "CONNECT"}) {
    auto length = h1::response_body_length(head, method);
    if (!length) {
      require(length.error().side() == Side::upstream, "the upstream is to blame for its response");
      continue;
    }
    Fields fields = head.fields;
    h1::remove_hop_by_hop(fields);
    require(length->kind != h1::BodyLength::Kind::fixed || fields.count("Content-Length") == 1,
            "one length goes on");
    check_body(rest, *length, Side::upstream);
  }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view head_bytes = fuzz::find_head(input);
  if (auto head = http::h1::parse_response_head(head_bytes.empty() ? input : head_bytes, fuzz::kLimits)) {
    fuzz::check_response(*head, input.substr(head_bytes.size()));
  } else {
    fuzz::require(head.error().code() == Code::upstream_bad_response, "a faulty response has one code");
  }
  return 0;
}
