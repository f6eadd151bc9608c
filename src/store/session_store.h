// SessionStore: the sink that records one session (one serving process) into SQLite files of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "flow/sink.h"
#include "store/model_record.h"

namespace weir::store {

class EventQueue;
class SessionWriter;

/// Opened once by a serving process. The Sink methods may be called from any thread and only queue; one
/// thread of the store's own redacts, hashes, compresses and writes (docs/decisions/0002).
class SessionStore final : public flow::Sink {
 public:
  struct Options {
    std::filesystem::path data_dir;  ///< of the project; made (0700) if missing; sessions/ lies in it
    std::filesystem::path catalog;   ///< catalog.db; its folder is made if missing; empty = no catalog
    std::string version;             ///< of Weir, for the catalog
    flow::WhenFull when_full = flow::WhenFull::slow;
    std::uint64_t queue_bytes = 64ULL << 20;      ///< high-water mark of what is accepted and not yet written
    std::uint64_t roll_bytes = 1ULL << 30;        ///< a new file begins past this size, and on each UTC day
    int retention_days = 30;                      ///< <= 0: keep for ever
    std::uint64_t retention_bytes = 10ULL << 30;  ///< of all sessions of the project; 0 = no limit
    /// Besides at the start and after each new file, so often retention is applied and dead sessions are
    /// adopted.
    std::chrono::milliseconds retention_interval = std::chrono::minutes(5);
    std::chrono::milliseconds commit_interval{200};
    WallNanos (*now)() = wall_now;  ///< tests put in a clock of their own
  };

  /// Running totals. Flows count once, when they close.
  struct Counters {
    std::uint64_t accepted = 0;     ///< flows taken into the queue
    std::uint64_t written = 0;      ///< flows committed
    std::uint64_t shed_bodies = 0;  ///< flows ("capture_dropped") and messages recorded without their bytes
    std::uint64_t shed_flows = 0;   ///< flows not recorded, for want of room
    std::uint64_t shed_models = 0;  ///< calls of models and MCP servers, for want of room
    std::uint64_t shed_connections = 0;
    std::uint64_t failed_writes = 0;  ///< attempts to write that failed and were kept for another try
    std::uint64_t lost_flows = 0;     ///< accepted, but still unwritable when the store closed
    std::uint64_t lost_messages = 0;  ///< of WebSockets: not recorded, for either reason
    std::uint64_t queue_bytes = 0;    ///< accepted and not yet committed, now
    std::uint64_t queue_events = 0;
  };

  /// Adopts orphaned sessions, applies retention and starts a new session. Fails (io) with the path and the
  /// mend when the data folder cannot be written. A catalog that cannot be written is only logged.
  static Result<std::unique_ptr<SessionStore>> open(const Options& options);
  ~SessionStore() override;  ///< close()

  void opened(std::unique_ptr<const flow::Flow> flow) override;
  void closed(std::unique_ptr<const flow::Flow> flow) override;
  void message(std::unique_ptr<const flow::Message> message) override;
  void connection(std::unique_ptr<const flow::Connection> connection) override;
  /// A call of a model, secrets redacted. As a Sink's methods: any thread, never blocks.
  void model_call(std::unique_ptr<const ModelRecord> record);
  void mcp_call(std::unique_ptr<const McpRecord> record);  ///< the same for one of an MCP server
  /// False above the high-water mark. Under WhenFull::slow a store that is failing() answers true: nobody
  /// waits for a full disk; it sheds and counts as under WhenFull::drop.
  bool has_room() const override;
  bool failing() const override;

  /// Blocks until all that was accepted before the call is committed; false if an attempt to write it failed
  /// (it is then still queued and tried again) or close() gave it up.
  bool flush();
  /// Writes what is queued, marks flows still open as incomplete, takes the files out of WAL and ends the
  /// session in the catalog. Events told later are counted as shed. Blocks; idempotent; one thread only.
  void close();

  /// Adopts dead sessions and applies retention now, full files of this session included. Blocks; any thread.
  /// A thread of low priority does it at intervals.
  void keep_house();

  const std::string& session_id() const;           ///< "20250131-235959-a1b2" (UTC)
  const std::filesystem::path& directory() const;  ///< <data_dir>/sessions/<session_id>
  Counters counters() const;

 private:
  SessionStore(std::unique_ptr<EventQueue> queue, std::unique_ptr<SessionWriter> writer);

  std::unique_ptr<EventQueue> queue_;
  std::unique_ptr<SessionWriter> writer_;
  bool closed_ = false;
};

/// Completes sessions of `data_dir` whose process died: recovers and checkpoints their files, marks flows
/// still open as incomplete, takes the files out of WAL, ends the session in `catalog` (may be empty).
/// Sessions in use are left alone; one that cannot be mended is logged and left. Returns how many were
/// adopted.
std::size_t adopt_orphans(const std::filesystem::path& data_dir, const std::filesystem::path& catalog);

}  // namespace weir::store
