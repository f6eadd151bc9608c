#include "wire/proxy_tunnel.h"

#include "base/secret_bytes.h"
#include "http/h1/encoder.h"
#include "http/h1/head.h"
#include "wire/read_buffer.h"
#include "wire/socks5.h"

namespace weir::wire {
namespace {

Failure refused(std::string_view why) { return fail(Code::upstream_proxy_refused, std::string(why)); }

std::string connect_request(const UpstreamProxy& proxy, const HostPort& to) {
  http::RequestHead head;
  head.method = "CONNECT";
  head.origin.place = to;
  head.fields.add("Host", to.str());
  if (!proxy.authorization.empty())
    head.fields.add_secret("Proxy-Authorization", proxy.authorization.reveal());
  std::string text;
  http::h1::append_request_head(text, head);
  return text;
}

async::Task<Result<std::string>> ask_http(net::Stream& stream, const UpstreamProxy& proxy, const HostPort& to,
                                          std::size_t head_bytes) {
  std::string request = connect_request(proxy, to);
  auto sent = co_await stream.write(request);
  zero(request);
  if (!sent) co_return pass(sent);
  ReadBuffer buffer;
  http::h1::Limits limits;
  limits.head_bytes = head_bytes;
  http::h1::HeadScanner scanner(limits);
  for (;;) {
    auto got = co_await buffer.fill(stream);
    if (!got) co_return pass(got);
    if (*got == 0) co_return refused("closed the connection");
    auto size = scanner.scan(buffer.data());
    if (!size) co_return refused(size.error().context());
    if (!*size) continue;
    auto answer = http::h1::parse_response_head(buffer.data().substr(0, **size), limits);
    if (!answer) co_return refused(answer.error().context());
    if (answer->status / 100 != 2)
      co_return refused(std::to_string(answer->status) + " " +
                        std::string(http::reason_phrase(answer->status)));
    buffer.consume(**size);
    co_return std::string(buffer.data());
  }
}

async::Task<Result<std::string>> ask_socks(net::Stream& stream, const UpstreamProxy& proxy,
                                           const HostPort& to) {
  Socks5Client client(to, proxy.login);
  for (;;) {
    std::string output = client.take_output();
    auto sent = co_await stream.write(output);
    zero(output);
    if (!sent) co_return pass(sent);
    char part[512];
    auto got = co_await stream.read_some(part);
    if (!got) co_return pass(got);
    if (*got == 0) co_return refused("closed the connection");
    auto stands = client.feed({part, *got});
    if (!stands) co_return pass(stands);
    if (*stands) co_return client.take_rest();
  }
}

}  // namespace

async::Task<Result<std::string>> open_proxy_tunnel(net::Stream& stream, const UpstreamProxy& proxy,
                                                   const HostPort& to, std::size_t head_bytes) {
  bool socks = proxy.kind == UpstreamProxy::Kind::socks5;
  auto early =
      socks ? co_await ask_socks(stream, proxy, to) : co_await ask_http(stream, proxy, to, head_bytes);
  if (early) co_return early;
  const Error& why = early.error();
  std::string context = proxy.place.str() + " for " + to.str();
  if (!why.context().empty()) context += ": " + why.context();
  co_return fail(why.code(), std::move(context), why.retry());
}

}  // namespace weir::wire
