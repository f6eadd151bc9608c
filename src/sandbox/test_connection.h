// Connections over loopback for the tests of process attribution.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>

#include "base/fd.h"
#include "sandbox/socket_owner.h"

namespace weir::sandbox {

inline std::string address_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET6) {
    auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return std::string("[").append(text).append("]:") + std::to_string(ntohs(v6.sin6_port));
  }
  auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return std::string(text).append(":") + std::to_string(ntohs(v4.sin_port));
}

inline std::string own_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address_text(address);
}

inline std::string peer_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address_text(address);
}

inline std::uint64_t inode_of(int fd) {
  struct stat facts{};
  EXPECT_EQ(::fstat(fd, &facts), 0);
  return facts.st_ino;
}

/// `text`: "127.0.0.1:0", "[::1]:80".
inline std::pair<sockaddr_storage, socklen_t> socket_address(const std::string& text) {
  sockaddr_storage out{};
  std::size_t colon = text.rfind(':');
  auto port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  if (text.starts_with('[')) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = port;
    EXPECT_EQ(::inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &v6.sin6_addr), 1) << text;
    return {out, sizeof v6};
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  v4.sin_family = AF_INET;
  v4.sin_port = port;
  EXPECT_EQ(::inet_pton(AF_INET, text.substr(0, colon).c_str(), &v4.sin_addr), 1) << text;
  return {out, sizeof v4};
}

inline UniqueFd listen_at(const std::string& place) {
  auto [address, size] = socket_address(place);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << place << strerror(errno);
  EXPECT_EQ(::listen(fd.get(), 4096), 0);
  return fd;
}

/// From `local`, unless it is empty.
inline UniqueFd connect_to(const std::string& place, const std::string& local = {}) {
  auto [address, size] = socket_address(place);
  UniqueFd fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!local.empty()) {
    auto [own, own_size] = socket_address(local);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&own), own_size), 0) << local << strerror(errno);
  }
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << place << strerror(errno);
  return fd;
}

inline ClientSocket client_socket(const std::string& local, const std::string& peer) {
  auto own = Endpoint::parse(local), other = Endpoint::parse(peer);
  EXPECT_TRUE(own && other) << local << " " << peer;
  return {own.value_or(Endpoint()), other.value_or(Endpoint())};
}
inline ClientSocket client_socket(int fd) { return client_socket(own_address(fd), peer_address(fd)); }

/// The connection that `listener` has next, as its client sees it.
inline std::pair<UniqueFd, ClientSocket> accepted(int listener) {
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(fd);
  return {std::move(fd), client_socket(peer_address(fd.get()), own_address(fd.get()))};
}

/// Runs `work` in a child, which is killed at the end.
class Child {
 public:
  explicit Child(const std::function<void()>& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    while (true) ::pause();
  }
  ~Child() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace weir::sandbox
