#include "store/jsonl_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/thread_name.h"
#include "flow/text.h"
#include "store/jsonl_line.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

constexpr std::uint64_t kFlushBytes = 256 << 10;  // of text
constexpr std::chrono::milliseconds kLongestPause{2000};

// As the store marks it.
flow::Flow without_bodies(const flow::Flow& flow) {
  flow::Flow copy = flow;
  copy.request_body.truncated |= copy.request_body.size > 0;
  copy.response_body.truncated |= copy.response_body.size > 0;
  copy.marks.append(copy.marks.empty() ? "" : ",").append("capture_dropped");
  return copy;
}

}  // namespace

Result<std::unique_ptr<JsonlWriter>> JsonlWriter::open(Options options) {
  if (auto made = create_private_folder(options.folder); !made) return pass(made);
  if (::access(options.folder.c_str(), W_OK | X_OK) != 0)
    return fail_errno(Code::io, "cannot write logs into " + options.folder.string(), errno);
  return std::unique_ptr<JsonlWriter>(new JsonlWriter(std::move(options)));
}

JsonlWriter::JsonlWriter(Options options)
    : options_(std::move(options)), queue_({options_.queue_bytes, flow::WhenFull::drop}) {
  thread_ = std::thread([this] { run(); });
}

JsonlWriter::~JsonlWriter() { close(); }

void JsonlWriter::close() {
  if (closed_) return;
  closed_ = true;
  queue_.close();
  thread_.join();
}

JsonlWriter::Counters JsonlWriter::counters() const {
  EventQueue::Counters queue = queue_.counters();
  return {.accepted = queue.accepted,
          .written = written_,
          .shed_bodies = queue.shed_bodies,
          .shed_flows = queue.shed_flows,
          .too_long = too_long_,
          .failed_writes = failed_writes_,
          .lost_flows = lost_flows_};
}

void JsonlWriter::run() {
  name_thread("weir-jsonl");
  std::vector<Event> events;
  auto pause = options_.flush_interval;
  while (true) {
    bool open = queue_.wait(pause);
    if (events.empty()) queue_.take(events);
    bool last = !open && events.empty();
    bool ok = write(events);
    if (last && ok && file_) {
      auto finished = file_->finish();
      if (!finished) report_failure(finished.error());
    }
    if (!open && !ok) give_up(events);
    if (last || (!open && !ok)) break;
    pause = ok ? options_.flush_interval : std::min(2 * pause, kLongestPause);
  }
  file_.reset();
  queue_.consumer_gone();
}

bool JsonlWriter::write(std::vector<Event>& events) {
  std::size_t next = 0;
  std::uint64_t enough = std::min(kFlushBytes, options_.roll_bytes);
  while (true) {
    Result<> result = commit();
    if (result && next < events.size()) result = ensure_file();
    if (!result) {
      report_failure(result.error());
      events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(next));
      return false;
    }
    report_recovery();
    if (next == events.size()) break;
    while (next < events.size() && pending_.text < enough) append(events[next++]);
  }
  events.clear();
  return true;
}

Result<> JsonlWriter::ensure_file() {
  if (file_ && !file_->in_place()) abandon_file();
  if (file_) return {};
  auto created = JsonlFile::create(options_.folder, options_.now(), last_);
  if (!created) return pass(created);
  file_ = std::move(*created);
  last_ = file_->name();
  prune_logs(options_.folder, {kJsonlFiles}, options_.keep);
  return {};
}

void JsonlWriter::append(const Event& event) {
  line_.clear();
  bool fits = event.bodies_shed ? append_jsonl(line_, without_bodies(*event.flow), options_.session)
                                : append_jsonl(line_, *event.flow, options_.session);
  if (fits) {
    file_->append(line_);
    ++pending_.flows;
  } else {
    too_long_.fetch_add(1, std::memory_order_relaxed);
  }
  ++pending_.events;
  pending_.bytes += event.bytes;
  pending_.text += line_.size();
}

Result<> JsonlWriter::commit() {
  if (!file_) return {};
  if (auto flushed = file_->flush(); !flushed) {
    if (file_->in_place()) return flushed;
    abandon_file();  // gone, it may still be what fills the disk
    return {};
  }
  written_.fetch_add(pending_.flows, std::memory_order_relaxed);
  settle();
  if (file_->size_on_disk() < options_.roll_bytes) return {};
  if (auto finished = file_->finish(); !finished) return finished;
  file_.reset();
  return {};
}

void JsonlWriter::abandon_file() {
  log::error("{} was removed while it was being written; the log goes on in a new file",
             file_->path().string());
  lost_flows_.fetch_add(pending_.flows, std::memory_order_relaxed);
  settle();
  file_.reset();
}

void JsonlWriter::settle() {
  if (pending_.events == 0) return;
  queue_.settle(pending_.events, pending_.bytes);
  pending_ = {};
}

void JsonlWriter::report_failure(const Error& error) {
  failed_writes_.fetch_add(1, std::memory_order_relaxed);
  if (!queue_.stalled())
    log::error(
        "the JSON Lines log cannot write: {}. Entries wait in memory, and when {} are full they are dropped; "
        "capture.on_failure says whether traffic goes on",
        error.context(), flow::size_text(options_.queue_bytes));
  queue_.set_stalled(true);
  queue_.attempt_failed();
}

void JsonlWriter::report_recovery() {
  if (!queue_.stalled()) return;
  queue_.set_stalled(false);
  log::info("the JSON Lines log writes again");
}

void JsonlWriter::give_up(std::vector<Event>& events) {
  std::vector<Event> rest;
  queue_.take(rest);
  std::uint64_t flows = pending_.flows + events.size() + rest.size();
  lost_flows_.fetch_add(flows, std::memory_order_relaxed);
  log::error("the JSON Lines log ends with {} entries that could not be written", flows);
}

}  // namespace weir::store
