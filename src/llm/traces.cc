#include "llm/traces.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "llm/json_fingerprint.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMostUnknown = 4096, kMostAgents = 64;
// An id of that length was drawn by lot; "call_0" is one of many.
constexpr std::size_t kOwnId = 20;
// Shorter words may stand anywhere.
constexpr std::size_t kShortestAgent = 6;

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>()(text); }
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccd;
}

std::uint64_t session_of(const ModelCall& call) { return mix(hash(call.provider), hash(call.session_id)); }
std::uint64_t key_of(const ModelCall& call, std::string_view id) {
  return mix(hash(call.provider), hash(id));
}
std::uint64_t body_of(const ModelCall& call) {
  return call.request_hash == 0 ? 0 : mix(session_of(call), call.request_hash);
}
std::uint64_t content_of(const ToolResult& result, const ModelCall& call) {
  return mix(mix(session_of(call), call.opening), mix(hash(result.content.text), result.content.bytes));
}

bool failed(const ModelCall& call) {
  return call.status == 0 || call.status >= 400 || call.partial || !call.error_type.empty();
}

// Their clients make ids up that the model never said.
bool without_ids(const ModelCall& call) { return call.protocol == Protocol::gemini_generate; }

void answer_own(ModelCall& call) {
  for (ToolResult& result : call.tool_results) {
    if (!result.in_response || result.call_id.empty()) continue;
    auto tool = std::ranges::find(call.tool_calls, result.call_id, &ToolCall::call_id);
    if (tool == call.tool_calls.end()) continue;
    result.answers = {call.links.number, static_cast<std::uint32_t>(tool - call.tool_calls.begin() + 1)};
    if (result.name.empty()) result.name = tool->name;
  }
}

bool is_tool_named(std::string_view called, std::string_view tool) {
  if (called == tool) return true;
  return called.starts_with("mcp__") && called.size() > tool.size() + 7 && called.ends_with(tool) &&
         called.substr(0, called.size() - tool.size()).ends_with("__");
}

}  // namespace

Traces::KnownCall* Traces::find(std::uint64_t number) {
  if (calls_.empty() || number < calls_.front().number || number > calls_.back().number) return nullptr;
  return &calls_[number - calls_.front().number];
}

// How sure it is that the call answers that tool; 0: it does not.
int Traces::fit(const KnownCall& known, const KnownTool& tool, const ModelCall& call) const {
  if (!call.previous_id.empty() && known.message == key_of(call, call.previous_id)) return 3;
  if (known.session == session_of(call) && known.opening != 0 && known.opening == call.opening) return 2;
  return tool.id.size() >= kOwnId ? 1 : 0;
}

ToolRef Traces::find_by_id(const ToolResult& result, const ModelCall& call) {
  ToolRef best;
  int best_fit = 0;
  if (result.call_id.empty()) return best;
  auto [begin, end] = by_id_.equal_range(key_of(call, result.call_id));
  for (auto each = begin; each != end; ++each) {
    ToolRef ref = each->second;
    const KnownCall& known = *find(ref.call);
    const KnownTool& tool = known.tools[ref.number - 1];
    int fits = tool.id == result.call_id ? fit(known, tool, call) : 0;
    if (fits > best_fit || (fits > 0 && fits == best_fit && ref.call > best.call))
      best = ref, best_fit = fits;
  }
  return best;
}

const Traces::KnownCall* Traces::last_of_conversation(const ModelCall& call, bool with_tools) const {
  if (call.opening == 0) return nullptr;
  std::uint64_t session = session_of(call);
  for (std::size_t i = calls_.size(); i-- > 0;) {
    const KnownCall& known = calls_[i];
    if (known.session != session || known.opening != call.opening) continue;
    if (known.messages < call.messages_count && (!with_tools || !known.tools.empty())) return &known;
  }
  return nullptr;
}

// The first result of a name answers the first call of that name, and so on.
ToolRef Traces::find_by_name(const ToolResult& result, const ModelCall& call, Step& step) {
  if (result.name.empty() || (!result.call_id.empty() && !without_ids(call))) return {};
  const KnownCall* known = last_of_conversation(call, true);
  if (!known) return {};
  std::size_t skip = step.named[result.name]++;
  for (std::size_t i = 0; i < known->tools.size(); ++i)
    if (known->tools[i].name == result.name && skip-- == 0)
      return {known->number, static_cast<std::uint32_t>(i + 1)};
  return {};
}

bool Traces::is_new_unknown(const ToolResult& result, const ModelCall& call, Step& step) {
  std::uint64_t key = key_of(call, result.call_id.empty() ? result.name : result.call_id);
  std::uint64_t content = content_of(result, call);
  auto [found, fresh] = unknown_.try_emplace(key, Unknown{content, 0});
  if (!fresh && found->second.content == content) return step.turn = found->second.turn, false;
  found->second = {content, 0};
  if (fresh) unknown_order_.push_back(key);
  step.unknown.push_back(key);
  return true;
}

bool Traces::is_new(ToolResult& result, const ModelCall& call, Step& step) {
  if (result.in_response) return true;
  step.results = true;
  ToolRef ref = find_by_id(result, call);
  if (!ref) ref = find_by_name(result, call, step);
  if (!ref) return is_new_unknown(result, call, step);
  KnownCall& known = *find(ref.call);
  KnownTool& tool = known.tools[ref.number - 1];
  if (!step.origin || step.origin->number < known.number) step.origin = &known;
  if (std::exchange(tool.answered, true)) return false;
  result.answers = ref;
  if (result.call_id.empty()) result.call_id = tool.id;
  if (result.name.empty()) result.name = tool.name;
  name_agent(result, call);
  return true;
}

// A result that speaks of one agent of its session, and of one only, is what that agent did.
void Traces::name_agent(ToolResult& result, const ModelCall& call) const {
  const Agent* named = nullptr;
  std::uint64_t session = session_of(call);
  for (const Agent& agent : agents_) {
    if (agent.session != session || agent.id == call.agent_id || !result.content.text.contains(agent.id))
      continue;
    if (named) return;
    named = &agent;
  }
  if (named) result.agent = named->id;
}

void Traces::remember_agent(const ModelCall& call) {
  if (call.agent_id.size() < kShortestAgent || call.session_id.empty()) return;
  std::uint64_t session = session_of(call);
  auto known = [&](const Agent& agent) { return agent.session == session && agent.id == call.agent_id; };
  if (std::ranges::any_of(agents_, known)) return;
  if (agents_.size() >= kMostAgents) agents_.pop_front();
  agents_.push_back({session, call.agent_id});
}

// The call that this one is another try of, or that is another try of it.
const Traces::KnownCall* Traces::same_body(ModelCall& call) {
  auto found = by_body_.find(body_of(call));
  if (call.request_hash == 0 || found == by_body_.end()) return nullptr;
  const KnownCall* other = find(found->second);
  if (other->started > call.started) return failed(call) ? other : nullptr;
  if (!other->failed && call.retry_count.value_or(0) == 0) return nullptr;
  call.links.retry_of = other->number;
  return other;
}

// A call that ends after the one that answers it.
std::uint64_t Traces::turn_begun_by_answer(const ModelCall& call) const {
  for (const ToolCall& tool : call.tool_calls) {
    if (tool.call_id.size() < kOwnId) continue;
    auto found = unknown_.find(key_of(call, tool.call_id));
    if (found != unknown_.end()) return found->second.turn;
  }
  return 0;
}

std::uint64_t Traces::turn_of(ModelCall& call, const Step& step) {
  CallLinks& links = call.links;
  if (const KnownCall* other = same_body(call)) return other->turn;
  if (step.origin) return links.after = step.origin->number, step.origin->turn;
  if (step.turn != 0) return step.turn;
  const KnownCall* before = nullptr;
  if (!call.previous_id.empty())
    if (auto found = by_message_.find(key_of(call, call.previous_id)); found != by_message_.end())
      before = find(found->second);
  bool goes_on = step.results || call.user_text.empty();
  if (!before && goes_on) before = last_of_conversation(call, false);
  if (before) links.after = before->number;
  if (before && goes_on) return before->turn;
  if (std::uint64_t turn = turn_begun_by_answer(call)) return turn;
  return ++last_turn_;
}

void Traces::remember_unknown(const Step& step, std::uint64_t turn) {
  for (std::uint64_t key : step.unknown) unknown_[key].turn = turn;
  while (unknown_order_.size() > kMostUnknown) {
    unknown_.erase(unknown_order_.front());
    unknown_order_.pop_front();
  }
}

void Traces::remember(const ModelCall& call) {
  KnownCall known{.number = call.links.number,
                  .turn = call.links.turn,
                  .session = session_of(call),
                  .opening = call.opening,
                  .body = body_of(call),
                  .message = call.message_id.empty() ? 0 : key_of(call, call.message_id),
                  .started = call.started,
                  .ended = call.started + call.timing.duration.count(),
                  .messages = call.messages_count,
                  .failed = failed(call),
                  .tools = {}};
  for (const ToolCall& tool : call.tool_calls) {
    auto number = static_cast<std::uint32_t>(known.tools.size() + 1);
    std::uint64_t key = key_of(call, tool.call_id);
    if (!tool.call_id.empty()) by_id_.emplace(key, ToolRef{known.number, number});
    std::optional<std::uint64_t> arguments;
    if (!tool.arguments.cut()) arguments = json_fingerprint(tool.arguments.text);
    bool answered = tool.call_id.size() >= kOwnId && unknown_.contains(key);
    bool ran = tool.origin != ToolOrigin::client;  // elsewhere
    known.tools.push_back({tool.call_id, tool.name, key, arguments, answered, ran});
  }
  if (known.body != 0) by_body_[known.body] = known.number;
  if (known.message != 0) by_message_[known.message] = known.number;
  tools_ += known.tools.size();
  calls_.push_back(std::move(known));
  while (calls_.size() > kMostCalls || (tools_ > kMostTools && calls_.size() > 1)) forget_oldest();
}

void Traces::forget_oldest() {
  const KnownCall& oldest = calls_.front();
  tools_ -= oldest.tools.size();
  for (const KnownTool& tool : oldest.tools) {
    auto [each, end] = by_id_.equal_range(tool.key);
    while (each != end) each = each->second.call == oldest.number ? by_id_.erase(each) : std::next(each);
  }
  for (auto* index : {&by_body_, &by_message_}) {
    auto found = index->find(index == &by_body_ ? oldest.body : oldest.message);
    if (found != index->end() && found->second == oldest.number) index->erase(found);
  }
  calls_.pop_front();
}

void Traces::link(ModelCall& call) {
  call.links = {.number = ++last_};
  Step step;
  std::size_t dropped =
      std::erase_if(call.tool_results, [&](ToolResult& result) { return !is_new(result, call, step); });
  call.tool_results_count -= static_cast<std::uint32_t>(dropped);
  answer_own(call);
  call.links.turn = turn_of(call, step);
  remember_unknown(step, call.links.turn);
  remember_agent(call);
  remember(call);
}

ToolRef Traces::ran(std::string_view name, std::uint64_t arguments, WallNanos at) {
  for (std::size_t i = calls_.size(); i-- > 0;) {
    KnownCall& known = calls_[i];
    if (known.started > at || at - known.ended > kToolWindow) continue;
    for (std::size_t number = 0; number < known.tools.size(); ++number) {
      KnownTool& tool = known.tools[number];
      if (tool.ran || tool.arguments != arguments || !is_tool_named(tool.name, name)) continue;
      tool.ran = true;
      return {known.number, static_cast<std::uint32_t>(number + 1)};
    }
  }
  return {};
}

}  // namespace weir::llm
