// Server: the proxy with everything it needs: listeners, threads, CA, capture.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/asking.h"
#include "app/budgets.h"
#include "app/credential_keeper.h"
#include "app/gateway_door.h"
#include "app/guest_doors.h"
#include "app/hardening.h"
#include "app/metrics.h"
#include "app/model_records.h"
#include "app/observer.h"
#include "app/options.h"
#include "app/price_book.h"
#include "app/process_clients.h"
#include "app/remote_logs.h"
#include "app/sinks.h"
#include "app/worker.h"
#include "async/offload.h"
#include "config/settings.h"
#include "control/metrics_server.h"
#include "flow/sink.h"
#include "proxy/log_skip.h"
#include "store/internal_log.h"
#include "store/redacting_sink.h"
#include "store/session_store.h"
#include "tls/authority.h"

namespace weir::app {

/// Listening sockets that were opened elsewhere, for a sandbox: connections that were redirected to them, or
/// clients that know of them as a proxy, are served in place of those of settings.listen.
struct HandedListeners {
  proxy::EntranceKind kind = proxy::EntranceKind::transparent;
  std::vector<UniqueFd> sockets;  ///< one for each thread (thread_count)
  /// As proxy::Entrance::name_of.
  std::function<Result<std::optional<std::string>>(const std::string& address)> name_of;
  UniqueFd diagnosis;  ///< a NETLINK_SOCK_DIAG socket of where they are: whose a connection is; without it,
                       ///< nobody can say
  /// Relays come in by its listeners, and nobody else by any. Outlives the server.
  GatewayDoor* gateway = nullptr;
  /// Secrets that are put in; null: none. Outlives the server.
  CredentialKeeper* credentials = nullptr;
};

/// How many threads serve: settings.threads, or one for each processor.
std::size_t thread_count(const config::Settings& settings);

class Server {
 public:
  /// Loads or creates the CA, opens the capture store, listens and serves. Folders left empty in `settings`
  /// are filled in by `with_default_folders`. `observer`, if any, sees each flow that closes and must outlive
  /// the server. `hardening`, if any: its second step is taken on the way, with which this process keeps for
  /// good what it has given up. Errors end the start with one clear text.
  static Result<std::unique_ptr<Server>> start(const config::Settings& settings, Observer* observer = nullptr,
                                               HandedListeners handed = {},
                                               const Hardening* hardening = nullptr);
  ~Server();

  /// "127.0.0.1:8080", one for each listen setting; the true port where 0 was asked for.
  const std::vector<HostPort>& endpoints() const { return endpoints_; }
  /// The same for each listener of redirected connections (settings.transparent).
  std::vector<HostPort> transparent_endpoints() const;
  /// Where guests come in (settings.guest), as people say it.
  std::vector<std::string> guest_places() const {
    return guests_ ? guests_->places() : std::vector<std::string>();
  }
  const tls::Authority& authority() const { return authority_; }
  /// Null when nothing is recorded (capture.enabled).
  const store::SessionStore* store() const { return store_.get(); }
  /// The totals of store(), what was lost on the way to it included; all zero without it.
  store::SessionStore::Counters counters() const;
  /// What the user's own redaction rules did; all zero without them.
  store::RedactingSink::Counters redaction() const;
  /// How many flows were not recorded since log-skip rules say so.
  std::uint64_t skipped() const { return skip_ ? skip_->skipped() : 0; }
  /// For whoever shows or sends what the walk saw, other than through a sink. Null without rules.
  const flow::Redactor* redactor() const { return options_.redactor.get(); }
  /// Null when no JSON Lines are written (capture.jsonl).
  const store::JsonlWriter* jsonl() const { return jsonl_.get(); }
  const RemoteLogs& remote() const { return remote_; }
  /// What was used of each budget, in words; after close().
  const std::vector<std::string>& budget_report() const { return budget_report_; }
  /// Where metrics are answered; null when they are not.
  const HostPort* metrics_endpoint() const { return metrics_ ? &metrics_->endpoint() : nullptr; }
  /// What Weir logs while this server is there goes into logs/internal of the data folder, too.
  const store::InternalLog& internal_log() const { return *internal_log_; }

  /// Where people answer what policy asks; null while no filter is on.
  const std::filesystem::path* ask_socket() const { return asking_.socket(); }

  /// Another filter, for every request that comes after it returns, on kept-alive connections too; what is
  /// under way goes on. Waits for the threads: not to be called on one of them.
  /// The rest of `settings` is not looked at. Errors (bad_config): the filter stays as it was.
  Result<void> set_filter(const config::FilterSettings& settings);

  /// The process that clients of this machine most likely descend from: a hint where to look first.
  void expect_clients_below(pid_t root);

  /// Stops accepting, lets exchanges end (limits.drain_timeout), then cuts them. Returns at once.
  void drain();
  /// Cuts what a drain still waits for.
  void hurry();
  /// True when the drain has ended everywhere, so that join() will not wait.
  bool ended() const;
  /// Blocks until the drain has ended.
  void join();
  /// Flushes and closes capture. After join().
  void close();

 private:
  Server(RoomOptions options, tls::Authority authority);
  Result<void> listen(const config::Settings& settings, HandedListeners handed);
  Result<void> listen_at(const HostPort& wanted, bool redirected);
  Result<void> listen_for_relays();
  Result<void> listen_for_guests(const config::GuestSettings& settings);
  Result<void> open(const config::Settings& settings, Observer* observer, const Hardening* hardening);
  Result<void> confine(const config::Settings& settings, const Hardening& hardening);

  void open_clients(UniqueFd diagnosis, bool confined);
  void note_start();
  Result<void> open_asking(const policy::Policy& policy);
  Result<void> open_budgets(const config::BudgetSettings& settings);
  Result<flow::Sink*> open_capture(bool enabled, Observer* observer);
  Result<void> open_metrics(const config::ControlSettings& settings);
  std::string metrics() const;
  /// Of the record, or of its own when there is none.
  const std::string& session_id();
  /// What stands in front of `sink`, so that no secret gets there; itself when there are no rules.
  flow::Sink& redacted(flow::Sink& sink);
  RoomOptions options_;
  tls::Authority authority_;
  std::shared_ptr<store::InternalLog> internal_log_;
  std::unique_ptr<store::SessionStore> store_;
  std::unique_ptr<store::JsonlWriter> jsonl_;
  FlowMetrics flow_metrics_;
  RemoteLogs remote_;
  std::string session_id_;
  Sinks sinks_;                                      // of these and the observer
  std::unique_ptr<store::RedactingSink> redacting_;  // in front of them all
  std::unique_ptr<proxy::LogSkip> skip_;
  Asking asking_;
  proxy::Numbers numbers_;
  proxy::Rejections rejections_;
  proxy::CaptureBudget budget_;
  std::atomic<std::size_t> connections_{0};
  tls::LeafCache leaves_;
  std::unique_ptr<tls::ServerContext> server_tls_;
  std::unique_ptr<tls::ClientContext> client_tls_;
  std::unique_ptr<proxy::Minter> minter_;
  bool serving_ = false;
  std::vector<HostPort> endpoints_;
  proxy::LoopGuard loops_;
  std::deque<proxy::Entrance> entrances_;
  std::unique_ptr<GuestDoors> guests_;
  GatewayDoor* gateway_ = nullptr;
  CredentialKeeper* credentials_ = nullptr;
  PriceBook prices_;
  std::vector<std::string> budget_report_;
  std::unique_ptr<Budgets> budgets_;             // null: there are none
  std::unique_ptr<ModelRecords> models_;         // null: nothing is recorded, and there are no budgets
  std::vector<std::vector<Listening>> sockets_;  // by worker
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<ProcessClients> clients_;  // ends before they do: its answers go to their loops
  std::unique_ptr<control::MetricsServer> metrics_;
  TimePoint begun_ = steady_now();
  std::unique_ptr<async::WorkerPool> offload_;  // ends first: its work posts to the workers' loops
};

/// `settings` with ca_dir and data_dir filled in: the user's CA folder, and the data folder of the project
/// that the current directory belongs to.
Result<config::Settings> with_default_folders(config::Settings settings);

}  // namespace weir::app
