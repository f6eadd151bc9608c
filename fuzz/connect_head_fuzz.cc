// The CONNECT of a relay's client on hostile bytes. Invariants: however the bytes are cut, the outcome is the
// same; a head is within its limit; a place is canonical, and what is sent on for it is one line.
#include <optional>

#include "harness.h"
#include "relay/connect_head.h"

namespace weir::fuzz {
namespace {

using relay::ConnectHeadReader;

struct Outcome {
  std::optional<HostPort> to;
  std::size_t size = 0;
  Code code = Code::none;
  ConnectHeadReader::Refusal refusal = ConnectHeadReader::Refusal::none;
  bool operator==(const Outcome&) const = default;
};

Outcome read_in(const std::vector<std::string_view>& parts) {
  ConnectHeadReader reader;
  std::string bytes;
  for (std::string_view part : parts) {
    bytes += part;
    auto head = reader.read(bytes);
    if (!head) return {std::nullopt, 0, head.error().code(), reader.refusal()};
    if (*head) return {(*head)->to, (*head)->size, Code::none, reader.refusal()};
  }
  require(bytes.size() <= relay::kMostConnectHead, "no head is waited for beyond its limit");
  return {};
}

void check(const Outcome& outcome, std::string_view input) {
  bool failed = outcome.code != Code::none;
  require(failed == (outcome.refusal != ConnectHeadReader::Refusal::none), "a failure has an answer");
  if (!outcome.to) return;
  require(outcome.size <= relay::kMostConnectHead, "a head is within its limit");
  require(input.substr(0, outcome.size).ends_with("\r\n\r\n"), "a head ends with an empty line");
  require(canonical_host(outcome.to->host).value_or("") == outcome.to->host, "a place is canonical");
  require(outcome.to->port != 0, "a place has a port");
  for (char c : outcome.to->str()) require(c > ' ' && c < '\x7f', "a place is one word");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  Outcome whole = read_in({input});
  for_each_cut(input, [&](const std::vector<std::string_view>& parts) {
    require(read_in(parts) == whole, "the outcome does not depend on the cuts");
  });
  check(whole, input);
  return 0;
}
