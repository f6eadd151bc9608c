// SessionReader: reads one session file, read-only. The pieces of a Query.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <vector>

#include "store/body_table.h"
#include "store/process_rows.h"
#include "store/query.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace weir::store {

/// Which rows of the file, besides the Filter.
struct Span {
  /// After this row in order of (started, number).
  struct Key {
    WallNanos started = std::numeric_limits<WallNanos>::min();
    flow::FlowId number = 0;
  } after;
  /// Open rows and those closed not later than this.
  std::int64_t closed_until = std::numeric_limits<std::int64_t>::max();
  /// The writing process has gone: rows still open are incomplete.
  bool dead = false;
};

/// Holds a connection and so keeps the writer from leaving WAL: not for keeping. One thread.
class SessionReader {
 public:
  /// Nothing when the file has gone or has no tables yet.
  static Result<std::optional<SessionReader>> open(const std::filesystem::path& path);

  struct Range {
    WallNanos first = 0;
    WallNanos last = 0;
  };
  /// Start of the first and the last flow; nothing in an empty file.
  Result<std::optional<Range>> range();
  /// The first `count` rows, in order; `newest`: the last `count`, newest first.
  Result<std::vector<Row>> oldest(const Filter& filter, const Span& span, std::size_t count);
  Result<std::vector<Row>> newest(const Filter& filter, const Span& span, std::size_t count);
  /// Number of the latest closing; 0 = none yet.
  Result<std::int64_t> last_closing();
  /// Rows with closings in (after, until], in that order.
  Result<std::vector<Row>> closings(const Filter& filter, std::int64_t after, std::int64_t until);
  Result<std::optional<Row>> find(flow::FlowId number, bool dead);
  Result<std::string> body(BodyId id) { return load_body(database_, id); }
  /// Messages of the flow with numbers above `after`, in order: at most `count`, and no more once they hold
  /// kMessagePageBytes. None in a file that is older than messages are.
  Result<std::vector<flow::Message>> messages(flow::FlowId flow, std::uint32_t after, std::size_t count);
  Result<std::optional<flow::Connection>> connection(flow::ConnectionId id);

  static constexpr std::size_t kMessagePageBytes = 8 << 20;

 private:
  SessionReader(Database database, std::int64_t version)
      : database_(std::move(database)), version_(version) {}
  struct Condition;
  Result<std::vector<Row>> select(const Condition& where, const char* order, const Filter& filter, bool dead,
                                  std::size_t count);

  Database database_;
  std::int64_t version_;  // of the schema
  ProcessReader processes_;
};

}  // namespace weir::store
