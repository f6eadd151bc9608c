// Event streams from anybody, cut anywhere.
#include "event_source.h"
#include "llm/sse_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz::check_source<weir::llm::SseReader>({reinterpret_cast<const char*>(data), size});
  return 0;
}
