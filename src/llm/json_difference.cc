#include "llm/json_difference.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

using Kind = JsonCursor::Kind;

constexpr std::size_t kMostDepth = 16, kMostMembers = 4096, kMostElements = 1 << 16, kLongestKey = 48;

struct Member {
  std::string_view key, value;
};
using Found = std::optional<JsonDifference>;

std::string_view unquoted(std::string_view string) {
  if (string.size() >= 2 && string.front() == '"' && string.back() == '"')
    return string.substr(1, string.size() - 2);
  return string;
}

// JSON whose members the provider passes on as they stand.
bool is_free(std::string_view key) {
  for (std::string_view one : {"input_schema", "inputSchema", "parameters", "parametersJsonSchema",
                               "parameter_definitions", "input", "args", "arguments", "schema", "json"})
    if (key == one) return true;
  return false;
}

bool members_of(std::string_view text, std::vector<Member>& out) {
  JsonCursor json(text);
  bool all = true;
  json.each_member([&](std::string_view key) {
    if (key == "cache_control") return;
    all = out.size() < kMostMembers;
    if (all) out.push_back({key, json.raw()});
  });
  return all && !json.broken();
}

bool is_mark(std::string_view element) {
  if (!element.starts_with('{') || element.size() > 128) return false;
  std::vector<Member> members;
  return members_of(element, members) && members.size() == 1 && members[0].key == "cachePoint";
}

bool elements_of(std::string_view text, std::vector<std::string_view>& out) {
  JsonCursor json(text);
  bool all = true;
  json.each_element([&] {
    std::string_view element = json.raw();
    if (is_mark(element)) return;
    all = out.size() < kMostElements;
    if (all) out.push_back(element);
  });
  return all && !json.broken();
}

// [{"type": "text", "text": "hi"}] -> "hi", as it is spelled; else nothing.
std::string_view only_text(std::string_view list) {
  std::vector<std::string_view> elements;
  if (!elements_of(list, elements) || elements.size() != 1) return {};
  std::vector<Member> members;
  if (!members_of(elements[0], members)) return {};
  std::string_view text;
  for (const Member& member : members) {
    if (member.key == "text")
      text = member.value;
    else if (member.key != "type")
      return {};
  }
  return text;
}

std::string shown_key(std::string_view key) {
  std::string out = "." + std::string(key.substr(0, kLongestKey));
  out.resize(utf8_prefix(out));
  return out;
}

Found leaf(std::string_view before, std::string_view after) {
  bool strings = before.starts_with('"') && after.starts_with('"');
  if (strings) before = unquoted(before), after = unquoted(after);
  std::size_t at = common_prefix(before, after);
  return JsonDifference{{}, before, after, at, false, strings && at == before.size()};
}

Found within(std::string step, Found found, bool last) {
  if (!found) return found;
  found->path.insert(0, step);
  found->added = found->added && last;
  return found;
}

class Comparison {
 public:
  Found values(std::string_view before, std::string_view after, std::size_t depth, bool free) const {
    if (before == after) return std::nullopt;
    Kind kind = JsonCursor(before).kind(), other = JsonCursor(after).kind();
    if (depth >= kMostDepth) return leaf(before, after);
    if (kind == Kind::array && other == Kind::array) return lists(before, after, depth, free);
    if (kind == Kind::object && other == Kind::object) return objects(before, after, depth, free);
    if (!free && kind == Kind::string && other == Kind::array) return text_and_list(before, after, false);
    if (!free && kind == Kind::array && other == Kind::string) return text_and_list(after, before, true);
    return leaf(before, after);
  }

 private:
  // The text of one and of the other; `list_first`: the list is the one before.
  static Found text_and_list(std::string_view text, std::string_view list, bool list_first) {
    std::string_view other = only_text(list);
    if (other == text) return std::nullopt;
    if (other.empty()) return list_first ? leaf(list, text) : leaf(text, list);
    Found found = list_first ? leaf(other, text) : leaf(text, other);
    return within(list_first ? "" : "[0].text", std::move(found), true);
  }

  Found lists(std::string_view before, std::string_view after, std::size_t depth, bool free) const {
    std::vector<std::string_view> a, b;
    if (!elements_of(before, a) || !elements_of(after, b)) return leaf(before, after);
    std::size_t both = std::min(a.size(), b.size());
    auto step = [](std::size_t i) { return "[" + std::to_string(i) + "]"; };
    for (std::size_t i = 0; i < both; ++i)
      if (auto found = values(a[i], b[i], depth + 1, free))
        return within(step(i), std::move(found), i + 1 == a.size());
    if (a.size() == b.size()) return std::nullopt;
    if (a.size() > both) return JsonDifference{step(both), a[both], {}, 0, false, false};
    return JsonDifference{step(both), {}, b[both], 0, false, true};
  }

  Found objects(std::string_view before, std::string_view after, std::size_t depth, bool free) const {
    std::vector<Member> a, b;
    if (!members_of(before, a) || !members_of(after, b)) return leaf(before, after);
    if (!std::ranges::equal(a, b, {}, &Member::key, &Member::key))
      return other_members(before, after, a, b, depth, free);
    for (std::size_t i = 0; i < a.size(); ++i)
      if (auto found = values(a[i].value, b[i].value, depth + 1, free || is_free(a[i].key)))
        return within(shown_key(a[i].key), std::move(found), true);
    return std::nullopt;
  }

  // Their keys are not the same, or not in the same order.
  Found other_members(std::string_view before, std::string_view after, std::vector<Member>& a,
                      std::vector<Member>& b, std::size_t depth, bool free) const {
    for (auto* members : {&a, &b})
      std::ranges::sort(*members, {}, [](const Member& one) { return std::pair(one.key, one.value.data()); });
    for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
      bool only_a = j == b.size() || (i < a.size() && a[i].key < b[j].key);
      bool only_b = !only_a && (i == a.size() || b[j].key < a[i].key);
      if (only_a) return JsonDifference{shown_key(a[i].key), a[i].value, {}, 0, false, false};
      if (only_b) return JsonDifference{shown_key(b[j].key), {}, b[j].value, 0, false, false};
      if (auto found = values(a[i].value, b[j].value, depth + 1, free || is_free(a[i].key)))
        return within(shown_key(a[i].key), std::move(found), false);
      ++i, ++j;
    }
    if (!free) return std::nullopt;
    return JsonDifference{{}, before, after, common_prefix(before, after), true, false};
  }
};

}  // namespace

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

std::optional<JsonDifference> json_difference(std::string_view before, std::string_view after) {
  return Comparison().values(before, after, 0, false);
}

}  // namespace weir::llm
