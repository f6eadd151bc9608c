#include "llm/mcp_recognise.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::llm {
namespace {

constexpr std::string_view kMethods[] = {
    "completion/complete",
    "elicitation/create",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "sampling/createMessage",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    "tools/call",
    "tools/list",
};
static_assert(std::ranges::is_sorted(kMethods));

constexpr std::string_view kNotifications[] = {
    "cancelled",
    "elicitation/complete",
    "initialized",
    "message",
    "progress",
    "prompts/list_changed",
    "resources/list_changed",
    "resources/updated",
    "roots/list_changed",
    "subscriptions/acknowledged",
    "tasks/status",
    "tools/list_changed",
};
static_assert(std::ranges::is_sorted(kNotifications));

bool is_mcp_header(std::string_view name) {
  switch (name.size()) {
    case 10: return iequals(name, "mcp-method");
    case 14: return iequals(name, "mcp-session-id");
    case 20: return iequals(name, "mcp-protocol-version");
    default: return false;
  }
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_space(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

/// Whether `text` begins with `word`, or ends before that can be told.
bool may_begin(std::string_view text, std::string_view word) {
  return text.substr(0, word.size()) == word.substr(0, text.size());
}

}  // namespace

McpSign recognise_mcp(const http::RequestHead& head) {
  bool post = head.method == "POST", get = head.method == "GET";
  if (!post && !get) return McpSign::none;
  bool json = false, takes_json = false, takes_stream = false;
  for (auto [name, value] : head.fields) {
    if (is_mcp_header(name)) return McpSign::headers;
    if (name.size() == 6 && iequals(name, "accept")) {
      takes_json |= value.contains("application/json");
      takes_stream |= value.contains("text/event-stream");
    }
    if (post && name.size() == 12 && iequals(name, "content-type"))
      json = iequals(value.substr(0, 16), "application/json");
  }
  if (get) return takes_stream ? McpSign::stream : McpSign::none;
  if (!json) return McpSign::none;
  return takes_json && takes_stream ? McpSign::both : McpSign::body;
}

bool may_be_json_rpc(std::string_view beginning) {
  std::string_view text = without_space(beginning);
  if (text.starts_with('[')) text = without_space(text.substr(1));
  if (text.empty()) return true;
  if (text.front() != '{') return false;
  text = without_space(text.substr(1));
  constexpr std::string_view kFirst[] = {R"("jsonrpc")", R"("id")",     R"("method")",
                                         R"("params")",  R"("result")", R"("error")"};
  return std::ranges::any_of(kFirst, [&](std::string_view word) { return may_begin(text, word); });
}

bool is_mcp_method(std::string_view method) {
  constexpr std::string_view kNotice = "notifications/";
  if (method.starts_with(kNotice))
    return std::ranges::binary_search(kNotifications, method.substr(kNotice.size()));
  return std::ranges::binary_search(kMethods, method);
}

}  // namespace weir::llm
