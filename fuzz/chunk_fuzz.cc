// A relay's WebSocket on hostile bytes; the first byte says which end sends them. Invariants: however the
// bytes are cut, data, pings and the end are the same; nothing is read twice or lost; what was read comes
// back when it is written again.
#include <algorithm>
#include <string>

#include "harness.h"
#include "relay/chunk.h"

namespace weir::fuzz {
namespace {

using relay::ChunkReader;
using Event = ChunkReader::Event;

struct Outcome {
  std::string data, controls, broken;
  bool at_rest = false;
  bool operator==(const Outcome&) const = default;
};

Outcome read(const std::vector<std::string_view>& parts, bool masked) {
  ChunkReader reader(masked);
  Outcome out;
  std::size_t taken = 0, given = 0;
  for (std::string_view part : parts) {
    std::string bytes(part);
    given += bytes.size();
    std::span<char> input(bytes);
    for (;;) {
      std::size_t before = input.size();
      auto step = reader.next(input);
      require(input.size() <= before, "input is only taken");
      if (step.event == Event::none) break;
      if (step.event == Event::data) out.data += step.data;
      if (step.event == Event::data) taken += step.data.size();
      if (step.event == Event::ping) out.controls.append("p").append(step.data);
      if (step.event == Event::close) out.controls.append("c").append(step.data);
      require(step.event == Event::data || step.data.size() <= 125, "a control frame is short");
      require(taken <= given, "no more data than bytes");
      if (step.event != Event::broken) continue;
      out.broken = reader.broken();
      require(!out.broken.empty(), "what is broken says why");
      return out;
    }
    require(input.empty(), "all input is taken");
  }
  out.at_rest = reader.at_rest();
  return out;
}

void write_again(const std::string& data, bool masked) {
  http::ws::Mask mask = {'\x01', '\x80', '\xFF', 'a'};
  std::string bytes;
  for (std::size_t at = 0; at < data.size(); at += relay::kMostChunk)
    relay::append_chunk(bytes, std::string_view(data).substr(at, relay::kMostChunk),
                        masked ? &mask : nullptr);
  Outcome again = read({bytes}, masked);
  require(again.data == data && again.broken.empty() && again.at_rest, "it comes back as it was");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size == 0) return 0;
  bool masked = (data[0] & 1) != 0;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Outcome whole = read({input}, masked);
  for_each_cut(input, [&](const auto& parts) {
    require(read(parts, masked) == whole, "chunks are the same however they are cut");
  });
  write_again(whole.data, masked);
  return 0;
}
