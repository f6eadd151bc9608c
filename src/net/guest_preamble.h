// The line with which the relay inside a guest (weir-guest) opens each stream to the host: where the stream
// leads, and which program it belongs to. docs/formats/guest_preamble.md is its description.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host_port.h"

namespace weir::net {

/// The vsock port on which relays look for the host unless they are told another.
inline constexpr std::uint32_t kGuestPort = 5002;

/// All of it is the guest's word.
struct GuestPreamble {
  static constexpr std::size_t kMostBytes = 4096;     ///< of the whole line; a longer one is refused
  static constexpr std::size_t kMostNameBytes = 128;  ///< a longer name is cut

  enum class Kind : std::uint8_t {
    connection,     ///< the bytes of a TCP connection
    dns_stream,     ///< DNS over TCP (RFC 7766)
    dns_datagrams,  ///< DNS over UDP: messages with their length in front, as over TCP, answered one by one
  };
  Kind kind = Kind::connection;
  std::optional<HostPort> to;  ///< of a connection; none: its own first bytes have to say
  std::int32_t pid = 0;        ///< in the guest; 0 = not known
  std::string process;         ///< sanitised name; empty = not known

  friend bool operator==(const GuestPreamble&, const GuestPreamble&) = default;
};

/// The line, its leading NUL and its line end included.
std::string guest_preamble_bytes(const GuestPreamble& preamble);

struct ReadPreamble {
  GuestPreamble preamble;
  std::size_t size = 0;  ///< how many bytes it took
};
/// Reads the line off the start of a stream that begins with a NUL byte; nothing when more has to come. How
/// the bytes were cut makes no difference. Errors (bad_request) for what is no such line, is too long, or is
/// of another version.
Result<std::optional<ReadPreamble>> read_guest_preamble(std::string_view bytes);

/// Whether a stream that begins with `bytes` begins with the line's mark; nothing when more has to come.
std::optional<bool> begins_with_guest_mark(std::string_view bytes);

/// `name` as the line carries it: control bytes, spaces, '=' and what is not UTF-8 become '_', and what is
/// over kMostNameBytes is cut off.
std::string sanitised_process_name(std::string_view name);

}  // namespace weir::net
