#include "relay/connect_head.h"

#include "base/ascii.h"

namespace weir::relay {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";

http::h1::Limits limits() {
  http::h1::Limits out;
  out.head_bytes = out.target_bytes = kMostConnectHead;
  return out;
}

// Takes the first word of a line that has single spaces, and the space.
std::string_view take_word(std::string_view& line) {
  std::size_t end = std::min(line.find(' '), line.size());
  std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

ConnectHeadReader::ConnectHeadReader() : scanner_(limits()) {}

Result<std::optional<ConnectHead>> ConnectHeadReader::read(std::string_view buffer) {
  auto size = scanner_.scan(buffer);
  if (size && !*size) return std::nullopt;
  auto head = size ? parse(buffer.substr(0, **size)) : Result<ConnectHead>(pass(size));
  if (head) return std::optional(std::move(*head));
  if (refusal_ == Refusal::none) refusal_ = Refusal::bad_request;
  return pass(head);
}

Result<ConnectHead> ConnectHeadReader::parse(std::string_view head) {
  ConnectHead out;
  out.size = head.size();
  if (head.starts_with("\r\n")) head.remove_prefix(2);  // RFC 9112 section 2.2
  std::string_view line = head.substr(0, head.find("\r\n"));
  std::string_view method = take_word(line), target = take_word(line), version = line;
  if (!version.starts_with(kVersion) || version.size() != kVersion.size() + 1 || !is_digit(version.back()))
    return fail(Code::unsupported_version, "the request line ends in no HTTP/1 version");
  if (method != "CONNECT") {
    refusal_ = Refusal::method_not_allowed;
    return fail(Code::bad_request, "the relay takes CONNECT alone: set HTTPS_PROXY to it, not HTTP_PROXY");
  }
  auto place = parse_host_port(target);
  if (!place) return fail(Code::bad_target, place.error().context());
  out.to = std::move(*place);
  return out;
}

}  // namespace weir::relay
