#include "guest/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

#include "guest/network.h"
#include "net/guest_preamble.h"

namespace weir::guest {
namespace {

constexpr int kPatience = 3000;  // milliseconds

// One question: A of weir-guest.test., which is made up by RFC 6761 and so asked nobody else.
constexpr std::string_view kQuery(
    "\x77\x67\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0aweir-guest\x04test\x00\x00\x01\x00\x01", 33);
// Where no host is (RFC 5737): only a rule can bring an answer.
constexpr const char* kNobody = "192.0.2.53";
constexpr std::uint16_t kDns = 53;

/// Nothing, or what is wrong.
using Fault = std::string;

std::string system_says() { return std::strerror(errno); }

bool wait_for(int socket, short what) {
  pollfd one{.fd = socket, .events = what, .revents = 0};
  int ready = ::poll(&one, 1, kPatience);
  if (ready == 0) errno = ETIMEDOUT;
  return ready == 1;
}

Fault judge_answer(std::string_view answer) {
  constexpr std::size_t kFlags = 3, kHeader = 12;
  if (answer.size() < kHeader || answer.substr(0, 2) != kQuery.substr(0, 2))
    return "what came is no answer to what was asked";
  if (int code = answer[kFlags] & 0x0f; code != 0)
    return code == 2 ? "SERVFAIL: the relay does not reach the host" : fmt::format("DNS error {}", code);
  return {};
}

Fault exchange(int socket, std::string_view sent, std::string& answer) {
  char bytes[1024];
  if (!wait_for(socket, POLLOUT)) return system_says();
  if (int error = connection_error(socket); error != 0) return std::strerror(error);
  if (::send(socket, sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return system_says();
  if (!wait_for(socket, POLLIN)) return system_says();
  ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
  if (got < 0) return system_says();
  if (got == 0) return "it closed the connection";
  answer.assign(bytes, static_cast<std::size_t>(got));
  return {};
}

Fault network() {
  auto way = find_way_out();
  if (!way) return way.error().context();
  if (!way->loopback_up) return "the interface lo is down";
  if (!way->ipv4) return "there is no IPv4 route for what leaves";
  return {};
}

Fault host_answers(const HostAddress& host) {
  auto stream = host.connect();
  if (!stream) return stream.error().context();
  std::string sent = net::guest_preamble_bytes({.kind = net::GuestPreamble::Kind::dns_stream});
  sent += '\0';
  sent += static_cast<char>(kQuery.size());
  std::string answer;
  if (Fault fault = exchange(stream->get(), sent.append(kQuery), answer); !fault.empty())
    return host.text() + ": " + fault;
  return answer.size() < 2 ? "its answer is cut short" : judge_answer(std::string_view(answer).substr(2));
}

sockaddr_in nobody(std::uint16_t port) {
  sockaddr_in out{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  ::inet_pton(AF_INET, kNobody, &out.sin_addr);
  return out;
}

Result<UniqueFd> connected(int type) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to = nobody(kDns);
  int done = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (done != 0 && errno != EINPROGRESS) return fail_errno(Code::io, kNobody, errno);
  return socket;
}

Fault datagrams_redirected() {
  auto socket = connected(SOCK_DGRAM);
  if (!socket) return socket.error().context();
  std::string answer;
  Fault fault = exchange(socket->get(), kQuery, answer);
  return fault.empty() ? judge_answer(answer) : fault;
}

Fault connections_redirected() {
  auto socket = connected(SOCK_STREAM);
  if (!socket) return socket.error().context();
  std::string sent = {'\0', static_cast<char>(kQuery.size())};
  std::string answer;
  Fault fault = exchange(socket->get(), sent.append(kQuery), answer);
  if (!fault.empty()) return fault;
  return answer.size() < 2 ? "the answer is cut short" : judge_answer(std::string_view(answer).substr(2));
}

}  // namespace

std::vector<Layer> check_layers(const HostAddress& host) {
  return {
      {"network: lo is up, and packets have a route", network(),
       "run weir-guest as root (without --no-setup it makes both)"},
      {"host: Weir answers there", host_answers(host),
       "run `weir serve` with --vsock, --uds or --vsock-uds on the host, and give the same place as --to"},
      {"connections: redirected to the relay, and carried", connections_redirected(),
       "run weir-guest; `nft list table inet weir_guest` shows its rules"},
      {"names: DNS is redirected, and answered by the host", datagrams_redirected(),
       "run weir-guest; another resolver's rules may come first"},
  };
}

}  // namespace weir::guest
