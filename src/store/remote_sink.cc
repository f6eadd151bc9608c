#include "store/remote_sink.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "flow/text.h"
#include "store/internal_log.h"

namespace weir::store {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;  // of text; one entry may be more
constexpr auto kTellAgain = std::chrono::minutes(1);

void drop_bodies(const flow::Flow& flow) {
  // Handed over by its only owner, and seen by nobody yet.
  for (const flow::Captured* body : {&flow.request_body, &flow.response_body})
    std::string().swap(const_cast<flow::Captured*>(body)->bytes);
}

RemoteEntry written_down(const Event& event, const RemoteSink::Options& options) {
  if (!event.bodies_shed) return remote_entry(*event.flow, options.session);
  flow::Flow marked = *event.flow;
  for (flow::Captured* body : {&marked.request_body, &marked.response_body})
    body->truncated |= body->size > 0;
  flow::add_mark(marked, "capture_dropped");
  return remote_entry(marked, options.session);
}

}  // namespace

RemoteSink::RemoteSink(Options options, std::unique_ptr<RemoteChannel> channel)
    : options_(std::move(options)),
      component_(std::string(kRemoteLogging) + "." + options_.name),
      channel_(std::move(channel)),
      queue_({options_.queue_bytes, flow::WhenFull::drop}),
      pause_(options_.interval),
      random_(std::random_device()()),
      thread_([this] { run(); }) {}

RemoteSink::~RemoteSink() { close(steady_now()); }

void RemoteSink::closed(std::unique_ptr<const flow::Flow> flow) {
  if (!options_.bodies) drop_bodies(*flow);
  queue_.push_closed(std::move(flow));
}

void RemoteSink::begin_close(TimePoint deadline) {
  deadline_ = deadline;
  queue_.close();
}

void RemoteSink::close(TimePoint deadline) {
  if (!thread_.joinable()) return;
  begin_close(deadline);
  thread_.join();
}

RemoteSink::Counters RemoteSink::counters() const {
  EventQueue::Counters queue = queue_.counters();
  return {.accepted = queue.accepted,
          .sent = sent_,
          .dropped = queue.shed_flows,
          .refused = refused_,
          .lost = lost_,
          .failed_attempts = failed_attempts_,
          .waiting = queue.events,
          .waiting_bytes = queue.bytes};
}

void RemoteSink::run() {
  name_thread("weir-remote");
  bool more = true;
  while (more) {
    wait(pause_);
    bool ok = send_all();
    pause_ = ok ? options_.interval : next_pause();
    report_dropped();
    more = open_ || (!ok && !too_late());
  }
  if (batch_.empty() && next_ == backlog_.size()) channel_->finish(deadline_);
  give_up();
  queue_.consumer_gone();
}

// Once the queue is closed it wakes nobody any more, and what is left is a pause before the next attempt.
void RemoteSink::wait(std::chrono::milliseconds pause) {
  TimePoint until = steady_now() + pause;
  if (open_) open_ = queue_.wait(pause);
  if (open_ || failures_ == 0) return;
  until = std::min({until, deadline_.load(), steady_now() + options_.first_pause});
  std::this_thread::sleep_until(until);  // hazard-ok: the pause before another attempt; nothing else ends it
}

bool RemoteSink::send_all() {
  while (fill_batch()) {
    RemoteDelivery delivery = channel_->send(batch_, deadline_);
    sent_ += delivery.sent;
    refused_ += delivery.refused;
    std::size_t done = delivery.sent + delivery.refused;
    settle(done);
    bool answered = !delivery.error || delivery.refused > 0;
    if (answered) report_recovery();
    if (delivery.error) report(*delivery.error, delivery.refused);
    if (!answered) {
      asked_pause_ = delivery.wait_at_least;
      return false;
    }
    if (!open_ && too_late()) return false;
  }
  return true;
}

// A batch that failed stays as it is, with nothing added: what the receiver has of it may be all.
bool RemoteSink::fill_batch() {
  if (!batch_.empty()) return true;
  if (next_ == backlog_.size()) {
    backlog_.clear();
    next_ = 0;
    queue_.take(backlog_);
  }
  std::size_t bytes = 0;
  for (std::size_t at = next_; at < backlog_.size() && batch_.size() < options_.batch; ++at) {
    batch_.push_back(written_down(backlog_[at], options_));
    bytes += batch_.back().json.size();
    if (bytes >= kBatchBytes) break;
  }
  return !batch_.empty();
}

void RemoteSink::settle(std::size_t entries) {
  if (entries == 0) return;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < entries; ++i) {
    Event& event = backlog_[next_++];
    bytes += event.bytes;
    event.flow.reset();
  }
  batch_.erase(batch_.begin(), batch_.begin() + static_cast<std::ptrdiff_t>(entries));
  queue_.settle(entries, bytes);
}

std::chrono::milliseconds RemoteSink::next_pause() {
  auto shift = std::min<std::uint64_t>(failures_ > 0 ? failures_ - 1 : 0, 20);
  auto pause = std::min(options_.first_pause * (1 << shift), options_.longest_pause);
  std::uniform_int_distribution<std::int64_t> jitter(-pause.count() / 5, pause.count() / 5);
  return std::max(pause + std::chrono::milliseconds(jitter(random_)), asked_pause_);
}

void RemoteSink::report(const Error& error, std::size_t refused) {
  TimePoint now = steady_now();
  bool tell = told_failure_ == TimePoint() || now - told_failure_ >= kTellAgain;
  if (tell) told_failure_ = now;
  if (refused > 0) {
    if (tell)
      say(log::Level::error,
          fmt::format("{}; {} entries are left out ({} so far)", error.context(), refused, refused_.load()));
    queue_.attempt_failed();
    return;
  }
  ++failures_;
  ++failed_attempts_;
  if (tell)
    say(log::Level::error,
        fmt::format("cannot send: {}. Attempt {}; entries wait in memory, and when {} are full new ones are "
                    "dropped. Traffic goes on",
                    error.context(), failures_, flow::size_text(options_.queue_bytes)));
  queue_.set_stalled(true);
  queue_.attempt_failed();
}

void RemoteSink::report_recovery() {
  if (failures_ == 0) return;
  say(log::Level::warn, fmt::format("sends again after {} failed attempts", failures_));
  failures_ = 0;
  asked_pause_ = {};
  told_failure_ = {};
  queue_.set_stalled(false);
}

void RemoteSink::report_dropped() {
  std::uint64_t dropped = queue_.counters().shed_flows;
  TimePoint now = steady_now();
  if (dropped == told_dropped_ || (told_drop_ != TimePoint() && now - told_drop_ < kTellAgain)) return;
  told_drop_ = now;
  told_dropped_ = dropped;
  say(log::Level::error, fmt::format("{} entries were dropped so far, for want of room", dropped));
}

void RemoteSink::give_up() {
  std::vector<Event> rest;
  queue_.take(rest);
  std::uint64_t lost = backlog_.size() - next_ + rest.size();
  lost_ += lost;
  Counters all = counters();
  if (all.lost + all.dropped + all.refused > 0)
    say(log::Level::error,
        fmt::format("ends: {} entries sent; {} dropped for want of room, {} refused, {} unsent in time",
                    all.sent, all.dropped, all.refused, all.lost));
  backlog_.clear();
  batch_.clear();
  next_ = 0;
}

void RemoteSink::say(log::Level level, const std::string& text) {
  if (log::enabled(level)) log::write(level, component_, text);
}

}  // namespace weir::store
