#include "llm/prompt_threads.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>

#include "llm/call_reader.h"

namespace weir::llm {
namespace {

constexpr WallNanos kSecond = 1'000'000'000, kStart = 1'760'000'000 * kSecond;

/// A client's requests, and what the provider says to them.
class PromptThreadsTest : public testing::Test {
 protected:
  ModelCall read(const std::string& body) {
    CallReader reader(protocol_, {});
    http::RequestHead head;
    head.method = "POST";
    head.target = "/v1/messages";
    reader.request_head(head);
    reader.request_body(body, false);
    ModelCall call = reader.so_far();
    call.provider = "anthropic";
    call.started = now_;
    return call;
  }

  PromptChange send(const std::string& body, std::int64_t read_tokens, std::int64_t written,
                    std::uint16_t status = 200) {
    ModelCall call = read(body);
    PromptChange change = threads_.request(call.provider, call.model_asked, call, body);
    call.status = status;
    if (status == 200) {
      call.usage.input_fresh = 10;
      call.usage.cache_read = read_tokens;
      call.usage.cache_write = written;
      call.usage.settle();
    }
    if (change.thread != 0) threads_.ended(call, change);
    now_ += 10 * kSecond;
    change.before.cut(), change.after.cut();
    return change;
  }

  Protocol protocol_ = Protocol::anthropic_messages;
  WallNanos now_ = kStart;
  PromptThreads threads_;
};

struct Request {
  std::string tools = R"({"name":"a","input_schema":{}},{"name":"b","input_schema":{}})";
  std::string system = "You help. Be short.";
  std::string messages = R"({"role":"user","content":"Begin."})";
  std::string model = "claude-sonnet-4-5";
  std::string more;

  std::string body() const {
    return fmt::format(
        R"({{"model":"{}",{}"max_tokens":10,"messages":[{}],"system":[{{"type":"text","text":"{}",)"
        R"("cache_control":{{"type":"ephemeral"}}}}],"tools":[{}]}})",
        model, more, messages, system, tools);
  }
  Request& say(const std::string& answer, const std::string& next) {
    messages +=
        R"(,{"role":"assistant","content":")" + answer + R"("},{"role":"user","content":")" + next + R"("})";
    return *this;
  }
};

TEST_F(PromptThreadsTest, FindsNothingWhereAConversationGoesOn) {
  Request request;
  PromptChange first = send(request.body(), 0, 5000);
  EXPECT_TRUE(first.first);
  EXPECT_EQ(first.thread, 1u);
  PromptChange next = send(request.say("Well.", "Go on.").body(), 5000, 100);
  EXPECT_EQ(next.thread, 1u);
  EXPECT_FALSE(next.first);
  EXPECT_EQ(next.reason, PromptBreak::none);
  EXPECT_GT(next.shared, 0u);
  EXPECT_LT(next.shared, next.bytes);
  EXPECT_EQ(next.expected, 5000);
  EXPECT_EQ(next.lost, 0);
  EXPECT_EQ(next.idle, std::chrono::seconds(10));
}

TEST_F(PromptThreadsTest, FindsTheTimeInASystemPrompt) {
  Request request;
  request.system = "You help. It is 10:30:05 now. Be short.";
  send(request.body(), 0, 5000);
  request.system = "You help. It is 10:30:15 now. Be short.";
  PromptChange change = send(request.say("Well.", "Go on.").body(), 1000, 4100);
  EXPECT_EQ(change.reason, PromptBreak::system);
  EXPECT_EQ(change.path, "system[0].text");
  EXPECT_EQ(change.at, 22u);
  EXPECT_EQ(change.before.text.substr(change.before.at), "05 now. Be short.");
  EXPECT_EQ(change.after.text.substr(change.after.at), "15 now. Be short.");
  EXPECT_EQ(change.expected, 5000);
  EXPECT_EQ(change.lost, 4000);
}

TEST_F(PromptThreadsTest, FindsToolsThatTradePlaces) {
  Request request;
  send(request.body(), 0, 5000);
  request.tools = R"({"name":"b","input_schema":{}},{"name":"a","input_schema":{}})";
  PromptChange change = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(change.reason, PromptBreak::tools);
  EXPECT_EQ(change.path, "tools[0].name");
  EXPECT_EQ(change.lost, 5000);
}

TEST_F(PromptThreadsTest, FindsAToolThatWasAddedOrTakenOut) {
  Request request;
  send(request.body(), 0, 5000);
  request.tools += R"(,{"name":"c","input_schema":{}})";
  PromptChange added = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(added.reason, PromptBreak::tools);
  EXPECT_EQ(added.path, "tools[2]");
  EXPECT_TRUE(added.before.text.empty());
  request.tools = R"({"name":"a","input_schema":{}})";
  PromptChange removed = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(removed.reason, PromptBreak::tools);
  EXPECT_EQ(removed.path, "tools[1]");
  EXPECT_TRUE(removed.after.text.empty());
}

TEST_F(PromptThreadsTest, FindsMembersThatTradePlacesInASchema) {
  Request request;
  request.tools = R"({"name":"a","input_schema":{"properties":{"x":{},"y":{}}}})";
  send(request.body(), 0, 5000);
  request.tools = R"({"name":"a","input_schema":{"properties":{"y":{},"x":{}}}})";
  PromptChange change = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(change.reason, PromptBreak::tools);
  EXPECT_EQ(change.path, "tools[0].input_schema.properties");
  EXPECT_TRUE(change.reordered);
}

TEST_F(PromptThreadsTest, FindsAnEditedHistory) {
  Request request;
  request.say("Well.", "Go on.");
  send(request.body(), 0, 5000);
  Request edited;
  edited.say("Well.", "Go on now.").say("Yes.", "And?");
  PromptChange change = send(edited.body(), 3000, 2000);
  EXPECT_EQ(change.reason, PromptBreak::history);
  EXPECT_EQ(change.path, "messages[2].content");
  EXPECT_EQ(change.at, 5u);
  EXPECT_EQ(change.lost, 2000);
}

TEST_F(PromptThreadsTest, FindsChangedFirstWordsByTheFirstAnswer) {
  Request request;
  request.messages = R"({"role":"user","content":"Time 1. Begin."})";
  request.say("Well.", "Go on.");
  send(request.body(), 0, 5000);
  Request changed;
  changed.messages = R"({"role":"user","content":"Time 2. Begin."})";
  changed.say("Well.", "Go on.").say("Yes.", "And?");
  PromptChange change = send(changed.body(), 3000, 2000);
  EXPECT_EQ(change.thread, 1u);
  EXPECT_EQ(change.reason, PromptBreak::history);
  EXPECT_EQ(change.path, "messages[0].content");
  EXPECT_EQ(change.at, 5u);
}

TEST_F(PromptThreadsTest, KeepsMarksThatMoveApart) {
  Request request;
  request.messages =
      R"({"role":"user","content":[{"type":"text","text":"Begin.","cache_control":{"type":"ephemeral"}}]})";
  send(request.body(), 0, 5000);
  Request next;
  next.messages =
      R"({"role":"user","content":"Begin."},{"role":"assistant","content":"Well."},)"
      R"({"role":"user","content":[{"type":"text","text":"Go on.","cache_control":{"type":"ephemeral"}}]})";
  EXPECT_EQ(send(next.body(), 5000, 100).reason, PromptBreak::none);
  Request without;
  without.messages = R"({"role":"user","content":"Begin."},{"role":"assistant","content":"Well."},)"
                     R"({"role":"user","content":"Go on."})";
  PromptChange change = send(without.body(), 2000, 0);
  EXPECT_EQ(change.reason, PromptBreak::none) << "nothing that is paid for anew was lost: " << change.lost;
}

TEST_F(PromptThreadsTest, SaysThatMarksAreGone) {
  Request request;
  request.messages =
      R"({"role":"user","content":[{"type":"text","text":"Begin.","cache_control":{"type":"ephemeral"}}]})";
  ModelCall call = read(request.body());
  send(request.body(), 0, 5000);
  request.messages = R"({"role":"user","content":"Begin."})";
  call = read(request.body());
  PromptChange change = threads_.request(call.provider, call.model_asked, call, request.body());
  call.status = 200;
  call.usage.input_fresh = 5000;
  call.usage.cache_read = 0;
  call.usage.settle();
  threads_.ended(call, change);
  EXPECT_EQ(change.reason, PromptBreak::marks);
  EXPECT_EQ(change.lost, 5000);
}

TEST_F(PromptThreadsTest, SaysThatTimeHasPassed) {
  Request request;
  send(request.body(), 0, 5000);
  now_ += 400 * kSecond;
  PromptChange late = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(late.reason, PromptBreak::expired);
  EXPECT_EQ(late.idle, std::chrono::seconds(410));
  EXPECT_EQ(late.lost, 5000);
  PromptChange soon = send(request.say("Well.", "Go on.").body(), 0, 5200);
  EXPECT_EQ(soon.reason, PromptBreak::missed);
}

TEST_F(PromptThreadsTest, FindsAnotherModel) {
  Request request;
  send(request.body(), 0, 5000);
  request.model = "claude-opus-4-5";
  PromptChange change = send(request.say("Well.", "Go on.").body(), 0, 5100);
  EXPECT_EQ(change.reason, PromptBreak::model);
  EXPECT_EQ(change.before.text, "claude-sonnet-4-5");
  EXPECT_EQ(change.after.text, "claude-opus-4-5");
}

TEST_F(PromptThreadsTest, LeavesOtherConversationsApart) {
  Request request, title;
  send(request.body(), 0, 5000);
  title.tools.clear();
  title.system = "Sum up in three words what this conversation of a person with an assistant is about.";
  EXPECT_TRUE(send(title.body(), 0, 0).first);
  Request other;
  other.messages = R"({"role":"user","content":"Something else."})";
  EXPECT_TRUE(send(other.body(), 5000, 0).first);
  EXPECT_EQ(send(request.say("Well.", "Go on.").body(), 5000, 100).reason, PromptBreak::none);
}

TEST_F(PromptThreadsTest, RemembersTheChangeOfACallThatFailed) {
  Request request;
  send(request.body(), 0, 5000);
  request.system = "You help. Be long.";
  PromptChange failed = send(request.body(), 0, 0, 529);
  EXPECT_EQ(failed.reason, PromptBreak::system);
  EXPECT_EQ(failed.lost, 0);
  PromptChange again = send(request.body(), 1000, 4000);
  EXPECT_EQ(again.reason, PromptBreak::system);
  EXPECT_EQ(again.lost, 4000);
}

TEST_F(PromptThreadsTest, TakesChoiceAndThinkingForSettings) {
  Request request;
  send(request.body(), 0, 5000);
  request.more = R"("thinking":{"type":"enabled","budget_tokens":1024},)";
  PromptChange change = send(request.say("Well.", "Go on.").body(), 2000, 3000);
  EXPECT_EQ(change.reason, PromptBreak::settings);
  EXPECT_EQ(change.path, "thinking");
}

TEST_F(PromptThreadsTest, ReadsWhatOthersSpeak) {
  protocol_ = Protocol::openai_chat;
  auto chat = [](const char* system, const char* rest) {
    return fmt::format(R"({{"model":"gpt-5","messages":[{{"role":"system","content":"{}"}},)"
                       R"({{"role":"user","content":"Begin."}}{}]}})",
                       system, rest);
  };
  send(chat("You help. Now: 1", ""), 0, 0);
  PromptChange change = send(chat("You help. Now: 2", R"(,{"role":"assistant","content":"Well."})"), 0, 0);
  EXPECT_EQ(change.reason, PromptBreak::system);
  EXPECT_EQ(change.path, "messages[0].content");
  EXPECT_EQ(change.at, 15u);

  protocol_ = Protocol::gemini_generate;
  send(R"({"contents":[{"role":"user","parts":[{"text":"Hello"}]}]})", 0, 0);
  change = send(
      R"({"contents":[{"role":"user","parts":[{"text":"Hello"}]},{"role":"model","parts":[{"text":"Hi"}]}]})",
      0, 0);
  EXPECT_FALSE(change.first);
  EXPECT_EQ(change.reason, PromptBreak::none);
}

TEST_F(PromptThreadsTest, IsBounded) {
  PromptThreads small(1 << 20);
  for (int i = 0; i < 600; ++i) {
    Request request;
    request.messages =
        fmt::format(R"({{"role":"user","content":"Begin {}. {}"}})", i, std::string(i * 100, 'x'));
    std::string body = request.body();
    ModelCall call = read(body);
    small.request("anthropic", call.model_asked, call, body);
    EXPECT_LE(small.held(), std::size_t{1} << 20);
  }
}

TEST_F(PromptThreadsTest, StandsBodiesThatAreNone) {
  for (std::string body :
       {"", "null", "[]", "{", R"({"messages":)", R"({"messages":[)", R"({"messages":[1,null,"x",[]]})",
        R"({"messages":{"a":1},"system":7,"tools":"x"})", R"({"tools":[],"tools":[{}],"messages":[{}]})"}) {
    send(body, 1, 1);
    send(body, INT64_MAX, INT64_MAX);
    send(body + R"({"messages":[{}]})", INT64_MIN, INT64_MAX);
  }
  std::string deep = R"({"messages":[)" + std::string(200'000, '[');
  send(deep, 0, 0);
  send(deep + "1", 0, 0);
}

TEST(PriceOfLoss, IsWhatReadingTheCacheWouldHaveSaved) {
  constexpr PicoUsd kInput = 3'000'000, kRead = 300'000, kWrite = 3'750'000;
  Prices prices{{{Unit::input, -1, kInput}, {Unit::cache_read, -1, kRead}, {Unit::cache_write, -1, kWrite}}};
  PriceTable table;
  Pricing pricing(table, {{"", "m", prices}});
  ModelCall call;
  call.model_served = "m";
  call.usage.input_fresh = 1000;
  call.usage.cache_read = 0;
  call.usage.cache_write = 4000;
  call.usage.settle();
  EXPECT_EQ(price_of_loss(pricing, call, 4000), 4000 * (kWrite - kRead));
  EXPECT_EQ(price_of_loss(pricing, call, 4500), 4000 * (kWrite - kRead) + 500 * (kInput - kRead));
  EXPECT_EQ(price_of_loss(pricing, call, INT64_MAX), 4000 * (kWrite - kRead) + 1000 * (kInput - kRead));
  call.model_served = "unheard-of";
  EXPECT_EQ(price_of_loss(pricing, call, 4000), 0);
}

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// A thousand messages of 200 bytes, and one more each time: 300 MiB/s at least where nothing else slows it.
TEST(PromptThreadsSpeed, ComparesLongConversationsInLinearTime) {
  Request request;
  for (int i = 0; i < 1000; ++i)
    request.say(std::string(150, 'a'), fmt::format("{} {}", i, std::string(150, 'b')));
  PromptThreads threads;
  ModelCall call;
  call.protocol = Protocol::anthropic_messages;
  call.opening = 7;
  std::size_t bytes = 0;
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    request.say("More.", fmt::format("{}", i));
    std::string body = request.body();
    bytes = body.size();
    double start = processor_seconds();
    PromptChange change = threads.request("anthropic", "m", call, body);
    best = std::min(best, processor_seconds() - start);
    EXPECT_EQ(change.first, i == 0);
    EXPECT_EQ(change.reason, PromptBreak::none);
  }
  double rate = static_cast<double>(bytes) / (1 << 20) / best;
  std::printf("comparing prompts of %zu KiB %8.0f MiB/s (at least 300)\n", bytes >> 10, rate);
#if defined(NDEBUG) && defined(__OPTIMIZE__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
  EXPECT_GE(rate, 300);
#endif
}

}  // namespace
}  // namespace weir::llm
