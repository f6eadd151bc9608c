// SyslogChannel: entries to a syslog daemon, on this machine or another.
#pragma once

#include "store/remote_channel.h"
#include "store/remote_socket.h"
#include "store/remote_syslog_text.h"

namespace weir::store {

/// A message each: datagrams, or over TCP frames with their length in front (RFC 6587 section 3.4.1). Nothing
/// of this is acknowledged: what the system took counts as sent, and over TCP what was under way when the
/// connection broke is lost.
class SyslogChannel final : public RemoteChannel {
 public:
  SyslogChannel(RemoteSocket::Options socket, SyslogStyle style)
      : framed_(socket.kind == RemoteSocket::Kind::tcp),
        socket_(std::move(socket)),
        style_(std::move(style)) {}

  RemoteDelivery send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) override;
  void finish(const RemoteDeadline& deadline) override { socket_.finish(deadline); }

 private:
  const bool framed_;
  RemoteSocket socket_;
  const SyslogStyle style_;
};

}  // namespace weir::store
