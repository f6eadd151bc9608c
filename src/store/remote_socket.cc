#include "store/remote_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::store {
namespace {

constexpr auto kLook =
    std::chrono::milliseconds(100);  // how late a deadline is noticed that was moved forward

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// False when the deadline came first.
bool wait_for(int socket, short events, TimePoint until, const RemoteDeadline& deadline) {
  while (true) {
    TimePoint now = steady_now(), end = std::min(until, deadline.load());
    if (now >= end) return false;
    auto step = std::min<Duration>(end - now, kLook);
    pollfd wanted{.fd = socket, .events = events, .revents = 0};
    int ready =
        ::poll(&wanted, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(step).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the next call tells what is wrong
  }
}

struct Lookup {
  std::mutex mutex;
  std::condition_variable done;
  bool ended = false;
  int error = 0;
  Addresses list;
};

// getaddrinfo cannot be interrupted. Who comes too late finds nobody waiting, and leaves quietly.
Result<Addresses> resolve(const HostPort& place, int type, TimePoint until, const RemoteDeadline& deadline) {
  auto lookup = std::make_shared<Lookup>();
  auto ask = [lookup, place, type] {
    addrinfo hints{};
    hints.ai_socktype = type;
    hints.ai_flags = AI_NUMERICSERV | (is_ip_literal(place.host) ? AI_NUMERICHOST : 0);
    addrinfo* list = nullptr;
    int error = ::getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &list);
    std::lock_guard lock(lookup->mutex);
    lookup->error = error;
    lookup->list.reset(error == 0 ? list : nullptr);
    lookup->ended = true;
    lookup->done.notify_all();
  };
  if (is_ip_literal(place.host))
    ask();
  else
    std::thread(ask).detach();  // hazard-ok: it owns all it touches, and a lookup cannot be interrupted
  std::unique_lock lock(lookup->mutex);
  while (!lookup->ended) {
    TimePoint now = steady_now();
    if (now >= std::min(until, deadline.load()))
      return fail(Code::dns_timeout, place.host + " could not be resolved in time");
    lookup->done.wait_until(lock, now + kLook);
  }
  if (lookup->error != 0)
    return fail(Code::dns_failed, place.host + " cannot be resolved: " + ::gai_strerror(lookup->error));
  return std::move(lookup->list);
}

}  // namespace

std::string RemoteSocket::name() const {
  if (options_.kind == Kind::local) return options_.path;
  return (options_.kind == Kind::udp ? "udp " : "tcp ") + options_.place.str();
}

// A receiver of syslog never speaks: whatever there is to read is the end.
bool RemoteSocket::gone() {
  char byte;
  ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

Result<> RemoteSocket::connect(const RemoteDeadline& deadline) {
  if (socket_ && options_.kind == Kind::tcp && gone()) socket_.reset();
  if (socket_) return {};
  return options_.kind == Kind::local ? connect_local() : connect_network(deadline);
}

Result<> RemoteSocket::connect_local() {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (options_.path.size() >= sizeof address.sun_path)
    return fail(Code::io, options_.path + " is too long for the path of a socket");
  std::memcpy(address.sun_path, options_.path.data(), options_.path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno(Code::io, "socket", errno);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(Code::io, "cannot reach a syslog daemon at " + options_.path, errno);
  socket_ = std::move(socket);
  return {};
}

Result<> RemoteSocket::connect_network(const RemoteDeadline& deadline) {
  int type = options_.kind == Kind::udp ? SOCK_DGRAM : SOCK_STREAM;
  TimePoint until = steady_now() + options_.timeout;
  auto list = resolve(options_.place, type, until, deadline);
  if (!list) return pass(list);
  std::vector<const addrinfo*> addresses;
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next) addresses.push_back(at);
  // That nobody listens where datagrams go is not known until the next one; then another address has its
  // turn.
  std::ranges::rotate(addresses, addresses.begin() + static_cast<std::ptrdiff_t>(turn_ % addresses.size()));
  int error = ETIMEDOUT;
  for (const addrinfo* at : addresses) {
    UniqueFd socket(::socket(at->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!socket) return fail_errno(Code::io, "socket", errno);
    error = ::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (!wait_for(socket.get(), POLLOUT, until, deadline))
        error = ETIMEDOUT;
      else if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    }
    if (error != 0) continue;
    socket_ = std::move(socket);
    return {};
  }
  return fail_errno(Code::connect_failed, name(), error);
}

Result<> RemoteSocket::send(std::string_view bytes, const RemoteDeadline& deadline) {
  TimePoint until = steady_now() + options_.timeout;
  while (!bytes.empty()) {
    ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EMSGSIZE)
      return fail(Code::incomplete,
                  name() + " takes no message of " + std::to_string(bytes.size()) + " bytes");
    bool full = errno == EAGAIN || errno == ENOBUFS;
    if (full && wait_for(socket_.get(), POLLOUT, until, deadline)) continue;
    int error = full ? ETIMEDOUT : errno;
    socket_.reset();
    ++turn_;
    return fail_errno(Code::io, name(), error);
  }
  return {};
}

void RemoteSocket::finish(const RemoteDeadline& deadline) {
  if (!socket_ || options_.kind != Kind::tcp) return;
  ::shutdown(socket_.get(), SHUT_WR);
  TimePoint until = steady_now() + options_.timeout;
  char rest[256];
  while (wait_for(socket_.get(), POLLIN, until, deadline))
    if (::recv(socket_.get(), rest, sizeof rest, MSG_DONTWAIT) <= 0) break;
}

}  // namespace weir::store
