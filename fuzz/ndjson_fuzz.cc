// Lines of JSON from anybody, cut anywhere.
#include "event_source.h"
#include "llm/ndjson_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz::check_source<weir::llm::NdjsonReader>({reinterpret_cast<const char*>(data), size});
  return 0;
}
