// MetricsServer: answers GET /metrics on the control port, and nothing else, on a thread of its own.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "async/task_group.h"
#include "base/host_port.h"
#include "base/secret_text.h"
#include "net/listener.h"
#include "net/tcp_stream.h"
#include "wire/h1_server.h"

namespace weir::control {

class MetricsServer {
 public:
  struct Options {
    HostPort listen;   ///< port 0 = any free one
    SecretText token;  ///< clients must show it (RFC 6750); empty = nobody is asked
  };
  /// Listens; answers begin with serve(). Errors (io) name the address.
  static Result<std::unique_ptr<MetricsServer>> open(Options options);
  ~MetricsServer();  ///< cuts what is open

  /// The true port where 0 was asked for.
  const HostPort& endpoint() const { return options_.listen; }
  /// `metrics` is called on the server's thread for each request. Once.
  void serve(std::function<std::string()> metrics);

 private:
  MetricsServer(Options options, UniqueFd socket);
  struct Client {
    net::TcpStream& stream;
    const wire::H1ServerConnection& http;
  };
  async::Task<void> accept();
  bool make_room();
  async::Task<void> talk(UniqueFd socket);
  async::Task<bool> answer(wire::Incoming& incoming);
  async::Task<void> finish();
  http::ResponseHead judge(const http::RequestHead& head) const;
  bool is_own_name(std::string_view host) const;
  bool shows_token(const http::RequestHead& head) const;

  const Options options_;
  const http::Origin origin_;
  const wire::ServerLimits limits_;
  std::function<std::string()> metrics_;
  async::Loop loop_;
  net::Listener listener_;
  std::list<Client> clients_;  ///< in the order in which they came
  async::TaskGroup accepting_, serving_, finishing_;
  std::thread thread_;
};

}  // namespace weir::control
