#include "app/port_forward.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "base/log.h"
#include "base/thread_name.h"
#include "proxy/tunnel.h"

namespace weir::app {
namespace {

constexpr auto kConnectPatience = std::chrono::seconds(10);

/// Begins to connect; 0 or EINPROGRESS is fine.
int begin_connect(int socket, int family, std::uint16_t port) {
  sockaddr_in v4{.sin_family = AF_INET,
                 .sin_port = htons(port),
                 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                 .sin_zero = {}};
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  bool ipv4 = family == AF_INET;
  const void* address = ipv4 ? static_cast<const void*>(&v4) : &v6;
  auto size = static_cast<socklen_t>(ipv4 ? sizeof v4 : sizeof v6);
  return ::connect(socket, static_cast<const sockaddr*>(address), size) == 0 ? 0 : errno;
}

int pending_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/// In the set while it is open, so that it can be cut.
struct Registered {
  std::unordered_set<net::TcpStream*>& set;
  net::TcpStream* stream;
  Registered(std::unordered_set<net::TcpStream*>& set, net::TcpStream* stream) : set(set), stream(stream) {
    set.insert(stream);
  }
  Registered(const Registered&) = delete;
  ~Registered() { set.erase(stream); }
};

}  // namespace

Result<UniqueFd> make_socket_here(int family) {
  UniqueFd out(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out) return fail_errno(Code::io, "a socket", errno);
  return out;
}

PortForwards::~PortForwards() {
  if (!thread_.joinable()) return;
  loop_.post([this] { finishing_.spawn(finish()); });
  thread_.join();
}

async::Task<void> PortForwards::finish() {
  for (auto& forward : forwards_) forward->listener->cancel();
  tasks_.close();
  // A connection that is being made is registered once it has a stream: look again until all are gone.
  constexpr auto kLook = std::chrono::milliseconds(10);
  while (tasks_.size() > 0) {
    for (net::TcpStream* stream : open_) stream->cancel();
    co_await tasks_.join(loop_.now() + kLook);
  }
  loop_.stop();
}

void PortForwards::add(UniqueFd listener, std::uint16_t port, MakeSocket make) {
  forwards_.push_back(std::make_unique<Forward>(
      Forward{std::make_unique<net::Listener>(loop_, std::move(listener)), port, std::move(make)}));
}

void PortForwards::start() {
  if (forwards_.empty()) return;
  for (auto& forward : forwards_) tasks_.spawn(accept_from(*forward));
  thread_ = std::thread([this] {
    name_thread("weir-ports");
    loop_.run();
  });
}

async::Task<void> PortForwards::accept_from(Forward& forward) {
  for (;;) {
    auto socket = co_await forward.listener->accept();
    if (!socket && socket.error().code() != Code::cancelled)
      log::error("port {} is no longer forwarded: {}", forward.port, socket.error().message());
    if (!socket) co_return;
    tasks_.spawn(carry(forward, std::move(*socket)));
  }
}

async::Task<std::unique_ptr<net::TcpStream>> PortForwards::connect(Forward& forward, int family) {
  auto socket = forward.make(family);
  if (!socket) co_return nullptr;
  int begun = begin_connect(socket->get(), family, forward.port);
  if (begun != 0 && begun != EINPROGRESS) co_return nullptr;
  auto stream = std::make_unique<net::TcpStream>(loop_, std::move(*socket), Side::upstream);
  Registered registered(open_, stream.get());
  auto ready = co_await stream->watch().writable(loop_.now() + kConnectPatience);
  if (ready != async::Wake::ready || pending_error(stream->fd()) != 0) co_return nullptr;
  co_return stream;
}

async::Task<void> PortForwards::carry(Forward& forward, UniqueFd socket) {
  net::TcpStream client(loop_, std::move(socket), Side::client);
  Registered registered(open_, &client);
  auto target = co_await connect(forward, AF_INET);
  if (!target) target = co_await connect(forward, AF_INET6);
  if (!target) {
    client.reset_on_close();
    co_return;
  }
  Registered target_registered(open_, target.get());
  proxy::TunnelCounts counts;
  // What ended it is the business of the two ends: an error of one has been passed on to the other.
  [[maybe_unused]] auto done = co_await proxy::tunnel(client, *target, {}, {}, counts);
}

}  // namespace weir::app
