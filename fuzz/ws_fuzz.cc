// A WebSocket as the record reads it. The first byte of the input says which side and what was agreed on, the
// second how much is kept of a message.
#include <string>

#include "harness.h"
#include "http/ws/reader.h"

namespace weir::fuzz {
namespace {

using http::ws::Extensions;
using http::ws::Message;
using http::ws::Problem;
using http::ws::Reader;

constexpr std::size_t kLongestControl = 125;

struct Setting {
  Side from;
  Extensions extensions;
  std::size_t limit;
};

Setting setting_of(std::uint8_t flags, std::uint8_t limit) {
  Setting out{(flags & 1) ? Side::client : Side::upstream, {}, limit};
  if (flags & 2)
    out.extensions.deflate = {.server_no_context_takeover = (flags & 4) != 0,
                              .client_no_context_takeover = (flags & 4) != 0,
                              .server_max_window_bits = 8 + (flags >> 5),
                              .client_max_window_bits = 8 + (flags >> 5)};
  out.extensions.unknown = (flags & 8) != 0;
  return out;
}

void check(const Message& message, std::size_t limit) {
  bool control = message.opcode >= http::ws::Opcode::close;
  require(message.bytes.size() <= (control ? kLongestControl : limit), "what is kept is within its limit");
  require(!control || message.size <= kLongestControl, "control frames are short");
  require(message.compressed || message.bytes.size() <= message.size, "what is kept came over the wire");
  require(message.close_code == 0 || message.opcode == http::ws::Opcode::close, "a close code closes");
}

struct Outcome {
  std::string messages;
  std::string broken;
  std::uint64_t count = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(const std::vector<std::string_view>& parts, const Setting& setting, bool only_count) {
  Reader reader(setting.from, setting.extensions, setting.limit);
  if (only_count) reader.count_only();
  Outcome out;
  auto add = [&](const Message& message) {
    check(message, setting.limit);
    ++out.count;
    out.messages.append(name(message.opcode)).append(std::to_string(message.size)).append(message.bytes);
    out.messages.append(std::to_string(message.close_code)).append(message.truncated ? "+" : "-");
    out.messages.append(name(message.problem)).append("\n");
  };
  for (std::string_view part : parts) {
    while (auto message = reader.next(part)) add(*message);
    require(part.empty(), "all input is taken");
    require(reader.held() <= setting.limit, "what is held is within its limit");
  }
  if (auto rest = reader.finish()) add(*rest);
  out.broken = reader.broken();
  out.count += reader.counted();
  return out;
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size < 2) return 0;
  Setting setting = setting_of(data[0], data[1]);
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  Outcome whole = read({input}, setting, false);
  for_each_cut(input, [&](const auto& parts) {
    require(read(parts, setting, false) == whole, "messages are the same however they are cut");
  });
  Outcome counted = read({input}, setting, true);
  require(counted.count == whole.count, "counting finds as many as reading");
  require(counted.broken == whole.broken, "counting breaks where reading does");
  return 0;
}
