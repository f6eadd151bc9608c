// Query: reads recorded sessions, merged in time order. Opens databases read-only; never writes, never
// checkpoints (docs/decisions/0002). Used by the command line today and by the API later.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/flow.h"
#include "flow/message.h"

namespace weir::store {

struct StatusRange {
  int from = 0;  ///< both ends belong to the range
  int to = 999;
};

/// What Filter::blocked means, besides the verdict of a rule.
inline constexpr Code kBlockedCodes[] = {
    Code::blocked,          Code::port_refused,     Code::budget_exceeded,
    Code::host_not_allowed, Code::session_expired,  Code::session_mismatch,
    Code::session_limit,    Code::placeholder_leak, Code::secret_leak};

/// All that is set must hold. Texts are compared without case.
struct Filter {
  std::optional<WallNanos> since;
  std::optional<WallNanos> until;
  std::string host;                 ///< exact host, or "*.example.com"; empty = any
  std::string url;                  ///< part of the URL; empty = any
  std::string method;               ///< empty = any
  std::vector<StatusRange> status;  ///< any of
  bool errors = false;              ///< status >= 400 or an error code
  bool blocked = false;
  std::string process;        ///< part of its "name[pid]", path or command line; empty = any
  std::string device, model;  ///< part of it; empty = any
};

/// Names a body in the store; 0 = none.
using BodyId = std::int64_t;

struct Row {
  std::string session;  ///< id of the session
  std::string id;       ///< what a person types: "<4 hex of the session>-<flow number>"
  flow::Flow flow;      ///< bodies' bytes empty; sizes, truncated, complete filled in
  BodyId request_body = 0;
  BodyId response_body = 0;
  bool incomplete = false;   ///< the session ended before the flow did
  std::size_t database = 0;  ///< for load_body
};

/// Says of a row what a Query's own filter says of the rows of its databases.
bool matches(const Filter& filter, const Row& row);

struct Scope {
  std::vector<std::filesystem::path> project_dirs;  ///< data folders of projects; each holds sessions/
  std::string session;  ///< only this session id (or a unique prefix); empty = all in scope
};

class Query {
 public:
  /// Fails with not_found and a helpful text when nothing has been recorded in scope.
  static Result<std::unique_ptr<Query>> open(const Scope& scope, Filter filter);
  virtual ~Query() = default;

  /// Next row, oldest first; nothing at the end. Memory is bounded: a page of rows for each
  /// file whose time the merge has reached.
  virtual Result<std::optional<Row>> next() = 0;
  /// Only the newest `count` rows, oldest of them first. Call instead of next().
  virtual Result<std::vector<Row>> last(std::size_t count) = 0;
  /// Rows that were closed (or opened and still run) since the previous call of poll() or since open(): for
  /// `-f`. Each flow is handed out once, when it has closed. Sees sessions that start later.
  virtual Result<std::vector<Row>> poll() = 0;
  /// One flow by "<4 hex>-<number>", by "<number>" (newest session that has it), or "" for the newest of all.
  virtual Result<Row> find(std::string_view id) = 0;
  /// The captured bytes, decompressed from the store (content coding of the message is left as it was).
  virtual Result<std::string> load_body(const Row& row, BodyId body) = 0;
  /// A page of the row's WebSocket messages with numbers above `after`, in order: at most `count` and about
  /// 8 MiB. Any page may be short; only an empty one is the end.
  virtual Result<std::vector<flow::Message>> messages_of(const Row& row, std::uint32_t after,
                                                         std::size_t count) = 0;
  /// A connection the row names; nothing if it was not recorded.
  virtual Result<std::optional<flow::Connection>> connection(const Row& row, flow::ConnectionId id) = 0;
};

}  // namespace weir::store
