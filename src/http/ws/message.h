// A WebSocket message or control frame as the record keeps it (RFC 6455).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::http::ws {

/// RFC 6455 section 11.8, without continuation: it names no message.
enum class Opcode : std::uint8_t { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
std::string_view name(Opcode opcode);  ///< "text"
std::optional<Opcode> opcode_from_name(std::string_view name);

/// Why `Message::bytes` may not be what the peer meant. The names are stable: they are stored.
enum class Problem : std::uint8_t {
  none,
  incomplete,         ///< the connection, or the reading of it, ended before the message did
  invalid_utf8,       ///< a text or a close reason that is none; looked for in what was kept only
  bad_close,          ///< a close frame whose code no endpoint may send (RFC 6455 section 7.4)
  bad_compression,    ///< it cannot be inflated; `bytes` ends where the fault was found
  compression_bomb,   ///< it inflates to so much that the record gave it up; `bytes` is its beginning
  not_inflated,       ///< `bytes` is still compressed: an earlier message of this direction was given up
  unknown_extension,  ///< `bytes` is as on the wire, which an extension unknown here may have changed
};
std::string_view name(Problem problem);  ///< "invalid_utf8"; "" for none
/// Problem::none for a name that is none.
Problem problem_from_name(std::string_view name);

struct Message {
  Opcode opcode = Opcode::text;
  std::uint64_t size = 0;        ///< payload as it passed: of all fragments, still compressed
  std::string bytes;             ///< unmasked and inflated; of a close frame the reason alone
  bool truncated = false;        ///< `bytes` is a prefix
  bool compressed = false;       ///< it passed compressed (RFC 7692)
  std::uint16_t close_code = 0;  ///< of a close frame; 0 = it has none
  Problem problem = Problem::none;
};

/// What a close code says, in a few words ("going away"); "" for one without a registered meaning.
std::string_view close_code_meaning(std::uint16_t code);

}  // namespace weir::http::ws
