// JSON from anybody, walked forward: what JsonDocument takes for JSON, the cursor reads as the same values.
#include "base/json_reader.h"
#include "base/utf8.h"
#include "harness.h"
#include "llm/json_cursor.h"

namespace weir::fuzz {
namespace {

constexpr JsonDocument::Limits kLimits{.bytes = 1 << 16, .depth = 24, .values = 4096};

void same(llm::JsonCursor& json, JsonValue value) {
  if (value.is_object()) {
    auto member = value.begin();
    json.each_member([&](std::string_view) {
      require(member != value.end(), "as many members");
      same(json, *member);
      ++member;
    });
  } else if (value.is_array()) {
    auto element = value.begin();
    json.each_element([&] {
      require(element != value.end(), "as many elements");
      same(json, *element);
      ++element;
    });
  } else if (auto text = value.string()) {
    auto read = json.string();
    require(read && read->str(1 << 20) == *text, "the same string");
  } else if (auto truth = value.boolean()) {
    require(json.boolean() == truth, "the same truth");
  } else if (auto number = value.integer()) {
    require(json.integer() == number, "the same number");
  } else {
    json.skip();
  }
}

// Reads every value, whatever it is, no deeper than a reader would.
void walk(llm::JsonCursor& json, int depth) {
  switch (json.kind()) {
    case llm::JsonCursor::Kind::object:
      if (depth == 0) return json.skip();
      json.each_member([&](std::string_view) { walk(json, depth - 1); });
      break;
    case llm::JsonCursor::Kind::array:
      if (depth == 0) return json.skip();
      json.each_element([&] { walk(json, depth - 1); });
      break;
    case llm::JsonCursor::Kind::string: {
      std::string text = json.string()->str(64);
      require(is_utf8(text) && text.size() <= 64, "decoded strings are bounded UTF-8");
      break;
    }
    case llm::JsonCursor::Kind::number: json.number(); break;
    default: json.skip();
  }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::vector<char> copy(data, data + size);
  std::string_view input(copy.data(), copy.size());
  llm::JsonCursor any(input);
  fuzz::walk(any, 8);
  llm::JsonCursor skipped(input);
  skipped.skip();
  auto document = JsonDocument::parse(input, fuzz::kLimits);
  if (!document || (!document->root().is_object() && !document->root().is_array())) return 0;
  llm::JsonCursor json(input);
  fuzz::same(json, document->root());
  fuzz::require(!json.broken() && !skipped.broken(), "JSON is walked to its end");
  return 0;
}
