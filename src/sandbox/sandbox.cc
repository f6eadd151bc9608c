#include "sandbox/sandbox.h"

#include <errno.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "net/listener.h"
#include "sandbox/network.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {

namespace {

constexpr int kPatienceMs = 2000;
constexpr const char* kLoopback = "127.0.0.1";

std::string random_token() {
  unsigned char bytes[16];
  std::string out;
  // So few bytes come at once and whole (getrandom(2)).
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return out;
  for (unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

/// The first thing that a connection says shows that it comes from inside.
bool shows(const UniqueFd& connection, std::string_view token) {
  pollfd wait{.fd = connection.get(), .events = POLLIN, .revents = 0};
  if (uninterrupted([&] { return ::poll(&wait, 1, kPatienceMs); }) <= 0) return false;
  char bytes[64];
  ssize_t size = ::recv(connection.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  return size > 0 && std::string_view(bytes, static_cast<std::size_t>(size)) == token;
}

}  // namespace

Result<std::unique_ptr<Sandbox>> Sandbox::open(Spawner& spawner, Plan plan) {
  std::vector<UniqueFd> here;
  UniqueFd closed;
  if (plan.pasta)
    if (auto done = listen_here(plan, here, closed); !done) return pass(done);
  auto socket = spawner.begin_sandbox(plan);
  if (!socket) return pass(socket);
  std::unique_ptr<Sandbox> sandbox(new Sandbox(std::move(*socket)));
  sandbox->proxies_ = std::move(here);
  auto canaries = sandbox->take_sockets();
  if (!canaries) return pass(canaries);
  auto seen = plan.pasta ? sandbox->see_token(plan.pasta->token) : sandbox->see_canaries(*canaries);
  if (!seen) return pass(seen);
  return sandbox;
}

// What pasta passes on arrives at this machine's loopback, as from any program of it.
Result<> Sandbox::listen_here(Plan& plan, std::vector<UniqueFd>& proxies, UniqueFd& closed) {
  PastaPlan& pasta = *plan.pasta;
  pasta.token = random_token();
  if (pasta.token.empty()) return fail_errno(Code::internal, "getrandom", errno);
  for (std::uint32_t i = 0; i < plan.listeners; ++i) {
    auto socket = net::listen_tcp(kLoopback, pasta.port, true);
    if (!socket) return pass(socket);
    pasta.port = net::bound_port(socket->get());
    proxies.push_back(std::move(*socket));
  }
  auto other = net::listen_tcp(kLoopback, 0, false);
  if (!other) return pass(other);
  pasta.closed = net::bound_port(other->get());
  closed = std::move(*other);
  return {};
}

Result<int> Sandbox::take_sockets() {
  for (;;) {
    auto message = receive(inside_.socket_.get());
    if (!message) return fail(Code::io, "the sandbox's first process ended before the sandbox was ready");
    if (message->kind == MessageKind::sandbox_ready) return message->value;
    if (message->kind != MessageKind::sandbox_socket) return fail(Code::io, std::move(message->text));
    switch (static_cast<SandboxSocket>(message->value)) {
      case SandboxSocket::proxy: proxies_.push_back(std::move(message->file)); break;
      case SandboxSocket::dns_datagrams: dns_datagrams_.push_back(std::move(message->file)); break;
      case SandboxSocket::dns_listener: dns_listener_ = std::move(message->file); break;
      case SandboxSocket::host_port:
        host_ports_.emplace_back(static_cast<std::uint16_t>(message->detail), std::move(message->file));
        break;
      case SandboxSocket::side_channel: side_ = std::move(message->file); break;
      case SandboxSocket::diagnosis: diagnosis_ = std::move(message->file); break;
    }
  }
}

std::vector<pollfd> Sandbox::waits_for_connections() const {
  std::vector<pollfd> out;
  for (const UniqueFd& listener : proxies_)
    out.push_back({.fd = listener.get(), .events = POLLIN, .revents = 0});
  return out;
}

// Others of this machine may connect as well: they are let go.
Result<> Sandbox::see_token(const std::string& token) {
  std::vector<pollfd> waits = waits_for_connections();
  while (uninterrupted([&] { return ::poll(waits.data(), waits.size(), kPatienceMs); }) > 0)
    for (const pollfd& wait : waits) {
      if (wait.revents == 0) continue;
      UniqueFd connection(::accept4(wait.fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (connection && shows(connection, token)) return {};
    }
  return fail(Code::io, "a connection sent from inside the sandbox by pasta did not arrive at Weir");
}

// The kernel has completed them already: they wait to be accepted.
Result<> Sandbox::see_canaries(int count) {
  std::vector<pollfd> waits = waits_for_connections();
  for (int seen = 0; seen < count;) {
    if (uninterrupted([&] { return ::poll(waits.data(), waits.size(), kPatienceMs); }) <= 0)
      return fail(Code::io, "a connection sent from inside the sandbox did not arrive at Weir");
    for (const pollfd& wait : waits) {
      if (wait.revents == 0) continue;
      UniqueFd connection(::accept4(wait.fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return fail_errno(Code::io, "accepting a connection from the sandbox", errno);
      if (!is_canary(connection.get()))
        return fail(Code::io,
                    "a connection sent from inside the sandbox arrived without its destination; the "
                    "kernel needs connection tracking (module nf_conntrack)");
      ++seen;
    }
  }
  return {};
}

Result<UniqueFd> Sandbox::make_socket(int family) {
  Message ask{.kind = MessageKind::make_socket, .value = family};
  if (auto sent = send(side_.get(), ask); !sent) return pass(sent);
  auto reply = receive(side_.get());
  if (!reply) return pass(reply);
  if (reply->kind != MessageKind::make_socket)
    return fail(Code::internal, "the sandbox sent an unexpected message");
  if (!reply->file) return fail_errno(Code::io, "a socket inside the sandbox", reply->value);
  return std::move(reply->file);
}

}  // namespace weir::sandbox
