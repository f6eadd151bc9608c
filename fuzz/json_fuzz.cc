// JSON from anybody: what is read can be written, and reads back as the same.
#include "base/json.h"
#include "base/json_reader.h"
#include "base/utf8.h"
#include "harness.h"

namespace weir::fuzz {
namespace {

constexpr JsonDocument::Limits kLimits{.bytes = 1 << 16, .depth = 24, .values = 4096};

void require_text(std::string_view text) { require(is_utf8(text), "every string is UTF-8"); }

std::size_t write_again(JsonWriter& json, JsonValue value);

std::size_t write_elements(JsonWriter& json, JsonValue value) {
  std::size_t values = 0, elements = 0;
  for (JsonValue element : value) {
    if (value.is_object()) {
      require_text(element.name());
      require(value[element.name()].name() == element.name(), "a member is found by its name");
      json.key(element.name());
    }
    values += write_again(json, element);
    ++elements;
  }
  require(elements == value.size(), "as many elements as are counted");
  return values;
}

// How many values there were.
std::size_t write_again(JsonWriter& json, JsonValue value) {
  std::size_t within = 0;
  if (value.is_object()) {
    json.begin_object();
    within = write_elements(json, value);
    json.end_object();
  } else if (value.is_array()) {
    json.begin_array();
    within = write_elements(json, value);
    json.end_array();
  } else if (auto text = value.string()) {
    require_text(*text);
    json.value(*text);
  } else if (auto truth = value.boolean()) {
    json.value(*truth);
  } else if (auto natural = value.natural()) {
    json.value(*natural);
  } else if (auto number = value.number()) {
    json.value(*number);
  } else {
    json.null();
  }
  return within + 1;
}

std::string written(const JsonDocument& document) {
  std::string out;
  JsonWriter json(out);
  require(write_again(json, document.root()) <= kLimits.values, "no more values than allowed");
  return out;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto document = JsonDocument::parse(input, fuzz::kLimits);
  if (!document) {
    fuzz::require(document.error().offset <= size && !document.error().what.empty(),
                  "an error says where and what");
    return 0;
  }
  std::string once = fuzz::written(*document);
  auto again = JsonDocument::parse(once, {.depth = fuzz::kLimits.depth, .values = fuzz::kLimits.values});
  fuzz::require(again.has_value(), "what was written can be read");
  fuzz::require(fuzz::written(*again) == once, "and says the same");
  return 0;
}
