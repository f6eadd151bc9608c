// Server: the proxy with everything it needs: listeners, threads, CA, capture.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "app/observer.h"
#include "app/options.h"
#include "app/worker.h"
#include "async/offload.h"
#include "config/settings.h"
#include "flow/sink.h"
#include "store/session_store.h"
#include "tls/authority.h"

namespace weir::app {

class Server {
 public:
  /// Loads or creates the CA, opens the capture store, listens and serves. Folders left empty in `settings`
  /// are filled in by `with_default_folders`. `observer`, if any, sees each flow that closes and must outlive
  /// the server. Errors end the start with one clear text.
  static Result<std::unique_ptr<Server>> start(const config::Settings& settings,
                                               Observer* observer = nullptr);
  ~Server();

  /// "127.0.0.1:8080", one for each listen setting; the true port where 0 was asked for.
  const std::vector<HostPort>& endpoints() const { return endpoints_; }
  const tls::Authority& authority() const { return authority_; }
  /// Null when nothing is recorded (capture.enabled).
  const store::SessionStore* store() const { return store_.get(); }

  /// Another filter, for every request from now on, on kept-alive connections too; what is under way goes on.
  /// The rest of `settings` is not looked at. Errors (bad_config): the filter stays as it was.
  Result<void> set_filter(const config::FilterSettings& settings);

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
  Result<void> listen(const config::Settings& settings);
  Result<void> open(const config::Settings& settings, Observer* observer);

  class Observed;
  class Nowhere;
  Result<flow::Sink*> open_capture(bool enabled, Observer* observer);
  RoomOptions options_;
  tls::Authority authority_;
  std::unique_ptr<store::SessionStore> store_;
  std::unique_ptr<Nowhere> nowhere_;
  std::unique_ptr<Observed> observed_;
  proxy::Numbers numbers_;
  proxy::Rejections rejections_;
  proxy::CaptureBudget budget_;
  std::atomic<std::size_t> connections_{0};
  tls::LeafCache leaves_;
  std::unique_ptr<tls::ServerContext> server_tls_;
  std::unique_ptr<tls::ClientContext> client_tls_;
  std::unique_ptr<proxy::Minter> minter_;
  std::vector<HostPort> endpoints_;
  std::vector<std::vector<UniqueFd>> sockets_;  // by worker
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<async::WorkerPool> offload_;  // ends first: its work posts to the workers' loops
};

/// `settings` with ca_dir and data_dir filled in: the user's CA folder, and the data folder of the project
/// that the current directory belongs to.
Result<config::Settings> with_default_folders(config::Settings settings);

}  // namespace weir::app
