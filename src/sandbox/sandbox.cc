#include "sandbox/sandbox.h"

#include <errno.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "sandbox/network.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {

Result<std::unique_ptr<Sandbox>> Sandbox::open(Spawner& spawner, const Plan& plan) {
  auto socket = spawner.begin_sandbox(plan);
  if (!socket) return pass(socket);
  std::unique_ptr<Sandbox> sandbox(new Sandbox(std::move(*socket)));
  auto canaries = sandbox->take_sockets();
  if (!canaries) return pass(canaries);
  if (auto seen = sandbox->see_canaries(*canaries); !seen) return pass(seen);
  return sandbox;
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

// The kernel has completed them already: they wait to be accepted.
Result<> Sandbox::see_canaries(int count) {
  constexpr int kPatienceMs = 2000;
  std::vector<pollfd> waits;
  for (const UniqueFd& listener : proxies_)
    waits.push_back({.fd = listener.get(), .events = POLLIN, .revents = 0});
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
