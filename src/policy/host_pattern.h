// HostPattern: one pattern about hosts, as lists and rules write them.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/host_port.h"
#include "policy/address_range.h"

namespace weir::policy {

/// The place a question is about, read once for all patterns. Views `place`, which must outlive it. Does not
/// allocate.
class HostSubject {
 public:
  /// `place` must be canonical, as parse_host_port makes it.
  explicit HostSubject(const HostPort& place);
  HostSubject(const HostSubject&) = delete;
  HostSubject& operator=(const HostSubject&) = delete;

  /// The host; an IPv4-mapped IPv6 literal as the IPv4 address it means.
  std::string_view text() const { return text_; }
  std::uint16_t port() const { return port_; }
  const std::optional<AddressBytes>& address() const { return address_; }

 private:
  std::string_view text_;
  std::uint16_t port_;
  std::optional<AddressBytes> address_;
  char dotted_[INET_ADDRSTRLEN];
};

/// Patterns, case-insensitive, one trailing dot ignored, each with an optional ":port":
///   api.example.com     that host alone; a name in Unicode stands for its A-labels (UTS 46)
///   *.example.com       every name below it, at any depth, but not example.com itself
///   10.0.0.0/8          every address literal in the range (no port); names are never resolved
///   127.0.0.1, [::1]    that address; 2130706433, 0177.0.0.1, 127.1 and the like are the address they mean
///   *                   every host
struct HostPattern {
  enum class Kind : std::uint8_t { every, below, range, exact };
  static constexpr std::uint16_t kAnyPort = 0;

  Kind kind = Kind::every;
  std::string name = {};    ///< of exact; of below, without "*."
  AddressRange range = {};  ///< of range; one address is a range of one
  std::uint16_t port = kAnyPort;

  /// bad_config naming the pattern, what is wrong with it and what to write instead.
  static Result<HostPattern> parse(std::string_view pattern);
  bool matches(const HostSubject& subject) const;
};

/// Splits ":port" off the end of `text`: kAnyPort when there is none, nothing when it is no port. The colons
/// of an IPv6 literal without brackets are no port.
std::optional<std::uint16_t> take_port(std::string_view& text);

/// The name in a pattern in canonical form: Unicode as A-labels, odd spellings of IPv4 as dotted quads.
Result<std::string> canonical_pattern_host(std::string_view name);

}  // namespace weir::policy
