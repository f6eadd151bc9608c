// Senders: which program is behind each client connection of a thread, and the flows that wait to hear it.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "async/event.h"
#include "async/loop.h"
#include "async/task.h"
#include "flow/sink.h"

namespace weir::proxy {

/// Finds out who made a connection. Any thread.
class ClientFinder {
 public:
  using Answer = std::move_only_function<void(std::shared_ptr<const Process>)>;
  virtual ~ClientFinder() = default;

  /// Whether clients at `peer` can be found, whom our socket meets at `local`: both as net::socket_address
  /// has them.
  virtual bool may_find(const std::string& local, const std::string& peer) const = 0;
  /// `from`: the client's own address; `to`: the one that it connected to, which behind a redirection is not
  /// ours. Never waits. `answer` is called once, on some thread; false: it is not called, there is too much
  /// to do.
  virtual bool find(const std::string& from, const std::string& to, Answer answer) = 0;
  /// `process` again, with the TLS libraries that it has (Process::tls_libraries). Never waits; `answer` as
  /// above.
  virtual bool inspect(std::shared_ptr<const Process> process, Answer answer) = 0;
};

/// One a thread, on its loop. A lookup takes about as long as a short exchange: a flow that closes before its
/// sender is known is told when it is, or after kPatience, so that each is told once and is whole.
class Senders : private async::Timer {
 public:
  static constexpr auto kPatience = std::chrono::milliseconds(250);
  static constexpr auto kInspectionPatience = std::chrono::seconds(1);
  static constexpr std::size_t kMostWaiting = 1024;
  static constexpr std::uint64_t kMostWaitingBytes = 16 << 20;  ///< of bodies, unless hold_at_most says less

  Senders(async::Loop& loop, flow::Sink& sink) : Timer(loop), sink_(sink) {}
  /// What comes to the sink at once, when senders are found, has to fit there: more than `bytes` of bodies
  /// never wait.
  void hold_at_most(std::uint64_t bytes) { most_waiting_bytes_ = std::min(bytes, kMostWaitingBytes); }
  /// Tells all that wait.
  ~Senders() override;

  /// A connection was accepted; whoever `finder` finds is the sender of its flows. The finder must have given
  /// all its answers before the loop is destroyed.
  void ask(flow::ConnectionId id, ClientFinder& finder, const std::string& from, const std::string& to);
  /// The connection's sender is known, since it was said.
  void set(flow::ConnectionId id, std::shared_ptr<const Process> process);
  /// `inner` is a stream of the connection `outer`.
  void share(flow::ConnectionId inner, flow::ConnectionId outer);
  /// The device that the connection comes from, named in all its flows.
  void set_device(flow::ConnectionId id, std::string device) { devices_[id] = std::move(device); }
  /// The connection is no more; its flows have closed.
  void forget(flow::ConnectionId id) {
    known_.erase(id);
    devices_.erase(id);
  }
  /// Null as long as it is not known, and when nobody was asked.
  std::shared_ptr<const Process> of(flow::ConnectionId id) const;
  /// Waits until it is known, for kPatience at most, and names it in `flow`.
  async::Task<void> name_when_known(flow::Flow& flow);
  /// The same with its TLS libraries, when that is known: waits for both, for kInspectionPatience at most.
  /// For who has to tell why a client will not go on; the connection may end meanwhile.
  async::Task<std::shared_ptr<const Process>> inspected(flow::ConnectionId id);

  /// Names the sender of an open flow, and its device, if they are known.
  void name(flow::Flow& flow) const;
  /// Hands a closed flow to the sink, now or when its sender is known.
  void close(std::unique_ptr<flow::Flow> flow);
  bool any_waiting() const { return !waiting_.empty(); }
  /// Tells all that wait, as it is: the loop ends.
  void tell_waiting();

 private:
  struct State {
    explicit State(async::Loop& loop) : known(loop), inspected(loop) {}

    std::shared_ptr<const Process> process;  // null: under way
    ClientFinder* finder = nullptr;          // null: nobody to ask for more
    bool inspecting = false;
    async::Event known, inspected;
  };
  void inspect(const std::shared_ptr<State>& state);
  struct Waiting {
    std::unique_ptr<flow::Flow> flow;
    std::shared_ptr<State> state;
    TimePoint until;

    std::uint64_t bytes() const { return flow->request_body.bytes.size() + flow->response_body.bytes.size(); }
  };
  void settle(State& state, std::shared_ptr<const Process> process);
  void tell(Waiting waiting);
  void tell_oldest();
  void fire() override;

  flow::Sink& sink_;
  std::unordered_map<flow::ConnectionId, std::shared_ptr<State>> known_;
  std::unordered_map<flow::ConnectionId, std::string> devices_;
  std::deque<Waiting> waiting_;  // the oldest first
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t most_waiting_bytes_ = kMostWaitingBytes;
};

}  // namespace weir::proxy
