#include "store/remote_syslog.h"

namespace weir::store {

RemoteDelivery SyslogChannel::send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) {
  RemoteDelivery out;
  if (auto connected = socket_.connect(deadline); !connected) {
    out.error = connected.error();
    return out;
  }
  for (const RemoteEntry& entry : batch) {
    std::string message = syslog_message(entry, style_);
    if (framed_) message.insert(0, std::to_string(message.size()) + " ");
    auto sent = socket_.send(message, deadline);
    if (!sent) {
      out.refused = sent.error().code() == Code::incomplete ? 1 : 0;
      out.error = sent.error();
      return out;
    }
    ++out.sent;
  }
  return out;
}

}  // namespace weir::store
