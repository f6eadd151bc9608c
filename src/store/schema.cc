#include "store/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_reader.h"
#include "flow/redaction.h"
#include "flow/rejection.h"

namespace weir::store {
namespace {

// `number` is the flow's id and so the rowid: rows are appended, never put in between. `closed_seq` counts
// the closings of the file: NULL while open.
constexpr const char* kFirstTables = R"sql(
CREATE TABLE flows(
  number INTEGER PRIMARY KEY, closed_seq INTEGER, started INTEGER NOT NULL, duration_us INTEGER,
  kind TEXT NOT NULL, interception TEXT NOT NULL,
  method TEXT NOT NULL, scheme TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, target TEXT NOT NULL,
  request_version TEXT NOT NULL, request_fields TEXT, request_trailers TEXT,
  request_body INTEGER, request_size INTEGER NOT NULL, request_truncated INTEGER NOT NULL,
  request_complete INTEGER NOT NULL, request_head_bytes INTEGER NOT NULL,
  status INTEGER, synthesised INTEGER NOT NULL, reason TEXT,
  response_version TEXT, response_fields TEXT, response_trailers TEXT,
  response_body INTEGER, response_size INTEGER NOT NULL, response_truncated INTEGER NOT NULL,
  response_complete INTEGER NOT NULL, response_head_bytes INTEGER NOT NULL,
  blocked_us INTEGER, dns_us INTEGER, connect_us INTEGER, tls_us INTEGER, send_us INTEGER, wait_us INTEGER,
  receive_us INTEGER,
  client_connection INTEGER, upstream_connection INTEGER, upstream_reused INTEGER NOT NULL,
  error TEXT, error_detail TEXT, marks TEXT);
CREATE INDEX flows_by_start ON flows(started);
CREATE INDEX flows_by_closing ON flows(closed_seq) WHERE closed_seq IS NOT NULL;
CREATE INDEX flows_open ON flows(number) WHERE closed_seq IS NULL;
CREATE TABLE bodies(
  id INTEGER PRIMARY KEY, hash64 INTEGER NOT NULL, sha256 BLOB NOT NULL, size INTEGER NOT NULL,
  stored_size INTEGER NOT NULL, codec TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX bodies_by_hash ON bodies(hash64);
CREATE TABLE connections(
  id INTEGER PRIMARY KEY, leg TEXT NOT NULL, opened INTEGER NOT NULL, closed INTEGER,
  local TEXT, peer TEXT, host TEXT, via TEXT,
  tls_version TEXT, cipher TEXT, alpn TEXT, sni TEXT, resumed INTEGER NOT NULL,
  certificate_subject TEXT, certificate_issuer TEXT, certificate_sha256 TEXT, certificate_not_after TEXT,
  dns_us INTEGER, connect_us INTEGER, tls_us INTEGER,
  bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, requests INTEGER NOT NULL, error TEXT, error_detail TEXT);
)sql";

// A table with a rowid: messages may be large, and those of many flows come interleaved.
constexpr const char* kMessages = R"sql(
CREATE TABLE messages(
  flow INTEGER NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL, from_client INTEGER NOT NULL,
  opcode TEXT NOT NULL, size INTEGER NOT NULL, truncated INTEGER NOT NULL, compressed INTEGER NOT NULL,
  close_code INTEGER, problem TEXT, data BLOB, PRIMARY KEY(flow, number));
)sql";

// Equal bodies are found in the writer's memory.
constexpr const char* kNoHashIndex = "DROP INDEX bodies_by_hash;";

constexpr const char* kVerdicts =
    "ALTER TABLE flows ADD COLUMN filter_action TEXT; ALTER TABLE flows ADD COLUMN filter_reason TEXT;";

constexpr const char* kSenders =
    "ALTER TABLE flows ADD COLUMN process TEXT; ALTER TABLE flows ADD COLUMN device TEXT;"
    "ALTER TABLE flows ADD COLUMN model TEXT;";

constexpr const char* kProcesses = R"sql(
CREATE TABLE processes(
  id INTEGER PRIMARY KEY, pid INTEGER, name TEXT, started INTEGER, executable TEXT, command_line TEXT,
  command_line_cut INTEGER NOT NULL, parents TEXT, unknown TEXT);
ALTER TABLE flows ADD COLUMN sender INTEGER;
)sql";

constexpr const char* kRejections =
    "ALTER TABLE flows ADD COLUMN rejection TEXT; ALTER TABLE processes ADD COLUMN tls_libraries TEXT;";

constexpr const char* kModelCalls = R"sql(
CREATE TABLE model_calls(
  id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, started INTEGER NOT NULL, duration_us INTEGER NOT NULL,
  provider TEXT, protocol TEXT, model_asked TEXT, model_served TEXT, stream INTEGER NOT NULL,
  websocket INTEGER NOT NULL, status INTEGER NOT NULL, finish TEXT, stop_reason TEXT, error_type TEXT,
  error_message TEXT, partial INTEGER NOT NULL, parse_error TEXT,
  input INTEGER, input_fresh INTEGER, cache_read INTEGER, cache_write_5m INTEGER, cache_write_1h INTEGER,
  output INTEGER, reasoning INTEGER, details TEXT,
  cost_pico INTEGER, cost_source TEXT, unpriced TEXT, priced_as TEXT,
  head_us INTEGER, first_token_us INTEGER, longest_gap_us INTEGER NOT NULL, gaps TEXT, tokens_per_second REAL,
  client TEXT, client_version TEXT, session TEXT, user TEXT, process TEXT, device TEXT, message_id TEXT,
  request_id TEXT, previous_id TEXT, conversation TEXT, service_tier TEXT, retry INTEGER,
  max_output_tokens INTEGER, messages INTEGER NOT NULL, tools INTEGER NOT NULL, tool_calls INTEGER NOT NULL,
  tool_results INTEGER NOT NULL, tools_offered TEXT, rate_limits TEXT,
  text TEXT, text_bytes INTEGER NOT NULL, thinking TEXT, thinking_bytes INTEGER NOT NULL,
  system TEXT, system_bytes INTEGER NOT NULL, user_text TEXT, user_text_bytes INTEGER NOT NULL, refusal TEXT,
  request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL);
CREATE INDEX model_calls_by_start ON model_calls(started);
CREATE INDEX model_calls_by_flow ON model_calls(flow);
CREATE TABLE tool_calls(
  call INTEGER NOT NULL, number INTEGER NOT NULL, call_id TEXT, name TEXT, server TEXT, origin TEXT,
  arguments TEXT, arguments_bytes INTEGER NOT NULL, arguments_valid INTEGER, PRIMARY KEY(call, number));
CREATE INDEX tool_calls_by_id ON tool_calls(call_id);
CREATE TABLE tool_results(
  call INTEGER NOT NULL, number INTEGER NOT NULL, call_id TEXT, name TEXT, content TEXT,
  content_bytes INTEGER NOT NULL, is_error INTEGER NOT NULL, in_response INTEGER NOT NULL,
  PRIMARY KEY(call, number));
CREATE INDEX tool_results_by_id ON tool_results(call_id);
)sql";

constexpr const char* kTurns = R"sql(
ALTER TABLE model_calls ADD COLUMN number INTEGER;
ALTER TABLE model_calls ADD COLUMN turn INTEGER;
ALTER TABLE model_calls ADD COLUMN after INTEGER;
ALTER TABLE model_calls ADD COLUMN retry_of INTEGER;
ALTER TABLE model_calls ADD COLUMN agent TEXT;
ALTER TABLE tool_results ADD COLUMN answers_call INTEGER;
ALTER TABLE tool_results ADD COLUMN answers_number INTEGER;
ALTER TABLE tool_results ADD COLUMN agent TEXT;
CREATE TABLE mcp_calls(
  id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, started INTEGER NOT NULL, duration_us INTEGER NOT NULL,
  host TEXT NOT NULL, path TEXT, session TEXT, old_transport INTEGER NOT NULL, from_server INTEGER NOT NULL,
  server TEXT, server_version TEXT, client TEXT, client_version TEXT, protocol_version TEXT,
  method TEXT NOT NULL, name TEXT, rpc_id TEXT, arguments TEXT, arguments_bytes INTEGER NOT NULL,
  answered INTEGER NOT NULL, status INTEGER NOT NULL, result TEXT, result_text_bytes INTEGER NOT NULL,
  result_bytes INTEGER NOT NULL, kinds TEXT, is_error INTEGER NOT NULL, error_code INTEGER, error_message TEXT,
  progress INTEGER NOT NULL, tools TEXT, tools_hash TEXT, tools_changed INTEGER NOT NULL, page TEXT,
  ran_for_call INTEGER, ran_for_number INTEGER);
CREATE INDEX mcp_calls_by_start ON mcp_calls(started);
CREATE TABLE prompts(
  call INTEGER PRIMARY KEY, thread INTEGER NOT NULL, first INTEGER NOT NULL, reason TEXT, path TEXT,
  at INTEGER NOT NULL, reordered INTEGER NOT NULL, shared_bytes INTEGER NOT NULL, bytes INTEGER NOT NULL,
  before TEXT, after TEXT, idle_us INTEGER, expected INTEGER NOT NULL, lost INTEGER NOT NULL,
  lost_pico INTEGER NOT NULL);
)sql";

// Each leads from the version before it to its own. They are never changed once released.
constexpr const char* kSteps[] = {kFirstTables, kMessages,   kNoHashIndex, kVerdicts, kSenders,
                                  kProcesses,   kRejections, kModelCalls,  kTurns};
static_assert(std::size(kSteps) == kSchemaVersion);

constexpr std::string_view kFlowColumns =
    "number, closed_seq, started, duration_us, kind, interception, method, scheme, host, port, target, "
    "request_version, request_fields, request_trailers, request_body, request_size, request_truncated, "
    "request_complete, request_head_bytes, status, synthesised, reason, response_version, response_fields, "
    "response_trailers, response_body, response_size, response_truncated, response_complete, "
    "response_head_bytes, "
    "blocked_us, dns_us, connect_us, tls_us, send_us, wait_us, receive_us, client_connection, "
    "upstream_connection, "
    "upstream_reused, error, error_detail, marks";
constexpr std::string_view kVerdictColumns = ", filter_action, filter_reason";
constexpr std::string_view kSenderColumns = ", process, device, model";

constexpr std::string_view kMessageColumns =
    "flow, number, time, from_client, opcode, size, truncated, compressed, close_code, problem, data";

constexpr std::string_view kConnectionColumns =
    "id, leg, opened, closed, local, peer, host, via, tls_version, cipher, alpn, sni, resumed, "
    "certificate_subject, "
    "certificate_issuer, certificate_sha256, certificate_not_after, dns_us, connect_us, tls_us, bytes_in, "
    "bytes_out, "
    "requests, error, error_detail";

std::string insert_sql(std::string_view table, std::string_view columns) {
  std::string parameters = "?";
  for (char c : columns)
    if (c == ',') parameters += ", ?";
  return fmt::format("INSERT OR REPLACE INTO {}({}) VALUES ({})", table, columns, parameters);
}

// Binds the columns of a row from left to right, in the order of the lists above.
class Binder {
 public:
  explicit Binder(Statement& statement) : statement_(statement) {}

  Binder& integer(std::int64_t value) {
    statement_.bind(next_++, value);
    return *this;
  }
  Binder& integer(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }
  Binder& truth(bool value) { return integer(std::int64_t{value}); }
  Binder& text(std::string_view value) {
    statement_.bind_text(next_++, value);
    return *this;
  }
  Binder& null() {
    statement_.bind_null(next_++);
    return *this;
  }
  Binder& unless(std::int64_t absent, std::int64_t value) {
    return value == absent ? null() : integer(value);
  }
  Binder& unless_zero(std::uint64_t value) { return unless(0, static_cast<std::int64_t>(value)); }
  Binder& unless_empty(std::string_view value) { return value.empty() ? null() : text(value); }
  Binder& blob_unless_empty(std::string_view value) {
    if (value.empty()) return null();
    statement_.bind_blob(next_++, value);
    return *this;
  }
  Binder& error(Code code) { return unless_empty(code == Code::none ? std::string_view() : info(code).name); }

 private:
  Statement& statement_;
  int next_ = 1;
};

// Reads the columns of a row from left to right.
class Reader {
 public:
  explicit Reader(const Statement& statement) : statement_(statement) {}

  std::int64_t integer() { return statement_.integer(next_++); }
  template <typename T>
  void into(T& out) {
    out = static_cast<T>(integer());
  }
  void into(std::string& out) { out = text(); }
  void or_absent(std::int64_t absent, std::int64_t& out) {
    out = statement_.is_null(next_) ? absent : statement_.integer(next_);
    ++next_;
  }
  bool null() const { return statement_.is_null(next_); }
  std::string_view text() { return statement_.bytes(next_++); }

 private:
  const Statement& statement_;
  int next_ = 0;
};

http::Version version_from(std::string_view text) {
  for (auto version : {http::Version::http10, http::Version::http11, http::Version::h2})
    if (name(version) == text) return version;
  return http::Version::http11;
}

flow::Interception interception_from(std::string_view text) {
  using enum flow::Interception;
  for (auto interception : {plain, intercepted, passthrough, opaque})
    if (name(interception) == text) return interception;
  return plain;
}

// A body of which nothing or less was kept than asked is a prefix, whoever cut it.
bool truncated(const flow::Captured& body, BodyId stored) {
  return body.truncated || (stored == 0 && body.size > 0);
}

void append_line(std::string& out, http::Fields::View field) {
  out.append(field.name).append(": ");
  if (flow::needs_redaction(field.name)) {
    out.append(flow::redacted_value(field.name, field.value));
  } else {
    out.append(field.value);
  }
  out += '\n';
}

bool breaks_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

// True when the only breaks in `text` are the ends of `count` lines. In whole passes: it runs on every field
// list.
bool has_lines(std::string_view text, std::size_t count) {
  if (text.contains('\r') || text.contains('\0')) return false;
  std::size_t lines = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) ++lines;
  return lines == count;
}

std::string_view fields_text(std::string& buffer, const http::Fields& fields) {
  buffer.clear();
  append_fields(buffer, fields);
  return buffer;
}

void bind_timing(Binder& row, const flow::Timing& timing) {
  for (std::int64_t phase :
       {timing.blocked, timing.dns, timing.connect, timing.tls, timing.send, timing.wait, timing.receive})
    row.unless(-1, phase);
}

void read_timing(Reader& row, flow::Timing& timing) {
  for (std::int64_t* phase : {&timing.blocked, &timing.dns, &timing.connect, &timing.tls, &timing.send,
                              &timing.wait, &timing.receive})
    row.or_absent(-1, *phase);
}

void read_body(Reader& row, flow::Captured& body, BodyId& stored) {
  row.into(stored);
  row.into(body.size);
  row.into(body.truncated);
  row.into(body.complete);
}

void read_request(Reader& row, flow::Flow& flow, FlowRow& stored) {
  row.into(flow.request.method);
  flow.request.origin.scheme = row.text() == "https" ? http::Scheme::https : http::Scheme::http;
  row.into(flow.request.origin.place.host);
  row.into(flow.request.origin.place.port);
  row.into(flow.request.target);
  flow.request.version = version_from(row.text());
  flow.request.fields = parse_fields(row.text());
  flow.request_trailers = parse_fields(row.text());
  read_body(row, flow.request_body, stored.request_body);
  row.into(flow.request_head_bytes);
}

void read_response(Reader& row, flow::Flow& flow, FlowRow& stored) {
  flow.has_response = !row.null();
  row.into(flow.response.status);
  row.into(flow.synthesised);
  row.into(flow.response.reason);
  flow.response.version = version_from(row.text());
  flow.response.fields = parse_fields(row.text());
  flow.response_trailers = parse_fields(row.text());
  read_body(row, flow.response_body, stored.response_body);
  row.into(flow.response_head_bytes);
}

void bind_body(Binder& row, const flow::Captured& body, BodyId stored) {
  row.unless(0, stored).integer(body.size).truth(truncated(body, stored)).truth(body.complete);
}

}  // namespace

Result<> create_tables(Database& database, std::int64_t version) {
  if (version == kSchemaVersion) return {};
  std::string steps;
  for (std::int64_t i = version; i < kSchemaVersion; ++i) steps += kSteps[i];
  std::string sql = fmt::format("BEGIN IMMEDIATE;{}PRAGMA user_version={};COMMIT;", steps, kSchemaVersion);
  return database.execute(sql.c_str());
}

Result<std::int64_t> schema_version(Database& database, const std::filesystem::path& path) {
  auto version = database.integer("PRAGMA user_version");
  if (!version) return pass(version);
  if (*version > kSchemaVersion)
    return fail(
        Code::io,
        fmt::format("{} was written by a newer Weir (schema {}, this one knows {}); upgrade Weir to use it",
                    path.string(), *version, kSchemaVersion));
  return *version;
}

std::string insert_flow_sql() {
  return insert_sql("flows",
                    fmt::format("{}{}{}, sender, rejection", kFlowColumns, kVerdictColumns, kSenderColumns));
}
std::string select_flow_sql(std::int64_t version) {
  return fmt::format("SELECT {}{}{}{}{} FROM flows", kFlowColumns,
                     version >= kVerdictsSince ? kVerdictColumns : ", NULL, NULL",
                     version >= kSendersSince ? kSenderColumns : ", NULL, NULL, NULL",
                     version >= kProcessesSince ? ", sender" : ", NULL",
                     version >= kRejectionsSince ? ", rejection" : ", NULL");
}
std::string insert_message_sql() { return insert_sql("messages", kMessageColumns); }
std::string select_message_sql() { return fmt::format("SELECT {} FROM messages", kMessageColumns); }
std::string insert_connection_sql() { return insert_sql("connections", kConnectionColumns); }
std::string select_connection_sql() { return fmt::format("SELECT {} FROM connections", kConnectionColumns); }

void append_fields(std::string& out, const http::Fields& fields) {
  std::size_t begin = out.size();
  for (http::Fields::View field : fields) append_line(out, field);
  if (has_lines(std::string_view(out).substr(begin), fields.size())) return;
  out.resize(begin);
  for (http::Fields::View field : fields) {
    std::size_t line = out.size();
    append_line(out, field);
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(line), out.end() - 1, breaks_line, ' ');
  }
}

http::Fields parse_fields(std::string_view text) {
  http::Fields fields;
  fields.reserve(static_cast<std::size_t>(std::ranges::count(text, '\n')), text.size());
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) fields.add(line.substr(0, colon), line.substr(colon + 2));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

void FlowBinder::bind(Statement& insert, const flow::Flow& flow, const FlowRow& stored,
                      std::string_view more_marks) {
  texts_ = flow::redacted_texts(flow);
  marks_ = flow.marks;
  if (!more_marks.empty()) marks_.append(marks_.empty() ? "" : ",").append(more_marks);
  const http::RequestHead& request = flow.request;
  const http::ResponseHead& response = flow.response;
  Binder row(insert);
  row.integer(flow.id).unless(0, stored.closed_seq).integer(flow.started).unless(-1, flow.duration_us);
  row.text(flow.kind == flow::Kind::tunnel ? "tunnel" : "http").text(name(flow.interception));
  row.text(request.method).text(name(request.origin.scheme)).text(request.origin.place.host);
  row.integer(std::int64_t{request.origin.place.port}).text(texts_.target);
  row.text(name(request.version)).unless_empty(fields_text(fields_[0], request.fields));
  row.unless_empty(fields_text(fields_[1], flow.request_trailers));
  bind_body(row, flow.request_body, stored.request_body);
  row.integer(flow.request_head_bytes);
  flow.has_response ? row.integer(std::int64_t{response.status}) : row.null();
  row.truth(flow.synthesised).unless_empty(response.reason);
  row.unless_empty(flow.has_response ? name(response.version) : std::string_view());
  row.unless_empty(fields_text(fields_[2], response.fields));
  row.unless_empty(fields_text(fields_[3], flow.response_trailers));
  bind_body(row, flow.response_body, stored.response_body);
  row.integer(flow.response_head_bytes);
  bind_timing(row, flow.timing);
  row.unless_zero(flow.client_connection).unless_zero(flow.upstream_connection).truth(flow.upstream_reused);
  row.error(flow.error).unless_empty(texts_.error_detail).unless_empty(marks_);
  row.unless_empty(flow.filter_action).unless_empty(texts_.filter_reason);
  row.unless_empty(flow.process).unless_empty(flow.device).unless_empty(flow.model);
  rejection_.clear();
  if (flow.rejection) {
    JsonWriter json(rejection_);
    flow::write_rejection(json, *flow.rejection);
  }
  row.unless(0, stored.sender).unless_empty(rejection_);
}

flow::Flow read_flow(const Statement& select, FlowRow& stored) {
  flow::Flow flow;
  Reader row(select);
  row.into(flow.id);
  row.into(stored.closed_seq);
  row.into(flow.started);
  row.or_absent(-1, flow.duration_us);
  flow.kind = row.text() == "tunnel" ? flow::Kind::tunnel : flow::Kind::http;
  flow.interception = interception_from(row.text());
  read_request(row, flow, stored);
  read_response(row, flow, stored);
  read_timing(row, flow.timing);
  row.into(flow.client_connection);
  row.into(flow.upstream_connection);
  row.into(flow.upstream_reused);
  flow.error = code_from_name(row.text());
  row.into(flow.error_detail);
  row.into(flow.marks);
  set_decoded(flow);
  row.into(flow.filter_action);
  row.into(flow.filter_reason);
  row.into(flow.process);
  row.into(flow.device);
  row.into(flow.model);
  row.into(stored.sender);
  if (std::string_view text = row.text(); !text.empty())
    if (auto rejection = JsonDocument::parse(text)) flow.rejection = flow::read_rejection(rejection->root());
  return flow;
}

void bind_message(Statement& insert, const flow::Message& message) {
  const http::ws::Message& content = message.content;
  Binder row(insert);
  row.integer(message.flow).integer(std::int64_t{message.number}).integer(message.time);
  row.truth(message.from_client).text(name(content.opcode)).integer(content.size);
  row.truth(content.truncated).truth(content.compressed).unless_zero(content.close_code);
  row.unless_empty(name(content.problem)).blob_unless_empty(content.bytes);
}

flow::Message read_message(const Statement& select) {
  flow::Message message;
  http::ws::Message& content = message.content;
  Reader row(select);
  row.into(message.flow);
  row.into(message.number);
  row.into(message.time);
  row.into(message.from_client);
  content.opcode = http::ws::opcode_from_name(row.text()).value_or(http::ws::Opcode::binary);
  row.into(content.size);
  row.into(content.truncated);
  row.into(content.compressed);
  row.into(content.close_code);
  content.problem = http::ws::problem_from_name(row.text());
  row.into(content.bytes);
  return message;
}

void bind_connection(Statement& insert, const flow::Connection& connection, std::string_view error_detail) {
  Binder row(insert);
  row.integer(connection.id).text(connection.leg == flow::Leg::client ? "client" : "upstream");
  row.integer(connection.opened).unless(0, connection.closed);
  for (const std::string* text :
       {&connection.local, &connection.peer, &connection.host, &connection.via, &connection.tls_version,
        &connection.cipher, &connection.alpn, &connection.sni})
    row.unless_empty(*text);
  row.truth(connection.resumed).unless_empty(connection.certificate_subject);
  row.unless_empty(connection.certificate_issuer).unless_empty(connection.certificate_sha256);
  row.unless_empty(connection.certificate_not_after);
  row.unless(-1, connection.timing.dns)
      .unless(-1, connection.timing.connect)
      .unless(-1, connection.timing.tls);
  row.integer(connection.bytes_in).integer(connection.bytes_out).integer(std::int64_t{connection.requests});
  row.error(connection.error).unless_empty(error_detail);
}

flow::Connection read_connection(const Statement& select) {
  flow::Connection connection;
  Reader row(select);
  row.into(connection.id);
  connection.leg = row.text() == "client" ? flow::Leg::client : flow::Leg::upstream;
  row.into(connection.opened);
  row.into(connection.closed);
  for (std::string* text : {&connection.local, &connection.peer, &connection.host, &connection.via,
                            &connection.tls_version, &connection.cipher, &connection.alpn, &connection.sni})
    row.into(*text);
  row.into(connection.resumed);
  row.into(connection.certificate_subject);
  row.into(connection.certificate_issuer);
  row.into(connection.certificate_sha256);
  row.into(connection.certificate_not_after);
  row.or_absent(-1, connection.timing.dns);
  row.or_absent(-1, connection.timing.connect);
  row.or_absent(-1, connection.timing.tls);
  row.into(connection.bytes_in);
  row.into(connection.bytes_out);
  row.into(connection.requests);
  connection.error = code_from_name(row.text());
  row.into(connection.error_detail);
  return connection;
}

}  // namespace weir::store
