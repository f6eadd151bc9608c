#include "relay/gateway_link.h"

#include "base/ascii.h"
#include "base/hash.h"
#include "http/h1/head.h"
#include "http/ws/handshake.h"
#include "wire/read_buffer.h"

namespace weir::relay {
namespace {

// Of the answer to the upgrade.
constexpr std::size_t kMostAnswer = 16 << 10;
constexpr std::size_t kKeyBytes = 16;

using Opened = std::expected<std::unique_ptr<ChunkStream>, Mishap>;

std::unexpected<Mishap> failed(const Error& error) { return std::unexpected(mishap_of(error)); }

std::string new_key() {
  char bytes[kKeyBytes];
  fill_random(bytes, sizeof bytes);
  return base64({bytes, sizeof bytes});
}

// The base is https, or http on this machine (parse_base_url).
async::Task<Result<wire::UpstreamTunnel>> reach(wire::Connector& connector, http::Origin origin) {
  if (origin.scheme == http::Scheme::http)
    co_return co_await connector.connect_tunnel(origin.place, wire::Caller::settings);
  wire::Route route{origin, origin.place, wire::Offer::http1, wire::Caller::settings};
  auto connected = co_await connector.connect(std::move(route));
  if (!connected) co_return pass(connected);
  co_return std::move(connected->tunnel);
}

std::expected<void, Mishap> judge(const http::ResponseHead& answer, const std::string& key) {
  if (answer.status != 101) {
    auto reason = answer.fields.get("x-deny-reason");
    return std::unexpected(mishap_of(answer.status, reason ? *reason : "", false));
  }
  auto nonsense = [](std::string why) {
    return std::unexpected(Mishap{Trouble::gateway_fault, "101, but " + std::move(why), 101});
  };
  auto upgrade = answer.fields.get("Upgrade");
  if (!upgrade || !iequals(*upgrade, "websocket")) return nonsense("not to a WebSocket");
  auto accept = answer.fields.get("Sec-WebSocket-Accept");
  if (!accept || *accept != http::ws::accept_key(key)) return nonsense("the answer is to another question");
  if (answer.fields.get("Sec-WebSocket-Extensions"))
    return nonsense("with an extension that nobody asked for");
  return {};
}

// Returns what came behind the answer. Two writes: the first is the secret's own memory, copied nowhere.
async::Task<std::expected<std::string, Mishap>> upgrade(net::Stream& stream, std::string_view request) {
  std::string key = new_key();
  auto sent = co_await stream.write(request);
  if (!sent) co_return failed(sent.error());
  std::string rest = key + "\r\n\r\n";
  sent = co_await stream.write(rest);
  if (!sent) co_return failed(sent.error());
  http::h1::Limits limits;
  limits.head_bytes = kMostAnswer;
  http::h1::HeadScanner scanner(limits);
  wire::ReadBuffer buffer;
  for (;;) {
    auto got = co_await buffer.fill(stream);
    if (!got) co_return failed(got.error());
    if (*got == 0)
      co_return std::unexpected(
          Mishap{Trouble::gateway_down, "it closed the connection before it had answered", 0});
    auto size = scanner.scan(buffer.data());
    if (!size) co_return failed(Error(Code::upstream_bad_response, size.error().context()));
    if (!*size) continue;
    auto answer = http::h1::parse_response_head(buffer.data().substr(0, **size), limits);
    if (!answer) co_return failed(answer.error());
    if (auto sound = judge(*answer, key); !sound) co_return std::unexpected(sound.error());
    buffer.consume(**size);
    co_return std::string(buffer.data());
  }
}

// Zeroed however the coroutine ends.
struct SecretText {
  std::string text;
  ~SecretText() { zero(text); }
};

async::Task<Result<void>> introduce(net::Stream& stream, const RelayCredential& credential, HostPort to,
                                    std::string early) {
  std::string line = "CONNECT " + to.str() + " HTTP/1.1\r\n";
  http::ws::Mask mask;
  fill_random(mask.data(), mask.size());
  std::string_view pieces[] = {line, credential.proxy_authorization(), early};
  SecretText frame;
  append_chunk(frame.text, pieces, &mask);
  co_return co_await stream.write(frame.text);
}

}  // namespace

async::Task<Opened> open_link(wire::Connector& connector, const LinkOptions& options,
                              const RelayCredential& credential, HostPort to, std::string early) {
  auto reached = co_await reach(connector, options.base.origin);
  if (!reached) co_return failed(reached.error());
  net::Stream& stream = *reached->stream;
  TimePoint deadline = stream.loop().now() + options.upgrade_timeout;
  stream.set_read_deadline(deadline);
  stream.set_write_deadline(deadline);
  auto rest = co_await upgrade(stream, credential.upgrade());
  if (!rest) co_return std::unexpected(std::move(rest).error());
  auto introduced = co_await introduce(stream, credential, std::move(to), std::move(early));
  if (!introduced) co_return failed(introduced.error());
  stream.set_read_deadline(kNever);
  stream.set_write_deadline(kNever);
  co_return std::make_unique<ChunkStream>(std::move(reached->stream), ChunkStream::End::client,
                                          std::move(*rest));
}

}  // namespace weir::relay
