// Session: one client connection, from accept to close.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/tcp_stream.h"
#include "net/tls_stream.h"
#include "policy/host_patterns.h"
#include "proxy/minter.h"
#include "proxy/walk.h"
#include "tls/client_hello.h"
#include "tls/server_context.h"
#include "wire/h1_server.h"

namespace weir::proxy {

struct SessionOptions {
  wire::ServerLimits limits;
  Duration tls_timeout = std::chrono::seconds(10);
  Duration sniff_timeout =
      std::chrono::milliseconds(500);  ///< silence after CONNECT that means: server speaks first
  policy::HostPatterns intercept;      ///< empty = every host
  policy::HostPatterns passthrough;    ///< wins over intercept
  bool wait_for_capture = true;  ///< slow down, in place of losing flows, when the capture queue is full
};

/// What the sessions of one thread share. All of it outlives them.
struct Services {
  async::Loop& loop;
  wire::UpstreamPool& pool;
  Recorder& recorder;
  Walk& walk;
  Minter& minter;
  const tls::ServerContext& tls;
  const SessionOptions& options;
};

class Session {
 public:
  Session(Services& services, UniqueFd socket);
  Session(const Session&) = delete;

  /// Serves the connection to its end.
  async::Task<void> run();
  /// No further request after the present one; ends at once when there is none.
  void drain();
  /// Ends everything under way.
  void cancel();

 private:
  async::Task<void> serve();
  async::Task<Result<void>> serve_http(wire::H1ServerConnection& http);
  async::Task<void> refuse(wire::H1ServerConnection& http, Error error);
  async::Task<bool> tell_refusal(wire::H1ServerConnection& http, Error error);
  async::Task<bool> answer_error(Recording& recording, wire::H1ServerConnection& http, const Error& error);
  async::Task<Result<wire::UpstreamTunnel>> dial_tunnel(HostPort place);
  async::Task<Result<void>> connect(wire::H1ServerConnection& http, wire::Incoming& incoming);
  async::Task<Result<void>> intercept(HostPort place, std::string first);
  async::Task<Result<void>> intercept_tls(HostPort place, std::string first);
  async::Task<Result<void>> intercept_http(HostPort place, std::string first);
  async::Task<Result<void>> pass_through(Recording& recording, HostPort place, wire::H1ServerConnection& http,
                                         wire::Incoming& incoming);
  async::Task<Result<void>> opaque(Recording& recording, HostPort place, std::string first);
  async::Task<Result<void>> server_first(HostPort place);
  async::Task<Result<bool>> listen_for_server(HostPort place);
  async::Task<Result<void>> run_tunnel(Recording& recording, wire::UpstreamTunnel upstream,
                                       std::string first);
  async::Task<Result<bool>> read_more(std::string& bytes, TimePoint deadline);
  async::Task<Result<tls::ClientHello>> read_hello(std::string& bytes);
  async::Task<void> wait_for_room();
  void describe_tunnel(flow::Flow& flow, const HostPort& place, flow::Interception interception);
  /// What ended a tunnel; a cut of ours is told as what it is.
  void note_failure(Recording& recording, const Error& error);
  void note_connection(bool ended);

  Services& services_;
  std::unique_ptr<net::Stream> stream_;
  net::TcpStream* socket_;  // the innermost stream, whatever was put around it
  net::TlsStream* tls_ = nullptr;
  wire::H1ServerConnection* http_ = nullptr;
  ClientSide client_;
  flow::Connection connection_;
  bool silent_ = true;  // no byte has come yet
  bool draining_ = false;
};

}  // namespace weir::proxy
