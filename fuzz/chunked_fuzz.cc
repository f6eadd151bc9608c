// A chunked body from either side, and the same body written anew.
#include "h1_harness.h"
#include "http/h1/encoder.h"

namespace weir::fuzz {
namespace {

using http::h1::BodyLength;
constexpr BodyLength kChunked{BodyLength::Kind::chunked};

void check_side(std::string_view input, Side side) {
  check_body(input, kChunked, side);
  BodyOutcome read = read_body({input}, kChunked, side);
  if (read.verdict != "done") return;
  std::string wire;
  std::array<char, 20> buffer;
  if (!read.body.empty())
    wire.append(http::h1::chunk_line(buffer, read.body.size())).append(read.body).append("\r\n");
  http::h1::append_last_chunk(wire, {});
  BodyOutcome again = read_body({wire}, kChunked, Side::client);
  require(again.verdict == "done" && again.body == read.body, "an encoded body is the same body");
  require(again.consumed == wire.size(), "an encoded body ends where it was ended");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  weir::fuzz::check_side(input, weir::Side::client);
  weir::fuzz::check_side(input, weir::Side::upstream);
  return 0;
}
