// Playbook: a dialogue between a client, the proxy and its origins, told line by line.
//
//   auto& client = play.client();
//   client.sends("GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
//   auto& upstream = play.upstream();
//   upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
//   upstream.sends("HTTP/1.1 204 No Content\r\n\r\n");
//   client.expects("HTTP/1.1 204 No Content\r\n\r\n");
//   play.records({.status = 204});
//
// When the playbook ends, every byte and every account must have been spoken of, and the proxy must have let
// go of everything.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <source_location>
#include <string>

#include "tests/support/peer.h"
#include "tests/support/stage.h"

namespace weir::testing {

/// What an account must say; what is left out is not looked at.
struct Account {
  std::optional<int> status = {};  ///< 0: no response
  Code error = Code::none;
  std::optional<std::string> marks = {};
  std::optional<flow::Interception> interception = {};
  std::optional<bool> reused = {};
  std::optional<std::string> request_body = {};
  std::optional<std::string> response_body = {};
};

class Playbook {
 public:
  using Where = std::source_location;
  explicit Playbook(std::unique_ptr<Stage> stage) : stage_(std::move(stage)) {}
  Playbook(const Playbook&) = delete;
  ~Playbook() { ends(); }

  config::Settings& settings() { return stage_->settings; }
  Stage& stage() { return *stage_; }

  /// A new client connection.
  Peer& client(Where where = Where::current());
  /// A client whose CONNECT to {tunnel} was granted.
  Peer& tunnel(Where where = Where::current());
  /// A client inside TLS inside a tunnel, that trusts the proxy's CA. An empty `sni` is the tunnel's host.
  Peer& secure_client(std::string sni = {}, Where where = Where::current());
  /// The next connection the proxy makes.
  Peer& upstream(Where where = Where::current());
  /// The same, answered with TLS by an origin the proxy trusts for {host}.
  Peer& secure_upstream(Where where = Where::current());
  /// No connection to an origin was made but those that were asked for.
  void no_upstream(Where where = Where::current());

  /// A session of a TLS client that trusts the proxy's CA.
  tls::SslPtr client_tls(std::string host = {});
  /// A session of a TLS origin with a certificate as told, from the authority the proxy trusts.
  tls::SslPtr origin_tls(tls::testing::ServerRecipe recipe);
  tls::SslPtr origin_tls() { return origin_tls({.names = {names()}}); }
  /// The subjectAltName of {host}.
  std::string names() const;

  /// The next account that is closed says so.
  flow::Flow records(const Account& wanted, Where where = Where::current());

  /// The end of the dialogue: peers close, and nothing may be left over.
  void ends(Where where = Where::current());
  bool broken() const { return broken_; }

 private:
  void complain(const Where& where, const std::string& text);

  std::unique_ptr<Stage> stage_;
  std::deque<Peer> peers_;
  std::optional<tls::testing::Origin> origin_;
  int clients_ = 0;
  int upstreams_ = 0;
  bool broken_ = false;
  bool ended_ = false;
};

}  // namespace weir::testing
