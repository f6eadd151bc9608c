#include "proxy/socks_door.h"

#include "base/secret_bytes.h"

namespace weir::proxy {

async::Task<Result<SocksRequest>> accept_socks(net::Stream& stream, std::string first_bytes,
                                               const Credentials& credentials, TimePoint deadline) {
  wire::Socks5Server::Judge judge;
  if (credentials.wanted())
    judge = [&credentials](std::string_view user, std::string_view password) {
      return credentials.accept(user, password);
    };
  wire::Socks5Server server(std::move(judge));
  stream.set_read_deadline(deadline);
  stream.set_write_deadline(deadline);
  for (std::string bytes = std::move(first_bytes);;) {
    auto asked = server.feed(bytes);
    if (credentials.wanted()) zero(bytes);
    std::string output = server.take_output();
    auto sent = co_await stream.write(output);
    if (!asked) co_return pass(asked);
    if (!sent) co_return pass(sent);
    if (*asked) break;
    bytes.resize(512);
    auto got = co_await stream.read_some(bytes);
    if (!got) co_return pass(got);
    if (*got == 0) co_return fail(Code::client_closed, "the connection ended within the SOCKS5 dialogue");
    bytes.resize(*got);
  }
  stream.set_read_deadline(kNever);
  stream.set_write_deadline(kNever);
  co_return SocksRequest{server.place(), server.take_rest()};
}

async::Task<Result<void>> answer_socks(net::Stream& stream, wire::SocksReply reply) {
  std::string bytes = wire::socks_reply_bytes(reply);
  co_return co_await stream.write(bytes);
}

wire::SocksReply socks_reply_for(const Error& error) {
  using wire::SocksReply;
  switch (error.code()) {
    case Code::blocked:
    case Code::port_refused:
    case Code::address_refused:
    case Code::loop_detected:
    case Code::placeholder_leak:
    case Code::secret_leak:
    case Code::proxy_auth_required: return SocksReply::not_allowed;
    case Code::connect_refused: return SocksReply::connection_refused;
    case Code::connect_unreachable: return SocksReply::network_unreachable;
    case Code::dns_not_found:
    case Code::dns_failed:
    case Code::dns_timeout: return SocksReply::host_unreachable;
    case Code::connect_timeout:
    case Code::upstream_timeout: return SocksReply::ttl_expired;
    default: return SocksReply::general_failure;
  }
}

}  // namespace weir::proxy
