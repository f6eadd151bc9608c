#include "store/session_writer.h"

#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "base/thread_name.h"
#include "flow/text.h"
#include "store/retention.h"

namespace weir::store {
namespace {

constexpr std::size_t kChunkEvents = 2048;         // of one transaction
constexpr std::uint64_t kChunkBytes = 8ULL << 20;  // also of one transaction
constexpr std::chrono::milliseconds kLongestPause{2000};
constexpr std::chrono::milliseconds kEndPatience{500};
constexpr std::chrono::seconds kSaveRecordEvery{10};
constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::int64_t day_of(WallNanos time) { return time / (86'400 * kNanosPerSecond); }
std::int64_t hour_of(WallNanos time) { return time / (3'600 * kNanosPerSecond) * 3'600; }

bool done(const Event& event) {
  return !event.flow && !event.message && !event.connection && !event.model && !event.mcp;
}

// A flow that was opened and closed within one chunk needs the closing alone.
void drop_superseded(std::span<Event> chunk) {
  std::unordered_map<flow::FlowId, Event*> opened;
  for (Event& event : chunk) {
    if (!event.flow) continue;
    if (event.kind == Event::Kind::opened) {
      opened[event.flow->id] = &event;
    } else if (!opened.empty()) {
      if (auto found = opened.find(event.flow->id); found != opened.end()) found->second->flow.reset();
    }
  }
}

std::size_t chunk_length(std::span<const Event> events) {
  std::uint64_t bytes = 0;
  std::size_t length = 0;
  while (length < events.size() && length < kChunkEvents && bytes < kChunkBytes)
    bytes += events[length++].bytes;
  return length;
}

std::uint64_t bytes_of(std::span<const Event> events) {
  std::uint64_t bytes = 0;
  for (const Event& event : events) bytes += event.bytes;
  return bytes;
}

}  // namespace

SessionWriter::SessionWriter(const SessionStore::Options& options, EventQueue& queue, SessionDir session)
    : options_(options), queue_(queue), session_(std::move(session)) {
  record_.id = session_.id;
  record_.project_dir = options_.data_dir.string();
  record_.started = options_.now();
  record_.pid = ::getpid();
  record_.version = options_.version;
}

Result<std::unique_ptr<SessionWriter>> SessionWriter::start(const SessionStore::Options& options,
                                                            EventQueue& queue) {
  auto session = SessionDir::create(options.data_dir, options.now());
  if (!session) return pass(session);
  std::unique_ptr<SessionWriter> writer(new SessionWriter(options, queue, std::move(*session)));
  if (auto rolled = writer->roll(); !rolled) return pass(rolled);
  writer->save_record();
  writer->housekeeping_ = std::make_unique<Housekeeping>("weir-keep", options.retention_interval,
                                                         [raw = writer.get()] { raw->tidy(); });
  writer->thread_ = std::thread([raw = writer.get()] { raw->run(); });
  return writer;
}

void SessionWriter::run() {
  name_thread("weir-store");
  std::vector<Event> events;
  auto pause = options_.commit_interval;
  while (true) {
    bool open = queue_.wait(pause);
    if (events.empty()) queue_.take(events);
    bool wrote = !events.empty();
    bool last = !open && !wrote;
    bool ok = write(events);
    if (last) break;
    if (!ok && !open) {
      give_up(events);
      break;
    }
    pause = ok ? options_.commit_interval : std::min(2 * pause, kLongestPause);
    if (ok) keep_house(wrote);
  }
  queue_.consumer_gone();
}

bool SessionWriter::write(std::vector<Event>& events) {
  std::span<Event> left(events);
  while (!left.empty()) {
    std::span<Event> chunk = left.first(chunk_length(left));
    if (auto result = write_chunk(chunk); !result) {
      report_failure(result.error());
      events.erase(events.begin(), events.begin() + (left.data() - events.data()));
      return false;
    }
    report_recovery();
    queue_.settle(chunk.size(), bytes_of(chunk));
    left = left.subspan(chunk.size());
  }
  events.clear();
  return true;
}

Result<> SessionWriter::write_chunk(std::span<Event> chunk) {
  if (!current().in_place())
    if (auto replaced = replace_removed_file(); !replaced) return replaced;
  drop_superseded(chunk);
  for (auto& file : files_)
    if (auto result = write_to(*file, chunk); !result) return result;
  return {};
}

Result<> SessionWriter::replace_removed_file() {
  SessionFile* removed = &current();
  if (auto rolled = roll(); !rolled) return rolled;
  log::error("{} was removed while it was being written; recording goes on in {}", removed->path().string(),
             current().path().string());
  std::erase_if(open_flows_, [&](const auto& open) { return open.second == removed; });
  files_.erase(files_.end() - 2);
  return {};
}

Result<> SessionWriter::write_to(SessionFile& file, std::span<Event> chunk) {
  auto belongs = [&](const Event& event) { return !done(event) && &file_of(event) == &file; };
  if (std::ranges::none_of(chunk, belongs)) return {};
  Result<> result = file.begin();
  for (const Event& event : chunk)
    if (result && belongs(event)) result = put(file, event);
  if (result) result = file.commit();
  if (!result) {
    file.rollback();
    return result;
  }
  for (Event& event : chunk)
    if (belongs(event)) written(file, event);
  if (auto copied = file.checkpoint_if_due(); !copied)
    log::warn("the write-ahead log could not be copied into its file: {}", copied.error().context());
  return {};
}

Result<> SessionWriter::put(SessionFile& file, const Event& event) {
  if (event.connection) return file.put(*event.connection);
  if (event.message) return file.put(*event.message);
  if (event.model) return file.put(*event.model);
  if (event.mcp) return file.put(*event.mcp);
  return file.put(*event.flow, event.kind == Event::Kind::closed, event.bodies_shed);
}

SessionFile& SessionWriter::file_of(const Event& event) {
  if (!event.flow || open_flows_.empty()) return current();
  auto found = open_flows_.find(event.flow->id);
  return found == open_flows_.end() ? current() : *found->second;
}

void SessionWriter::written(SessionFile& file, Event& event) {
  if (event.flow && event.kind == Event::Kind::opened) open_flows_[event.flow->id] = &file;
  if (event.flow && event.kind == Event::Kind::closed) {
    const flow::Flow& flow = *event.flow;
    if (!open_flows_.empty()) open_flows_.erase(flow.id);
    HourTotals& hour = totals_[hour_of(options_.now())];
    ++hour.requests;
    hour.errors += flow.response.status >= 400 || flow.error != Code::none;
    hour.bytes_out += static_cast<std::int64_t>(flow.request_head_bytes + flow.request_body.size);
    hour.bytes_in += static_cast<std::int64_t>(flow.response_head_bytes + flow.response_body.size);
    written_.fetch_add(1, std::memory_order_relaxed);
  }
  if (&file == &current()) ++rows_in_current_;
  event.flow.reset();
  event.message.reset();
  event.connection.reset();
  event.model.reset();
  event.mcp.reset();
}

void SessionWriter::report_failure(const Error& error) {
  failed_writes_.fetch_add(1, std::memory_order_relaxed);
  if (!queue_.stalled()) {
    shed_before_failure_ = queue_.counters().shed_flows;
    log::error(
        "capture cannot write: {}. Flows wait in memory, and when {} are full they are dropped; "
        "capture.on_failure says whether traffic goes on",
        error.context(), flow::size_text(options_.queue_bytes));
  }
  queue_.set_stalled(true);
  queue_.attempt_failed();
}

void SessionWriter::report_recovery() {
  if (!queue_.stalled()) return;
  queue_.set_stalled(false);
  log::info("capture writes again; {} flows were dropped meanwhile",
            queue_.counters().shed_flows - shed_before_failure_);
}

void SessionWriter::give_up(std::vector<Event>& events) {
  std::vector<Event> rest;
  queue_.take(rest);
  std::uint64_t flows = 0, messages = 0;
  for (const auto* list : {&events, &rest}) {
    for (const Event& event : *list) {
      flows += event.flow && event.kind == Event::Kind::closed;
      messages += event.message != nullptr;
    }
  }
  lost_flows_.fetch_add(flows, std::memory_order_relaxed);
  lost_messages_.fetch_add(messages, std::memory_order_relaxed);
  log::error("capture ends with {} flows and {} messages that could not be written", flows, messages);
}

void SessionWriter::keep_house(bool wrote) {
  if (wrote && roll_due()) {
    auto rolled = roll();
    if (!rolled && !roll_failing_)
      log::warn("no new capture file: {}; the old one goes on", rolled.error().context());
    roll_failing_ = !rolled;
  }
  if (files_.size() > 1) retire_files();
  if (!totals_.empty() && steady_now() >= save_record_at_) save_record();
}

bool SessionWriter::roll_due() {
  if (rows_in_current_ == 0) return false;
  if (day_of(options_.now()) > current_day_) return true;
  auto size = current().size();
  return size && static_cast<std::uint64_t>(*size) >= options_.roll_bytes;
}

Result<> SessionWriter::roll() {
  auto file = SessionFile::open(session_.path / session_file_name(next_file_));
  if (!file) return pass(file);
  files_.push_back(std::move(*file));
  ++next_file_;
  rows_in_current_ = 0;
  current_day_ = day_of(options_.now());
  return {};
}

void SessionWriter::retire_files() {
  auto in_use = [&](const SessionFile* file) {
    return std::ranges::any_of(open_flows_, [&](const auto& open) { return open.second == file; });
  };
  for (std::size_t i = 0; i + 1 < files_.size();) {
    bool finished = false;
    if (!in_use(files_[i].get())) {
      auto result = files_[i]->finish(std::chrono::milliseconds(0));
      if (!result) log::warn("a full capture file could not be completed: {}", result.error().context());
      finished = !result || *result;  // else someone reads it: another time
      if (result && *result) {
        std::lock_guard lock(spent_mutex_);
        spent_.push_back(files_[i]->path());
        housekeeping_->nudge();
      }
    }
    finished ? static_cast<void>(files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(i)))
             : static_cast<void>(++i);
  }
}

std::vector<std::filesystem::path> SessionWriter::spent() {
  std::lock_guard lock(spent_mutex_);
  std::erase_if(spent_, [](const auto& file) {
    std::error_code error;
    return !std::filesystem::exists(file, error);
  });
  return spent_;
}

void SessionWriter::tidy() {
  std::lock_guard one_at_a_time(tidy_mutex_);
  adopt_orphans(options_.data_dir, options_.catalog);
  apply_retention(options_.data_dir, options_.catalog, {options_.retention_days, options_.retention_bytes},
                  options_.now(), spent());
}

void SessionWriter::save_record() {
  save_record_at_ = steady_now() + kSaveRecordEvery;
  if (options_.catalog.empty()) return;
  record_.flows = static_cast<std::int64_t>(written());
  record_.bytes = record_.files = 0;
  for (const auto& path : session_files(session_.path)) {
    ++record_.files;
    record_.bytes += static_cast<std::int64_t>(stored_bytes(path));
  }
  std::vector<HourTotals> totals;
  for (auto& [hour, total] : totals_) {
    total.hour = hour;
    totals.push_back(total);
  }
  auto saved = save_session(options_.catalog, record_, totals);
  if (saved) totals_.clear();
  if (!saved && !catalog_failing_)
    log::error("the catalog of sessions cannot be written: {}. Capture goes on", saved.error().context());
  catalog_failing_ = !saved;
}

void SessionWriter::finish() {
  if (thread_.joinable()) thread_.join();
  housekeeping_.reset();
  bool complete = true;
  for (auto& file : files_) {
    auto finished = file->finish(kEndPatience);
    if (!finished) log::warn("the session's file could not be completed: {}", finished.error().context());
    complete = complete && finished.value_or(false);
  }
  files_.clear();
  record_.ended = options_.now();
  record_.clean = true;
  save_record();
  // An incomplete one is adopted by the next session of the project.
  complete ? session_.lock.remove() : session_.lock.release();
}

}  // namespace weir::store
