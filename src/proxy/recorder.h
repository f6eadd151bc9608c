// Recorder: turns what the walk does into flows, and hands them to the sink. One a thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "async/loop.h"
#include "flow/sink.h"
#include "proxy/log_skip.h"
#include "proxy/senders.h"

namespace weir::proxy {

/// The numbers of flows and connections, shared by the threads of a session.
struct Numbers {
  std::atomic<std::uint64_t> flows{0};
  std::atomic<std::uint64_t> connections{0};

  flow::FlowId next_flow() { return flows.fetch_add(1, std::memory_order_relaxed) + 1; }
  flow::ConnectionId next_connection() { return connections.fetch_add(1, std::memory_order_relaxed) + 1; }
};

/// Bounds what all open flows together hold of bodies: their captured bytes are not in the store's queue yet.
class CaptureBudget {
 public:
  explicit CaptureBudget(std::uint64_t limit) : limit_(limit) {}
  /// True when `bytes` more may be held; give them back later.
  bool take(std::uint64_t bytes) {
    if (held_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::uint64_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  const std::uint64_t limit_;
  std::atomic<std::uint64_t> held_{0};
};

class Recorder;

/// The account of one exchange while it is written. Whatever becomes of its owner, it is closed exactly once:
/// its destructor sees to that.
class Recording {
 public:
  explicit Recording(Recorder& recorder);
  Recording(const Recording&) = delete;
  ~Recording();

  flow::Flow& flow() { return *flow_; }
  TimePoint begun() const { return begun_; }
  Recorder& recorder() { return recorder_; }
  const Recorder& recorder() const { return recorder_; }
  void fail(Code code, std::string detail);
  void mark(std::string_view word);
  /// True when the request is one that is never recorded; its head must be in flow() before anything is told.
  /// Then nothing of it is kept or handed to the sink.
  bool skipped();
  /// A message of this flow, for the sink.
  void tell(std::unique_ptr<const flow::Message> message);
  /// Appends to the captured bytes of a body of this flow: at most the recorder's limit for a body, and
  /// nothing while open flows hold too much together (the body is then marked as truncated).
  void capture(flow::Captured& body, std::string_view part);
  /// Takes `bytes` of what open flows may hold together, for something kept elsewhere; false when there is no
  /// room. Given back by release, or at the end.
  bool hold(std::uint64_t bytes);
  void release(std::uint64_t bytes);

 private:
  friend class Recorder;
  Recorder& recorder_;
  std::unique_ptr<flow::Flow> flow_;
  TimePoint begun_;
  std::uint64_t held_ = 0;
  std::optional<bool> skipped_;
  bool announced_ = false;
  Recording* previous_ = nullptr;  // in the recorder's list of flows not announced yet, oldest first
  Recording* next_ = nullptr;
};

/// A flow that is still open after kAnnounceAfter is told as `opened`; a shorter one only as `closed`, which
/// saves the store half its work. Belongs to its loop's thread.
class Recorder : private async::Timer {
 public:
  static constexpr auto kAnnounceAfter = std::chrono::milliseconds(100);

  Recorder(async::Loop& loop, flow::Sink& sink, Numbers& numbers, CaptureBudget& budget,
           std::size_t body_limit, LogSkip* skip = nullptr);

  flow::Sink& sink() const { return sink_; }
  /// The account of a connection as it stands or, with `closed` set, for good. For the sink, unless only
  /// flows that are skipped went over it.
  void tell(std::unique_ptr<flow::Connection> connection);
  /// How much is kept of a body, or of a message.
  std::size_t body_limit() const { return body_limit_; }
  flow::ConnectionId next_connection() { return numbers_.next_connection(); }
  /// Who the clients of this thread are; what they say of a connection is put into its flows.
  Senders& senders() { return senders_; }

 private:
  friend class Recording;
  void add(Recording& recording);
  void drop(Recording& recording);
  void announce(Recording& recording);
  void fire() override;

  flow::Sink& sink_;
  Numbers& numbers_;
  CaptureBudget& budget_;
  std::size_t body_limit_;
  LogSkip* skip_;                        // null: everything is recorded
  std::optional<HeldConnections> held_;  // with it
  Recording* oldest_ = nullptr;
  Recording* newest_ = nullptr;
  Senders senders_;
};

}  // namespace weir::proxy
