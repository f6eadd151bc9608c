// RemoteSocket: a socket to a syslog receiver, used by one thread that may wait, but not for ever.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/host_port.h"
#include "store/remote_channel.h"

namespace weir::store {

/// One thread. Everything that waits ends after Options::timeout or at the deadline, whichever comes first,
/// name resolution too.
class RemoteSocket {
 public:
  enum class Kind : std::uint8_t { local, udp, tcp };
  struct Options {
    Kind kind = Kind::local;
    std::string path;  ///< of local: a datagram socket
    HostPort place;    ///< of the others
    std::chrono::milliseconds timeout{10'000};
  };

  explicit RemoteSocket(Options options) : options_(std::move(options)) {}

  /// Makes sure that there is a connection as far as can be known: what a receiver that has closed it was
  /// sent last would be lost.
  Result<> connect(const RemoteDeadline& deadline);
  /// All of `bytes`, for datagrams as one. After an error there is no connection; but after one with
  /// Code::incomplete, which says that the receiver's system takes no datagram of that size.
  Result<> send(std::string_view bytes, const RemoteDeadline& deadline);
  /// Waits until the receiver has closed its side, too.
  void finish(const RemoteDeadline& deadline);
  /// For messages: "udp logs.example:514".
  std::string name() const;

 private:
  Result<> connect_local();
  Result<> connect_network(const RemoteDeadline& deadline);
  bool gone();

  const Options options_;
  UniqueFd socket_;
  std::size_t turn_ = 0;  // of the place's addresses
};

}  // namespace weir::store
