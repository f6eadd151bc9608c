// PortForward: one loopback port that stands for another, in another network namespace; bytes both ways,
// unread and unrecorded. For ports that the user opens into or out of a sandbox.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <unordered_set>

#include "async/loop.h"
#include "async/task_group.h"
#include "net/listener.h"
#include "net/tcp_stream.h"

namespace weir::app {

/// One side of all forwards of a process: a thread of its own. Created, fed and destroyed by one thread.
class PortForwards {
 public:
  /// Opens a TCP socket of the family (AF_INET, AF_INET6), not connected and non-blocking, in the network
  /// namespace that the target is in. Called on the forwards' thread.
  using MakeSocket = std::function<Result<UniqueFd>(int family)>;

  PortForwards() = default;
  PortForwards(const PortForwards&) = delete;
  /// Cuts what is open.
  ~PortForwards();

  /// Before start. A connection to `listener` is one to `port` of the loopback (127.0.0.1, else ::1) that
  /// sockets of `make` are on; where nobody listens there, it is reset.
  void add(UniqueFd listener, std::uint16_t port, MakeSocket make);
  void start();

 private:
  struct Forward {
    std::unique_ptr<net::Listener> listener;
    std::uint16_t port;
    MakeSocket make;
  };

  async::Task<void> finish();
  async::Task<void> accept_from(Forward& forward);
  async::Task<void> carry(Forward& forward, UniqueFd socket);
  async::Task<std::unique_ptr<net::TcpStream>> connect(Forward& forward, int family);

  async::Loop loop_;
  std::vector<std::unique_ptr<Forward>> forwards_;
  std::unordered_set<net::TcpStream*> open_;
  async::TaskGroup tasks_{loop_};
  async::TaskGroup finishing_{loop_};
  std::thread thread_;
};

/// A MakeSocket for this process's own network.
Result<UniqueFd> make_socket_here(int family);

}  // namespace weir::app
