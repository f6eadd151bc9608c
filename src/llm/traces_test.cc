// Conversations as they pass, call by call, and what belongs to what in them.
#include "llm/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/json_fingerprint.h"

namespace weir::llm {
namespace {

constexpr WallNanos kSecond = 1'000'000'000;

/// A call as a reader leaves it; each begins a second after the last one.
struct Made {
  ModelCall call;

  explicit Made(WallNanos started, std::uint32_t messages = 1) {
    call.provider = "anthropic";
    call.protocol = Protocol::anthropic_messages;
    call.status = 200;
    call.started = started * kSecond;
    call.timing.duration = std::chrono::milliseconds(500);
    call.opening = 77;
    call.messages_count = messages;
    call.request_hash = static_cast<std::uint64_t>(started) * 1000 + messages;
  }
  Made& asks(const char* text) {
    call.user_text.append(std::string_view(text), 100);
    return *this;
  }
  Made& calls(const char* id, const char* name = "search", const char* arguments = "{}") {
    ToolCall* tool = call.add_tool_call();
    tool->call_id = id;
    tool->name = name;
    call.append_arguments(*tool, std::string_view(arguments));
    return *this;
  }
  Made& brings(const char* id, const char* content = "found", const char* name = "") {
    ToolResult* result = call.add_tool_result();
    result->call_id = id;
    result->name = name;
    call.append_result(*result, std::string_view(content));
    return *this;
  }
  Made& fails() {
    call.status = 529;
    return *this;
  }
};

class TracesTest : public ::testing::Test {
 protected:
  ModelCall link(Made made) {
    traces.link(made.call);
    return made.call;
  }
  Traces traces;
};

const char* const kOne = "toolu_01AAAAAAAAAAAAAAAAAAAAA";
const char* const kTwo = "toolu_01BBBBBBBBBBBBBBBBBBBBB";

TEST_F(TracesTest, WordsOfTheUserBeginATurnAndResultsGoOnWithIt) {
  ModelCall first = link(Made(1).asks("find").calls(kOne));
  ModelCall second = link(Made(2, 3).brings(kOne));
  ModelCall third = link(Made(3, 5).asks("thanks"));
  EXPECT_EQ(first.links.turn, 1u);
  EXPECT_EQ(second.links.turn, 1u);
  EXPECT_EQ(second.links.after, first.links.number);
  ASSERT_EQ(second.tool_results.size(), 1u);
  EXPECT_EQ(second.tool_results[0].answers, (ToolRef{first.links.number, 1}));
  EXPECT_EQ(second.tool_results[0].name, "search") << "the call says it";
  EXPECT_EQ(third.links.turn, 2u);
}

TEST_F(TracesTest, ParallelToolsAreToldApart) {
  link(Made(1).asks("find").calls(kOne, "search").calls(kTwo, "search"));
  ModelCall next = link(Made(2, 3).brings(kTwo).brings(kOne).asks("and be quick"));
  ASSERT_EQ(next.tool_results.size(), 2u);
  EXPECT_EQ(next.tool_results[0].answers.number, 2u);
  EXPECT_EQ(next.tool_results[1].answers.number, 1u);
  EXPECT_EQ(next.links.turn, 1u) << "results weigh more than words beside them";
}

TEST_F(TracesTest, AHistorySentAgainOverTenTurnsHasEachResultOnce) {
  std::size_t results = 0;
  std::string id;
  for (int turn = 0; turn < 10; ++turn) {
    auto messages = static_cast<std::uint32_t>(1 + 4 * turn);
    id = "toolu_01CCCCCCCCCCCCCCCCCC_" + std::to_string(turn);
    link(Made(10 + turn * 4, messages).asks("next").calls(id.c_str()));
    // Twice: a reader that takes old ones for new does no harm.
    for (int again = 0; again < 2; ++again) {
      Made made(11 + turn * 4 + again, messages + 2);
      for (int old = 0; old <= turn; ++old)
        made.brings(("toolu_01CCCCCCCCCCCCCCCCCC_" + std::to_string(old)).c_str());
      ModelCall call = link(std::move(made));
      results += call.tool_results.size();
      EXPECT_EQ(call.tool_results_count, call.tool_results.size());
      EXPECT_EQ(call.links.turn, static_cast<std::uint64_t>(turn + 1));
    }
  }
  EXPECT_EQ(results, 10u);
}

TEST_F(TracesTest, IdsThatAreUsedAgainMeanTheLatestOfTheConversation) {
  ModelCall first = link(Made(1).asks("a").calls("call_0"));
  EXPECT_EQ(link(Made(2, 3).brings("call_0", "one")).tool_results[0].answers.call, first.links.number);
  ModelCall second = link(Made(3, 5).asks("b").calls("call_0"));
  ModelCall answer = link(Made(4, 7).brings("call_0", "one"));
  ASSERT_EQ(answer.tool_results.size(), 1u) << "the same words are another result";
  EXPECT_EQ(answer.tool_results[0].answers.call, second.links.number);
  EXPECT_EQ(answer.links.turn, 2u);
}

TEST_F(TracesTest, IdsThatOthersUseTooDoNotJoinConversations) {
  ModelCall mine = link(Made(1).asks("a").calls("call_0"));
  Made other(2, 3);
  other.call.opening = 78;
  ModelCall answer = link(other.brings("call_0"));
  ASSERT_EQ(answer.tool_results.size(), 1u);
  EXPECT_FALSE(answer.tool_results[0].answers);
  EXPECT_NE(answer.links.turn, mine.links.turn);
}

TEST_F(TracesTest, ARetryIsMarkedAndItsResultsAreNoNewOnes) {
  link(Made(1).asks("find").calls(kOne));
  Made failed = Made(2, 3).brings(kOne).fails();
  Made again = Made(3, 3).brings(kOne);
  again.call.request_hash = failed.call.request_hash;
  ModelCall first = link(failed);
  ModelCall second = link(again);
  EXPECT_EQ(first.tool_results.size(), 1u);
  EXPECT_EQ(second.tool_results.size(), 0u);
  EXPECT_EQ(second.links.retry_of, first.links.number);
  EXPECT_EQ(second.links.turn, 1u);
}

TEST_F(TracesTest, ARetryOfTheFirstCallStaysInItsTurn) {
  Made failed = Made(1).asks("find").fails();
  Made again = Made(2).asks("find");
  again.call.request_hash = failed.call.request_hash;
  Made repeated = Made(3).asks("find");
  repeated.call.request_hash = failed.call.request_hash;
  EXPECT_EQ(link(failed).links.turn, 1u);
  EXPECT_EQ(link(again).links.turn, 1u);
  ModelCall third = link(repeated);
  EXPECT_EQ(third.links.turn, 2u) << "what was answered is asked anew";
  EXPECT_EQ(third.links.retry_of, 0u);
  again.call.retry_count = 1;
  again.call.started = 4 * kSecond;
  EXPECT_EQ(link(again).links.retry_of, third.links.number) << "the client says that it is one";
}

TEST_F(TracesTest, AFirstTryThatEndsLastJoinsItsRetry) {
  Made first = Made(1).asks("find").fails();
  Made again = Made(2).asks("find");
  again.call.request_hash = first.call.request_hash;
  ModelCall retried = link(again);
  ModelCall late = link(first);
  EXPECT_EQ(late.links.turn, retried.links.turn);
  EXPECT_EQ(late.links.retry_of, 0u);
}

TEST_F(TracesTest, ACallThatEndsAfterItsAnswerJoinsIt) {
  ModelCall answer = link(Made(2, 3).brings(kOne));
  ModelCall late = link(Made(1).asks("find").calls(kOne));
  EXPECT_EQ(late.links.turn, answer.links.turn);
  EXPECT_THAT(link(Made(3, 5).brings(kOne)).tool_results, testing::IsEmpty());
}

TEST_F(TracesTest, WithoutIdsTheNameAndTheOrderTell) {
  auto gemini = [](WallNanos started, std::uint32_t messages) {
    Made made(started, messages);
    made.call.protocol = Protocol::gemini_generate;
    made.call.provider = "google";
    return made;
  };
  ModelCall asked =
      link(gemini(1, 1).asks("weather").calls("r1:0:0", "get").calls("r1:0:1", "put").calls("r1:0:2", "get"));
  ModelCall answer = link(
      gemini(2, 3).brings("", "first", "get").brings("pyd_1", "second", "get").brings("", "third", "put"));
  ASSERT_EQ(answer.tool_results.size(), 3u);
  EXPECT_EQ(answer.tool_results[0].answers, (ToolRef{asked.links.number, 1}));
  EXPECT_EQ(answer.tool_results[0].call_id, "r1:0:0");
  EXPECT_EQ(answer.tool_results[1].answers, (ToolRef{asked.links.number, 3}));
  EXPECT_EQ(answer.tool_results[2].answers, (ToolRef{asked.links.number, 2}));
  EXPECT_EQ(answer.links.turn, asked.links.turn);
  EXPECT_THAT(link(gemini(3, 3).brings("", "first", "get")).tool_results, testing::IsEmpty()) << "a retry";
}

TEST_F(TracesTest, PreviousResponsesGoOn) {
  Made first = Made(1).asks("find");
  first.call.message_id = "resp_1";
  first.calls("call_1");
  ModelCall asked = link(first);
  Made second(2);
  second.call.opening = 5;
  second.call.previous_id = "resp_1";
  ModelCall answer = link(second.brings("call_1"));
  EXPECT_EQ(answer.links.turn, asked.links.turn);
  EXPECT_EQ(answer.tool_results[0].answers.call, asked.links.number);
  Made third(3);
  third.call.previous_id = "resp_1";
  ModelCall next = link(third.asks("more"));
  EXPECT_NE(next.links.turn, asked.links.turn) << "new words are a new turn";
  EXPECT_EQ(next.links.after, asked.links.number);
}

TEST_F(TracesTest, WhatBringsNothingNewGoesOnWithItsConversation) {
  ModelCall first = link(Made(1, 1).asks("long"));
  ModelCall on = link(Made(2, 2));  // pause_turn: the last message is the model's own
  EXPECT_EQ(on.links.turn, first.links.turn);
  Made other(3, 2);
  other.call.opening = 0;
  EXPECT_NE(link(other).links.turn, first.links.turn);
}

TEST_F(TracesTest, ResultsInTheAnswerBelongToItsOwnCalls) {
  Made made = Made(1).asks("look").calls("srvtoolu_1", "web_search");
  made.brings("srvtoolu_1");
  made.call.tool_results[0].in_response = true;
  ModelCall call = link(made);
  EXPECT_EQ(call.tool_results[0].answers, (ToolRef{call.links.number, 1}));
}

TEST_F(TracesTest, AnAgentIsNamedByTheResultThatSpeaksOfIt) {
  Made main = Made(1).asks("do it").calls(kOne, "Task");
  main.call.session_id = "s";
  link(main);
  for (const char* agent : {"a1b2c3d4", "b1b2c3d4"}) {
    Made sub = Made(2).asks("sub");
    sub.call.session_id = "s";
    sub.call.agent_id = agent;
    EXPECT_NE(link(sub).links.turn, 1u) << "nothing says under which call it runs, yet";
  }
  Made result = Made(3, 3).brings(kOne, "done. agentId: a1b2c3d4");
  result.call.session_id = "s";
  EXPECT_EQ(link(result).tool_results[0].agent, "a1b2c3d4");
}

TEST_F(TracesTest, ResultsOfCallsThatNobodySawAreKeptOnce) {
  ModelCall first = link(Made(1, 9).brings(kOne, "x"));
  ModelCall again = link(Made(2, 9).brings(kOne, "x"));
  EXPECT_EQ(first.tool_results.size(), 1u);
  EXPECT_EQ(again.tool_results.size(), 0u);
  EXPECT_EQ(first.links.turn, again.links.turn);
}

TEST_F(TracesTest, McpCallsAreFoundByNameAndArguments) {
  ModelCall model = link(Made(1)
                             .asks("x")
                             .calls(kOne, "mcp__docs__search", R"({"q":"a","n":1})")
                             .calls(kTwo, "search", R"({"q":"b"})"));
  auto same = *json_fingerprint(R"({ "n":1, "q":"\u0061" })");
  EXPECT_FALSE(traces.ran("earch", same, 2 * kSecond)) << "a whole name";
  EXPECT_FALSE(traces.ran("search", same + 1, 2 * kSecond));
  EXPECT_FALSE(traces.ran("search", same, 900 * kSecond)) << "too late";
  EXPECT_EQ(traces.ran("search", same, 2 * kSecond), (ToolRef{model.links.number, 1}));
  EXPECT_FALSE(traces.ran("search", same, 3 * kSecond)) << "each runs once";
  EXPECT_EQ(traces.ran("search", *json_fingerprint(R"({"q":"b"})"), 2 * kSecond).number, 2u);
}

TEST_F(TracesTest, WhatIsOldIsForgotten) {
  link(Made(1).asks("old").calls(kOne));
  for (std::size_t i = 0; i < Traces::kMostCalls; ++i)
    link(Made(static_cast<WallNanos>(2 + i))
             .asks("x")
             .calls(("toolu_01DDDDDDDDDDDDDDDD" + std::to_string(i)).c_str()));
  ModelCall late = link(Made(9'000, 3).brings(kOne));
  EXPECT_FALSE(late.tool_results[0].answers);
}

TEST(JsonFingerprint, WhatIsSaidAndNotHow) {
  EXPECT_EQ(json_fingerprint(""), json_fingerprint("{ }"));
  EXPECT_EQ(json_fingerprint(R"({"a":[1,2],"b":null})"), json_fingerprint(R"({"b":null, "a":[ 1, 2 ]})"));
  EXPECT_NE(json_fingerprint(R"({"a":[1,2]})"), json_fingerprint(R"({"a":[2,1]})"));
  EXPECT_NE(json_fingerprint(R"({"a":"1"})"), json_fingerprint(R"({"a":1})"));
  EXPECT_NE(json_fingerprint(R"({"a":"b"})"), json_fingerprint(R"({"b":"a"})"));
  EXPECT_FALSE(json_fingerprint("{"));
}

}  // namespace
}  // namespace weir::llm
