// Netlink: building messages of nested attributes, and one request with its answer (RFC 3549).
//
// Written out here, and not taken from a library, since the relay inside a guest, which is static and small,
// says the same things to its kernel; docs/decisions/0005.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace weir::sandbox {

/// One or more messages in the making. Not thread-safe.
class NetlinkMessages {
 public:
  /// Begins a message; `body` is the fixed struct of its type.
  template <typename Body>
  void begin(std::uint16_t type, std::uint16_t flags, const Body& body) {
    open(type, flags, std::string_view(reinterpret_cast<const char*>(&body), sizeof body));
  }
  void open(std::uint16_t type, std::uint16_t flags, std::string_view body);

  void attribute(std::uint16_t type, std::string_view bytes);
  /// A string with its NUL, as the kernel wants most names.
  void text(std::uint16_t type, std::string_view value);
  /// In network byte order, as nf_tables wants all its numbers.
  void big32(std::uint16_t type, std::uint32_t value);
  void native32(std::uint16_t type, std::uint32_t value);
  void byte(std::uint16_t type, std::uint8_t value);
  /// What `inside` adds is nested in an attribute of `type`.
  void nest(std::uint16_t type, const std::function<void()>& inside);

  /// The bytes, each message with its true length and a sequence number, counted from `sequence`.
  std::string finish(std::uint32_t sequence);
  std::size_t count() const { return starts_.size(); }

 private:
  void close_last();
  std::string bytes_;
  std::vector<std::size_t> starts_;
};

/// The attributes of a received message: type (without flag bits) and payload, in their order. Views into
/// `bytes`. Stops at the first malformed one.
struct NetlinkAttribute {
  std::uint16_t type;
  std::string_view payload;
};
std::vector<NetlinkAttribute> attributes_of(std::string_view bytes);
/// The payload of the first of `type`; a null view when there is none.
std::string_view find_attribute(std::span<const NetlinkAttribute> attributes, std::uint16_t type);

/// One answer to a dump.
struct NetlinkAnswer {
  std::uint16_t type;
  std::string body;  ///< after the netlink header
};

/// A netlink socket of the network namespace that the thread is in when it is opened. Blocks; every wait is
/// bounded by two seconds.
class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(int protocol);
  /// Takes a netlink socket that was opened elsewhere: it stays in the namespace it was opened in.
  static NetlinkSocket adopt(UniqueFd socket);

  /// Sends `messages` at once; fails with the kernel's first complaint, said for `what`. Each message that
  /// wants one (NLM_F_ACK) is waited for.
  Result<> request(NetlinkMessages messages, std::string_view what);
  /// Sends one dump request and collects all answers.
  Result<std::vector<NetlinkAnswer>> dump(NetlinkMessages message, std::string_view what);
  /// Sends one request that has one answer; nothing when the kernel says that there is no such thing
  /// (ENOENT).
  Result<std::optional<NetlinkAnswer>> ask(NetlinkMessages message, std::string_view what);

 private:
  explicit NetlinkSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<std::string> receive(std::string_view what);

  UniqueFd fd_;
  std::uint32_t sequence_ = 1;
};

}  // namespace weir::sandbox
