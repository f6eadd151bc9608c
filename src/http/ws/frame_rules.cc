#include "http/ws/frame_rules.h"

#include "http/ws/message.h"

namespace weir::http::ws {
namespace {

constexpr std::uint64_t kLongestControl = 125;

std::string_view broken_by_control(const FrameHead& head) {
  if (head.opcode() > static_cast<std::uint8_t>(Opcode::pong)) return "an opcode is reserved";
  if (!head.fin()) return "a control frame is fragmented";
  if (head.length() > kLongestControl) return "a control frame is longer than 125 bytes";
  return {};
}

}  // namespace

std::string_view FrameRules::take(const FrameHead& head) {
  std::string_view broken = broken_by(head);
  if (!head.control()) {
    under_way_ = !head.fin();
  } else if (head.opcode() == static_cast<std::uint8_t>(Opcode::close)) {
    closed_ = true;
  }
  return broken;
}

std::string_view FrameRules::broken_by(const FrameHead& head) const {
  if (head.masked() != (from_ == Side::client))
    return from_ == Side::client ? "a frame of the client is not masked" : "a frame of the server is masked";
  if ((head.reserved() & ~allowed_reserved(head)) != 0) return "a reserved bit is set";
  if (head.length() >> 63 != 0) return "the highest bit of a length is set";
  if (!head.shortest()) return "a length is not in its shortest form";
  return head.control() ? broken_by_control(head) : broken_by_data(head);
}

std::string_view FrameRules::broken_by_data(const FrameHead& head) const {
  if (head.opcode() > static_cast<std::uint8_t>(Opcode::binary)) return "an opcode is reserved";
  if (closed_) return "a data frame follows a close frame";
  bool continues = head.opcode() == FrameHead::kContinuation;
  if (continues && !under_way_) return "a continuation continues nothing";
  if (!continues && under_way_) return "a message begins inside another";
  return {};
}

// RFC 7692 section 6: the first frame of a compressed message and no other.
std::uint8_t FrameRules::allowed_reserved(const FrameHead& head) const {
  if (unknown_extension_) return 0xFF;
  bool begins_message = !head.control() && head.opcode() != FrameHead::kContinuation;
  return deflate_ && begins_message ? FrameHead::kReserved1 : 0;
}

}  // namespace weir::http::ws
