// Worker: one thread of the server. Accepts on its own listeners and carries what comes, to the end.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <unordered_set>
#include <vector>

#include "app/options.h"
#include "async/task_group.h"
#include "net/dialer.h"
#include "net/listener.h"
#include "proxy/budgeting.h"
#include "proxy/filter.h"
#include "proxy/secrets.h"
#include "proxy/session.h"

namespace weir::app {

/// What all workers of a server share. Outlives them.
struct Shared {
  const RoomOptions& options;
  flow::Sink& sink;
  proxy::Numbers& numbers;
  proxy::CaptureBudget& budget;
  proxy::Minter& minter;
  const tls::ServerContext& server_tls;
  proxy::Rejections& rejections;
  const tls::ClientContext& client_tls;
  std::atomic<std::size_t>& connections;
  proxy::Questions* questions;
  proxy::LogSkip* skip;     ///< null: everything is recorded
  proxy::LoopGuard* loops;  ///< null: no traffic is redirected here
  /// Null: nobody is asked who a client is. Gives its answers before the worker is destroyed.
  proxy::ClientFinder* clients;
  proxy::Onlookers* onlookers;  ///< null: nobody looks on
  proxy::Budgeting* budgets;    ///< null: there are none
  proxy::Secrets* secrets;      ///< null: there are no credentials
};

/// A listening socket, and how those who come in by it say where they want to go.
struct Listening {
  UniqueFd socket;
  const proxy::Entrance* entrance;  ///< outlives the worker
};

class Worker {
 public:
  /// `self` are the addresses of all listeners of the server, for loop detection.
  Worker(Shared shared, std::vector<Listening> listeners, std::vector<std::string> self);
  ~Worker();

  void start();
  /// Any thread. Ready when no request is judged by the one before any more; never, when the worker has
  /// ended.
  std::future<void> set_filtering(Filtering filtering);
  /// Any thread. Stops accepting; ends idle connections; the others get until `drain_timeout`, then are cut.
  void drain();
  /// Any thread. Cuts what is left of a drain at once.
  void hurry();
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  /// Blocks until a drain has ended.
  void join();

 private:
  class RelayLook final : public async::Timer {
   public:
    explicit RelayLook(Worker& worker) : Timer(worker.loop_), worker_(worker) {}

   private:
    void fire() override { worker_.look_at_relays(); }
    Worker& worker_;
  };

  async::Task<void> accept_from(net::Listener& listener, const proxy::Entrance& entrance);
  async::Task<void> serve(UniqueFd socket, const proxy::Entrance& entrance);
  async::Task<void> finish();
  /// Ends the tunnels of relays whose session is over.
  void look_at_relays();
  bool is_self(const net::TcpStream& upstream) const;
  wire::PoolOptions pool_options();

  Shared shared_;
  std::vector<std::string> self_;
  async::Loop loop_;
  net::Resolver resolver_;
  net::Dialer dialer_;
  proxy::Recorder recorder_;
  proxy::Reach reach_;
  wire::UpstreamPool pool_;
  proxy::Gate gate_;
  proxy::Filters filters_;
  proxy::Walk walk_;
  proxy::Services services_;
  std::vector<std::pair<std::unique_ptr<net::Listener>, const proxy::Entrance*>> listeners_;
  std::unordered_set<proxy::Session*> sessions_;
  async::TaskGroup accepting_;
  async::TaskGroup serving_;
  async::TaskGroup finishing_;
  async::Event hurry_;
  RelayLook relay_look_;
  bool draining_ = false;
  bool refusing_ = false;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace weir::app
