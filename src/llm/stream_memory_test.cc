// An answer of any length is read in the memory of one of its events.
#include <gtest/gtest.h>

#include <algorithm>

#include "llm/call_reader.h"

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#else
#include <malloc.h>
#endif

namespace weir::llm {
namespace {

std::size_t heap_in_use() {
#if __has_feature(address_sanitizer)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

/// So many events, as one text.
std::string repeated(std::string_view event, std::size_t bytes) {
  std::string out;
  while (out.size() + event.size() <= bytes) out += event;
  return out;
}

struct Stream {
  Protocol protocol;
  const char* name;
  std::string_view event;
};

class StreamMemory : public ::testing::TestWithParam<Stream> {};

TEST_P(StreamMemory, DoesNotGrow) {
  constexpr std::size_t kStream = 200 << 20, kPart = 64 << 10, kMostGrowth = 1 << 20;
  const std::string part = repeated(GetParam().event, kPart);
  CallReader reader(GetParam().protocol, TimePoint());
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Content-Type", "text/event-stream");
  reader.response_head(head, TimePoint());
  std::size_t before = heap_in_use(), most = before, total = 0;
  for (; total < kStream; total += part.size()) {
    reader.response_body(part, TimePoint());
    most = std::max(most, heap_in_use());
  }
  EXPECT_LT(most - before, kMostGrowth);
  EXPECT_GT(reader.so_far().text.bytes, kStream / 4) << "all of it was read";
}

INSTANTIATE_TEST_SUITE_P(
    Protocols, StreamMemory,
    ::testing::Values(
        Stream{Protocol::anthropic_messages, "anthropic",
               "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
               "{\"type\":\"text_delta\",\"text\":\"word after word after word after word after word after "
               "word after word after word\"}}\n\n"},
        Stream{Protocol::openai_chat, "openai",
               "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word "
               "after word after word after word after word after word after word\"}}]}\n\n"}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace weir::llm
