// RemoteSink: sends closed flows to one receiver on another machine (docs/remote_logging.md).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "flow/sink.h"
#include "store/event_queue.h"
#include "store/remote_channel.h"

namespace weir::store {

/// The Sink methods only queue; one thread of its own writes down and sends, in order. A receiver that is
/// away costs traffic nothing: flows wait within `queue_bytes`, then new ones are dropped and counted, so
/// that what is sent has no hole but at its end. A batch whose fate is unknown is sent again: a receiver may
/// see it twice.
class RemoteSink final : public flow::Sink {
 public:
  struct Options {
    std::string name;     ///< for the log
    std::string session;  ///< its id, for the entries; may be empty
    bool bodies = false;
    std::size_t batch = 100;                     ///< most entries sent at once
    std::chrono::milliseconds interval{1000};    ///< the longest an entry waits for others
    std::uint64_t queue_bytes = 16ULL << 20;     ///< of flows that wait to be sent
    std::chrono::milliseconds first_pause{250};  ///< after a failure; doubles with each, give or take a fifth
    std::chrono::milliseconds longest_pause{30'000};
  };

  /// Running totals of closed flows.
  struct Counters {
    std::uint64_t accepted = 0;         ///< taken into the queue
    std::uint64_t sent = 0;             ///< as far as the protocol tells
    std::uint64_t dropped = 0;          ///< not accepted, for want of room
    std::uint64_t refused = 0;          ///< accepted, but the receiver will not have them
    std::uint64_t lost = 0;             ///< accepted, but unsent at the end
    std::uint64_t failed_attempts = 0;  ///< that were made again
    std::uint64_t waiting = 0, waiting_bytes = 0;
  };

  RemoteSink(Options options, std::unique_ptr<RemoteChannel> channel);
  ~RemoteSink() override;  ///< close(now)

  void opened(std::unique_ptr<const flow::Flow>) override {}
  void closed(std::unique_ptr<const flow::Flow> flow) override;
  void message(std::unique_ptr<const flow::Message>) override {}
  void connection(std::unique_ptr<const flow::Connection>) override {}
  /// Always: nobody waits for a receiver.
  bool has_room() const override { return true; }
  /// Never: a record that is elsewhere, too, is no condition for traffic.
  bool failing() const override { return false; }

  /// Blocks until all that was accepted before the call is sent or refused; false if an attempt failed.
  bool flush() { return queue_.flush(); }
  /// Nothing more is accepted; what is queued is sent until `deadline`. Returns at once.
  void begin_close(TimePoint deadline);
  /// The same, and waits for the end. Idempotent; one thread only.
  void close(TimePoint deadline);
  Counters counters() const;
  const std::string& name() const { return options_.name; }

 private:
  void run();
  /// Sends what has piled up; false after a failure.
  bool send_all();
  bool fill_batch();
  void settle(std::size_t entries);
  void wait(std::chrono::milliseconds pause);
  std::chrono::milliseconds next_pause();
  void report(const Error& error, std::size_t refused);
  void report_recovery();
  void report_dropped();
  void give_up();
  void say(log::Level level, const std::string& text);
  bool too_late() const { return steady_now() >= deadline_.load(); }

  const Options options_;
  const std::string component_;
  const std::unique_ptr<RemoteChannel> channel_;
  EventQueue queue_;
  RemoteDeadline deadline_{kNever};
  std::atomic<std::uint64_t> sent_{0}, refused_{0}, lost_{0}, failed_attempts_{0};

  // The thread's own.
  std::vector<Event> backlog_;
  std::size_t next_ = 0;            // of backlog_
  std::vector<RemoteEntry> batch_;  // of backlog_[next_] and on
  bool open_ = true;
  std::chrono::milliseconds pause_, asked_pause_{};
  std::uint64_t failures_ = 0;  // in a row
  std::uint64_t told_dropped_ = 0;
  TimePoint told_failure_, told_drop_;
  std::minstd_rand random_;
  std::thread thread_;
};

}  // namespace weir::store
