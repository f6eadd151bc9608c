// AWS event streams from anybody, cut anywhere: as they come, and made into frames whose checksums are right.
#include <zlib.h>

#include "event_source.h"
#include "llm/aws_event_stream.h"

namespace weir::fuzz {
namespace {

void add_u32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
}

void add_checksum(std::string& out, std::size_t from) {
  add_u32(out, crc32_z(0, reinterpret_cast<const unsigned char*>(out.data()) + from, out.size() - from));
}

// Takes pairs of sizes, headers and payload, each behind its pair.
std::string framed(std::string_view input) {
  std::string out;
  while (input.size() >= 2) {
    std::size_t headers = static_cast<unsigned char>(input[0]),
                payload = static_cast<unsigned char>(input[1]);
    std::string_view content = input.substr(2, headers + payload);
    headers = std::min(headers, content.size());
    std::size_t start = out.size();
    add_u32(out, content.size() + 16);
    add_u32(out, headers);
    add_checksum(out, start);
    out.append(content);
    add_checksum(out, start);
    input.remove_prefix(2 + content.size());
  }
  return out;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  weir::fuzz::check_source<weir::llm::AwsEventStream>(input);
  weir::fuzz::check_source<weir::llm::AwsEventStream>(weir::fuzz::framed(input));
  return 0;
}
