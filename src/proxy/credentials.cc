#include "proxy/credentials.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/wipe_freed.h"

namespace weir::proxy {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// RFC 4648 section 4; the padding may be left out, nothing else may be wrong.
std::optional<std::string> from_base64(std::string_view text) {
  std::size_t digits = std::min(text.find('='), text.size());
  std::string_view padding = text.substr(digits);
  bool padded = padding.empty() || (text.size() % 4 == 0 && (padding == "=" || padding == "=="));
  if (!padded || digits % 4 == 1) return std::nullopt;
  std::string out;
  unsigned bits = 0;
  int held = 0;
  for (char c : text.substr(0, digits)) {
    int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

Failure refused(const char* why) { return fail(Code::proxy_auth_required, why); }

}  // namespace

Credentials::Credentials(const std::vector<User>& users) {
  for (const User& user : users) users_.push_back(sha256(user.name + ":" + user.password));
}

bool Credentials::accept(std::string_view name, std::string_view password) const {
  WipeFreed wipe;
  if (name.contains(':')) return false;  // or the two could be cut elsewhere
  return accept(std::string(name).append(":").append(password));
}

bool Credentials::accept(std::string_view name_and_password) const {
  Sha256 shown = sha256(name_and_password);
  bool found = false;
  for (const Sha256& user : users_) {
    unsigned differs = 0;
    for (std::size_t i = 0; i < user.size(); ++i) differs |= user[i] ^ shown[i];
    found |= differs == 0;
  }
  return found;
}

Result<void> Credentials::admit(const http::Fields& request) const {
  if (!wanted()) return {};
  WipeFreed wipe;
  if (request.count("proxy-authorization") > 1) return refused("more than one Proxy-Authorization field");
  auto value = request.get("proxy-authorization");
  if (!value) return refused("the request has no Proxy-Authorization field");
  std::size_t space = std::min(value->find(' '), value->size());
  if (!iequals(value->substr(0, space), "basic")) return refused("only the Basic scheme is understood");
  auto shown = from_base64(trim_ows(value->substr(space)));
  if (!shown || !accept(*shown)) return refused("wrong user name or password");
  return {};
}

}  // namespace weir::proxy
