#include "llm/mcp_sessions.h"

#include <algorithm>
#include <utility>

namespace weir::llm {
namespace {

constexpr std::size_t kLongestEarly = 64 << 10;

}  // namespace

McpSessions::~McpSessions() {
  while (!pending_.empty()) finish(pending_.begin(), pending_.front().asked);
}

// A value by its key; when there are too many the oldest goes.
template <typename Value>
Value& McpSessions::slot(std::unordered_map<std::string, Value>& map, std::deque<std::string>& order,
                         const std::string& key) {
  auto [found, fresh] = map.try_emplace(key);
  if (!fresh) return found->second;
  order.push_back(key);
  if (order.size() > kMostKnown) {
    map.erase(order.front());
    order.pop_front();
  }
  return map[key];
}

void McpSessions::open(const std::string& session) { slot(open_, open_order_, session) = true; }

void McpSessions::close(const std::string& session, TimePoint at) {
  for (std::size_t i = 0; i < pending_.size();)
    if (pending_[i].session == session)
      finish(pending_.begin() + static_cast<std::ptrdiff_t>(i), at);
    else
      ++i;
  if (open_.erase(session) != 0) std::erase(open_order_, session);
}

// In its own exchange before any other of the session.
template <typename Fits>
McpSessions::Entry McpSessions::find(const McpPlace& place, bool from_server, const Fits& fits) {
  auto best = pending_.end();
  for (auto each = pending_.begin(); each != pending_.end(); ++each) {
    bool here = each->exchange == place.exchange;
    bool near = here || (!place.session.empty() && each->session == place.session);
    if (!near || each->call.from_server != from_server || !fits(*each)) continue;
    if (here) return each;
    best = each;
  }
  return best;
}

void McpSessions::finish(Entry entry, TimePoint at) {
  Pending done = std::move(*entry);
  pending_.erase(entry);
  done.call.duration = at - done.asked;
  introduce(done.call, done.session);
  if (done.call.method == "tools/list" && done.call.answered && !done.call.is_error) compare_tools(done.call);
  told_(std::move(done.call));
}

// Who the two are is said once, when they begin.
void McpSessions::introduce(McpCall& call, const std::string& session) {
  std::string key = session.empty() ? call.host + ' ' + call.path : session;
  if (call.method == "initialize" && call.answered && !call.is_error)
    slot(known_, known_order_, key) = {call.server, call.server_version, call.client, call.client_version,
                                       call.protocol_version};
  auto found = known_.find(key);
  if (found == known_.end()) return;
  const Known& known = found->second;
  if (call.server.empty()) call.server = known.server, call.server_version = known.server_version;
  if (session.empty()) return;  // one server, but clients as many as like
  if (call.client.empty()) call.client = known.client, call.client_version = known.client_version;
  if (call.protocol_version.empty()) call.protocol_version = known.protocol_version;
}

void McpSessions::compare_tools(McpCall& call) {
  std::string& last = slot(tools_, tools_order_, call.host + ' ' + call.path + ' ' + call.page);
  call.tools_changed = !last.empty() && last != call.tools_hash;
  last = call.tools_hash;
}

void McpSessions::progressed(const McpPlace& place, const McpMessage& message) {
  std::string token = message.progress_token();
  if (token.empty()) return;
  auto entry = find(place, false, [&](const Pending& each) { return each.progress_token == token; });
  if (entry != pending_.end()) ++entry->call.progress;
}

bool McpSessions::came_early(const Pending& pending) {
  auto found = std::ranges::find_if(early_, [&](const Early& each) {
    return each.session == pending.session && each.id == pending.call.id &&
           each.by_server != pending.call.from_server;
  });
  if (found == early_.end()) return false;
  Early early = std::move(*found);
  early_.erase(found);
  McpPlace place{.exchange = pending.exchange, .host = {}, .path = {}, .session = early.session};
  answered(place, McpMessage::read(early.text), early.by_server, pending.call.status,
           std::max(early.at, pending.asked));
  return true;
}

void McpSessions::asked(const McpPlace& place, const McpMessage& message, McpCall call, TimePoint at) {
  if (message.kind == McpMessage::Kind::notification) {
    if (message.method == "notifications/progress") progressed(place, message);
    return;
  }
  read_question(message, call);
  if (pending_.size() >= kMostPending) finish(pending_.begin(), at);
  pending_.push_back({std::move(call), place.exchange, place.session, message.progress_token(), at});
  if (!place.session.empty()) came_early(pending_.back());
}

void McpSessions::answered(const McpPlace& place, const McpMessage& message, bool by_server,
                           std::uint16_t status, TimePoint at) {
  auto entry = find(place, !by_server, [&](const Pending& each) {
    return each.call.id == message.id || (each.call.id.empty() && each.exchange == place.exchange);
  });
  if (entry == pending_.end()) {
    if (!is_open(place.session) || message.text.size() > kLongestEarly) return;
    if (early_.size() >= kMostEarly) early_.pop_front();
    early_.push_back({place.session, message.id, std::string(message.text), by_server, at});
    return;
  }
  read_answer(message, entry->call);
  entry->call.status = status;
  finish(entry, at);
}

void McpSessions::began(const McpPlace& place, std::string_view session_id) {
  for (Pending& each : pending_) {
    if (each.exchange != place.exchange || !each.session.empty()) continue;
    each.session = place.session;
    each.call.session_id = session_id;
  }
}

void McpSessions::ended(const McpPlace& place, bool elsewhere, std::uint16_t status, TimePoint at) {
  for (std::size_t i = 0; i < pending_.size();) {
    Pending& each = pending_[i];
    if (each.exchange != place.exchange || (elsewhere && !each.session.empty())) {
      ++i;
      continue;
    }
    each.call.status = status;
    each.call.is_error = status >= 400;
    finish(pending_.begin() + static_cast<std::ptrdiff_t>(i), at);
  }
}

}  // namespace weir::llm
