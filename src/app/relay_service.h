// RelayService: a session's relay with everything it needs: token, certificate, listener, thread, status.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/hardening.h"
#include "config/settings.h"
#include "relay/agent.h"
#include "relay/variables.h"

namespace weir::app {

struct RelayChoice {
  std::string base, session, token_file;
  std::string bundle;      ///< written; what programs are to trust
  std::string system_ca;   ///< PEM; empty = the system's
  std::string status_dir;  ///< made where it is missing (0700)
  HostPort listen{"127.0.0.1", 0};
  std::vector<std::string> direct;  ///< hosts that programs are to reach without the relay
  bool unlink_first = false;        ///< the token file goes before anything else is tried
};

class RelayService {
 public:
  /// The order of docs/relay.md: token read, certificate fetched, bundle written, listener up, token file
  /// gone, served. Blocks for seconds at most. Of `settings` upstream and tls count; whom tls.insecure_hosts
  /// would let pass is not let pass here, since the token goes there. What fails leaves the token file where
  /// it is, unless `unlink_first`.
  static Result<std::unique_ptr<RelayService>> start(const RelayChoice& choice,
                                                     const config::Settings& settings,
                                                     const Hardening& hardening);
  /// Cuts what is open.
  ~RelayService();

  const relay::RelayIdentity& identity() const { return identity_; }
  const std::filesystem::path& status_socket() const { return socket_; }
  std::vector<relay::Variable> variables() const;

 private:
  RelayService(relay::RelayCredential credential, tls::ClientContext tls)
      : credential_(std::move(credential)), tls_(std::move(tls)) {}
  void serve(relay::AgentOptions options, UniqueFd listener, UniqueFd status);
  async::Task<void> finish();

  relay::RelayIdentity identity_;
  std::filesystem::path socket_;
  relay::RelayCredential credential_;
  tls::ClientContext tls_;
  async::Loop loop_;
  std::optional<relay::RelayStatus> status_;
  std::unique_ptr<relay::Agent> agent_;
  async::TaskGroup finishing_{loop_};
  std::thread thread_;
};

}  // namespace weir::app
