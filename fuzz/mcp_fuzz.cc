// An exchange of MCP from anybody: the first line says "METHOD status type sign target", then comes the
// request, a line "--", and the response. What is read does not depend on how the response is cut, and is
// bounded.
#include <charconv>
#include <optional>

#include "base/utf8.h"
#include "harness.h"
#include "llm/mcp_reader.h"

namespace weir::fuzz {
namespace {

std::string_view take(std::string_view& text, std::string_view until) {
  std::size_t at = std::min(text.find(until), text.size());
  std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + until.size(), text.size()));
  return taken;
}

struct Input {
  http::RequestHead request;
  http::ResponseHead response;
  llm::McpSign sign = llm::McpSign::headers;
  std::string_view asked, answered;

  explicit Input(std::string_view text) {
    std::string_view first = take(text, "\n");
    request.method = take(first, " ");
    std::string_view status = take(first, " ");
    std::from_chars(status.data(), status.data() + status.size(), response.status);
    response.fields.add("content-type", take(first, " "));
    if (std::string_view word = take(first, " "); word == "body")
      sign = llm::McpSign::body;
    else if (word == "stream")
      sign = llm::McpSign::stream;
    request.target = first;
    asked = take(text, "\n--\n");
    answered = text;
  }
};

std::vector<llm::McpCall> read(const Input& input, const std::vector<std::string_view>& parts) {
  std::vector<llm::McpCall> out;
  llm::McpSessions sessions([&](llm::McpCall call) { out.push_back(std::move(call)); });
  {
    llm::McpReader reader(sessions, input.request, input.sign, 1, 0);
    reader.request_body(input.asked, false, {});
    reader.response_head(input.response, {});
    for (std::string_view part : parts) {
      std::vector<char> copy(part.begin(), part.end());
      reader.response_body({copy.data(), copy.size()}, {});
    }
    reader.finish(true, {});
  }
  return out;
}

void check(const llm::McpCall& call) {
  for (const auto* text : {&call.method, &call.name, &call.server, &call.client, &call.protocol_version,
                           &call.session_id, &call.page})
    require(is_utf8(*text) && text->size() <= llm::kMcp.name, "names are bounded UTF-8");
  require(call.arguments.text.size() <= llm::kMcp.arguments && is_utf8(call.arguments.text),
          "so are arguments");
  require(call.result.text.size() <= llm::kMcp.result && is_utf8(call.result.text), "and results");
  require(call.error_message.size() <= llm::kMcp.error && is_utf8(call.error_message), "and errors");
  require(call.tools.size() <= llm::kMcp.tools && call.kinds.size() <= llm::kMcp.kinds, "and lists");
}

bool same(const std::vector<llm::McpCall>& a, const std::vector<llm::McpCall>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].id != b[i].id || a[i].method != b[i].method || a[i].answered != b[i].answered ||
        a[i].result.text != b[i].result.text || a[i].is_error != b[i].is_error ||
        a[i].error_code != b[i].error_code || a[i].tools_hash != b[i].tools_hash ||
        a[i].progress != b[i].progress || a[i].server != b[i].server)
      return false;
  return true;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  fuzz::Input input({reinterpret_cast<const char*>(data), size});
  auto whole = fuzz::read(input, {input.answered});
  for (const auto& call : whole) fuzz::check(call);
  fuzz::for_each_cut(input.answered, [&](const std::vector<std::string_view>& parts) {
    fuzz::require(fuzz::same(fuzz::read(input, parts), whole), "the same calls wherever the bytes are cut");
  });
  return 0;
}
