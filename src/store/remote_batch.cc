#include "store/remote_batch.h"

#include <string_view>
#include <variant>

#include "base/ascii.h"
#include "base/json.h"
#include "base/json_reader.h"
#include "flow/text.h"
#include "store/remote_protobuf.h"

namespace weir::store {
namespace {

constexpr std::string_view kScope = "weir.proxy";
constexpr std::size_t kLongestWhy = 200;

struct Attribute {
  std::string_view key;
  std::variant<std::string_view, std::int64_t> value;
};

// Names of OpenTelemetry's semantic conventions where there are any.
std::vector<Attribute> attributes_of(const RemoteEntry& entry) {
  std::vector<Attribute> out;
  auto text = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) out.push_back({key, value});
  };
  auto count = [&](std::string_view key, std::int64_t value, bool known) {
    if (known) out.push_back({key, value});
  };
  text("http.request.method", entry.method);
  text("url.full", entry.url);
  text("server.address", entry.host);
  count("server.port", entry.port, entry.port != 0);
  count("http.response.status_code", entry.status, entry.status != 0);
  count("http.request.body.size", static_cast<std::int64_t>(entry.request_bytes), entry.request_bytes != 0);
  count("http.response.body.size", static_cast<std::int64_t>(entry.response_bytes),
        entry.response_bytes != 0);
  text("error.type", entry.error);
  text("weir.id", entry.id);
  count("weir.duration_us", entry.duration_us, entry.duration_us >= 0);
  text("weir.interception", entry.interception);
  text("weir.filter_action", entry.filter_action);
  text("weir.filter_reason", entry.filter_reason);
  return out;
}

// SeverityNumber and its text.
std::pair<int, std::string_view> severity_of(const RemoteEntry& entry) {
  switch (entry.severity) {
    case RemoteSeverity::error: return {17, "ERROR"};
    case RemoteSeverity::warn: return {13, "WARN"};
    case RemoteSeverity::info: return {9, "INFO"};
  }
  return {9, "INFO"};
}

void write_attribute(JsonWriter& json, std::string_view key,
                     std::variant<std::string_view, std::int64_t> value) {
  json.begin_object().field("key", key).key("value").begin_object();
  if (const auto* text = std::get_if<std::string_view>(&value)) json.field("stringValue", *text);
  // 64-bit integers are strings in the JSON of Protocol Buffers.
  else
    json.field("intValue", std::to_string(std::get<std::int64_t>(value)));
  json.end_object().end_object();
}

void write_record(JsonWriter& json, const RemoteEntry& entry, RemoteText text) {
  auto [number, name] = severity_of(entry);
  json.begin_object().field("timeUnixNano", std::to_string(entry.started));
  json.field("observedTimeUnixNano", std::to_string(entry.ended));
  json.field("severityNumber", number).field("severityText", name);
  json.key("body").begin_object().field("stringValue", entry.text(text)).end_object();
  json.key("attributes").begin_array();
  for (const Attribute& attribute : attributes_of(entry))
    write_attribute(json, attribute.key, attribute.value);
  json.end_array().end_object();
}

void write_attribute(ProtobufWriter& out, std::uint32_t field, std::string_view key,
                     std::variant<std::string_view, std::int64_t> value) {
  out.message(field, [&](ProtobufWriter& pair) {
    pair.text(1, key);
    pair.message(2, [&](ProtobufWriter& any) {
      if (const auto* text = std::get_if<std::string_view>(&value))
        any.text(1, *text);
      else
        any.varint(3, static_cast<std::uint64_t>(std::get<std::int64_t>(value)));
    });
  });
}

void write_record(ProtobufWriter& out, const RemoteEntry& entry, RemoteText text) {
  auto [number, name] = severity_of(entry);
  out.fixed64(1, static_cast<std::uint64_t>(entry.started));
  out.varint(2, static_cast<std::uint64_t>(number));
  out.text(3, name);
  out.message(5, [&](ProtobufWriter& any) { any.text(1, entry.text(text)); });
  for (const Attribute& attribute : attributes_of(entry))
    write_attribute(out, 6, attribute.key, attribute.value);
  out.fixed64(11, static_cast<std::uint64_t>(entry.ended));
}

// The count is an int64: a receiver that says less than none means none.
RemoteRefusal refusal(std::uint64_t rejected, std::string_view why) {
  if (rejected == 0 || rejected > INT64_MAX) return {};
  return {rejected, flow::printable(why.substr(0, kLongestWhy))};
}

}  // namespace

std::string ndjson_batch(std::span<const RemoteEntry> batch) {
  std::string out;
  for (const RemoteEntry& entry : batch) {
    if (!entry.json.empty()) {
      out.append(entry.json).append("\n");
      continue;
    }
    JsonWriter json(out);
    json.begin_object().field("ts", flow::rfc3339(entry.started)).field("method", entry.method);
    json.field("url", std::string_view(entry.url).substr(0, 1024))
        .field("id", entry.id)
        .field("too_long", true);
    json.end_object();
    out += '\n';
  }
  return out;
}

std::string otlp_json(std::span<const RemoteEntry> batch, const OtlpResource& resource, RemoteText text) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("resourceLogs").begin_array().begin_object();
  json.key("resource").begin_object().key("attributes").begin_array();
  for (const auto& [key, value] : resource) write_attribute(json, key, value);
  json.end_array().end_object().key("scopeLogs").begin_array().begin_object();
  json.key("scope").begin_object().field("name", kScope).end_object();
  json.key("logRecords").begin_array();
  for (const RemoteEntry& entry : batch) write_record(json, entry, text);
  json.end_array().end_object().end_array().end_object().end_array().end_object();
  return out;
}

std::string otlp_protobuf(std::span<const RemoteEntry> batch, const OtlpResource& resource, RemoteText text) {
  std::string out;
  ProtobufWriter(out).message(1, [&](ProtobufWriter& resource_logs) {
    resource_logs.message(1, [&](ProtobufWriter& fields) {
      for (const auto& [key, value] : resource) write_attribute(fields, 1, key, std::string_view(value));
    });
    resource_logs.message(2, [&](ProtobufWriter& scope_logs) {
      scope_logs.message(1, [](ProtobufWriter& scope) { scope.text(1, kScope); });
      for (const RemoteEntry& entry : batch)
        scope_logs.message(2, [&](ProtobufWriter& record) { write_record(record, entry, text); });
    });
  });
  return out;
}

RemoteRefusal otlp_json_refusal(std::string_view answer) {
  auto document = JsonDocument::parse(answer);
  if (!document) return {};
  JsonValue partial = document->root()["partialSuccess"], count = partial["rejectedLogRecords"];
  // 64-bit integers are strings in the JSON of Protocol Buffers; a reader takes numbers, too.
  auto rejected = count.string() ? parse_decimal(*count.string()) : count.natural();
  return refusal(rejected.value_or(0), partial["errorMessage"].string().value_or(""));
}

RemoteRefusal otlp_protobuf_refusal(std::string_view answer) {
  std::uint64_t rejected = 0;
  std::string_view why;
  ProtobufReader response(answer);
  while (auto field = response.next()) {
    if (field->number != 1) continue;
    ProtobufReader partial(field->bytes);
    while (auto inner = partial.next()) {
      if (inner->number == 1) rejected = inner->value;
      if (inner->number == 2) why = inner->bytes;
    }
  }
  return refusal(rejected, why);
}

}  // namespace weir::store
