// Both sides of SOCKS5 on hostile bytes. The first byte of the input chooses the side and what it was set up
// with. Invariants: however the bytes are cut, the outcome and every byte sent are the same; a place is
// canonical; a half dialogue holds little.
#include <optional>
#include <string>
#include <vector>

#include "base/host_port.h"
#include "harness.h"
#include "wire/socks5.h"

namespace weir::fuzz {
namespace {

using wire::Socks5Client;
using wire::Socks5Dialogue;
using wire::Socks5Server;

struct Outcome {
  std::string output;
  std::string rest;
  std::string error;
  Code code = Code::none;
  bool done = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome talk(Socks5Dialogue& dialogue, const std::vector<std::string_view>& parts) {
  Outcome out;
  out.output = dialogue.take_output();
  for (std::string_view part : parts) {
    if (out.done) {
      out.rest += part;
      continue;
    }
    auto fed = dialogue.feed(part);
    out.output += dialogue.take_output();
    if (!fed) {
      out.code = fed.error().code();
      out.error = fed.error().context();
      return out;
    }
    out.done = *fed;
    if (out.done) out.rest = dialogue.take_rest();
  }
  return out;
}

bool accept(std::string_view user, std::string_view password) { return user == "u" && password == "p"; }

Outcome as_server(bool judged, const std::vector<std::string_view>& parts) {
  Socks5Server server(judged ? Socks5Server::Judge(accept) : nullptr);
  Outcome out = talk(server, parts);
  if (!out.done) {
    require(out.code != Code::none || server.take_rest().size() < 600, "a half dialogue holds little");
    return out;
  }
  const HostPort& place = server.place();
  require(canonical_host(place.host).value_or("") == place.host && place.port != 0, "a place is canonical");
  return out;
}

Outcome as_client(bool with_login, const std::vector<std::string_view>& parts) {
  std::optional<wire::SocksLogin> login;
  if (with_login) login = wire::SocksLogin{"u", SecretText("p")};
  Socks5Client client({"a.test", 443}, login);
  Outcome out = talk(client, parts);
  require(out.code == Code::none || out.code == Code::upstream_proxy_refused, "an error of its own code");
  if (!out.done && out.code == Code::none)
    require(client.take_rest().size() < 600, "a half dialogue holds little");
  return out;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size == 0) return 0;
  std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  bool server = (data[0] & 1) == 0, login = (data[0] & 2) != 0;
  std::optional<Outcome> whole;
  for_each_cut(input, [&](const std::vector<std::string_view>& parts) {
    Outcome out = server ? as_server(login, parts) : as_client(login, parts);
    if (!whole) whole = out;
    require(out == *whole, "the outcome does not depend on the cuts");
  });
  return 0;
}
