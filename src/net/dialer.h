// Dialer: a name and a port to a connected TCP stream.
#pragma once

#include <functional>
#include <memory>

#include "base/host_port.h"
#include "net/resolver.h"
#include "net/tcp_stream.h"

namespace weir::net {

/// Says of an address that a name led to whether it may be dialled; an error when not.
using AddressCheck = std::function<Result<void>(const Address&)>;

struct Dialed {
  std::unique_ptr<TcpStream> stream;
  std::int64_t dns_us = -1;
  std::int64_t connect_us = -1;
  std::optional<Address> peer;  ///< which of the addresses it is
};

/// One a thread. Tries the addresses in order and starts the next when one fails, or has not answered for
/// 250 ms (RFC 8305), until one connects or the deadline comes; the losers are closed.
class Dialer {
 public:
  Dialer(async::Loop& loop, Resolver& resolver) : loop_(loop), resolver_(resolver) {}
  virtual ~Dialer() = default;

  /// Errors: those of Resolver; connect_refused, connect_unreachable, connect_timeout, connect_failed with
  /// the address in the context. Nothing has been sent: all are Retry::yes. Of the addresses only those are
  /// dialled that `check`, if there is one, lets pass; when it lets none, the dial ends with its first error.
  virtual async::Task<Result<Dialed>> dial(HostPort to, TimePoint deadline, AddressCheck check = {});
  /// Ends what is under way, and every later dial, with Code::cancelled.
  void cancel();

 private:
  struct Race;
  async::Task<Result<std::unique_ptr<TcpStream>>> connect(Address address, TimePoint deadline, Race* race);
  async::Task<void> run(Race& race, Address address, TimePoint deadline);
  async::Task<Result<std::unique_ptr<TcpStream>>> race(std::vector<Address> addresses, TimePoint deadline);

  async::Loop& loop_;
  Resolver& resolver_;
  std::vector<TcpStream*> connecting_;
  bool cancelled_ = false;
};

}  // namespace weir::net
