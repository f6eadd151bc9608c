#include "llm/prompt.h"

#include <string.h>

#include <algorithm>
#include <span>
#include <utility>

#include "llm/json_cursor.h"
#include "llm/json_difference.h"

namespace weir::llm {
namespace {

constexpr std::size_t kSoon = 8;  // messages

struct Key {
  std::string_view name;
  PromptBreak section;
  std::uint8_t rank;
  bool list;
};
using enum PromptBreak;

constexpr Key kAnthropic[] = {{"tools", tools, 0, true},
                              {"system", PromptBreak::system, 1, true},
                              {"tool_choice", settings, 2, false},
                              {"thinking", settings, 2, false},
                              {"messages", history, 3, true}};
constexpr Key kOpenAiChat[] = {
    {"tools", tools, 0, true}, {"response_format", settings, 1, false}, {"messages", history, 2, true}};
constexpr Key kOpenAiResponses[] = {
    {"tools", tools, 0, true}, {"instructions", PromptBreak::system, 1, false}, {"input", history, 2, true}};
constexpr Key kCompletions[] = {{"prompt", history, 0, true}};
constexpr Key kGemini[] = {{"systemInstruction", PromptBreak::system, 0, false},
                           {"system_instruction", PromptBreak::system, 0, false},
                           {"tools", tools, 1, true},
                           {"contents", history, 2, true}};
constexpr Key kConverse[] = {{"toolConfig", tools, 0, false},
                             {"system", PromptBreak::system, 1, true},
                             {"messages", history, 2, true}};
constexpr Key kCohereV1[] = {{"preamble", PromptBreak::system, 0, false},
                             {"tools", tools, 1, true},
                             {"chat_history", history, 2, true},
                             {"message", history, 3, false}};
constexpr Key kMessages[] = {{"tools", tools, 0, true}, {"messages", history, 1, true}};
constexpr Key kGenerate[] = {{"system", PromptBreak::system, 0, false}, {"prompt", history, 1, false}};

std::span<const Key> keys_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::anthropic_messages:
    case Protocol::bedrock_invoke: return kAnthropic;
    case Protocol::openai_chat: return kOpenAiChat;
    case Protocol::openai_responses: return kOpenAiResponses;
    case Protocol::openai_completions: return kCompletions;
    case Protocol::gemini_generate: return kGemini;
    case Protocol::bedrock_converse: return kConverse;
    case Protocol::cohere_v1: return kCohereV1;
    case Protocol::cohere_v2:
    case Protocol::ollama_chat: return kMessages;
    case Protocol::ollama_generate: return kGenerate;
    default: return {};
  }
}

std::size_t common_suffix(std::string_view a, std::string_view b) {
  std::size_t most = std::min(a.size(), b.size()), same = 0;
  while (same < most && a[a.size() - 1 - same] == b[b.size() - 1 - same]) ++same;
  return same;
}

std::string_view mark_of(Protocol protocol) {
  if (protocol == Protocol::bedrock_converse) return "\"cachePoint\"";
  bool marked = protocol == Protocol::anthropic_messages || protocol == Protocol::bedrock_invoke;
  return marked ? "\"cache_control\"" : "";
}

std::size_t count_marks(std::string_view text, std::string_view mark) {
  std::size_t count = 0;
  while (!mark.empty()) {
    const void* found = memmem(text.data(), text.size(), mark.data(), mark.size());
    if (!found) break;
    ++count;
    text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + mark.size());
  }
  return count;
}

// Who says it: the role, or for items that have none their type.
std::string_view speaker(std::string_view message) {
  std::string_view role, type;
  JsonCursor json(message);
  json.each_member([&](std::string_view key) {
    if (key == "role") role = json.word();
    if (key == "type") type = json.word();
  });
  return role.empty() ? type : role;
}

bool is_instruction(std::string_view message) {
  std::string_view role = speaker(message);
  return role == "system" || role == "developer";
}

bool is_answer(std::string_view message) {
  std::string_view role = speaker(message);
  for (std::string_view one : {"assistant", "model", "CHATBOT", "reasoning", "function_call"})
    if (role == one) return true;
  return false;
}

}  // namespace

Prompt::Prompt(Protocol protocol, std::string body, bool continued)
    : protocol_(protocol), body_(std::move(body)) {
  if (body_.size() > UINT32_MAX) body_.resize(UINT32_MAX);
  auto keys = keys_of(protocol);
  JsonCursor json(body_);
  json.each_member([&](std::string_view key) {
    auto found = std::ranges::find(keys, key, &Key::name);
    if (found == keys.end() || (continued && found->section == history)) return;
    auto number = static_cast<std::uint8_t>(found - keys.begin());
    // A system prompt may be a text in one request and a list of one text in the next.
    bool list = found->list && found->section != PromptBreak::system;
    if (!list || json.kind() != JsonCursor::Kind::array) return add(json.raw(), kWhole, number);
    std::uint32_t index = 0;
    json.each_element([&] { add(json.raw(), index++, number); });
  });
  std::ranges::sort(parts_, {}, [](const Part& part) { return std::pair(part.rank, part.at); });
  for (const Part& part : parts_) bytes_ += part.size;
  marks_ = count_marks(body_, mark_of(protocol));
  find_answer();
}

// What stands in front of the conversation, and what the model first said in it.
void Prompt::find_answer() {
  while (head_ < parts_.size() && reason(parts_[head_]) != history) ++head_;
  for (std::size_t i = head_; i < std::min(parts_.size(), head_ + kSoon) && answer_.empty(); ++i)
    if (is_answer(text(parts_[i]))) answer_ = {parts_[i].at, parts_[i].size};
}

void Prompt::add(std::string_view value, std::uint32_t index, std::uint8_t key) {
  if (value.empty() || value == "null" || parts_.size() >= kMostParts) return;
  const Key& of = keys_of(protocol_)[key];
  parts_.push_back({static_cast<std::uint32_t>(value.data() - body_.data()),
                    static_cast<std::uint32_t>(value.size()), index, key, of.rank, of.section});
}

std::string Prompt::path(const Part& part) const {
  std::string out(keys_of(protocol_)[part.key].name);
  if (part.index != kWhole) out += '[' + std::to_string(part.index) + ']';
  return out;
}

PromptBreak Prompt::reason(const Part& part) const {
  return part.section == history && is_instruction(text(part)) ? PromptBreak::system : part.section;
}

bool Prompt::answered_as(const Prompt& next) const {
  if (answer_.empty() || next.answer_.empty()) return false;
  return !json_difference(answer_.of(body_), next.answer_.of(next.body_));
}

// One has no part with that number, or another kind of part.
void Prompt::set_difference(PromptChange& change, const Prompt& next, std::size_t index) const {
  const Part* mine = index < parts_.size() ? &parts_[index] : nullptr;
  const Part* other = index < next.parts_.size() ? &next.parts_[index] : nullptr;
  bool added = !mine || (other && other->rank < mine->rank);
  bool removed = !added && (!other || mine->rank < other->rank);
  if (removed || !other) {
    change.path = path(*mine), change.reason = reason(*mine);
    change.before = PromptSample::around(text(*mine), 0);
  } else {
    change.path = next.path(*other), change.reason = next.reason(*other);
    change.after = PromptSample::around(next.text(*other), 0);
  }
}

PromptChange Prompt::change_to(const Prompt& next) const {
  PromptChange change;
  change.bytes = next.bytes_;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    bool comparable = i < next.parts_.size() && parts_[i].key == next.parts_[i].key;
    if (!comparable) return set_difference(change, next, i), change;
    std::string_view before = text(parts_[i]), after = next.text(next.parts_[i]);
    auto difference = before == after ? std::nullopt : json_difference(before, after);
    if (!difference) {
      change.shared += after.size();
      continue;
    }
    bool inside = difference->after.data() != nullptr;
    std::size_t skipped = inside ? static_cast<std::size_t>(difference->after.data() - after.data()) : 0;
    change.shared += skipped + difference->at;
    if (difference->added && i + 1 == parts_.size()) return change;
    change.reason = reason(parts_[i]);
    change.path = path(parts_[i]) + difference->path;
    change.at = difference->at;
    change.reordered = difference->reordered;
    change.before = PromptSample::around(difference->before, difference->at);
    change.after = PromptSample::around(difference->after, difference->at);
    return change;
  }
  return change;
}

bool Prompt::resembles(const Prompt& next) const {
  if (answered_as(next)) return true;
  if ((head_ == 0) != (next.head_ == 0)) return false;
  std::size_t mine = head_, other = next.head_, both = std::min(mine, other);
  std::uint64_t size = 0, other_size = 0, shared = 0;
  for (std::size_t i = 0; i < mine; ++i) size += parts_[i].size;
  for (std::size_t i = 0; i < other; ++i) other_size += next.parts_[i].size;
  std::size_t from = 0;
  while (from < both && text(parts_[from]) == next.text(next.parts_[from])) shared += parts_[from++].size;
  std::size_t end = 0;
  while (from + end < both && text(parts_[mine - 1 - end]) == next.text(next.parts_[other - 1 - end]))
    shared += parts_[mine - 1 - end++].size;
  if (from + end < both) {
    std::string_view a = text(parts_[from]), b = next.text(next.parts_[from]);
    std::size_t prefix = common_prefix(a, b);
    shared += prefix + common_suffix(a.substr(prefix), b.substr(prefix));
  }
  return shared * 2 >= std::min(size, other_size);
}

}  // namespace weir::llm
