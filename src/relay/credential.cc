#include "relay/credential.h"

#include <algorithm>
#include <initializer_list>

#include "base/hash.h"

namespace weir::relay {
namespace {

bool visible(char c) { return c > ' ' && c < '\x7f'; }

Result<SecretBytes> joined(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (std::string_view piece : pieces) size += piece.size();
  auto out = SecretBytes::make(size);
  if (out)
    for (std::string_view piece : pieces) out->append(piece);
  return out;
}

Result<void> judge(std::string_view session, std::string_view token) {
  if (token.empty()) return fail(Code::bad_config, "the token file is empty");
  if (!std::ranges::all_of(token, visible))
    return fail(Code::bad_config, "the token has bytes that cannot be sent; the file is not to be used");
  if (session.empty())
    return fail(Code::bad_config,
                "there is no session id: give --session, or set CLAUDE_CODE_REMOTE_SESSION_ID");
  if (!std::ranges::all_of(session, visible) || session.contains(':'))
    return fail(Code::bad_config, "the session id has bytes that cannot be sent");
  return {};
}

}  // namespace

Result<RelayCredential> RelayCredential::make(const BaseUrl& base, std::string_view session,
                                              SecretBytes token) {
  if (auto sound = judge(session, token.reveal()); !sound) return pass(sound);
  RelayCredential out;
  bool https = base.origin.scheme == http::Scheme::https;
  auto upgrade =
      joined({"GET ", base.socket_path(), " HTTP/1.1\r\nHost: ", base.origin.place.authority(https),
              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nAuthorization: Bearer ", token.reveal(),
              "\r\nContent-Type: application/proto\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: "});
  if (!upgrade) return pass(upgrade);
  out.upgrade_ = std::move(*upgrade);
  auto login = joined({session, ":", token.reveal()});
  if (!login) return pass(login);
  std::string encoded = base64(login->reveal());
  auto authorization = joined({"Proxy-Authorization: Basic ", encoded, "\r\n\r\n"});
  zero(encoded);
  if (!authorization) return pass(authorization);
  out.authorization_ = std::move(*authorization);
  return out;
}

}  // namespace weir::relay
