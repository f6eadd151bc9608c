// SessionWriter: the thread that empties the queue into the files of one session.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "store/catalog.h"
#include "store/event_queue.h"
#include "store/housekeeping.h"
#include "store/session_dir.h"
#include "store/session_file.h"
#include "store/session_store.h"

namespace weir::store {

/// Holds the session's lock for its whole life and the only writing connection to each of its files.
class SessionWriter {
 public:
  /// Makes the session and starts the thread. `queue` must outlive the writer.
  static Result<std::unique_ptr<SessionWriter>> start(const SessionStore::Options& options,
                                                      EventQueue& queue);
  /// After the queue has been closed: writes the rest and ends the session.
  void finish();
  /// See SessionStore::keep_house.
  void tidy();

  const std::string& session_id() const { return record_.id; }
  const std::filesystem::path& directory() const { return session_.path; }
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  std::uint64_t failed_writes() const { return failed_writes_.load(std::memory_order_relaxed); }
  std::uint64_t lost_flows() const { return lost_flows_.load(std::memory_order_relaxed); }
  std::uint64_t lost_messages() const { return lost_messages_.load(std::memory_order_relaxed); }

 private:
  SessionWriter(const SessionStore::Options& options, EventQueue& queue, SessionDir session);

  void run();
  /// Writes `events` and empties it. On failure keeps what is not yet in a file; false.
  bool write(std::vector<Event>& events);
  Result<> write_chunk(std::span<Event> chunk);
  Result<> replace_removed_file();
  Result<> write_to(SessionFile& file, std::span<Event> chunk);
  Result<> put(SessionFile& file, const Event& event);
  /// The event is in `file` for good.
  void written(SessionFile& file, Event& event);
  /// Where the row of the event's flow is, or is to be. Messages go to the current file: a WebSocket that is
  /// open for days does not keep an old one growing.
  SessionFile& file_of(const Event& event);
  SessionFile& current() { return *files_.back(); }

  void report_failure(const Error& error);
  void report_recovery();
  void give_up(std::vector<Event>& events);

  std::vector<std::filesystem::path> spent();
  /// After each round; `wrote`: it had something to write. An idle session touches no file.
  void keep_house(bool wrote);
  bool roll_due();
  Result<> roll();
  void retire_files();
  void save_record();

  const SessionStore::Options options_;
  EventQueue& queue_;
  SessionDir session_;
  SessionRecord record_;
  int next_file_ = 1;

  /// The last is written; older ones stay until the flows that were opened in them have closed.
  std::vector<std::unique_ptr<SessionFile>> files_;
  std::unordered_map<flow::FlowId, SessionFile*> open_flows_;
  std::int64_t current_day_ = 0;
  std::uint64_t rows_in_current_ = 0;

  std::map<std::int64_t, HourTotals> totals_;  // not yet in the catalog
  TimePoint save_record_at_{};
  bool catalog_failing_ = false;
  bool roll_failing_ = false;

  std::mutex spent_mutex_;
  std::vector<std::filesystem::path> spent_;  // full files that are complete
  std::mutex tidy_mutex_;                     // one at a time

  std::atomic<std::uint64_t> written_{0}, failed_writes_{0}, lost_flows_{0}, lost_messages_{0};
  std::uint64_t shed_before_failure_ = 0;
  std::thread thread_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

}  // namespace weir::store
