// Agent: the relay's end in a session: takes CONNECT on a loopback port, and sends each tunnel through a
// WebSocket of its own to the gateway.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "async/task_group.h"
#include "net/listener.h"
#include "net/tcp_stream.h"
#include "relay/connect_head.h"
#include "relay/gateway_link.h"
#include "relay/relay_status.h"
#include "tls/client_context.h"

namespace weir::relay {

struct AgentOptions {
  LinkOptions link;
  wire::ConnectorOptions connector;
  Duration head_timeout = std::chrono::seconds(30);    ///< from a connection to the end of its CONNECT
  Duration answer_timeout = std::chrono::seconds(60);  ///< from the first chunk to the gateway's first byte
  Duration keep_alive = std::chrono::seconds(30);      ///< without a byte sent
  std::size_t tunnels = 10'000;                        ///< at once; beyond it 503
};

/// Belongs to its loop's thread. The rest of what it is given must outlive it.
class Agent {
 public:
  Agent(async::Loop& loop, AgentOptions options, const RelayCredential& credential,
        const tls::ClientContext& tls, RelayStatus& status);

  /// Takes clients of `listener`. Once.
  void serve(UniqueFd listener);
  /// Answers each connection to `listener` (of a Unix socket) with the status; `may_ask` judges the peer.
  /// Once.
  void tell_status(UniqueFd listener, std::function<bool(int socket)> may_ask);
  /// Cuts everything, and ends when nothing is left. Before the agent is destroyed.
  async::Task<void> finish();

 private:
  async::Task<void> accept();
  async::Task<void> accept_asking(std::function<bool(int)> may_ask);
  async::Task<void> tell(UniqueFd socket);
  async::Task<void> talk(UniqueFd socket);
  async::Task<void> carry(net::Stream& client, ConnectHead head, std::string early);
  async::Task<bool> pass_first(net::Stream& client, ChunkStream& link, const HostPort& to,
                               class AnswerWatch& answer);
  void note_end(const Result<void>& ended, const HostPort& to);
  wire::ConnectorOptions connector_options();

  async::Loop& loop_;
  const AgentOptions options_;
  const RelayCredential& credential_;
  RelayStatus& status_;
  net::Resolver resolver_;
  net::Dialer dialer_;
  const wire::ConnectorOptions connector_options_;
  wire::Connector connector_;
  std::unique_ptr<net::Listener> listener_, asked_;
  std::string self_;  ///< listener_'s address
  std::set<net::Stream*> streams_;
  async::TaskGroup accepting_, serving_;
  bool ending_ = false;
};

}  // namespace weir::relay
