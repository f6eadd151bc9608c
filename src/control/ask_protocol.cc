#include "control/ask_protocol.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/json.h"
#include "base/json_reader.h"
#include "flow/redaction.h"
#include "flow/text.h"

namespace weir::control {
namespace {

using policy::AnswerScope;
using proxy::Decision;

constexpr std::size_t kMostUrlBytes = 8 << 10;
constexpr std::size_t kMostWordBytes = 1 << 10;
constexpr std::size_t kMostIdBytes = 32;

std::string_view cut(std::string_view text, std::size_t most) { return text.substr(0, most); }

void write_fields(JsonWriter& json, const http::Fields& fields) {
  if (fields.empty()) return;
  json.key("headers").begin_object();
  for (auto field : fields) json.field(field.name, cut(field.value, kMostWordBytes));
  json.end_object();
}

void write_scopes(JsonWriter& json, const policy::Question& question) {
  json.key("scopes").begin_array();
  for (AnswerScope scope : policy::kAnswerScopes) {
    auto coverage = policy::Coverage::of(question, scope);
    if (!coverage) continue;
    json.begin_object().field("scope", name(scope));
    json.field("covers", cut(coverage->describe(), kMostUrlBytes)).end_object();
  }
  json.end_array();
}

std::string_view by(Decision::By by) {
  switch (by) {
    case Decision::By::person: return "user";
    case Decision::By::memory: return "memory";
    case Decision::By::time: return "timeout";
    case Decision::By::client: return "client_gone";
    case Decision::By::shutdown: return "shutdown";
    case Decision::By::nobody:
    case Decision::By::crowd: break;  // never were open
  }
  return "";
}

constexpr std::uint64_t kMostSeconds = 365 * 24 * 60 * 60;

Failure wrong(std::string_view why) { return fail(Code::bad_request, std::string(why)); }

Result<> read_answer(const JsonValue& root, Command& out) {
  JsonValue id = root["id"];
  if (auto text = id.string()) out.id_text = cut(*text, kMostIdBytes);
  if (auto number = id.natural()) out.id_text = std::to_string(*number);
  if (out.id_text.empty()) return wrong("\"id\" is missing: that of the question");
  out.id = parse_decimal(out.id_text).value_or(0);
  std::string_view action = root["action"].string().value_or("");
  if (action != "allow" && action != "block") return wrong("\"action\" must be \"allow\" or \"block\"");
  out.action = action == "allow" ? policy::Action::allow : policy::Action::block;
  JsonValue remember = root["remember"];
  if (remember && !remember.is_null() && !remember.boolean())
    return wrong("\"remember\" must be true or false");
  JsonValue named = root["scope"];
  auto scope = policy::answer_scope(named.string().value_or(named && !named.is_null() ? "" : "host"));
  if (!scope) return wrong("\"scope\" must be \"url\", \"path\", \"method\", \"host\" or \"domain\"");
  JsonValue keep = root["for"];
  if (keep && !keep.is_null()) {
    auto seconds = keep.natural();
    if (!seconds || *seconds == 0 || *seconds > kMostSeconds)
      return wrong("\"for\" must be a whole number of seconds, at most 31536000");
    out.keep = std::chrono::seconds(*seconds);
  }
  if (remember.boolean().value_or(false)) out.scope = scope;
  return {};
}

}  // namespace

proxy::Inquiry without_secrets(proxy::Inquiry inquiry, const flow::Redactor* redactor) {
  if (redactor) {
    redactor->redact_url(inquiry.origin, inquiry.target);
    for (std::string* text : {&inquiry.method, &inquiry.why}) *text = redactor->text(*text);
    http::Fields fields;
    for (auto field : inquiry.fields) fields.add(field.name, redactor->text(field.value));
    inquiry.fields = std::move(fields);
  }
  inquiry.target = flow::redacted_url(inquiry.target);
  return inquiry;
}

std::string question_line(const Asked& asked, const proxy::Inquiry& inquiry, TimePoint now,
                          bool may_remember) {
  std::string out;
  JsonWriter json(out);
  std::string url = inquiry.origin.str() + inquiry.target;
  auto left = std::chrono::ceil<std::chrono::seconds>(asked.deadline - now);
  json.begin_object().field("type", "question").field("id", std::to_string(asked.id));
  json.field("method", cut(inquiry.method, kMostWordBytes)).field("url", cut(url, kMostUrlBytes));
  json.field("host", inquiry.origin.place.host).field("port", unsigned{inquiry.origin.place.port});
  json.field("path", cut(inquiry.target, kMostUrlBytes));
  if (url.size() > kMostUrlBytes) json.field("truncated", true);
  write_fields(json, inquiry.fields);
  json.field("tunnel", inquiry.opaque);
  json.field("reason", cut(inquiry.why, kMostWordBytes));
  if (!inquiry.asker.pattern.empty()) {
    json.field("rule", cut(inquiry.asker.pattern, kMostWordBytes));
    json.field("source", cut(inquiry.asker.source, kMostWordBytes));
  }
  json.field("timeout", std::max<std::int64_t>(left.count(), 0))
      .field("may_remember", may_remember && !inquiry.once);
  if (inquiry.once)
    json.key("scopes").begin_array().end_array();
  else
    write_scopes(json, inquiry.question());
  json.end_object();
  return out;
}

std::string history_line(proxy::QuestionId id, const History& history) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "history").field("id", std::to_string(id));
  json.field("complete", history.complete).key("scopes").begin_object();
  for (AnswerScope scope : policy::kAnswerScopes) {
    const auto& past = history.scopes[static_cast<std::size_t>(scope)];
    if (!past) continue;
    json.key(name(scope)).begin_object().field("requests", past->requests).field("hosts", past->hosts);
    if (past->last > 0) json.field("last", flow::rfc3339(past->last));
    json.end_object();
  }
  json.end_object().end_object();
  return out;
}

std::string ended_line(proxy::QuestionId id, const Decision& decision, Duration patience) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "ended").field("id", std::to_string(id));
  json.field("action", name(decision.action)).field("by", by(decision.by));
  json.field("reason", explain(decision, patience)).end_object();
  return out;
}

std::string end_line(std::size_t open) {
  std::string out;
  JsonWriter(out).begin_object().field("type", "end").field("open", std::uint64_t{open}).end_object();
  return out;
}

std::string answered_line(proxy::QuestionId id, policy::Action action, std::optional<AnswerScope> remembered,
                          std::chrono::seconds keep) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "answered").field("id", std::to_string(id));
  json.field("action", name(action)).field("remembered", remembered.has_value());
  if (remembered) json.field("scope", name(*remembered));
  if (remembered && keep.count() > 0) json.field("for", std::int64_t{keep.count()});
  json.end_object();
  return out;
}

std::string error_line(std::string_view code, std::string_view text, std::string_view id) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "error").field("error", code).field("message", text);
  if (!id.empty()) json.field("id", id);
  json.end_object();
  return out;
}

Result<Command> parse_command(std::string_view line) {
  auto parsed = JsonDocument::parse(line, {.bytes = kMostLineBytes, .depth = 8, .values = 1024});
  if (!parsed) return wrong(fmt::format("the line is no JSON: {}", parsed.error().what));
  JsonValue root = parsed->root();
  if (!root.is_object()) return wrong("the line is no JSON object");
  Command out;
  JsonValue type = root["type"];
  std::string_view kind = type.string().value_or(type ? "" : "answer");
  if (kind == "list") out.kind = Command::Kind::list;
  if (kind == "monitor") out.kind = Command::Kind::monitor;
  if (kind == "visit") out.kind = Command::Kind::visit;
  if (out.kind != Command::Kind::answer) return out;
  if (kind != "answer") return wrong("\"type\" must be \"answer\", \"list\", \"monitor\" or \"visit\"");
  if (auto read = read_answer(root, out); !read) return pass(read);
  return out;
}

}  // namespace weir::control
