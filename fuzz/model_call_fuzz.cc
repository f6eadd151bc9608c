// A model call of any protocol from anybody: the first line says "protocol type status", then comes the
// request, a line "--", and the response. The record does not depend on how the response is cut, and is
// bounded.
#include <charconv>

#include "base/utf8.h"
#include "harness.h"
#include "llm/call_reader.h"

namespace weir::fuzz {
namespace {

std::string_view take(std::string_view& text, std::string_view until) {
  std::size_t at = std::min(text.find(until), text.size());
  std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + until.size(), text.size()));
  return taken;
}

llm::Protocol protocol_named(std::string_view name) {
  for (int i = 0; i < 64; ++i)
    if (auto protocol = static_cast<llm::Protocol>(i); llm::name(protocol) == name) return protocol;
  return llm::Protocol::none;
}

struct Input {
  llm::Protocol protocol;
  http::ResponseHead head;
  std::string_view request, response;

  explicit Input(std::string_view text) {
    std::string_view first = take(text, "\n");
    protocol = protocol_named(take(first, " "));
    head.fields.add("content-type", take(first, " "));
    std::from_chars(first.data(), first.data() + first.size(), head.status);
    request = take(text, "\n--\n");
    response = text;
  }
};

llm::ModelCall read(const Input& input, const std::vector<std::string_view>& parts) {
  llm::CallReader reader(input.protocol, {});
  reader.request_body(input.request, false);
  reader.response_head(input.head, {});
  for (std::string_view part : parts) {
    std::vector<char> copy(part.begin(), part.end());
    reader.response_body({copy.data(), copy.size()}, {});
  }
  return reader.finish(true, {});
}

void require_bounded(const llm::Preview& preview, std::size_t limit) {
  require(preview.text.size() <= limit && is_utf8(preview.text), "previews are bounded UTF-8");
}

void check(const llm::ModelCall& call) {
  for (const auto* text : {&call.text, &call.thinking, &call.refusal})
    require_bounded(*text, llm::kPreviews.text);
  for (const auto* text : {&call.system_prompt, &call.user_text})
    require_bounded(*text, llm::kPreviews.system);
  require(call.tool_calls.size() <= llm::kPreviews.tools, "tool calls are bounded");
  require(call.tools_offered.size() <= llm::kPreviews.tools, "tools offered are bounded");
  for (const auto& tool : call.tool_calls) require_bounded(tool.arguments, llm::kPreviews.arguments);
  for (const auto& result : call.tool_results) require_bounded(result.content, llm::kPreviews.result);
  for (const auto* text :
       {&call.model_asked, &call.model_served, &call.message_id, &call.error_type, &call.stop_reason})
    require(is_utf8(*text) && text->size() <= 512, "names are bounded UTF-8");
}

bool same(const llm::ModelCall& a, const llm::ModelCall& b) {
  return a.text.text == b.text.text && a.thinking.text == b.thinking.text && a.usage.input == b.usage.input &&
         a.usage.output == b.usage.output && a.usage.cache_read == b.usage.cache_read &&
         a.finish == b.finish && a.partial == b.partial && a.stream == b.stream &&
         a.error_type == b.error_type && a.model_served == b.model_served && a.parse_error == b.parse_error &&
         a.tool_calls_count == b.tool_calls_count;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  fuzz::Input input({reinterpret_cast<const char*>(data), size});
  llm::ModelCall whole = fuzz::read(input, {input.response});
  fuzz::check(whole);
  fuzz::for_each_cut(input.response, [&](const std::vector<std::string_view>& parts) {
    fuzz::require(fuzz::same(fuzz::read(input, parts), whole), "the same record wherever the bytes are cut");
  });
  return 0;
}
