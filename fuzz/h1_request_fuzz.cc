// Bytes from a client: head, framing and body, on the proxy port and inside a tunnel.
#include "h1_harness.h"
#include "http/h1/encoder.h"
#include "http/h1/framing.h"

namespace weir::fuzz {
namespace {

using namespace http;

const Origin kTunnel{Scheme::https, {"a.example", 443}};

std::string summary_of(const RequestHead& head) {
  return head.method + " " + head.url() + "\n" + text_of(head.fields);
}

// What Weir writes of a request, Weir reads as the same request.
void check_round_trip(const RequestHead& head, bool tunnel) {
  std::string wire;
  h1::append_request_head(wire, head, !tunnel);
  auto again = h1::parse_request_head(wire, {}, {tunnel ? &head.origin : nullptr});
  require(again.has_value(), "an encoded head parses");
  require(summary_of(*again) == summary_of(head) && again->target == head.target,
          "an encoded head says the same");
  auto before = h1::request_body_length(head);
  auto after = h1::request_body_length(*again);
  require(!before || (after && *before == *after), "an encoded head announces the same body");
}

void check_hop_by_hop(const RequestHead& head) {
  Fields fields = head.fields;
  h1::remove_hop_by_hop(fields);
  Fields twice = fields;
  h1::remove_hop_by_hop(twice);
  require(text_of(fields) == text_of(twice), "removing hop-by-hop fields is final");
  require(!fields.has("Connection") && !fields.has("Transfer-Encoding"), "hop-by-hop fields are gone");
  require(fields.get("Host") == head.fields.get("Host"), "Host stays");
  require(fields.has("Content-Length") == head.fields.has("Content-Length"), "Content-Length stays");
}

void check_request(std::string_view head_bytes, std::string_view rest, bool tunnel) {
  auto head = h1::parse_request_head(head_bytes, kLimits, {tunnel ? &kTunnel : nullptr});
  if (!head) {
    require(head.error().side() == Side::client, "the client is to blame for its request");
    return;
  }
  require(head->fields.count("Host") == 1, "a request has one Host");
  require(head->is("CONNECT") || head->target.starts_with('/') || head->target == "*", "a target is a path");
  check_round_trip(*head, tunnel);
  check_hop_by_hop(*head);
  if (auto length = h1::request_body_length(*head)) check_body(rest, *length, Side::client);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view head = fuzz::find_head(input);
  for (bool tunnel : {false, true}) {
    if (!head.empty()) fuzz::check_request(head, input.substr(head.size()), tunnel);
    // The parser stands alone too, whatever the scanner thought.
    [[maybe_unused]] auto any =
        http::h1::parse_request_head(input, fuzz::kLimits, {tunnel ? &fuzz::kTunnel : nullptr});
  }
  return 0;
}
