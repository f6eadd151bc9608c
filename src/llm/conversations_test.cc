// More than a hundred conversations come to what a table says that was worked out by hand, wherever their
// bytes are cut.
#include "tests/support/conversations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "llm/cost.h"
#include "llm/price_data.h"
#include "llm/recognise.h"
#include "llm/socket_calls.h"
#include "llm/sse_reader.h"
#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using weir::testing::Conversation, weir::testing::kTotals, weir::testing::Totals;

constexpr WallNanos kNoon = 1'795'176'000'000'000'000;  // 2026-11-20T12:00:00Z

std::string or_dash(std::string_view text) { return text.empty() ? "-" : std::string(text); }

/// "0.0123" as a table writes it, from 10^-12 dollars.
std::string usd(const std::optional<PicoUsd>& amount) {
  if (!amount) return "-";
  std::string digits = std::to_string(*amount);
  if (digits.size() < 13) digits.insert(0, 13 - digits.size(), '0');
  std::string fraction = digits.substr(digits.size() - 12);
  fraction.erase(std::min(fraction.find_last_not_of('0') + 1, fraction.size()));
  return digits.substr(0, digits.size() - 12) + (fraction.empty() ? "" : "." + fraction);
}

std::string tools_of(const ModelCall& call) {
  std::string out;
  for (const ToolCall& tool : call.tool_calls)
    out += (out.empty() ? "" : ",") + tool.name + (tool.arguments_valid == false ? "!" : "");
  return or_dash(out);
}

std::string marks_of(const ModelCall& call) {
  std::string out;
  auto mark = [&out](bool holds, const std::string& word) {
    if (holds) out += (out.empty() ? "" : ",") + word;
  };
  mark(call.status != 200, std::to_string(call.status));
  mark(call.stream, "stream");
  mark(call.partial, "partial");
  mark(!call.parse_error.empty(), "broken");
  mark(!call.error_type.empty(), "error:" + call.error_type);
  return or_dash(out);
}

Totals row_of(const Conversation& conversation, const ModelCall& call, const Cost& cost) {
  using testing::show;
  const Usage& usage = call.usage;
  return {conversation.name,
          or_dash(call.provider),
          or_dash(name(call.protocol)),
          or_dash(call.model_asked),
          or_dash(call.model_served),
          show(usage.input),
          show(usage.input_fresh),
          show(usage.cache_read),
          show(usage.cache_write_5m),
          show(usage.cache_write_1h),
          show(usage.output),
          show(usage.reasoning),
          usd(cost.amount),
          std::string(cost.amount ? name(cost.source) : name(cost.reason)),
          or_dash(call.stop_reason),
          or_dash(name(call.finish)),
          tools_of(call),
          marks_of(call)};
}

/// "https://host/path?query" in its parts.
struct Place {
  explicit Place(const std::string& url) {
    std::size_t host = url.find("://") + 3, path = url.find('/', host);
    origin = *parse_host_port(url.substr(host, path - host), url.starts_with("https") ? 443 : 80);
    target = url.substr(path);
  }
  HostPort origin;
  std::string target;
};

class Conversations : public ::testing::Test {
 protected:
  Conversations() : table_(*PriceTable::parse(price_data())), pricing_(table_) {}

  /// The response cut into parts that end at each of `ends`; nothing where it is no call of a model.
  std::optional<ModelCall> read(const Conversation& from, const std::vector<std::size_t>& ends) const {
    Place place(from.url);
    auto target = recogniser_.recognise("POST", place.origin, place.target);
    if (!target || (!target->certain && !has_call_shape(*target, from.ask, false))) return std::nullopt;
    testing::ModelExchange exchange{.protocol = target->protocol,
                                    .request = from.ask,
                                    .content_type = from.type,
                                    .status = from.status,
                                    .complete = from.complete,
                                    .response_fields = from.fields,
                                    .path = place.target};
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (std::size_t end : ends) {
      parts.push_back(std::string_view(from.response).substr(begin, end - begin));
      begin = end;
    }
    ModelCall call = testing::replay(exchange, parts);
    call.provider = target->provider;
    call.started = from.at.value_or(kNoon);
    if (call.model_asked.empty()) call.model_asked = decode_path_model(target->path_model);
    return call;
  }
  std::optional<Totals> row(const Conversation& from, const std::vector<std::size_t>& ends) const {
    auto call = read(from, ends);
    if (!call) return std::nullopt;
    return row_of(from, *call, pricing_.price(*call));
  }

  const std::string folder_ = WEIR_FIXTURES "/conversations";
  const std::vector<Conversation> conversations_ = weir::testing::read_conversations(folder_);
  const Recogniser recogniser_;
  const PriceTable table_;
  const Pricing pricing_;
};

TEST_F(Conversations, ComeToWhatTheTableSays) {
  std::map<std::string, Totals> expected;
  for (Totals& each : weir::testing::read_totals(folder_)) {
    std::string key = each[0];
    EXPECT_TRUE(expected.emplace(key, std::move(each)).second) << key << " is in the table twice";
  }
  EXPECT_GE(expected.size(), 60u);
  for (const Conversation& each : conversations_) {
    auto seen = row(each, {each.response.size()});
    auto wanted = expected.extract(each.name);
    ASSERT_EQ(seen.has_value(), !wanted.empty()) << each.name << ": a call of a model or not";
    for (std::size_t i = 0; seen && i < std::size(kTotals); ++i)
      EXPECT_EQ((*seen)[i], wanted.mapped()[i]) << each.name << ", " << kTotals[i];
  }
  for (const auto& [name, row] : expected) ADD_FAILURE() << name << " is in the table alone";
}

TEST_F(Conversations, ReadAlikeWhereverTheyAreCut) {
  constexpr std::size_t kMostCuts = 200;
  for (const Conversation& each : conversations_) {
    std::size_t size = each.response.size();
    auto whole = row(each, {size});
    if (!whole) continue;
    std::size_t step = size / kMostCuts + 1;
    for (std::size_t at = 1; at < size; at += step)
      ASSERT_EQ(row(each, {at, size}), whole) << each.name << ", cut at " << at;
    std::vector<std::size_t> every(size);
    for (std::size_t i = 0; i < size; ++i) every[i] = i + 1;
    EXPECT_EQ(row(each, every), whole) << each.name << ", byte by byte";
  }
}

std::vector<ModelCall> over_a_websocket(const Conversation& from, const ModelCall& wanted) {
  http::RequestHead head;
  head.method = "GET";
  head.target = wanted.path;
  head.upgrade = "websocket";
  std::vector<ModelCall> out;
  SocketCalls calls(wanted.protocol, head, {}, {wanted.started, {}},
                    [&out](ModelCall call) { out.push_back(std::move(call)); });
  std::string ask = R"({"type":"response.create",)" + from.ask.substr(1);
  SseReader events;
  events.feed(from.response);
  calls.from_client({.text = ask, .at = {}});
  for (StreamEvent event; events.next(event);) calls.from_upstream({.text = event.data, .at = {}});
  calls.finish({});
  return out;
}

TEST_F(Conversations, AreTheSameOverAWebSocket) {
  int seen = 0;
  for (const Conversation& each : conversations_) {
    auto wanted = read(each, {each.response.size()});
    if (!wanted || wanted->protocol != Protocol::openai_responses || !wanted->stream || !each.complete)
      continue;
    auto calls = over_a_websocket(each, *wanted);
    ASSERT_EQ(calls.size(), 1u) << each.name;
    EXPECT_TRUE(calls[0].websocket);
    calls[0].provider = wanted->provider;
    EXPECT_EQ(testing::describe(calls[0]), testing::describe(*wanted)) << each.name;
    EXPECT_EQ(row_of(each, calls[0], pricing_.price(calls[0])),
              row_of(each, *wanted, pricing_.price(*wanted)))
        << each.name;
    ++seen;
  }
  EXPECT_GE(seen, 6);
}

}  // namespace
}  // namespace weir::llm
