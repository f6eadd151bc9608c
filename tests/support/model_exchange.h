// One recorded-looking exchange with a model, replayed through llm::CallReader in any cuts.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/call_reader.h"

namespace weir::llm::testing {

struct ModelExchange {
  Protocol protocol = Protocol::none;
  std::string request = {};
  std::string response = {};
  std::string content_type = "text/event-stream; charset=utf-8";
  std::uint16_t status = 200;
  bool complete = true;  ///< the transport ended in order
  bool request_cut = false;
  std::vector<std::pair<std::string, std::string>> response_fields = {};
  std::string path = {};  ///< of the request
};

/// Each text as the data of an event; `named`: with an event line that says the text's "type".
inline std::string as_sse(const std::vector<std::string>& events, bool named = false) {
  std::string out;
  for (const std::string& event : events) {
    constexpr std::string_view kType = R"("type":")";
    std::size_t at = named ? event.find(kType) : std::string::npos;
    if (at != std::string::npos) {
      at += kType.size();
      out += "event: " + event.substr(at, event.find('"', at) - at) + '\n';
    }
    out += "data: " + event + "\n\n";
  }
  return out;
}

/// The response in the given parts, 10 ms apart.
inline ModelCall replay(const ModelExchange& exchange, const std::vector<std::string_view>& parts) {
  using namespace std::chrono_literals;
  TimePoint now{};
  CallReader reader(exchange.protocol, now);
  if (!exchange.path.empty()) {
    http::RequestHead request;
    request.method = "POST";
    request.target = exchange.path;
    reader.request_head(request);
  }
  if (!exchange.request.empty()) reader.request_body(exchange.request, exchange.request_cut);
  http::ResponseHead head;
  head.status = exchange.status;
  head.fields.add("Content-Type", exchange.content_type);
  for (const auto& [name, value] : exchange.response_fields) head.fields.add(name, value);
  reader.response_head(head, now += 5ms);
  for (std::string_view part : parts) {
    std::vector<char> copy(part.begin(), part.end());  // its own size: sanitizers see who reads beyond
    reader.response_body({copy.data(), copy.size()}, now += 10ms);
  }
  return reader.finish(exchange.complete, now);
}

inline std::string show(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

/// All of a call that does not depend on time.
inline std::string describe(const ModelCall& call) {
  const Usage& usage = call.usage;
  std::string out = call.message_id + '|' + call.model_asked + '|' + call.model_served + '|' +
                    call.stop_reason + '|' + std::string(name(call.finish)) + '|' + call.error_type + '|' +
                    call.error_message + '|' + call.parse_error + '|' + call.text.text + '|' +
                    call.thinking.text + '|' + call.refusal.text + (call.partial ? "|partial" : "|whole") +
                    (call.stream ? "|stream" : "|document");
  for (auto value : {usage.input, usage.input_fresh, usage.cache_read, usage.cache_write,
                     usage.cache_write_5m, usage.cache_write_1h, usage.output, usage.reasoning, usage.total})
    out += '|' + show(value);
  for (const auto& [key, value] : usage.details) out += '|' + key + '=' + std::to_string(value);
  for (const ToolCall& tool : call.tool_calls)
    out += '|' + tool.call_id + ' ' + tool.name + ' ' + tool.server + ' ' + tool.arguments.text + ' ' +
           std::string(name(tool.origin)) + (tool.arguments_valid == true ? " valid" : " broken");
  for (const ToolResult& result : call.tool_results)
    out += '|' + result.call_id + " -> " + result.content.text + (result.is_error ? " error" : "");
  return out;
}

/// Replays it whole, cut at every byte, and byte by byte; the record is the same each time.
inline ModelCall read_everywhere(const ModelExchange& exchange) {
  std::string_view bytes = exchange.response;
  ModelCall whole = replay(exchange, {bytes});
  std::string expected = describe(whole);
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    std::string seen = describe(replay(exchange, {bytes.substr(0, at), bytes.substr(at)}));
    EXPECT_EQ(seen, expected) << "cut at " << at;
    if (seen != expected) return whole;
  }
  std::vector<std::string_view> single;
  for (std::size_t at = 0; at < bytes.size(); ++at) single.push_back(bytes.substr(at, 1));
  EXPECT_EQ(describe(replay(exchange, single)), expected) << "byte by byte";
  return whole;
}

/// What a call must come to, worked out by hand from the exchange. Unset: the record must not say it.
struct Totals {
  std::optional<std::int64_t> input = {}, fresh = {}, cache_read = {}, cache_write = {}, write_5m = {},
                              write_1h = {}, output = {}, reasoning = {};
};

inline void expect_totals(const ModelCall& call, const Totals& totals) {
  EXPECT_EQ(show(call.usage.input), show(totals.input)) << "input";
  EXPECT_EQ(show(call.usage.input_fresh), show(totals.fresh)) << "fresh input";
  EXPECT_EQ(show(call.usage.cache_read), show(totals.cache_read)) << "cache read";
  EXPECT_EQ(show(call.usage.cache_write), show(totals.cache_write)) << "cache write";
  EXPECT_EQ(show(call.usage.cache_write_5m), show(totals.write_5m)) << "cache write for 5 minutes";
  EXPECT_EQ(show(call.usage.cache_write_1h), show(totals.write_1h)) << "cache write for 1 hour";
  EXPECT_EQ(show(call.usage.output), show(totals.output)) << "output";
  EXPECT_EQ(show(call.usage.reasoning), show(totals.reasoning)) << "reasoning";
}

}  // namespace weir::llm::testing
