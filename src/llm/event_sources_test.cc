// The four framings: what they hand out is the same wherever the bytes are cut.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/aws_event_stream.h"
#include "llm/json_array_reader.h"
#include "llm/ndjson_reader.h"
#include "llm/sse_reader.h"

namespace weir::llm {
namespace {

struct Seen {
  std::string name, data;
  bool cut = false;
  bool exception = false;

  bool operator==(const Seen&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Seen& seen) {
    return out << '{' << seen.name << '|' << seen.data << (seen.cut ? "|cut" : "") << '}';
  }
};
using Events = std::vector<Seen>;
using Make = std::function<std::unique_ptr<EventSource>()>;

void drain(EventSource& source, Events& events) {
  for (StreamEvent event; source.next(event);)
    events.push_back({std::string(event.name), std::string(event.data), event.cut, event.exception});
}

Events read(EventSource& source, std::initializer_list<std::string_view> chunks) {
  Events events;
  for (std::string_view chunk : chunks) {
    // A copy of the chunk's own size, so that a sanitizer sees whoever reads beyond it or keeps a view.
    std::vector<char> copy(chunk.begin(), chunk.end());
    source.feed({copy.data(), copy.size()});
    drain(source, events);
  }
  source.finish();
  drain(source, events);
  return events;
}

Events read(const Make& make, std::initializer_list<std::string_view> chunks) {
  return read(*make(), chunks);
}

// Whole, cut in two at every byte, cut in three around every byte, and byte by byte.
void expect_events(const Make& make, std::string_view bytes, const Events& expected) {
  EXPECT_EQ(read(make, {bytes}), expected);
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    ASSERT_EQ(read(make, {bytes.substr(0, at), bytes.substr(at)}), expected) << "cut at " << at;
    if (at < bytes.size()) {
      ASSERT_EQ(read(make, {bytes.substr(0, at), bytes.substr(at, 1), bytes.substr(at + 1)}), expected)
          << "cut around " << at;
    }
  }
  auto source = make();
  Events events;
  for (char byte : bytes) {
    source->feed({&byte, 1});
    drain(*source, events);
  }
  source->finish();
  drain(*source, events);
  EXPECT_EQ(events, expected) << "byte by byte";
}

Make sse(std::size_t limit = EventSource::kMaxEvent) {
  return [limit] { return std::make_unique<SseReader>(limit); };
}
Make ndjson(std::size_t limit = EventSource::kMaxEvent) {
  return [limit] { return std::make_unique<NdjsonReader>(limit); };
}
Make json_array(std::size_t limit = EventSource::kMaxEvent) {
  return [limit] { return std::make_unique<JsonArrayReader>(limit); };
}
Make aws(std::size_t limit = EventSource::kMaxEvent) {
  return [limit] { return std::make_unique<AwsEventStream>(limit); };
}

TEST(Sse, EveryLineEnd) {
  Events expected{{"a", "1"}, {"", "2"}};
  expect_events(sse(), "event: a\ndata: 1\n\ndata: 2\n\n", expected);
  expect_events(sse(), "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", expected);
  expect_events(sse(), "event: a\rdata: 1\r\rdata: 2\r\r", expected);
  expect_events(sse(), "event: a\r\ndata: 1\n\rdata: 2\r\r\n", expected);
}

TEST(Sse, ByteOrderMarkOnlyAtTheStart) {
  expect_events(sse(),
                "\xEF\xBB\xBF"
                "data: 1\n\n",
                {{"", "1"}});
  expect_events(sse(),
                "data: 1\n\n\xEF\xBB\xBF"
                "data: 2\n\ndata: 3\n\n",
                {{"", "1"}, {"", "3"}});
  expect_events(sse(),
                "\xEF\xBB"
                "data: 1\n\ndata: 2\n\n",
                {{"", "2"}});
  expect_events(sse(),
                "\xEF\xBB\xBF\xEF\xBB\xBF"
                "data: 1\n\ndata: 2\n\n",
                {{"", "2"}});
}

TEST(Sse, CommentsAndUnknownFieldsAreSkipped) {
  SseReader reader;
  EXPECT_EQ(read(reader, {": OPENROUTER PROCESSING\n\n:\n\nfoo: x\nbar\ndata: 1\n\n"}), (Events{{"", "1"}}));
  EXPECT_EQ(reader.comments(), 2u);
  expect_events(sse(), ": ping\n\ndatax: 1\n\ndata: 2\n\nDATA: 3\n\n", {{"", "2"}});
}

TEST(Sse, DataOfSeveralLines) {
  expect_events(sse(), "data: {\ndata:  \"a\": 1\ndata\ndata:}\n\n", {{"", "{\n \"a\": 1\n\n}"}});
  expect_events(sse(), "data\n\n", {{"", ""}});
  expect_events(sse(), "data:\n\n", {{"", ""}});
  expect_events(sse(), "data:x\n\ndata:  x\n\n", {{"", "x"}, {"", " x"}});
}

TEST(Sse, AnEventWithoutDataIsNone) {
  expect_events(sse(), "event: lost\n\nevent: a\nevent: b\ndata: 1\n\ndata: 2\n\n", {{"b", "1"}, {"", "2"}});
}

TEST(Sse, IdAndRetry) {
  SseReader reader;
  using namespace std::string_view_literals;
  read(reader, {"id: 7\nretry: 1500\ndata: 1\n\nid: no\0no\nretry: 1x\ndata: 2\n\n"sv});
  EXPECT_EQ(reader.last_event_id(), "7");
  EXPECT_EQ(reader.retry_ms(), 1500);
}

TEST(Sse, TheEndWithoutABlankLine) {
  expect_events(sse(), "data: 1\n\nevent: b\ndata: 2", {{"", "1"}, {"b", "2", true}});
  expect_events(sse(), "data: 1\n\ndata: 2\n", {{"", "1"}, {"", "2", true}});
  expect_events(sse(), "data: 1\n\nevent: b\n", {{"", "1"}});
}

TEST(Sse, CharactersCutInTwo) {
  expect_events(sse(), "data: \xF0\x9F\x98\x80\xC3\xA9\n\n", {{"", "\xF0\x9F\x98\x80\xC3\xA9"}});
}

TEST(Sse, TooLargeEventsAreCutAndTheNextIsRead) {
  std::string large(100, 'x');
  expect_events(sse(10), "data: " + large + "\n\ndata: 2\n\n", {{"", large.substr(0, 10), true}, {"", "2"}});
  expect_events(sse(10), "data: 12345\ndata: 67890\ndata: 1\n\ndata: 2\n\n",
                {{"", "12345\n6789", true}, {"", "2"}});
  expect_events(sse(10), "event: " + large + "\ndata: 1\n\n", {{large, "1"}});
  std::string name(300, 'n');
  expect_events(sse(10), "event: " + name + "\ndata: 1\n\n", {{name.substr(0, 256), "1"}});
  SseReader reader(10);
  read(reader, {"data: " + large + "\n\n"});
  EXPECT_EQ(reader.trouble(), "event too large");
}

TEST(Ndjson, LinesAndTheLastWithoutAnEnd) {
  Events expected{{"", "{\"a\":1}"}, {"", "{\"b\":2}"}};
  expect_events(ndjson(), "{\"a\":1}\n{\"b\":2}\n", expected);
  expect_events(ndjson(), "\r\n{\"a\":1}\r\n\n  {\"b\":2} ", expected);
}

TEST(Ndjson, TooLargeLinesAreCut) {
  expect_events(ndjson(4), "1234567\n12\n123456", {{"", "1234", true}, {"", "12"}, {"", "1234", true}});
}

TEST(JsonArray, ElementsAsTheyComplete) {
  expect_events(json_array(), "[{\"a\":\"]}\\\"\"}\n,\r\n{\"b\":[{}]}]",
                {{"", "{\"a\":\"]}\\\"\"}"}, {"", "{\"b\":[{}]}"}});
  expect_events(json_array(), "[]", {});
  expect_events(json_array(), "[1,\"{\",{\"a\":1}]", {{"", "{\"a\":1}"}});
  expect_events(json_array(), "{\"a\":1}{\"b\":2}", {{"", "{\"a\":1}"}, {"", "{\"b\":2}"}});
}

TEST(JsonArray, WhatIsCutOff) {
  expect_events(json_array(), "[{\"a\":1},{\"b\":\"x", {{"", "{\"a\":1}"}, {"", "{\"b\":\"x", true}});
  expect_events(json_array(8), "[{\"a\":123456},{\"b\":2}]", {{"", "{\"a\":123", true}, {"", "{\"b\":2}"}});
  expect_events(json_array(), "]]}[{\"a\":1}]", {{"", "{\"a\":1}"}});
}

std::string u32(std::uint64_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}

// CRC-32 bit by bit, so that the test does not believe the library it checks.
std::string crc(std::string_view bytes) {
  std::uint32_t sum = ~0u;
  for (unsigned char byte : bytes) {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
  }
  return u32(~sum);
}

std::string header(std::string_view name, std::string_view value) {
  std::string out(1, static_cast<char>(name.size()));
  out.append(name);
  out += '\7';
  out += u32(value.size()).substr(2);
  return out.append(value);
}

std::string frame(std::string_view headers, std::string_view payload) {
  std::string out = u32(headers.size() + payload.size() + 16) + u32(headers.size());
  out += crc(out);
  out.append(headers).append(payload);
  return out + crc(out);
}

std::string event_frame(std::string_view type, std::string_view payload) {
  using namespace std::string_literals;
  return frame(header(":message-type", "event") + "\4flag\0"s + "\3num\4\0\0\0\1"s +
                   "\4time\10\0\0\0\0\0\0\0\1"s + header(":event-type", type) +
                   header(":content-type", "application/json"),
               payload);
}

TEST(AwsEventStream, EventsAndExceptions) {
  std::string failure =
      frame(header(":message-type", "exception") + header(":exception-type", "throttlingException"),
            "{\"message\":\"slow\"}");
  std::string error = frame(header(":message-type", "error") + header(":error-code", "Broken"), "");
  expect_events(aws(), event_frame("messageStart", "{}") + event_frame("", "") + failure + error,
                {{"messageStart", "{}"},
                 {"", ""},
                 {"throttlingException", "{\"message\":\"slow\"}", false, true},
                 {"Broken", "", false, true}});
}

TEST(AwsEventStream, AWrongChecksumLosesOneFrame) {
  std::string bad = event_frame("a", "{\"a\":1}");
  bad[bad.size() - 6] ^= 1;
  AwsEventStream stream;
  EXPECT_EQ(read(stream, {bad + event_frame("b", "2")}), (Events{{"b", "2"}}));
  EXPECT_EQ(stream.trouble(), "event stream frame with a wrong checksum");
  expect_events(aws(), bad + event_frame("b", "2"), {{"b", "2"}});
}

TEST(AwsEventStream, AWrongPreludeEndsTheReading) {
  std::string bad = event_frame("a", "1");
  bad[3] ^= 4;
  expect_events(aws(), event_frame("b", "2") + bad + event_frame("c", "3"), {{"b", "2"}});
  std::string too_small = u32(15) + u32(0);
  expect_events(aws(), too_small + crc(too_small) + std::string(64, '\0'), {});
  std::string headers_too_long = u32(32) + u32(17);
  expect_events(aws(), headers_too_long + crc(headers_too_long) + std::string(64, '\0'), {});
}

TEST(AwsEventStream, ALargeFrameIsSkipped) {
  std::string large = event_frame("a", std::string(AwsEventStream::kMaxHeaders + 4096, 'x'));
  AwsEventStream stream(1024);
  EXPECT_EQ(read(stream, {large.substr(0, 5000), large.substr(5000) + event_frame("b", "2")}),
            (Events{{"b", "2"}}));
  EXPECT_EQ(stream.trouble(), "event too large");
}

TEST(AwsEventStream, BrokenHeaders) {
  using namespace std::string_literals;
  for (const std::string& headers : {"\x05"
                                     "ab"s,
                                     "\1a"s, "\1a\7\0"s, "\1a\7\0\5x"s, "\1a\12"s, "\1a\5\0"s})
    expect_events(aws(), frame(headers, "1") + event_frame("b", "2"), {{"b", "2"}});
}

}  // namespace
}  // namespace weir::llm
