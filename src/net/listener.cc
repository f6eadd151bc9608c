#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "net/tcp_stream.h"

namespace weir::net {
namespace {

constexpr int kBacklog = 4096;
constexpr auto kStarvedPause = std::chrono::milliseconds(100);

socklen_t fill_address(sockaddr_storage& out, const std::string& address, std::uint16_t port) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
  }
  return 0;
}

// REDIRECT needs nothing of the listener; TPROXY does, and is set up by who may.
void allow_foreign_addresses(int fd, sa_family_t family) {
  int on = 1;
  int refused = family == AF_INET ? setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on)
                                  : setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof on);
  if (refused != 0) log::debug("TPROXY is not for this listener: {}", strerror(errno));
}

Result<UniqueFd> open_listener(const std::string& address, std::uint16_t port, bool share, bool transparent) {
  sockaddr_storage storage{};
  socklen_t size = fill_address(storage, address == "localhost" ? "127.0.0.1" : address, port);
  std::string where = address + ":" + std::to_string(port);
  if (size == 0) return fail(Code::bad_config, "cannot listen on " + where + ": not an IP address");
  UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(Code::io, "cannot listen on " + where, errno);
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Inherited by what is accepted: a peer that vanished without a word is found out within two minutes.
  keep_alive(fd.get());
  if (share) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (transparent) allow_foreign_addresses(fd.get(), storage.ss_family);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 || listen(fd.get(), kBacklog) != 0)
    return fail_errno(Code::io, "cannot listen on " + where, errno);
  return fd;
}

}  // namespace

Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port, bool share) {
  return open_listener(address, port, share, false);
}

Result<UniqueFd> listen_transparent(const std::string& address, std::uint16_t port, bool share) {
  return open_listener(address, port, share, true);
}

bool takes_foreign_addresses(int fd) {
  int on = 0;
  socklen_t size = sizeof on;
  return getsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, &size) == 0 && on != 0;
}

Result<UniqueFd> listen_vsock(std::uint32_t port) {
  std::string where = "cannot listen on vsock port " + std::to_string(port);
  UniqueFd fd(socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd && (errno == EAFNOSUPPORT || errno == EPERM || errno == EACCES))
    return fail_errno(Code::io,
                      where +
                          "; this kernel has no AF_VSOCK, or keeps it from here (`modprobe vhost_vsock`; "
                          "Firecracker and Cloud Hypervisor need --vsock-uds in its place)",
                      errno);
  if (!fd) return fail_errno(Code::io, where, errno);
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), kBacklog) != 0)
    return fail_errno(Code::io, where, errno);
  return fd;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
}

Listener::Listener(async::Loop& loop, UniqueFd socket)
    : socket_(std::move(socket)), watch_(loop, socket_.get()) {}

async::Task<Result<UniqueFd>> Listener::accept() {
  for (;;) {
    if (watch_.cancelled()) co_return fail(Code::cancelled);
    UniqueFd fd(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      starved_ = false;
      co_return fd;
    }
    switch (errno) {
      case EINTR:
      case ECONNABORTED: break;
      case EAGAIN:
        watch_.read_drained();
        co_await watch_.readable();
        break;
      case EBADF:
      case EINVAL:
      case ENOTSOCK: co_return fail_errno(Code::io, "accept", errno);
      default:
        // Out of descriptors or memory, a firewall's refusal, the error of one connection: none lasts for
        // ever.
        if (!starved_) log::warn("cannot accept connections for now: {}", strerror(errno));
        starved_ = true;
        co_await async::sleep_until(watch_.loop(), watch_.loop().now() + kStarvedPause);
    }
  }
}

}  // namespace weir::net
