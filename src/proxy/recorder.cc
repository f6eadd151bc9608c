#include "proxy/recorder.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {

Recording::Recording(Recorder& recorder)
    : recorder_(recorder), flow_(std::make_unique<flow::Flow>()), begun_(steady_now()) {
  flow_->id = recorder.numbers_.next_flow();
  flow_->started = wall_now();
  recorder_.add(*this);
  if (recorder_.held_) recorder_.held_->begun(*flow_);
}

Recording::~Recording() {
  if (!announced_) recorder_.drop(*this);
  flow_->duration_us = std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - begun_).count();
  recorder_.budget_.give_back(held_);
  bool skip = skipped();
  if (recorder_.held_) recorder_.held_->ended(*flow_, skip);
  if (skip)
    recorder_.skip_->count();
  else
    recorder_.senders_.close(std::move(flow_));
}

bool Recording::skipped() {
  if (!recorder_.skip_) return false;
  if (!skipped_) skipped_ = recorder_.skip_->matches(*flow_);
  return *skipped_;
}

void Recording::tell(std::unique_ptr<const flow::Message> message) {
  if (!skipped()) recorder_.sink_.message(std::move(message));
}

void Recording::capture(flow::Captured& body, std::string_view part) {
  body.size += part.size();
  if (skipped()) return;
  std::string_view kept =
      part.substr(0, recorder_.body_limit_ - std::min(recorder_.body_limit_, body.bytes.size()));
  // Once cut, always cut: a hole in the middle would be no prefix.
  if (body.truncated || (!kept.empty() && !recorder_.budget_.take(kept.size()))) kept = {};
  held_ += kept.size();
  body.bytes.append(kept);
  body.truncated = body.truncated || kept.size() < part.size();
}

bool Recording::hold(std::uint64_t bytes) {
  if (!recorder_.budget_.take(bytes)) return false;
  held_ += bytes;
  return true;
}

void Recording::release(std::uint64_t bytes) {
  held_ -= bytes;
  recorder_.budget_.give_back(bytes);
}

void Recording::fail(Code code, std::string detail) {
  if (flow_->error != Code::none) return;  // the first failure is the cause of the others
  flow_->error = code;
  flow_->error_detail = std::move(detail);
}

void Recording::mark(std::string_view word) {
  if (!flow_->marks.empty()) flow_->marks += ',';
  flow_->marks += word;
}

Recorder::Recorder(async::Loop& loop, flow::Sink& sink, Numbers& numbers, CaptureBudget& budget,
                   std::size_t body_limit, LogSkip* skip)
    : Timer(loop),
      sink_(sink),
      numbers_(numbers),
      budget_(budget),
      body_limit_(body_limit),
      skip_(skip),
      senders_(loop, sink) {
  if (skip_) held_.emplace(*skip_, sink_);
}

void Recorder::tell(std::unique_ptr<flow::Connection> connection) {
  if (held_) return held_->note(std::move(connection));
  sink_.connection(std::move(connection));
}

void Recorder::add(Recording& recording) {
  recording.previous_ = newest_;
  (newest_ ? newest_->next_ : oldest_) = &recording;
  newest_ = &recording;
  if (!armed()) schedule(loop().now() + kAnnounceAfter);
}

void Recorder::drop(Recording& recording) {
  (recording.previous_ ? recording.previous_->next_ : oldest_) = recording.next_;
  (recording.next_ ? recording.next_->previous_ : newest_) = recording.previous_;
}

void Recorder::announce(Recording& recording) {
  drop(recording);
  recording.announced_ = true;
  if (recording.skipped()) return;
  if (held_) held_->tell_of(*recording.flow_);
  // The bodies so far stay where they grow; the copy has the heads.
  flow::Flow& flow = *recording.flow_;
  std::string request_bytes = std::exchange(flow.request_body.bytes, {});
  std::string response_bytes = std::exchange(flow.response_body.bytes, {});
  auto copy = std::make_unique<flow::Flow>(flow);
  senders_.name(*copy);
  flow.request_body.bytes = std::move(request_bytes);
  flow.response_body.bytes = std::move(response_bytes);
  sink_.opened(std::move(copy));
}

void Recorder::fire() {
  TimePoint limit = loop().now() - kAnnounceAfter;
  while (oldest_ && oldest_->begun_ <= limit) announce(*oldest_);
  if (oldest_) schedule(std::max(oldest_->begun_ + kAnnounceAfter, loop().now() + kAnnounceAfter / 10));
}

}  // namespace weir::proxy
