#include "llm/json_fingerprint.h"

#include <functional>
#include <string>

#include "base/json_reader.h"

namespace weir::llm {
namespace {

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>()(text); }

std::uint64_t mix(std::uint64_t seed, std::uint64_t more) {
  seed ^= more + 0x9e3779b97f4a7c15 + (seed << 6) + (seed >> 2);
  return seed * 0xff51afd7ed558ccd;
}

// Nested no deeper than JsonDocument allows.
std::uint64_t hash(JsonValue value) {
  std::uint64_t out = 1;
  if (value.is_object()) {
    out = 2;
    for (JsonValue member : value) out += mix(hash(member.name()), hash(member));
  } else if (value.is_array()) {
    out = 3;
    for (JsonValue element : value) out = mix(out, hash(element));
  } else if (auto text = value.string()) {
    out = mix(4, hash(*text));
  } else if (auto truth = value.boolean()) {
    out = *truth ? 5 : 6;
  } else if (auto whole = value.integer()) {
    out = mix(7, static_cast<std::uint64_t>(*whole));
  } else if (auto number = value.number()) {
    out = mix(8, std::hash<double>()(*number));
  }
  return out;
}

}  // namespace

std::optional<std::uint64_t> json_fingerprint(std::string_view json) {
  auto document = JsonDocument::parse(json.empty() ? "{}" : json);
  if (!document) return std::nullopt;
  return hash(document->root());
}

}  // namespace weir::llm
