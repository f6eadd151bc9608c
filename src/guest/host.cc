#include "guest/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cstring>

#include "base/ascii.h"
#include "base/host_port.h"

namespace weir::guest {
namespace {

Failure bad(std::string_view text, std::string_view wanted) {
  return fail(Code::bad_config, std::string(text) + " is no " + std::string(wanted));
}

template <typename Address>
socklen_t put(sockaddr_storage& out, const Address& address) {
  std::memcpy(&out, &address, sizeof address);
  return sizeof address;
}

Result<socklen_t> put_vsock(sockaddr_storage& out, std::string_view place) {
  std::size_t colon = std::min(place.find(':'), place.size());
  auto context = parse_decimal(place.substr(0, colon));
  auto port = parse_decimal(place.substr(std::min(colon + 1, place.size())));
  if (!context || !port || *context >= UINT32_MAX || *port == 0 || *port >= UINT32_MAX)
    return bad(place, "CID:PORT of a vsock; the host is 2");
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = static_cast<unsigned>(*context);
  address.svm_port = static_cast<unsigned>(*port);
  return put(out, address);
}

Result<socklen_t> put_unix(sockaddr_storage& out, std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return bad(path, "path of a Unix socket, which has at most 107 bytes");
  path.copy(address.sun_path, path.size());
  return put(out, address);
}

Result<socklen_t> put_tcp(sockaddr_storage& out, std::string_view place) {
  auto parsed = parse_host_port(place);
  if (!parsed || !is_ip_literal(parsed->host))
    return bad(place, "ADDRESS:PORT (a name cannot be looked up before the relay runs)");
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(parsed->port), .sin_addr = {}, .sin_zero = {}};
  if (inet_pton(AF_INET, parsed->host.c_str(), &v4.sin_addr) == 1) return put(out, v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(parsed->port);
  inet_pton(AF_INET6, parsed->host.c_str(), &v6.sin6_addr);
  return put(out, v6);
}

Result<socklen_t> put_address(sockaddr_storage& out, std::string_view text) {
  std::size_t colon = std::min(text.find(':'), text.size());
  std::string_view kind = text.substr(0, colon), place = text.substr(std::min(colon + 1, text.size()));
  if (kind == "vsock") return put_vsock(out, place);
  if (kind == "unix") return put_unix(out, place);
  if (kind == "tcp") return put_tcp(out, place);
  return bad(text, "address of a host: vsock:2:PORT, unix:PATH or tcp:ADDRESS:PORT");
}

}  // namespace

Result<HostAddress> HostAddress::parse(std::string_view text) {
  HostAddress out;
  auto size = put_address(out.address_, text);
  if (!size) return fail(Code::bad_config, "--to: " + size.error().context());
  out.text_ = text;
  out.size_ = *size;
  return out;
}

Result<UniqueFd> HostAddress::connect() const {
  UniqueFd socket(::socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(Code::io, text_, errno);
  if (is_tcp()) {
    int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Without the right to it there are no rules of ours either.
    ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &kMark, sizeof kMark);
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  if (::connect(socket.get(), address, size_) == 0 || errno == EINPROGRESS) return socket;
  return fail_errno(errno == EAGAIN ? Code::overloaded : Code::connect_failed, text_, errno);
}

int connection_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace weir::guest
