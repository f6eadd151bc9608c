#include "llm/mcp_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

std::string bounded(std::string_view text) { return JsonString{text.substr(0, kMcp.name)}.str(kMcp.name); }

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

/// "sessionId=abc" or "session_id=abc" of a query.
std::string_view session_in(std::string_view target) {
  for (std::string_view name : {"sessionId=", "session_id=", "sessionid="}) {
    std::size_t at = target.find(name);
    if (at == target.npos || at == 0 || (target[at - 1] != '?' && target[at - 1] != '&')) continue;
    std::string_view value = target.substr(at + name.size());
    return value.substr(0, value.find('&'));
  }
  return {};
}

/// What a client makes of a URI that it was given at `base`, as far as servers use it: a path or a whole URL.
std::string target_of(std::string_view uri, std::string_view base) {
  if (std::size_t scheme = uri.find("://"); scheme != uri.npos && scheme < uri.find_first_of("/?#")) {
    std::size_t slash = uri.find('/', scheme + 3);
    return slash == uri.npos ? "/" : std::string(uri.substr(slash));
  }
  if (uri.starts_with('/')) return std::string(uri);
  std::string_view path = path_of(base);
  if (uri.starts_with('?')) return std::string(path) + std::string(uri);
  return std::string(path.substr(0, path.rfind('/') + 1)) + std::string(uri);
}

}  // namespace

McpReader::McpReader(McpSessions& sessions, const http::RequestHead& head, McpSign sign,
                     std::uint64_t exchange, WallNanos started)
    : sessions_(sessions), sign_(sign), get_(head.method == "GET"), started_(started) {
  place_.exchange = exchange;
  place_.host = head.origin.place.str();
  host_ = head.origin.place.authority(head.origin.scheme == http::Scheme::https);
  place_.path = head.target.substr(0, 4096);
  for (auto [spelled, value] : head.fields) {
    if (iequals(spelled, "mcp-session-id")) session_id_ = bounded(value);
    if (iequals(spelled, "mcp-protocol-version")) version_ = bounded(value);
    if (iequals(spelled, "mcp-method")) method_ = bounded(value);
    if (iequals(spelled, "mcp-name")) name_ = bounded(value);
  }
  std::string uri = place_.host + ' ' + place_.path;
  old_ = sessions_.is_open(uri);
  if (old_)
    place_.session = uri, session_id_ = bounded(session_in(place_.path));
  else if (!session_id_.empty())
    place_.session = place_.host + ' ' + session_id_;
  known_ = sign == McpSign::headers || old_;
}

McpCall McpReader::blank(bool from_server, TimePoint at) const {
  McpCall call;
  call.exchange = place_.exchange;
  call.host = host_;
  call.path = path_of(place_.path);
  call.session_id = session_id_;
  call.old_transport = old_;
  call.from_server = from_server;
  call.protocol_version = version_;
  call.started = started_ + (from_server ? (at - sent_).count() : 0);
  return call;
}

// JSON-RPC alone is not enough: others speak it, too.
bool McpReader::is_ours(std::string_view body) const {
  if (known_) return true;
  bool alone = false, any = false;
  for_each_message(body, [&](const McpMessage& message) {
    any |= message.kind != McpMessage::Kind::none;
    alone |= message.is_mcp_alone();
  });
  return alone || (any && sign_ == McpSign::both);
}

// Where the body is too long to be read, the headers say what it asks (since 2026-07-28).
void McpReader::ask_by_headers(TimePoint sent) {
  if (method_.empty()) return;
  McpMessage message;
  message.kind = McpMessage::Kind::request;
  message.method = method_;
  McpCall call = blank(false, sent);
  call.name = name_;
  sessions_.asked(place_, message, std::move(call), sent);
}

void McpReader::request_body(std::string_view body, bool cut, TimePoint sent) {
  sent_ = sent;
  if (get_) return;
  if (!is_ours(body)) return void(other_ = true);
  bool any = false;
  for_each_message(body, [&](const McpMessage& message) {
    using Kind = McpMessage::Kind;
    any |= message.kind != Kind::none;
    if (message.kind == Kind::answer) sessions_.answered(place_, message, false, 0, sent);
    if (message.kind == Kind::request) sessions_.asked(place_, message, blank(false, sent), sent);
  });
  if (!any && cut) ask_by_headers(sent);
}

void McpReader::response_head(const http::ResponseHead& head, TimePoint at) {
  (void)at;
  if (other_ || head.informational()) return;
  status_ = head.status;
  if (auto id = head.fields.get("mcp-session-id"); id && place_.session.empty()) {
    session_id_ = bounded(*id);
    place_.session = place_.host + ' ' + session_id_;
    sessions_.began(place_, session_id_);
  }
  std::string type = lower(head.fields.get("content-type").value_or("").substr(0, 64));
  if (type.starts_with("text/event-stream"))
    framing_ = Framing::events;
  else if (type.contains("json") && !get_)
    framing_ = Framing::document;
  if (get_ && framing_ != Framing::events) other_ = true;
}

void McpReader::take_endpoint(std::string_view uri) {
  while (!uri.empty() && (uri.back() == ' ' || uri.back() == '\n')) uri.remove_suffix(1);
  if (uri.empty() || uri.size() > 4096) return;
  std::string target = target_of(uri, place_.path);
  place_.session = place_.host + ' ' + target;
  session_id_ = bounded(session_in(target));
  known_ = old_ = true;
  sessions_.open(place_.session);
}

void McpReader::take(const McpMessage& message, TimePoint at) {
  if (message.kind == McpMessage::Kind::none) return;
  if (message.kind == McpMessage::Kind::answer)
    sessions_.answered(place_, message, true, status_, at);
  else
    sessions_.asked(place_, message, blank(true, at), at);
}

void McpReader::take_event(const StreamEvent& event, TimePoint at) {
  if (get_ && !known_ && event.name != "endpoint") return void(other_ = true);
  if (get_ && event.name == "endpoint") return take_endpoint(event.data);
  if (!event.cut) for_each_message(event.data, [&](const McpMessage& message) { take(message, at); });
}

void McpReader::response_body(std::string_view chunk, TimePoint at) {
  if (other_) return;
  came_ = at;
  if (framing_ == Framing::document) document_.append(chunk.substr(0, kMaxDocument - document_.size()));
  if (framing_ != Framing::events) return;
  events_.feed(chunk);
  for (StreamEvent event; !other_ && events_.next(event);) take_event(event, at);
}

void McpReader::finish(bool complete, TimePoint at) {
  if (other_) return;
  if (framing_ == Framing::document)
    for_each_message(document_, [&](const McpMessage& message) { take(message, came_); });
  if (get_ && old_) return sessions_.close(place_.session, at);
  // Accepted, or a stream that ended before the answer: it comes in the session's own stream.
  bool elsewhere = complete && status_ >= 200 && status_ < 300 && framing_ != Framing::document;
  sessions_.ended(place_, elsewhere && !get_, status_, at);
}

}  // namespace weir::llm
