// FakeUpstream: an origin on a thread of its own, for tests in which the order of things is not the point.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/host_port.h"
#include "tls/testing.h"

namespace weir::testing {

/// A blocking connection to the origin, plain or TLS.
class UpstreamSocket {
 public:
  UpstreamSocket(UniqueFd socket, tls::SslPtr tls);

  /// Reads one message, head and body (by Content-Length); empty at the end of the connection.
  std::string read_message();
  /// False once the other side is gone.
  bool write(std::string_view text);
  /// Goes on with TLS, as a proxy's tunnel does once it stands.
  bool start_tls(tls::SslPtr session);
  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  tls::SslPtr tls_;
  std::string buffer_;
};

/// Serves each connection with `serve` on a thread of its own, until it returns.
class FakeUpstream {
 public:
  using Serve = std::function<void(UpstreamSocket&)>;
  explicit FakeUpstream(Serve serve, const tls::testing::Origin* tls = nullptr);
  /// Cuts what is still open and waits for the threads.
  ~FakeUpstream();

  HostPort place() const { return {"127.0.0.1", port_}; }
  std::size_t connections() const { return connections_; }

 private:
  void accept_all();

  Serve serve_;
  const tls::testing::Origin* tls_;
  UniqueFd listener_;
  std::uint16_t port_;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// Answers every request on a connection with `response`.
FakeUpstream::Serve always(std::string response);

}  // namespace weir::testing
