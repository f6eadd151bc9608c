#include "flow/view.h"

#include <vector>

#include "base/hash.h"
#include "base/utf8.h"
#include "flow/process.h"
#include "flow/rejection.h"
#include "flow/text.h"

namespace weir::flow {
namespace {

void text_field(JsonWriter& json, std::string_view key, std::string_view value) {
  if (!value.empty()) json.field(key, value);
}

void count_field(JsonWriter& json, std::string_view key, std::uint64_t value) {
  if (value != 0) json.field(key, value);
}

void flag_field(JsonWriter& json, std::string_view key, bool value) {
  if (value) json.field(key, true);
}

bool comes_earlier(const http::Fields& fields, std::size_t at) {
  for (std::size_t i = 0; i < at; ++i)
    if (iequals(fields[i].name, fields[at].name)) return true;
  return false;
}

// Name -> array of its values. Names that differ only in case share the entry of the first.
void fields_object(JsonWriter& json, std::string_view key, const http::Fields& fields) {
  if (fields.empty()) return;
  json.key(key).begin_object();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (comes_earlier(fields, i)) continue;
    json.key(fields[i].name).begin_array();
    for (std::size_t j = i; j < fields.size(); ++j)
      if (iequals(fields[j].name, fields[i].name)) json.value(fields[j].value);
    json.end_array();
  }
  json.end_object();
}

void body_field(JsonWriter& json, std::string_view key, std::string_view bytes) {
  if (!bytes.empty()) json.field(key, base64(bytes));
}

void body_facts(JsonWriter& json, std::string_view prefix, const Captured& body, std::uint64_t head_bytes) {
  auto named = [&](std::string_view suffix) { return std::string(prefix).append(suffix); };
  count_field(json, named("_head_bytes"), head_bytes);
  count_field(json, named("_body_bytes"), body.size);
  flag_field(json, named("_truncated"), body.truncated);
}

// The members of the seed's log entry, in its order.
void entry_core(JsonWriter& json, const Entry& entry) {
  const Flow& flow = entry.flow;
  json.field("ts", rfc3339(flow.started));
  json.field("method", flow.request.method);
  json.field("url", flow.request.url());
  fields_object(json, "req_headers", flow.request.fields);
  body_field(json, "req_body", entry.request_body);
  if (flow.has_response) {
    count_field(json, "status", flow.response.status);
    fields_object(json, "resp_headers", flow.response.fields);
  }
  body_field(json, "resp_body", entry.response_body);
  if (flow.duration_us >= 0) json.field("duration_ns", flow.duration_us * 1000);
  text_field(json, "error", error_text(flow));
  text_field(json, "filter_action", flow.filter_action);
  text_field(json, "filter_reason", flow.filter_reason);
}

std::string_view state(const Entry& entry) {
  if (entry.incomplete) return "incomplete";
  return entry.flow.duration_us < 0 ? "open" : "closed";
}

void identity(JsonWriter& json, const Entry& entry) {
  const Flow& flow = entry.flow;
  text_field(json, "id", entry.id);
  text_field(json, "session", entry.session);
  text_field(json, "process", flow.process);
  text_field(json, "device", flow.device);
  text_field(json, "model", flow.model);
  json.field("kind", flow.kind == Kind::tunnel ? "tunnel" : "http");
  json.field("state", state(entry));
  text_field(json, "host", flow.request.origin.place.host);
  count_field(json, "port", flow.request.origin.place.port);
  json.field("interception", name(flow.interception));
  json.field("http_version", name(flow.request.version));
}

void response_facts(JsonWriter& json, const Flow& flow) {
  if (!flow.has_response) return;
  json.field("resp_http_version", name(flow.response.version));
  text_field(json, "reason", flow.response.reason);
  flag_field(json, "synthesised", flow.synthesised);
}

void timings_object(JsonWriter& json, const Timing& timing) {
  const std::pair<std::string_view, std::int64_t> phases[] = {
      {"blocked", timing.blocked}, {"dns", timing.dns},   {"connect", timing.connect}, {"tls", timing.tls},
      {"send", timing.send},       {"wait", timing.wait}, {"receive", timing.receive}};
  bool any = false;
  for (auto [phase, microseconds] : phases) {
    if (microseconds < 0) continue;
    if (!any) json.key("timings_us").begin_object();
    any = true;
    json.field(phase, microseconds);
  }
  if (any) json.end_object();
}

void marks_array(JsonWriter& json, std::string_view marks) {
  if (marks.empty()) return;
  json.key("marks").begin_array();
  for_each_element(marks, [&](std::string_view mark) { json.value(mark); });
  json.end_array();
}

// As text what was sent as text and is; in base64 all else, so that no byte is lost.
void message_bytes(JsonWriter& json, const http::ws::Message& content) {
  using http::ws::Opcode;
  if (content.bytes.empty()) return;
  bool may_be_text = (content.opcode == Opcode::text || content.opcode == Opcode::close) &&
                     content.problem != http::ws::Problem::not_inflated;
  if (may_be_text && is_utf8(content.bytes, content.truncated)) {
    json.field("text", std::string_view(content.bytes).substr(0, utf8_prefix(content.bytes)));
  } else {
    json.field("data", base64(content.bytes));
  }
}

}  // namespace

bool failed(const Flow& flow) { return flow.error != Code::none && info(flow.error).phase != Phase::policy; }

std::string error_text(const Flow& flow) {
  return flow.error == Code::none ? std::string() : Error(flow.error, flow.error_detail).message();
}

void write_entry(JsonWriter& json, const Entry& entry) {
  json.begin_object();
  write_members(json, entry);
  json.end_object();
}

void write_members(JsonWriter& json, const Entry& entry) {
  const Flow& flow = entry.flow;
  entry_core(json, entry);
  identity(json, entry);
  response_facts(json, flow);
  if (flow.error != Code::none) {
    json.field("error_code", info(flow.error).name);
    json.field("error_phase", weir::name(info(flow.error).phase));
  }
  if (flow.rejection) write_rejection(json.key("rejection"), *flow.rejection);
  body_facts(json, "req", flow.request_body, flow.request_head_bytes);
  body_facts(json, "resp", flow.response_body, flow.response_head_bytes);
  fields_object(json, "req_trailers", flow.request_trailers);
  fields_object(json, "resp_trailers", flow.response_trailers);
  timings_object(json, flow.timing);
  count_field(json, "client_connection", flow.client_connection);
  count_field(json, "upstream_connection", flow.upstream_connection);
  flag_field(json, "upstream_reused", flow.upstream_reused);
  marks_array(json, flow.marks);
  if (flow.sender) write_process(json.key("process_info"), *flow.sender);
}

void write_message(JsonWriter& json, const Message& message, WallNanos started) {
  const http::ws::Message& content = message.content;
  json.begin_object();
  json.field("number", message.number);
  json.field("ts", rfc3339(message.time));
  json.field("offset_ns", message.time - started);
  json.field("from", message.from_client ? "client" : "upstream");
  json.field("opcode", name(content.opcode));
  count_field(json, "bytes", content.size);
  count_field(json, "close_code", content.close_code);
  message_bytes(json, content);
  flag_field(json, "truncated", content.truncated);
  flag_field(json, "compressed", content.compressed);
  text_field(json, "problem", name(content.problem));
  json.end_object();
}

}  // namespace weir::flow
