#include "guest/gateway.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "base/log.h"
#include "net/guest_preamble.h"
#include "net/original_destination.h"
#include "sandbox/loopback.h"

namespace weir::guest {
namespace {

constexpr int kBacklog = 4096;
constexpr int kMostAtOnce = 64;   // connections accepted before those under way have a turn
constexpr int kLittleWhile = 10;  // milliseconds
constexpr Duration kPatience = std::chrono::seconds(10);
constexpr std::uint16_t kDnsPort = 53;
constexpr int kMostTries = 16;  // ports that were free for TCP and not for UDP

union Loopback {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

Result<UniqueFd> bound(int family, int type, std::uint16_t port) {
  UniqueFd out(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out) return fail_errno(Code::io, "a socket", errno);
  int on = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  Loopback address{};
  socklen_t size = family == AF_INET ? sizeof address.v4 : sizeof address.v6;
  if (family == AF_INET) {
    address.v4.sin_family = AF_INET;
    address.v4.sin_port = htons(port);
    address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    address.v6.sin6_addr = in6addr_loopback;
  }
  bool done = ::bind(out.get(), &address.any, size) == 0 &&
              (type != SOCK_STREAM || ::listen(out.get(), kBacklog) == 0);
  if (!done) return fail_errno(Code::io, "listening on port " + std::to_string(port) + " of loopback", errno);
  return out;
}

Result<Sockets> open_once(std::uint16_t port) {
  Sockets out{.port = port};
  for (int family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !sandbox::has_ipv6()) continue;
    auto tcp = bound(family, SOCK_STREAM, out.port);
    if (!tcp) return pass(tcp);
    if (auto place = net::local_place(tcp->get())) out.port = place->port;
    auto udp = bound(family, SOCK_DGRAM, out.port);
    if (!udp) return pass(udp);
    out.tcp.push_back(std::move(*tcp));
    out.udp.push_back(std::move(*udp));
  }
  return out;
}

}  // namespace

Result<Sockets> Sockets::open(std::uint16_t port) {
  auto out = open_once(port);
  for (int i = 1; i < kMostTries && port == 0 && !out; ++i) out = open_once(port);
  return out;
}

Gateway::Gateway(const HostAddress& host, Poller poller, Programs programs)
    : host_(host), poller_(std::move(poller)), programs_(std::move(programs)) {}
Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::open(const HostAddress& host, Sockets sockets) {
  auto poller = Poller::open();
  if (!poller) return pass(poller);
  auto programs = Programs::open();
  if (!programs) return pass(programs);
  std::unique_ptr<Gateway> out(new Gateway(host, std::move(*poller), std::move(*programs)));
  for (UniqueFd& socket : sockets.tcp) {
    Listener& listener = out->listeners_.emplace_back(std::move(socket));
    if (!out->poller_.add(listener.fd.get(), EPOLLIN | EPOLLET, listener))
      return fail_errno(Code::io, "epoll", errno);
  }
  auto names = Names::open(out->poller_, host, std::move(sockets.udp));
  if (!names) return pass(names);
  out->names_ = std::move(*names);
  return out;
}

void Gateway::run(int stop) {
  Stop end;
  if (!poller_.add(stop, EPOLLIN, end)) return;
  while (!end.asked) {
    poller_.wait(patience());
    starved_ = false;
    dial_waiting();
    for (Listener& listener : listeners_)
      if (listener.pending) accept_all(listener);
    names_->work();
    carry();
  }
}

// How long the poller may wait, as epoll_wait(2) has it.
int Gateway::patience() const {
  if (!stirred_.empty()) return 0;
  if (starved_ || !waiting_.empty()) return kLittleWhile;
  for (const Listener& listener : listeners_)
    if (listener.pending) return 0;
  return -1;
}

void Gateway::accept_all(Listener& listener) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    UniqueFd client(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
      told_starved_ = false;
      admit(std::move(client));
      continue;
    }
    if (errno == EAGAIN) {
      listener.pending = false;
      return;
    }
    starved_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (starved_ && !std::exchange(told_starved_, true))
      log::warn("new connections wait: {}; raise the number of open files (ulimit -n)", std::strerror(errno));
    if (starved_) return;
  }
}

void Gateway::admit(UniqueFd client) {
  auto to = net::original_destination(client.get());
  if (!to) {
    reset(std::move(client));
    if (!std::exchange(told_direct_, true))
      log::warn("a connection was made to the relay itself, not redirected to it by a rule: refused");
    return;
  }
  int on = 1;
  ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Program program = programs_.find(client.get(), *to);
  net::GuestPreamble preamble{.pid = program.pid, .process = std::move(program.name)};
  if (to->port == kDnsPort) {
    preamble.kind = net::GuestPreamble::Kind::dns_stream;
  } else {
    preamble.to = std::move(*to);
  }
  Waiting waiting{std::move(client), net::guest_preamble_bytes(preamble), steady_now() + kPatience};
  // In their order: nobody overtakes those who wait already.
  if (!waiting_.empty() || !dial(waiting)) waiting_.push_back(std::move(waiting));
}

// False when there is no room at the host for now.
bool Gateway::dial(Waiting& waiting) {
  auto host = host_.connect();
  if (!host && host.error().code() == Code::overloaded && steady_now() < waiting.until) return false;
  if (!host) {
    refuse(std::move(waiting.client), host.error().context());
    return true;
  }
  auto relay = std::make_unique<Relay>(std::move(waiting.client), std::move(*host),
                                       std::move(waiting.preamble), stirred_);
  Relay* at = relay.get();
  // Destroyed, it closes both: the program sees its connection end.
  if (at->watch(poller_)) relays_.emplace(at, std::move(relay));
  return true;
}

void Gateway::dial_waiting() {
  while (!waiting_.empty() && dial(waiting_.front())) waiting_.pop_front();
}

void Gateway::refuse(UniqueFd client, std::string_view why) {
  reset(std::move(client));
  if (!std::exchange(told_away_, true))
    log::warn("the host cannot be reached: {}; connections are refused until it can", why);
}

void Gateway::carry() {
  for (Relay* relay : std::exchange(stirred_, {})) {
    relay->carry();
    if (!relay->over()) continue;
    if (relay->refused() != 0) {
      if (!std::exchange(told_away_, true))
        log::warn("the host cannot be reached: {}: {}; connections are refused until it can", host_.text(),
                  std::strerror(relay->refused()));
    } else {
      told_away_ = false;
    }
    relays_.erase(relay);
  }
}

}  // namespace weir::guest
