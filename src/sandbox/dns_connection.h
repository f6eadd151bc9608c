// DnsConnection: one TCP client of the DNS responder (RFC 7766): queries in any number and cut anywhere, each
// with its length in front, answered in their order.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/fd.h"
#include "sandbox/dns_zone.h"

namespace weir::sandbox {

/// One thread. Never blocks. Holds one query and 4 kB behind it, and the answers to those: a client that does
/// not take its answers is not read from.
class DnsConnection {
 public:
  /// `socket` is non-blocking; `zone` must live longer. Unless it takes an answer within `idle` it is over,
  /// however many single bytes come.
  DnsConnection(UniqueFd socket, const DnsZone& zone, Duration idle, TimePoint now)
      : socket_(std::move(socket)), zone_(&zone), idle_(idle), deadline_(now + idle) {}

  int fd() const { return socket_.get(); }
  /// What to wait for with poll.
  short wanted() const;
  TimePoint deadline() const { return deadline_; }
  void close() { socket_.reset(); }

  /// Does what can be done now. False when it is over: the client left and has what it asked for, failed, or
  /// sent what is no query.
  bool serve(TimePoint now);

 private:
  bool receive();
  void answer();
  bool flush(TimePoint now);

  UniqueFd socket_;
  const DnsZone* zone_;
  Duration idle_;
  TimePoint deadline_;
  std::string input_;
  std::string output_;
  bool ended_ = false;  ///< nothing more is read
};

}  // namespace weir::sandbox
