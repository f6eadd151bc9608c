// How fast model streams are read: framing at 1 GiB/s and more, whole pipelines at 600 MiB/s and more, in
// memory that does not grow with the stream. Figures are printed; bounds on time hold in release builds only.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>

#include "llm/call_reader.h"
#include "llm/ndjson_reader.h"
#include "llm/sse_reader.h"

namespace weir::llm {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SLOW_BUILD 1
#endif
#endif
#if defined(WEIR_SLOW_BUILD) || !defined(__OPTIMIZE__) || !defined(NDEBUG)
constexpr bool kMeasured = false;
constexpr std::size_t kBytes = 4 << 20;
#else
constexpr bool kMeasured = true;
constexpr std::size_t kBytes = 64 << 20;
#endif
constexpr std::size_t kChunk = 16 << 10;  // what a TLS record brings

/// Time this thread had a processor: others who want it, too, do not count.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// MiB a second, the best of five: other work on the machine only ever slows it down.
double best_rate(std::size_t bytes, const std::function<void()>& run) {
  double best = 0;
  for (int i = 0; i < (kMeasured ? 5 : 1); ++i) {
    double start = processor_seconds();
    run();
    best = std::max(best, static_cast<double>(bytes) / (1 << 20) / (processor_seconds() - start));
  }
  return best;
}

void report(const char* what, double rate, double least) {
  std::printf("%-34s %8.0f MiB/s (at least %.0f)\n", what, rate, least);
  if (kMeasured) EXPECT_GE(rate, least) << what;
}

template <typename Each>
void for_each_chunk(std::string_view bytes, Each&& each) {
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) each(bytes.substr(at, kChunk));
}

// A few words a delta, as models send them; every eighth a tool argument, a longer line or a ping.
std::string anthropic_stream() {
  std::string out =
      "event: message_start\ndata: "
      "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
      "\"role\":\"assistant\",\"model\":\"claude-opus-5\",\"content\":[],\"stop_reason\":null,\"usage\":{"
      "\"input_tokens\":12,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":900,"
      "\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: "
      "{\"type\":\"content_block_start\",\"index\":0,"
      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
  constexpr std::string_view kWords[] = {" the",
                                         " answer is",
                                         "\\n\\n",
                                         " a function that",
                                         " \\\"quoted\\\"",
                                         " 42",
                                         " with some more of the words in one delta",
                                         "."};
  for (std::size_t i = 0; out.size() < kBytes; ++i) {
    out +=
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"text_delta\",\"text\":\"";
    out += kWords[i % std::size(kWords)];
    out += "\"}      }\n\n";
    if (i % 200 == 0) out += "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  }
  return out +
         "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: "
         "message_delta\n"
         "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},"
         "\"usage\":{\"output_tokens\":4321}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
}

std::string openai_stream() {
  std::string out;
  constexpr std::string_view kWords[] = {" the",   " answer", " is",         "\\n\\n",
                                         " forty", "-two",    " \\\"so\\\"", "."};
  for (std::size_t i = 0; out.size() < kBytes; ++i) {
    out +=
        "data: "
        "{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion.chunk\",\"created\":"
        "1780000000,\"model\":\"gpt-5.5-2026-04-23\",\"service_tier\":\"default\",\"system_fingerprint\":"
        "\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
    out += kWords[i % std::size(kWords)];
    out += "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aBcDeF\"}\n\n";
  }
  return out +
         "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
         "\"usage\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
         "\"completion_tokens\":4321,\"total_tokens\":4331}}\n\ndata: [DONE]\n\n";
}

std::string responses_stream() {
  std::string out =
      "event: response.created\ndata: "
      "{\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":"
      "\"gpt-5.5\",\"status\":\"in_progress\",\"instructions\":\"" +
      std::string(20000, 'i') + "\",\"output\":[]},\"sequence_number\":0}\n\n";
  for (std::size_t i = 0; out.size() < kBytes; ++i) {
    out +=
        "event: response.output_text.delta\ndata: "
        "{\"type\":\"response.output_text.delta\",\"sequence_number\":" +
        std::to_string(i) +
        ",\"item_id\":\"msg_0123456789abcdef0123456789abcdef0123456789abcdef\",\"output_index\":0,"
        "\"content_index\":0,\"delta\":\" words\",\"logprobs\":[],\"obfuscation\":\"aBcDeFgH\"}\n\n";
  }
  return out +
         "event: response.completed\ndata: "
         "{\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":"
         "\"completed\",\"output\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":4321,\"total_tokens\":"
         "4331}}}"
         "\n\n";
}

ModelCall read_stream(Protocol protocol, std::string_view bytes) {
  TimePoint now{};
  CallReader reader(protocol, now);
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("content-type", "text/event-stream; charset=utf-8");
  reader.response_head(head, now);
  for_each_chunk(bytes, [&](std::string_view chunk) { reader.response_body(chunk, now); });
  return reader.finish(true, now);
}

void measure_pipeline(const char* what, Protocol protocol, const std::string& stream) {
  ModelCall call;
  double rate = best_rate(stream.size(), [&] { call = read_stream(protocol, stream); });
  EXPECT_EQ(call.usage.output, 4321) << what;
  EXPECT_FALSE(call.partial) << what;
  EXPECT_EQ(call.parse_error, "") << what;
  report(what, rate, 600);
}

TEST(Speed, Framing) {
  std::string stream = anthropic_stream();
  std::size_t events = 0, bytes = 0;
  auto read_all = [&](EventSource& source, std::string_view all) {
    for_each_chunk(all, [&](std::string_view chunk) {
      source.feed(chunk);
      for (StreamEvent event; source.next(event); ++events) bytes += event.data.size();
    });
  };
  report("SSE",
         best_rate(stream.size(),
                   [&] {
                     SseReader sse;
                     read_all(sse, stream);
                   }),
         1024);
  std::string crlf;
  for (char c : stream) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  report("SSE, CRLF",
         best_rate(crlf.size(),
                   [&] {
                     SseReader sse;
                     read_all(sse, crlf);
                   }),
         1024);
  report("NDJSON",
         best_rate(stream.size(),
                   [&] {
                     NdjsonReader lines;
                     read_all(lines, stream);
                   }),
         1024);
  EXPECT_GT(events, 1000u);
}

TEST(Speed, Pipelines) {
  measure_pipeline("Anthropic Messages", Protocol::anthropic_messages, anthropic_stream());
  measure_pipeline("OpenAI Chat Completions", Protocol::openai_chat, openai_stream());
  measure_pipeline("OpenAI Responses", Protocol::openai_responses, responses_stream());
}

TEST(Speed, Requests) {
  std::string body = R"({"model":"m","max_tokens":100,"stream":true,"messages":[)";
  while (body.size() < kBytes) {
    if (body.back() == '}') body += ',';
    body +=
        R"({"role":"user","content":[{"type":"text","text":"please read the file \"a.cc\" and say\nwhat it does"},)"
        R"({"type":"image","source":{"type":"base64","data":")" +
        std::string(2000, 'A') +
        R"("}}]},)"
        R"({"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"read","input":{"p":1}}]})";
  }
  body += "]}";
  ModelCall call;
  double rate = best_rate(body.size(), [&] {
    CallReader reader(Protocol::anthropic_messages, {});
    reader.request_body(body, false);
    call = reader.finish(false, {});
  });
  EXPECT_EQ(call.parse_error, "");
  EXPECT_EQ(call.max_output_tokens, 100);
  report("Anthropic request", rate, 600);
}

// A record is bounded however long the stream was: previews are full, nothing else grows.
TEST(Speed, RecordsAreBounded) {
  ModelCall call = read_stream(Protocol::anthropic_messages, anthropic_stream());
  EXPECT_EQ(call.text.text.size(), kPreviews.text);
  EXPECT_GT(call.text.bytes, call.text.text.size());
  EXPECT_LE(call.text.text.capacity(), 2 * kPreviews.text);
}

}  // namespace
}  // namespace weir::llm
