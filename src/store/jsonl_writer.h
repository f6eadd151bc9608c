// JsonlWriter: the sink that writes closed flows as JSON Lines, gzip-compressed (docs/formats/jsonl.md).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "flow/sink.h"
#include "store/event_queue.h"
#include "store/jsonl_file.h"

namespace weir::store {

/// Opened once by a serving process; any number of processes may share a folder. The Sink methods only queue;
/// one thread of the writer's own redacts, writes down, compresses and writes. When the queue is full bodies
/// are dropped, then flows, and counted: traffic never waits for this log.
class JsonlWriter final : public flow::Sink {
 public:
  struct Options {
    std::filesystem::path folder;             ///< made (0700) if missing
    std::string session;                      ///< its id, for the entries; may be empty
    std::uint64_t roll_bytes = 50ULL << 20;   ///< a new file begins when this much is on the disk
    std::size_t keep = 5;                     ///< files in the folder, the live ones counted
    std::uint64_t queue_bytes = 16ULL << 20;  ///< of flows that wait to be written
    std::chrono::milliseconds flush_interval{200};
    WallNanos (*now)() = wall_now;  ///< names the files
  };

  /// Running totals of closed flows.
  struct Counters {
    std::uint64_t accepted = 0;       ///< taken into the queue
    std::uint64_t written = 0;        ///< handed to the system, for readers to see
    std::uint64_t shed_bodies = 0;    ///< written without their bodies, for want of room
    std::uint64_t shed_flows = 0;     ///< not accepted, for want of room
    std::uint64_t too_long = 0;       ///< accepted, but no line can hold them
    std::uint64_t failed_writes = 0;  ///< attempts that failed and were made again
    std::uint64_t lost_flows = 0;     ///< accepted, but unwritten when the writer closed or lost its file
  };

  /// Fails (io) with the path when the folder cannot be made or written. The first file is begun
  /// with the first flow.
  static Result<std::unique_ptr<JsonlWriter>> open(Options options);
  ~JsonlWriter() override;  ///< close()

  void opened(std::unique_ptr<const flow::Flow>) override {}
  void closed(std::unique_ptr<const flow::Flow> flow) override { queue_.push_closed(std::move(flow)); }
  void message(std::unique_ptr<const flow::Message>) override {}
  void connection(std::unique_ptr<const flow::Connection>) override {}
  /// Always: nobody waits for this log.
  bool has_room() const override { return true; }
  bool failing() const override { return queue_.stalled(); }

  /// Blocks until all that was accepted before the call can be read; false if an attempt to write failed.
  bool flush() { return queue_.flush(); }
  /// Writes what is queued and ends the file. Blocks; idempotent; one thread only.
  void close();
  Counters counters() const;
  const std::filesystem::path& folder() const { return options_.folder; }

 private:
  explicit JsonlWriter(Options options);

  void run();
  /// Writes `events` and empties it. On failure keeps those that are not yet in the file's hands; false.
  bool write(std::vector<Event>& events);
  Result<> ensure_file();
  void append(const Event& event);
  /// Flushes what was appended; past the size ends the file.
  Result<> commit();
  /// After somebody removed the file.
  void abandon_file();
  /// What was appended needs no more memory.
  void settle();
  void report_failure(const Error& error);
  void report_recovery();
  void give_up(std::vector<Event>& events);

  const Options options_;
  EventQueue queue_;
  std::optional<JsonlFile> file_;
  JsonlName last_;
  std::string line_;
  struct Pending {  // appended and not flushed
    std::size_t events = 0;
    std::uint64_t bytes = 0, text = 0, flows = 0;
  } pending_;
  std::atomic<std::uint64_t> written_{0}, too_long_{0}, failed_writes_{0}, lost_flows_{0};
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace weir::store
