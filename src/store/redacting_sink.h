// RedactingSink: stands in front of every other sink, so that none of them is ever handed a secret.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "flow/redactor.h"
#include "flow/sink.h"
#include "store/event_queue.h"

namespace weir::store {

/// The Sink methods only queue; one thread of its own redacts and hands on, in order. It waits for the sink
/// behind it where traffic may wait for the record (WhenFull::slow), so that the two queues together hold
/// little more than one.
class RedactingSink final : public flow::Sink {
 public:
  /// Running totals of closed flows and of messages that were lost on the way.
  struct Counters {
    std::uint64_t redacted = 0;     ///< flows in which secrets were found
    std::uint64_t withheld = 0;     ///< bodies not kept, since nobody could look into them
    std::uint64_t shed_bodies = 0;  ///< as of store::SessionStore, for want of room here
    std::uint64_t shed_flows = 0;
    std::uint64_t shed_messages = 0;
  };

  /// `next` outlives this. It may be closed only after this is.
  RedactingSink(std::shared_ptr<const flow::Redactor> redactor, flow::Sink& next, EventQueue::Limits limits);
  ~RedactingSink() override;  ///< close()

  void opened(std::unique_ptr<const flow::Flow> flow) override { queue_.push_opened(std::move(flow)); }
  void closed(std::unique_ptr<const flow::Flow> flow) override { queue_.push_closed(std::move(flow)); }
  void message(std::unique_ptr<const flow::Message> message) override { queue_.push(std::move(message)); }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    queue_.push(std::move(connection));
  }
  bool has_room() const override { return queue_.has_room() && next_.has_room(); }
  bool failing() const override { return next_.failing(); }

  /// Blocks until all that was accepted before the call has been handed on.
  void flush() { (void)queue_.flush(); }
  /// Hands on what is queued; nothing more is accepted. Blocks; idempotent; one thread only.
  void close();
  Counters counters() const;

 private:
  void run();
  void wait_for_room();
  void hand_on(Event& event);
  void hand_on_flow(Event& event);

  const std::shared_ptr<const flow::Redactor> redactor_;
  flow::Sink& next_;
  const bool patient_;
  EventQueue queue_;
  std::atomic<std::uint64_t> redacted_{0}, withheld_{0};
  bool open_ = true;  // of the thread
  std::thread thread_;
};

}  // namespace weir::store
