#include "cli/messages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using http::ws::Opcode;
using http::ws::Problem;
using weir::testing::FakeQuery;
using weir::testing::sample_row;

flow::Message text(std::uint32_t number, std::string bytes) {
  flow::Message message;
  message.number = number;
  message.time = sample_row(1).flow.started + number * 10'000'000LL;
  message.from_client = number % 2 == 1;
  message.content.size = bytes.size();
  message.content.bytes = std::move(bytes);
  return message;
}

std::string line_of(const http::ws::Message& content, bool from_client = true) {
  flow::Message message;
  message.time = 1'500'000'000;
  message.from_client = from_client;
  message.content = content;
  return message_line(message, 250'000'000);
}

// What was printed, in pieces of a pipe.
template <typename Print>
std::string printed(Print&& print) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  Output out(ends[1]);
  print(out);
  out.flush();
  ::close(ends[1]);
  std::string text(64 * 1024, '\0');
  ssize_t size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

std::string list(FakeQuery& query, std::size_t limit, bool color = false) {
  return printed([&](Output& out) { EXPECT_TRUE(print_messages(query, sample_row(1), limit, color, out)); });
}

TEST(MessageLineTest, Table) {
  const std::pair<http::ws::Message, std::string_view> rows[] = {
      {{.size = 13, .bytes = "{\"hello\": 1}\n"}, R"(     1.2s > text        13 B  {"hello": 1}\n)"},
      {{.opcode = Opcode::binary, .size = 2, .bytes = std::string("\0\1", 2)},
       "     1.2s > binary       2 B  (binary)"},
      {{.opcode = Opcode::binary, .size = 4, .bytes = "text"}, "     1.2s > binary       4 B  text"},
      {{.opcode = Opcode::ping}, "     1.2s > ping         0 B"},
      {{.opcode = Opcode::pong, .size = 1, .bytes = "1"}, "     1.2s > pong         1 B  1"},
      {{.opcode = Opcode::close, .size = 5, .bytes = "bye", .close_code = 1001},
       "     1.2s > close        5 B  1001 going away: bye"},
      {{.opcode = Opcode::close, .size = 2, .close_code = 4242}, "     1.2s > close        2 B  4242"},
      {{.opcode = Opcode::close}, "     1.2s > close        0 B  no code"},
      {{.opcode = Opcode::close, .size = 2, .close_code = 1006, .problem = Problem::bad_close},
       "     1.2s > close        2 B  1006 [bad_close]"},
      {{.size = 2'000'000, .bytes = "begin", .truncated = true, .compressed = true},
       "     1.2s > text     1.9 MiB  begin [compressed, kept in part]"},
      {{.size = 9, .truncated = true}, "     1.2s > text         9 B  (not kept) [kept in part]"},
      {{.size = 3, .bytes = "raw", .compressed = true, .problem = Problem::not_inflated},
       "     1.2s > text         3 B  (binary) [compressed, not_inflated]"},
      {{.size = 3, .bytes = "\xe2\x82", .truncated = true},
       "     1.2s > text         3 B  \\xe2\\x82 [kept in part]"},
  };
  for (const auto& [content, expected] : rows) EXPECT_EQ(line_of(content), std::string(expected) + "\n");
  EXPECT_EQ(line_of({.size = 1, .bytes = "a"}, false), "     1.2s < text         1 B  a\n");
}

TEST(MessageLineTest, IsOneBoundedLineThatDrivesNoTerminal) {
  std::string evil = "\x1b[2J\r\nforged \xe2\x80\xae" + std::string(100'000, 'x');
  for (Opcode opcode : {Opcode::text, Opcode::binary, Opcode::ping, Opcode::close}) {
    std::string line = line_of({.opcode = opcode, .size = 3, .bytes = evil, .close_code = 1000});
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_LT(line.size(), 200u);
  }
  std::string wide;
  for (int i = 0; i < 500; ++i) wide += "\xe6\xbc\xa2";
  EXPECT_TRUE(line_of({.bytes = wide}).ends_with("\xe6\xbc\xa2...\n")) << "no character is cut in two";
}

TEST(PrintMessagesTest, InOrderWithGaps) {
  FakeQuery query;
  EXPECT_EQ(list(query, kAllMessages), "");
  query.messages = {text(1, "one"), text(2, "two"), text(4, "four"), text(9, "nine")};
  EXPECT_EQ(list(query, kAllMessages),
            "\nMessages\n"
            "     10ms > text         3 B  one\n"
            "     20ms < text         3 B  two\n"
            "  (1 message was not recorded)\n"
            "     40ms < text         4 B  four\n"
            "  (4 messages were not recorded)\n"
            "     90ms > text         4 B  nine\n");
  EXPECT_TRUE(list(query, 1, true).starts_with("\n\x1b[1mMessages\x1b[0m\n"));
}

TEST(PrintMessagesTest, NoMoreThanAskedFor) {
  FakeQuery query;
  for (std::uint32_t number = 1; number <= 5; ++number) query.messages.push_back(text(number, "m"));
  std::string three = list(query, 3);
  EXPECT_EQ(std::ranges::count(three, '>') + std::ranges::count(three, '<'), 3);
  EXPECT_TRUE(three.ends_with("m\n[there are more messages; --messages N shows N of them]\n"));
  EXPECT_TRUE(list(query, 5).ends_with("m\n"));
  EXPECT_EQ(list(query, 0), "");
}

TEST(WriteMessagesTest, AsAMemberOrNotAtAll) {
  FakeQuery query;
  auto written = [&](std::size_t limit) {
    return printed([&](Output& out) {
      JsonWriter json(out.buffer());
      json.begin_object();
      EXPECT_TRUE(write_messages(query, sample_row(1), limit, json, out));
      json.end_object();
    });
  };
  EXPECT_EQ(written(kAllMessages), "{}");
  query.messages = {text(1, "one"), text(2, "two"), text(3, "three")};
  std::string all = written(kAllMessages);
  EXPECT_TRUE(
      all.starts_with(R"({"messages":[{"number":1,"ts":"2024-01-15T10:30:06.010Z","offset_ns":10000000,)"))
      << all;
  EXPECT_TRUE(all.ends_with(R"("bytes":5,"text":"three"}]})")) << all;
  EXPECT_EQ(written(2).find("three"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
