#include "sandbox/dns_responder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/thread_name.h"

namespace weir::sandbox {
namespace {

// How much one socket gets before it is the next one's turn.
constexpr int kDatagramsAtOnce = 64;
constexpr int kConnectionsAtOnce = 16;
constexpr std::size_t kLongestDatagram = 65535;
constexpr Duration kPauseWithoutDescriptors = std::chrono::milliseconds(100);

/// Nothing will ever be received or accepted here again; to poll it would be to spin.
bool is_dead(int error) {
  return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EOPNOTSUPP;
}

bool is_want_of_memory(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool set_nonblocking(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace

Result<std::unique_ptr<DnsResponder>> DnsResponder::start(DnsSockets sockets, DnsZone zone, Limits limits) {
  std::vector<Socket> all;
  for (UniqueFd& fd : sockets.udp) all.push_back({std::move(fd), false});
  for (UniqueFd& fd : sockets.tcp) all.push_back({std::move(fd), true});
  for (const Socket& socket : all)
    if (!set_nonblocking(socket.fd.get())) return fail_errno(Code::io, "sandbox DNS: set up a socket", errno);
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop) return fail_errno(Code::io, "sandbox DNS: eventfd", errno);
  limits.connections = std::max<std::size_t>(limits.connections, 1);
  return std::unique_ptr<DnsResponder>(
      new DnsResponder(std::move(all), std::move(stop), std::move(zone), limits));
}

DnsResponder::DnsResponder(std::vector<Socket> sockets, UniqueFd stop, DnsZone zone, Limits limits)
    : zone_(std::move(zone)),
      limits_(limits),
      stop_(std::move(stop)),
      sockets_(std::move(sockets)),
      datagram_(kLongestDatagram, '\0'),
      thread_([this] { run(); }) {}

DnsResponder::~DnsResponder() {
  // Fails only when the counter is full, and then the thread wakes all the same.
  [[maybe_unused]] int done = ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void DnsResponder::run() {
  name_thread("weir-dns");
  TimePoint now = steady_now();
  while (wait(now)) {
    std::size_t polled = connections_.size();
    for (std::size_t i = 0; i < polled; ++i)
      if (events_[sockets_.size() + i] != 0 ? !connections_[i].serve(now) : connections_[i].deadline() <= now)
        connections_[i].close();
    std::erase_if(connections_, [](const DnsConnection& connection) { return connection.fd() < 0; });
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (events_[i] == 0) continue;
      if (sockets_[i].stream)
        accept_from(sockets_[i], now);
      else
        serve_datagrams(sockets_[i]);
    }
  }
}

/// Waits until there is something to do, and says what in `events_`; false when it is time to stop.
bool DnsResponder::wait(TimePoint& now) {
  std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}};
  for (const Socket& socket : sockets_) {
    // poll passes over a negative descriptor.
    bool paused = socket.stream && now < accept_after_;
    waits.push_back({paused ? -1 : socket.fd.get(), POLLIN, 0});
  }
  for (const DnsConnection& connection : connections_)
    waits.push_back({connection.fd(), connection.wanted(), 0});
  if (::poll(waits.data(), waits.size(), milliseconds_to_wait(now)) < 0)
    for (pollfd& wait : waits) wait.revents = 0;
  now = steady_now();
  events_.clear();
  for (std::size_t i = 1; i < waits.size(); ++i) events_.push_back(waits[i].revents);
  return waits[0].revents == 0;
}

int DnsResponder::milliseconds_to_wait(TimePoint now) const {
  TimePoint next = kNever;
  for (const DnsConnection& connection : connections_) next = std::min(next, connection.deadline());
  if (accept_after_ > now) next = std::min(next, accept_after_);
  if (next == kNever) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void DnsResponder::serve_datagrams(Socket& socket) {
  for (int i = 0; i < kDatagramsAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    ssize_t count =
        ::recvfrom(socket.fd.get(), datagram_.data(), datagram_.size(), MSG_DONTWAIT, address, &length);
    if (count < 0) return end_if_dead(socket, "receive", errno);
    std::string_view query(datagram_.data(), static_cast<std::size_t>(count));
    std::string answer = zone_.respond(query, DnsTransport::udp);
    if (answer.empty()) continue;
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (::sendto(socket.fd.get(), answer.data(), answer.size(), flags, address, length) < 0)
      tell(socket, "send", errno);
  }
}

void DnsResponder::accept_from(Socket& listener, TimePoint now) {
  for (int i = 0; i < kConnectionsAtOnce; ++i) {
    UniqueFd fd(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (is_want_of_memory(errno)) accept_after_ = now + kPauseWithoutDescriptors;
      return end_if_dead(listener, "accept", errno);
    }
    // Answers to pipelined queries must not wait for the client's acknowledgements; without it they are only
    // slower.
    int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connections_.size() >= limits_.connections) make_room();
    connections_.emplace_back(std::move(fd), zone_, limits_.idle, now);
  }
}

void DnsResponder::make_room() {
  connections_.erase(std::ranges::min_element(connections_, {}, &DnsConnection::deadline));
}

/// The client at hand is forgotten, and the next one served.
void DnsResponder::tell(Socket& socket, std::string_view doing, int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED) return;
  if (std::exchange(socket.told, true)) return;
  log::warn("sandbox DNS: {} over {}: {}", doing, socket.stream ? "TCP" : "UDP", strerror(error));
}

void DnsResponder::end_if_dead(Socket& socket, std::string_view doing, int error) {
  tell(socket, doing, error);
  if (is_dead(error)) socket.fd.reset();
}

}  // namespace weir::sandbox
