// EventQueue: carries flows from the walk's threads to the writer, within bounds, without making anyone wait.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "flow/flow.h"
#include "flow/message.h"
#include "flow/sink.h"
#include "store/model_record.h"

namespace weir::store {

struct Event {
  enum class Kind : std::uint8_t { opened, closed, message, connection, model, mcp };

  Kind kind = Kind::opened;
  bool bodies_shed = false;
  std::uint64_t bytes = 0;  ///< what the event holds in memory, about
  std::unique_ptr<const flow::Flow> flow;
  std::unique_ptr<const flow::Message> message;
  std::unique_ptr<const flow::Connection> connection;
  std::unique_ptr<const ModelRecord> model;
  std::unique_ptr<const McpRecord> mcp;
};

/// Producers push from any thread: a few atomics and a lock held for the length of a push_back. One consumer
/// takes all there is at once. What was taken counts against the limits until it is `settled`.
class EventQueue {
 public:
  struct Limits {
    std::uint64_t high_water = 0;  ///< bytes
    flow::WhenFull when_full = flow::WhenFull::slow;
  };
  struct Counters {
    std::uint64_t accepted = 0, shed_bodies = 0, shed_flows = 0, shed_messages = 0, shed_connections = 0,
                  shed_models = 0, bytes = 0, events = 0;
  };

  explicit EventQueue(Limits limits);

  void push_opened(std::unique_ptr<const flow::Flow> flow);
  void push_closed(std::unique_ptr<const flow::Flow> flow);
  void push(std::unique_ptr<const flow::Message> message);
  void push(std::unique_ptr<const flow::Connection> connection);
  void push(std::unique_ptr<const ModelRecord> model);
  void push(std::unique_ptr<const McpRecord> mcp);  ///< counts as a call of a model where it is shed
  bool has_room() const;
  bool stalled() const { return stalled_.load(std::memory_order_relaxed); }
  Counters counters() const;

  /// Waits until everything pushed before is settled; false after `attempt_failed` or once the consumer has
  /// gone.
  bool flush();
  /// Nothing more is accepted; wakes the consumer.
  void close();

  // The consumer's side.
  /// Waits `timeout` at most, less when much has piled up, on flush and on close. False once closed.
  bool wait(std::chrono::milliseconds timeout);
  /// Swaps what has piled up into `out`, which must be empty.
  void take(std::vector<Event>& out);
  /// So many events with so many bytes need no more memory.
  void settle(std::size_t events, std::uint64_t bytes);
  /// The consumer cannot write, or can again. While stalled nobody is asked to wait: memory is kept by
  /// shedding.
  void set_stalled(bool stalled) { stalled_.store(stalled, std::memory_order_relaxed); }
  void attempt_failed();
  /// The consumer will take nothing more.
  void consumer_gone();

 private:
  enum class Shed : std::uint8_t { nothing, bodies, flows };
  Shed shed_now() const;
  void push(Event event);

  const Limits limits_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> accepted_{0}, shed_bodies_{0}, shed_flows_{0}, shed_messages_{0},
      shed_connections_{0}, shed_models_{0};
  std::atomic<bool> stalled_{false};

  mutable std::mutex mutex_;
  std::condition_variable wake_;      // for the consumer
  std::condition_variable progress_;  // for flush
  std::vector<Event> events_;
  std::uint64_t piled_bytes_ = 0;  // of events_
  bool nudged_ = false;            // the consumer has been told to hurry
  bool closed_ = false;
  bool gone_ = false;
  std::uint64_t pushed_ = 0, settled_ = 0, failures_ = 0;
};

}  // namespace weir::store
