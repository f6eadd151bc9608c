// StatusServer: sends who connects to a Unix socket one text, on a thread of its own.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <thread>

#include "async/task_group.h"
#include "net/listener.h"
#include "net/tcp_stream.h"

namespace weir::control {

class StatusServer {
 public:
  struct Options {
    std::function<bool(int socket)> may_ask;  ///< judges the peer
    std::function<std::string()> tell;        ///< called on the server's thread, for each who may ask
  };
  StatusServer(UniqueFd listener, Options options);
  ~StatusServer();  ///< cuts what is open

 private:
  async::Task<void> accept();
  async::Task<void> talk(UniqueFd socket);
  async::Task<void> finish();

  const Options options_;
  async::Loop loop_;
  net::Listener listener_;
  std::set<net::TcpStream*> streams_;
  async::TaskGroup accepting_, serving_, finishing_;
  std::thread thread_;
};

}  // namespace weir::control
