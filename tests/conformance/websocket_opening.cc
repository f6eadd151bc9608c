#include "tests/conformance/websocket_opening.h"

#include "http/ws/handshake.h"

namespace weir::testing {

h2::Headers extended(const h2::Headers& fields, const std::string& authority, const std::string& scheme,
                     const std::string& protocol) {
  h2::Headers out = request("CONNECT", "/chat", fields, authority, scheme);
  out.insert(out.begin() + 1, {":protocol", protocol});
  return out;
}

std::string consent(std::string_view key, const std::string& fields) {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Accept: " +
         http::ws::accept_key(key) + "\r\n" + fields + "\r\n";
}

std::string head_of(Peer& origin) {
  std::string head;
  while (!origin.broken() && !head.ends_with("\r\n\r\n")) {
    std::string more = origin.takes();
    if (more.empty()) break;
    head += more;
  }
  return head;
}

std::string key_in(const std::string& head) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  std::size_t at = head.find(kName);
  if (at == std::string::npos) return "";
  at += kName.size();
  return head.substr(at, head.find("\r\n", at) - at);
}

}  // namespace weir::testing
