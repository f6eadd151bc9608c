// LogSkip: requests that are never recorded, and the connections that nothing else went over.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "flow/flow.h"
#include "flow/sink.h"
#include "policy/policy.h"

namespace weir::proxy {

/// Which requests; shared by the threads of a server.
class LogSkip {
 public:
  /// `rules` allows what is to be skipped, and nothing else.
  explicit LogSkip(std::shared_ptr<const policy::Policy> rules) : rules_(std::move(rules)) {}

  bool matches(const flow::Flow& flow) const;
  /// Whether every request to this place is skipped.
  bool matches(const HostPort& place) const;

  void count() { skipped_.fetch_add(1, std::memory_order_relaxed); }
  /// Flows that were not recorded so far.
  std::uint64_t skipped() const { return skipped_.load(std::memory_order_relaxed); }

 private:
  const std::shared_ptr<const policy::Policy> rules_;
  std::atomic<std::uint64_t> skipped_{0};
};

/// Holds accounts of connections back until a flow that is recorded names them. A connection that only
/// skipped flows name is never told of, nor is one that led nowhere but to a place that is skipped. One a
/// thread.
class HeldConnections {
 public:
  HeldConnections(const LogSkip& skip, flow::Sink& sink) : skip_(skip), sink_(sink) {}

  void note(std::unique_ptr<flow::Connection> connection);
  /// A flow has begun; `flow` stays where it is until it is told of or skipped.
  void begun(const flow::Flow& flow) { open_.insert(&flow); }
  /// The flow is about to be handed to the sink, perhaps not for the last time.
  void tell_of(const flow::Flow& flow);
  void ended(const flow::Flow& flow, bool skipped);

 private:
  struct Entry {
    std::unique_ptr<flow::Connection> held;
    bool told = false;     ///< a recorded flow names it
    bool skipped = false;  ///< a skipped one does
  };
  void release(flow::ConnectionId id);
  bool worth_telling(const flow::Connection& connection, const Entry& entry) const;

  const LogSkip& skip_;
  flow::Sink& sink_;
  std::unordered_map<flow::ConnectionId, Entry> entries_;  // of connections that have not ended
  std::unordered_set<const flow::Flow*> open_;
};

}  // namespace weir::proxy
