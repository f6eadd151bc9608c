#include "store/session_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "base/ascii.h"

namespace weir::store {
namespace {

constexpr int kBusyMs = 5000;

Row read_row(const Statement& select, FlowRow& stored, bool dead) {
  Row row;
  row.flow = read_flow(select, stored);
  if (stored.closed_seq == 0 && dead) row.flow.error = Code::incomplete;
  row.incomplete = row.flow.error == Code::incomplete;
  row.request_body = stored.request_body;
  row.response_body = stored.response_body;
  return row;
}

}  // namespace

/// A WHERE clause with the values of its parameters. What it says of a Filter, store/filter.cc says, too.
struct SessionReader::Condition {
  using Value = std::variant<std::int64_t, std::string>;

  std::string sql = "1";
  std::vector<Value> values;

  void add(std::string_view text, std::initializer_list<Value> more = {}) {
    sql.append(" AND ").append(text);
    values.insert(values.end(), more);
  }

  void add(const Filter& filter, std::int64_t version, bool dead) {
    if (filter.since) add("started >= ?", {*filter.since});
    if (filter.until) add("started <= ?", {*filter.until});
    if (filter.host.starts_with("*.")) {
      std::string end = lower(filter.host.substr(1));
      add("substr(host, ?) = ?", {-static_cast<std::int64_t>(end.size()), end});
    } else if (!filter.host.empty()) {
      add("host = ?", {lower(filter.host)});
    }
    if (!filter.method.empty()) add("method = ? COLLATE NOCASE", {filter.method});
    if (filter.errors)
      add(dead ? "(status >= 400 OR error IS NOT NULL OR closed_seq IS NULL)"
               : "(status >= 400 OR error IS NOT NULL)");
    if (filter.blocked) add_blocked(version);
    bool senders = version >= kSendersSince;
    if (!filter.process.empty()) add_process(lower(filter.process), version);
    for (auto& [column, part] : {std::pair("device", filter.device), std::pair("model", filter.model)})
      if (!part.empty()) senders ? add(fmt::format("instr(lower({}), ?)", column), {lower(part)}) : add("0");
    if (!filter.status.empty()) add_status(filter.status);
  }

  void add_blocked(std::int64_t version) {
    std::string codes;
    for (Code code : kBlockedCodes)
      codes += fmt::format("{}'{}'", codes.empty() ? "" : ", ", info(code).name);
    std::string_view verdicts = version >= kVerdictsSince ? "filter_action = 'block'" : "0";
    add(fmt::format("(error IN ({}) OR {})", codes, verdicts));
  }

  void add_process(const std::string& part, std::int64_t version) {
    if (version < kSendersSince) return add("0");
    if (version < kProcessesSince) return add("instr(lower(process), ?)", {part});
    add("(instr(lower(process), ?) OR sender IN (SELECT id FROM processes WHERE"
        " instr(lower(name || '[' || pid || ']'), ?) OR instr(lower(executable), ?) OR"
        " instr(lower(command_line), ?)))",
        {part, part, part, part});
  }

  void add_status(const std::vector<StatusRange>& ranges) {
    std::string any;
    for (StatusRange range : ranges) {
      any.append(any.empty() ? "(" : " OR ").append("status BETWEEN ? AND ?");
      values.insert(values.end(), {std::int64_t{range.from}, std::int64_t{range.to}});
    }
    sql.append(" AND ").append(any).append(")");
  }

  void add(const Span& span) {
    if (span.after.number != 0) {
      // The first comparison is for the index, the second for rows that started in the same nanosecond.
      auto number = static_cast<std::int64_t>(span.after.number);
      add("started >= ? AND (started, number) > (?, ?)", {span.after.started, span.after.started, number});
    }
    add("(closed_seq IS NULL OR closed_seq <= ?)", {span.closed_until});
  }

  void bind(Statement& statement) const {
    int index = 1;
    for (const Value& value : values) {
      if (auto* number = std::get_if<std::int64_t>(&value)) statement.bind(index, *number);
      if (auto* text = std::get_if<std::string>(&value)) statement.bind_text(index, *text);
      ++index;
    }
  }
};

Result<std::optional<SessionReader>> SessionReader::open(const std::filesystem::path& path) {
  auto database = Database::open(path, Database::Access::read, kBusyMs);
  if (!database) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return std::nullopt;  // retention was here
    return pass(database);
  }
  auto version = schema_version(*database, path);
  if (!version) return pass(version);
  if (*version == 0) return std::nullopt;
  return SessionReader(std::move(*database), *version);
}

Result<std::optional<SessionReader::Range>> SessionReader::range() {
  auto select =
      database_.prepare("SELECT (SELECT min(started) FROM flows), (SELECT max(started) FROM flows)");
  if (!select) return pass(select);
  auto row = select->step();
  if (!row) return pass(row);
  if (!*row || select->is_null(0)) return std::nullopt;
  return Range{select->integer(0), select->integer(1)};
}

Result<std::vector<Row>> SessionReader::select(const Condition& where, const char* order,
                                               const Filter& filter, bool dead, std::size_t count) {
  auto statement =
      database_.prepare(fmt::format("{} WHERE {} ORDER BY {}", select_flow_sql(version_), where.sql, order));
  if (!statement) return pass(statement);
  where.bind(*statement);
  std::vector<Row> rows;
  while (rows.size() < count) {
    auto more = statement->step();
    if (!more) return pass(more);
    if (!*more) break;
    FlowRow stored;
    Row row = read_row(*statement, stored, dead);
    auto sender = processes_.load(database_, version_, stored.sender);
    if (!sender) return pass(sender);
    row.flow.sender = std::move(*sender);
    if (filter.url.empty() || icontains(row.flow.request.url(), filter.url)) rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<Row>> SessionReader::oldest(const Filter& filter, const Span& span, std::size_t count) {
  Condition where;
  where.add(filter, version_, span.dead);
  where.add(span);
  return select(where, "started, number", filter, span.dead, count);
}

Result<std::vector<Row>> SessionReader::newest(const Filter& filter, const Span& span, std::size_t count) {
  Condition where;
  where.add(filter, version_, span.dead);
  where.add(span);
  return select(where, "started DESC, number DESC", filter, span.dead, count);
}

Result<std::int64_t> SessionReader::last_closing() {
  return database_.integer("SELECT coalesce(max(closed_seq), 0) FROM flows WHERE closed_seq IS NOT NULL");
}

Result<std::vector<Row>> SessionReader::closings(const Filter& filter, std::int64_t after,
                                                 std::int64_t until) {
  Condition where;
  where.add("closed_seq > ? AND closed_seq <= ?", {after, until});
  where.add(filter, version_, false);
  return select(where, "closed_seq", filter, false, std::numeric_limits<std::size_t>::max());
}

Result<std::optional<Row>> SessionReader::find(flow::FlowId number, bool dead) {
  Condition where;
  where.add("number = ?", {static_cast<std::int64_t>(number)});
  auto rows = select(where, "number", Filter{}, dead, 1);
  if (!rows) return pass(rows);
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

Result<std::vector<flow::Message>> SessionReader::messages(flow::FlowId flow, std::uint32_t after,
                                                           std::size_t count) {
  std::vector<flow::Message> found;
  if (version_ < kMessagesSince) return found;
  auto select = database_.prepare(select_message_sql() + " WHERE flow = ? AND number > ? ORDER BY number");
  if (!select) return pass(select);
  select->bind(1, static_cast<std::int64_t>(flow));
  select->bind(2, std::int64_t{after});
  std::size_t bytes = 0;
  while (found.size() < count && bytes < kMessagePageBytes) {
    auto more = select->step();
    if (!more) return pass(more);
    if (!*more) break;
    found.push_back(read_message(*select));
    bytes += found.back().content.bytes.size();
  }
  return found;
}

Result<std::optional<flow::Connection>> SessionReader::connection(flow::ConnectionId id) {
  auto statement = database_.prepare(select_connection_sql() + " WHERE id = ?");
  if (!statement) return pass(statement);
  statement->bind(1, static_cast<std::int64_t>(id));
  auto row = statement->step();
  if (!row) return pass(row);
  if (!*row) return std::nullopt;
  return read_connection(*statement);
}

}  // namespace weir::store
