#include "net/tcp_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

namespace weir::net {

TcpStream::TcpStream(async::Loop& loop, UniqueFd socket, Side side)
    : Stream(side), socket_(std::move(socket)), watch_(loop, socket_.get()) {
  int on = 1;
  // Fails on Unix sockets, which have no Nagle algorithm to switch off.
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

TcpStream::~TcpStream() {
  if (!reset_) return;
  linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

Result<std::optional<std::size_t>> TcpStream::try_read(std::span<char> into) {
  if (!watch_.can_read() && !write_failed_) return std::nullopt;
  ssize_t got;
  do got = recv(socket_.get(), into.data(), into.size(), 0);
  while (got < 0 && errno == EINTR);
  if (got >= 0) {
    bytes_in_ += static_cast<std::size_t>(got);
    if (got > 0 && static_cast<std::size_t>(got) < into.size()) watch_.read_drained();
    return static_cast<std::size_t>(got);
  }
  if (errno != EAGAIN) return io_failure(errno);
  watch_.read_drained();
  return std::nullopt;
}

Result<std::size_t> TcpStream::try_write(std::span<const std::string_view> pieces) {
  if (!watch_.can_write()) return 0;
  std::array<iovec, kMaxPieces> parts;
  std::size_t count = 0;
  std::size_t total = 0;
  for (std::string_view piece : pieces) {
    if (count == parts.size()) break;
    parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
    total += piece.size();
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ssize_t sent;
  do sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    bytes_out_ += static_cast<std::size_t>(sent);
    if (static_cast<std::size_t>(sent) < total) watch_.write_full();
    return static_cast<std::size_t>(sent);
  }
  if (errno != EAGAIN) {
    write_failed_ = true;
    return io_failure(errno);
  }
  watch_.write_full();
  return 0;
}

async::Task<Result<void>> TcpStream::wait_readable() {
  async::Wake why = co_await watch_.readable(read_deadline_);
  if (why != async::Wake::ready) co_return wait_failure(why);
  co_return Result<void>();
}

async::Task<Result<void>> TcpStream::wait_writable() {
  async::Wake why = co_await watch_.writable(write_deadline_);
  if (why != async::Wake::ready) co_return wait_failure(why);
  co_return Result<void>();
}

async::Task<Result<void>> TcpStream::shutdown() {
  if (::shutdown(socket_.get(), SHUT_WR) != 0 && errno != ENOTCONN) co_return io_failure(errno);
  co_return Result<void>();
}

bool TcpStream::quiet() {
  char byte;
  ssize_t got = recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got >= 0 || errno != EAGAIN) return false;
  watch_.read_drained();
  return true;
}

std::string TcpStream::local_address() const { return socket_address(socket_.get(), false); }
std::string TcpStream::peer_address() const { return socket_address(socket_.get(), true); }

void keep_alive(int fd) {
  int on = 1;
  int idle = 60;
  int interval = 15;
  int count = 4;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

std::string socket_address(int fd, bool peer) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if ((peer ? getpeername(fd, address, &size) : getsockname(fd, address, &size)) != 0) return "";
  char text[INET6_ADDRSTRLEN];
  if (storage.ss_family == AF_INET) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
      return std::string(text) + ":" + std::to_string(ntohs(v6->sin6_port));
    }
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  if (storage.ss_family == AF_VSOCK) {
    auto* vm = reinterpret_cast<sockaddr_vm*>(&storage);
    return "vsock:" + std::to_string(vm->svm_cid) + ":" + std::to_string(vm->svm_port);
  }
  return "unix";
}

}  // namespace weir::net
