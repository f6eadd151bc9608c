#include "store/redacting_sink.h"

#include <vector>

#include "base/thread_name.h"

namespace weir::store {
namespace {

constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::milliseconds kLook{2};

// What came through the queue has one owner, who made it and has let go of it.
template <typename T>
std::unique_ptr<T> owned(std::unique_ptr<const T> account) {
  return std::unique_ptr<T>(const_cast<T*>(account.release()));
}

}  // namespace

RedactingSink::RedactingSink(std::shared_ptr<const flow::Redactor> redactor, flow::Sink& next,
                             EventQueue::Limits limits)
    : redactor_(std::move(redactor)),
      next_(next),
      patient_(limits.when_full == flow::WhenFull::slow),
      queue_(limits),
      thread_([this] { run(); }) {}

RedactingSink::~RedactingSink() { close(); }

void RedactingSink::close() {
  if (!thread_.joinable()) return;
  queue_.close();
  thread_.join();
}

void RedactingSink::run() {
  name_thread("weir-redact");
  std::vector<Event> events;
  for (bool more = true; more;) {
    open_ = queue_.wait(kPause);
    queue_.take(events);
    more = open_ || !events.empty();
    for (Event& event : events) {
      wait_for_room();
      std::uint64_t bytes = event.bytes;
      hand_on(event);
      queue_.settle(1, bytes);
    }
    events.clear();
  }
  queue_.consumer_gone();
}

// Nothing tells of room, and at the end nobody waits any more.
void RedactingSink::wait_for_room() {
  while (patient_ && open_ && !next_.has_room()) open_ = queue_.wait(kLook);
}

void RedactingSink::hand_on(Event& event) {
  if (event.flow) return hand_on_flow(event);
  if (event.message) {
    auto message = owned(std::move(event.message));
    redactor_->redact(*message);
    return next_.message(std::move(message));
  }
  auto connection = owned(std::move(event.connection));
  redactor_->redact(*connection);
  next_.connection(std::move(connection));
}

void RedactingSink::hand_on_flow(Event& event) {
  auto flow = owned(std::move(event.flow));
  redactor_->redact(*flow);
  if (event.kind == Event::Kind::opened) return next_.opened(std::move(flow));
  if (event.bodies_shed) add_mark(*flow, "capture_dropped");
  redacted_ += has_mark(*flow, "redacted");
  withheld_ += has_mark(*flow, "req_withheld");
  withheld_ += has_mark(*flow, "resp_withheld");
  next_.closed(std::move(flow));
}

RedactingSink::Counters RedactingSink::counters() const {
  EventQueue::Counters queue = queue_.counters();
  return {.redacted = redacted_,
          .withheld = withheld_,
          .shed_bodies = queue.shed_bodies,
          .shed_flows = queue.shed_flows,
          .shed_messages = queue.shed_messages};
}

}  // namespace weir::store
