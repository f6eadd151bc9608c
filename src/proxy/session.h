// Session: one client connection, from accept to close.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "net/guest_preamble.h"
#include "net/tcp_stream.h"
#include "net/tls_stream.h"
#include "policy/host_patterns.h"
#include "proxy/credentials.h"
#include "proxy/entrance.h"
#include "proxy/error_response.h"
#include "proxy/gate.h"
#include "proxy/minter.h"
#include "proxy/reach.h"
#include "proxy/rejections.h"
#include "proxy/sniff.h"
#include "proxy/socks_door.h"
#include "proxy/walk.h"
#include "tls/client_hello.h"
#include "tls/server_context.h"
#include "wire/h1_server.h"
#include "wire/h2_server.h"

namespace weir::proxy {

struct SessionOptions {
  wire::ServerLimits limits;
  wire::H2Limits h2;
  UpstreamHttp2 upstream_http2 = UpstreamHttp2::mirror;
  Duration tls_timeout = std::chrono::seconds(10);
  Duration sniff_timeout =
      std::chrono::milliseconds(500);  ///< silence after CONNECT that means: server speaks first
  policy::HostPatterns intercept;      ///< empty = every host
  policy::HostPatterns passthrough;    ///< wins over intercept
  bool auto_passthrough = false;       ///< tunnel a client that keeps rejecting our certificate (Rejections)
  bool closed_door = false;            ///< a sandbox's or gateway's: no client has itself tunnelled here
  bool wait_for_capture = true;  ///< slow down, in place of losing flows, when the capture queue is full
  Credentials credentials;       ///< of clients; of nobody = nobody is asked
  std::optional<http::Origin> reverse;  ///< every request goes there, and no door of a proxy is open
  bool reverse_keep_host = false;       ///< Host goes on as it came, in place of the origin's own
};

/// What the sessions of one thread share. All of it outlives them.
struct Services {
  async::Loop& loop;
  wire::UpstreamPool& pool;
  Recorder& recorder;
  Walk& walk;
  Minter& minter;
  const tls::ServerContext& tls;
  Rejections& rejections;
  const Gate& gate;
  const SessionOptions& options;
  ClientFinder* clients = nullptr;  ///< null: nobody is asked who a client is
  Secrets* secrets = nullptr;       ///< null: there are none, and nothing is looked for
};

/// The fatal alert access_denied in a record of its own (RFC 8446 sections 5.1 and 6.2).
inline constexpr std::string_view kAccessDenied("\x15\x03\x03\x00\x02\x02\x31", 7);

struct ShownToken;

/// Why a tunnel is not opened, and what policy said of it if it was asked.
struct RelayDenial {
  Error error;
  std::string filter_action, filter_reason;
};

class Session {
 public:
  /// A connection that was accepted; `entrance` outlives it.
  Session(Services& services, UniqueFd socket, const Entrance& entrance);
  /// What is inside a tunnel that lies in another client connection, `outer`: one stream of it.
  Session(Services& services, std::unique_ptr<net::Stream> stream, const Session& outer);
  Session(const Session&) = delete;
  ~Session();

  /// Serves the connection to its end.
  async::Task<void> run();
  /// The same, for a client that has already been granted a tunnel to `place`.
  async::Task<void> run_inside(HostPort place);
  /// No further request after the present ones; ends at once when there is none.
  void drain();
  /// Ends everything under way.
  void cancel();
  /// Ends everything under way when the session of its relay is over by `now`; false then.
  bool may_go_on(WallNanos now);

 private:
  // session.cc: the connection, and what cannot be served.
  void introduce(std::string local, std::string peer);
  void find_sender();
  async::Task<void> serve();
  async::Task<Result<void>> serve_redirected();
  async::Task<Result<void>> refuse_direct(Error error);
  Failure refuse_redirected(Error error);
  async::Task<Result<void>> go_to(HostPort place, std::string first);
  async::Task<Result<void>> serve_first(std::string first);
  async::Task<Result<void>> serve_reverse(Protocol protocol, std::string first);
  void note_end(const Result<void>& served);
  void note_connection(bool ended);
  async::Task<Result<bool>> read_more(std::string& bytes, TimePoint deadline);
  async::Task<void> wait_for_room();
  /// Ends the connection so that the client can read what it was told last.
  async::Task<void> linger();
  async::Task<void> refuse(wire::H1ServerConnection& http, Error error);
  async::Task<bool> tell_refusal(wire::H1ServerConnection& http, Error error);
  ErrorResponse prepare_answer(Recording& recording, const Error& error);

  // session_guest.cc: the relay of a guest.
  async::Task<Result<void>> serve_guest();
  async::Task<Result<std::optional<net::GuestPreamble>>> read_preamble(std::string& bytes);
  void note_guest_process(const net::GuestPreamble& preamble);
  async::Task<Result<void>> serve_guest_connection(std::optional<HostPort> to, std::string first);
  async::Task<Result<HostPort>> find_destination(std::string& first);
  async::Task<Result<HostPort>> find_host(std::string& first);
  async::Task<Result<void>> serve_guest_dns(bool datagrams, std::string first);
  async::Task<Result<void>> serve_announced(HostPort place, std::string first);

  // session_relay.cc: the far side of a relay.
  struct Relayed;
  async::Task<Result<void>> serve_gateway();
  async::Task<Result<std::size_t>> read_token_head(std::string& text);
  async::Task<Result<void>> refuse_unread(Error error);
  async::Task<Result<RelaySessionPtr>> open_relay();
  async::Task<Result<RelaySessionPtr>> answer_relay(wire::Incoming& incoming, const ShownToken& shown,
                                                    bool early);
  async::Task<Result<RelaySessionPtr>> switch_to_websocket(wire::Incoming& incoming, RelaySessionPtr session);
  async::Task<void> refuse_relay(wire::Incoming& incoming, Error error);
  Result<RelaySessionPtr> admit_relay(const http::RequestHead& head, const ShownToken& shown, bool early);
  async::Task<Result<void>> serve_relayed();
  async::Task<Result<void>> connect_relayed(wire::H1ServerConnection& http, const ShownToken& shown);
  std::expected<void, RelayDenial> judge_relayed(const HostPort& place, const ShownToken& shown);
  async::Task<void> deny(wire::Incoming& incoming, RelayDenial denial);

  // session_http.cc: requests.
  async::Task<Result<void>> serve_http1(http::Door door, std::string first);
  async::Task<Result<void>> carry_each(wire::H1ServerConnection& http);
  async::Task<Result<void>> serve_http2(http::Door door, std::string first);
  async::Task<void> serve_stream(wire::H2ServerConnection::Arrival arrival);
  async::Task<void> refuse_stream(wire::H2ServerConnection::Arrival arrival);
  async::Task<Result<void>> connect(wire::H1ServerConnection& http, wire::Incoming& incoming);
  async::Task<void> connect_stream(wire::H2Incoming& incoming);
  bool wants_interception(const HostPort& place) const;
  /// False when the client must show credentials first, and was told so.
  async::Task<bool> admit(wire::Incoming& incoming);

  // session_tunnel.cc: what is inside a tunnel.
  async::Task<Result<void>> serve_socks(std::string first);
  async::Task<Result<void>> pass_socks(HostPort place, std::string first, bool& refused);
  void note_refused_socks(const Error& error);
  async::Task<Result<void>> intercept(HostPort place, std::string first);
  async::Task<Result<void>> intercept_tls(http::Origin origin, std::string first);
  async::Task<Result<void>> handshake(tls::SslPtr session, std::string first, TimePoint begun);
  async::Task<Result<void>> serve_secured(wire::Route route);
  bool passes_unread(const wire::Route& route);
  bool hides_its_name(const tls::ClientHello& hello, const HostPort& place) const;
  async::Task<Result<void>> let_retry(const HostPort& place, std::string_view cover);
  /// Records a tunnel that ended before its first request. What `error` says of our certificate for judging_
  /// is counted, and explained as soon as it is known which program said it.
  async::Task<Error> note_rejection(HostPort place, const tls::ClientHello& hello, Error error);
  void note_news(const flow::Flow& flow, const Error& error);
  void note_request();
  async::Task<Result<void>> intercept_plain(HostPort place, Protocol protocol, std::string first);
  async::Task<Result<tls::ClientHello>> read_hello(std::string& bytes);
  async::Task<Result<void>> pass_through(Recording& recording, HostPort place, wire::Incoming& incoming);
  async::Task<Result<void>> pass_unread(HostPort place, std::string first, std::string_view mark);
  async::Task<Result<void>> opaque(Recording& recording, HostPort place, std::string first);
  async::Task<Result<void>> server_first(HostPort place);
  async::Task<Result<bool>> listen_for_server(HostPort place);
  /// Refused by policy, or dialled. `on_gone` for as long as a person is asked.
  async::Task<Result<wire::UpstreamTunnel>> dial_tunnel(Recording& recording, HostPort place, OnGone on_gone);
  /// The end of the connection itself.
  OnGone on_hangup();
  // session_secrets.cc: what must not leave.
  /// Fails where the name of a place says what must not leave. Before anybody else hears of it.
  Result<void> judge_place(const HostPort& place);
  void describe_unnamed(flow::Flow& flow, const HostPort& place);
  async::Task<void> refuse_place(wire::Incoming& incoming, const Error& error);
  async::Task<Result<void>> refuse_socks_place(const HostPort& place, Error error);
  async::Task<Result<void>> refuse_server_name(const HostPort& place, Error error);
  /// Null where there is nothing to look for.
  std::unique_ptr<TunnelGuard> guard_tunnel(const HostPort& place);

  async::Task<Result<void>> run_tunnel(Recording& recording, net::Stream& client,
                                       wire::UpstreamTunnel upstream, std::string first);
  void describe_tunnel(flow::Flow& flow, const HostPort& place, flow::Interception interception);
  /// What ended a tunnel; a cut of ours is told as what it is.
  void note_failure(Recording& recording, const Error& error);

  Services& services_;
  const Entrance* entrance_ = nullptr;  // null inside another connection
  int socket_ = -1;                     // of stream_, while that is open; -1 inside another connection
  std::unique_ptr<net::Stream> stream_;
  net::Stream* bottom_;  // the innermost stream, whatever was put around it
  net::TlsStream* tls_ = nullptr;
  wire::H1ServerConnection* http1_ = nullptr;
  wire::H2ServerConnection* http2_ = nullptr;
  std::unordered_set<Session*> inside_;  // tunnels in streams of http2_
  ClientSide client_;
  flow::Connection connection_;
  std::optional<HostPort> judging_;  // whose certificate the client is shown, until it sends a request
  bool silent_ = true;               // no byte has come yet
  bool draining_ = false;
  bool may_announce_ = false;  // a preamble may still come
  bool closed_door_;           // SessionOptions::closed_door, or the entrance is a guest's
};

}  // namespace weir::proxy
