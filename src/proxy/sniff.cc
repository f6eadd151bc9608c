#include "proxy/sniff.h"

#include "base/ascii.h"

namespace weir::proxy {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kLongestMethod = 32;

bool is_method_byte(char c) {
  return is_alpha(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace

Protocol sniff(std::string_view bytes) {
  if (bytes.empty()) return Protocol::need_more;
  if (bytes[0] == 0x16) return Protocol::tls;
  if (bytes[0] == 0x05 || bytes[0] == 0x04) return Protocol::socks;
  if (kPreface.starts_with(bytes.substr(0, kPreface.size())) && bytes.size() > 3)
    return bytes.size() < kPreface.size() ? Protocol::need_more : Protocol::http2;
  // RFC 9112 section 2.2: an empty line before the request line is allowed. One: more could go on for ever.
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  if (bytes.empty() || bytes == "\r") return Protocol::need_more;
  for (std::size_t i = 0; i < bytes.size() && i <= kLongestMethod; ++i) {
    if (bytes[i] == ' ' && i > 0) return Protocol::http1;
    if (!is_method_byte(bytes[i])) return Protocol::other;
  }
  return bytes.size() > kLongestMethod ? Protocol::other : Protocol::need_more;
}

}  // namespace weir::proxy
