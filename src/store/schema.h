// The tables of a session file (docs/formats/store.md) and how flows, messages and connections become rows
// and come back.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "flow/flow.h"
#include "flow/message.h"
#include "flow/redaction.h"
#include "store/query.h"
#include "store/sqlite.h"

namespace weir::store {

/// PRAGMA user_version of the files this program writes; it reads these and older ones.
inline constexpr std::int64_t kSchemaVersion = 9;
/// The version from which on files have a table of messages.
inline constexpr std::int64_t kMessagesSince = 2;
/// And from which on flows have the verdict of policy.
inline constexpr std::int64_t kVerdictsSince = 4;
/// And who was behind them.
inline constexpr std::int64_t kSendersSince = 5;
/// And what their processes were, in a table of their own.
inline constexpr std::int64_t kProcessesSince = 6;
/// And why they did not trust our certificate.
inline constexpr std::int64_t kRejectionsSince = 7;
/// And what models were asked and said.
inline constexpr std::int64_t kModelCallsSince = 8;
/// And how those belong together, and what MCP servers were asked.
inline constexpr std::int64_t kTurnsSince = 9;

/// Makes the tables that a file of this version, 0 = empty, does not have yet.
Result<> create_tables(Database& database, std::int64_t version);
/// The version of the file: 0 = still empty. Fails (io) with a clear text when it is newer than this program.
Result<std::int64_t> schema_version(Database& database, const std::filesystem::path& path);

/// "INSERT OR REPLACE INTO flows ..." with one parameter a column.
std::string insert_flow_sql();
/// "SELECT <columns> FROM flows" for a file of that version, in the order `read_flow` expects.
std::string select_flow_sql(std::int64_t version);

/// What a row holds besides the flow.
struct FlowRow {
  std::int64_t closed_seq = 0;  ///< 0 = open
  BodyId request_body = 0;
  BodyId response_body = 0;
  std::int64_t sender = 0;  ///< processes.id; 0 = nobody knows
};

/// Binds `flow` to an insert_flow_sql() statement, secrets redacted. The text it makes on the way lives in
/// `FlowBinder`, so that one binder serves many rows without new allocations.
class FlowBinder {
 public:
  void bind(Statement& insert, const flow::Flow& flow, const FlowRow& row, std::string_view more_marks);

 private:
  flow::RedactedTexts texts_;
  std::string rejection_;
  std::string marks_;
  std::array<std::string, 4> fields_;
};

/// Reads the current row of a select_flow_sql() statement.
flow::Flow read_flow(const Statement& select, FlowRow& row);

/// "INSERT OR REPLACE INTO messages ...": a message that is written again replaces itself.
std::string insert_message_sql();
std::string select_message_sql();
void bind_message(Statement& insert, const flow::Message& message);
flow::Message read_message(const Statement& select);

std::string insert_connection_sql();
std::string select_connection_sql();
/// `error_detail` in place of its own, redacted; must live until the statement has run.
void bind_connection(Statement& insert, const flow::Connection& connection, std::string_view error_detail);
flow::Connection read_connection(const Statement& select);

/// Fields as text, one "Name: value\n" each. CR, LF and NUL, which no valid field holds, become spaces.
/// Secrets are redacted.
void append_fields(std::string& out, const http::Fields& fields);
http::Fields parse_fields(std::string_view text);

}  // namespace weir::store
