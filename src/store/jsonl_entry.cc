// The reading half of store/jsonl_line.h.
#include <algorithm>
#include <array>
#include <chrono>

#include "base/hash.h"
#include "base/json_reader.h"
#include "flow/process.h"
#include "flow/rejection.h"
#include "store/jsonl_line.h"

namespace weir::store {
namespace {

// Longer than any flow, and short enough for whoever adds some up.
constexpr std::int64_t kLongestMicros = 366LL * 86'400 * 1'000'000;

std::string text(JsonValue value) { return std::string(value.string().value_or("")); }
std::uint64_t count(JsonValue value) { return value.natural().value_or(0); }
bool flag(JsonValue value) { return value.boolean().value_or(false); }

// Two digits or four, at most `most`.
std::optional<int> take_number(std::string_view& text, std::size_t digits, int most) {
  auto number = parse_decimal(text.substr(0, digits));
  if (text.size() < digits || !number || *number > static_cast<std::uint64_t>(most)) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*number);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".123" as nanoseconds; digits after the ninth say nothing.
std::optional<WallNanos> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  WallNanos nanos = 0;
  WallNanos unit = 1'000'000'000;
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    unit /= 10;
    nanos += (text[digits] - '0') * unit;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return nanos;
}

// "Z" or "+01:30", in seconds.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  int sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  auto hours = take_number(text, 2, 23);
  if (!hours || !take(text, ":")) return std::nullopt;
  auto minutes = take_number(text, 2, 59);
  if (!minutes) return std::nullopt;
  return sign * (*hours * 3600 + *minutes * 60);
}

http::Fields read_fields(JsonValue object) {
  http::Fields fields;
  for (JsonValue member : object) {
    if (!object.is_object()) break;
    if (auto value = member.string()) fields.add(member.name(), *value);
    for (JsonValue value : member)
      if (auto text = value.string(); text && member.is_array()) fields.add(member.name(), *text);
  }
  return fields;
}

http::Version read_version(JsonValue value) {
  for (auto version : {http::Version::http10, http::Version::h2})
    if (value.string() == http::name(version)) return version;
  return http::Version::http11;
}

// Our own entries name the host and port apart from the URL; in others they are found in it.
HostPort read_place(JsonValue entry, std::string_view authority, bool https) {
  std::uint64_t port = count(entry["port"]);
  if (auto host = entry["host"].string(); host && port > 0 && port <= 65535)
    return {std::string(*host), static_cast<std::uint16_t>(port)};
  authority.remove_prefix(authority.rfind('@') + 1);  // npos + 1 = 0
  std::uint16_t usual = https ? 443 : 80;
  if (auto place = parse_host_port(authority, usual)) return std::move(*place);
  return {std::string(authority), usual};
}

void read_request(JsonValue entry, http::RequestHead& request) {
  request.method = text(entry["method"]);
  request.version = read_version(entry["http_version"]);
  request.fields = read_fields(entry["req_headers"]);
  std::string_view url = entry["url"].string().value_or("");
  if (url.empty()) return;
  bool https = url.starts_with("https://");
  std::size_t scheme = url.find("://");
  url.remove_prefix(scheme == url.npos ? 0 : scheme + 3);
  std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  request.origin = {https ? http::Scheme::https : http::Scheme::http,
                    read_place(entry, url.substr(0, end), https)};
  request.target = url.substr(end);
  if (request.target.empty() && request.is("OPTIONS")) request.target = "*";
}

void read_response(JsonValue entry, flow::Flow& flow) {
  http::ResponseHead& response = flow.response;
  flow.has_response = entry["status"] || entry["resp_headers"] || entry["resp_http_version"];
  response.status = static_cast<std::uint16_t>(std::min<std::uint64_t>(count(entry["status"]), 999));
  response.reason = text(entry["reason"]);
  response.version = read_version(entry["resp_http_version"]);
  response.fields = read_fields(entry["resp_headers"]);
  flow.synthesised = flag(entry["synthesised"]);
}

flow::Captured read_body(JsonValue bytes, JsonValue size, JsonValue truncated) {
  flow::Captured body;
  body.bytes = from_base64(bytes.string().value_or("")).value_or("");
  body.size = std::max<std::uint64_t>(count(size), body.bytes.size());
  body.truncated = flag(truncated);
  return body;
}

// An error in words alone, as other programs write it, is one of an unknown kind.
void read_error(JsonValue entry, flow::Flow& flow) {
  std::string_view words = entry["error"].string().value_or("");
  flow.error = code_from_name(entry["error_code"].string().value_or(""));
  if (flow.error == Code::none && !words.empty()) flow.error = Code::io;
  std::string_view title = info(flow.error).title;
  if (words.starts_with(title)) {
    words.remove_prefix(title.size());
    if (words.starts_with(": ")) words.remove_prefix(2);
  }
  flow.error_detail = words;
}

void read_timing(JsonValue phases, flow::Timing& timing) {
  auto phase = [&](std::string_view name) {
    return std::clamp<std::int64_t>(phases[name].integer().value_or(-1), -1, kLongestMicros);
  };
  timing = {.blocked = phase("blocked"),
            .dns = phase("dns"),
            .connect = phase("connect"),
            .tls = phase("tls"),
            .send = phase("send"),
            .wait = phase("wait"),
            .receive = phase("receive")};
}

flow::Interception read_interception(JsonValue entry, const flow::Flow& flow) {
  using enum flow::Interception;
  for (auto each : {plain, intercepted, passthrough, opaque})
    if (entry["interception"].string() == flow::name(each)) return each;
  return flow.request.origin.scheme == http::Scheme::https ? intercepted : plain;
}

std::string read_marks(JsonValue marks) {
  std::string joined;
  for (JsonValue mark : marks)
    if (auto word = mark.string(); word && !word->empty())
      joined.append(joined.empty() ? "" : ",").append(*word);
  return joined;
}

// "a1b2-17" or "17".
flow::FlowId read_number(std::string_view id) {
  return parse_decimal(id.substr(id.rfind('-') + 1)).value_or(0);
}

void read_sender(JsonValue info, flow::Flow& flow) {
  if (!info.is_object()) return;
  Process sender = flow::read_process(info);
  sender.name = flow.process;
  sender.started = read_rfc3339(info["started"].string().value_or("")).value_or(0);
  flow.sender = std::make_shared<const Process>(std::move(sender));
}

flow::Flow read_flow(JsonValue entry, WallNanos started) {
  flow::Flow flow;
  flow.id = read_number(entry["id"].string().value_or(""));
  flow.kind = entry["kind"].string() == "tunnel" ? flow::Kind::tunnel : flow::Kind::http;
  flow.started = started;
  std::int64_t nanos = entry["duration_ns"].integer().value_or(-1);
  flow.duration_us = nanos < 0 ? -1 : std::min(nanos / 1000, kLongestMicros);
  read_request(entry, flow.request);
  flow.interception = read_interception(entry, flow);
  flow.request_trailers = read_fields(entry["req_trailers"]);
  flow.request_body = read_body(entry["req_body"], entry["req_body_bytes"], entry["req_truncated"]);
  read_response(entry, flow);
  flow.response_trailers = read_fields(entry["resp_trailers"]);
  flow.response_body = read_body(entry["resp_body"], entry["resp_body_bytes"], entry["resp_truncated"]);
  read_timing(entry["timings_us"], flow.timing);
  flow.client_connection = count(entry["client_connection"]);
  flow.upstream_connection = count(entry["upstream_connection"]);
  flow.upstream_reused = flag(entry["upstream_reused"]);
  flow.filter_action = text(entry["filter_action"]);
  flow.filter_reason = text(entry["filter_reason"]);
  flow.process = text(entry["process"]);
  read_sender(entry["process_info"], flow);
  flow.device = text(entry["device"]);
  flow.model = text(entry["model"]);
  read_error(entry, flow);
  flow.rejection = flow::read_rejection(entry["rejection"]);
  flow.marks = read_marks(entry["marks"]);
  set_decoded(flow);
  flow.request_head_bytes = count(entry["req_head_bytes"]);
  flow.response_head_bytes = count(entry["resp_head_bytes"]);
  return flow;
}

}  // namespace

std::optional<WallNanos> read_rfc3339(std::string_view text) {
  auto year = take_number(text, 4, 2261);
  if (!year || *year < 1678 || !take(text, "-")) return std::nullopt;
  auto month = take_number(text, 2, 12);
  if (!month || !take(text, "-")) return std::nullopt;
  auto day = take_number(text, 2, 31);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  auto hour = take_number(text, 2, 23);
  if (!hour || !take(text, ":")) return std::nullopt;
  auto minute = take_number(text, 2, 59);
  if (!minute || !take(text, ":")) return std::nullopt;
  auto second = take_number(text, 2, 60);
  auto fraction = take_fraction(text);
  auto offset = take_offset(text);
  if (!second || !fraction || !offset || !text.empty()) return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(*year),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  WallNanos days = std::chrono::sys_days(date).time_since_epoch().count();
  WallNanos seconds = days * 86'400 + *hour * 3600 + *minute * 60 + *second - *offset;
  return seconds * 1'000'000'000 + *fraction;
}

std::optional<Row> read_jsonl(std::string_view line) {
  auto document = JsonDocument::parse(line, {.bytes = kLongestLine});
  if (!document) return std::nullopt;
  JsonValue entry = document->root();
  auto started = read_rfc3339(entry["ts"].string().value_or(""));
  if (!started) return std::nullopt;
  Row row{.session = text(entry["session"]),
          .id = text(entry["id"]),
          .flow = read_flow(entry, *started),
          .incomplete = entry["state"].string() == "incomplete"};
  // Other programs leave a duration of zero out; an entry of theirs has ended all the same.
  if (row.flow.duration_us < 0 && !entry["state"]) row.flow.duration_us = 0;
  bool whole = row.flow.duration_us >= 0 && row.flow.error == Code::none;
  row.flow.request_body.complete = row.flow.response_body.complete = whole;
  return row;
}

}  // namespace weir::store
