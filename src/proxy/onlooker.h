// Onlooker: looks on at an exchange as it passes, and cannot touch it.
#pragma once

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "flow/flow.h"
#include "http/message.h"
#include "http/ws/message.h"

namespace weir::proxy {

/// Of one exchange, on its thread. Nothing here may wait, and views are valid during the call alone: the
/// traffic goes on when it returns. Bodies come as they are on the wire, codings and all. What never happens
/// is never told; `ended` is told last, of every exchange.
class Onlooker {
 public:
  static constexpr std::size_t kMostMessage = 8 << 20;

  virtual ~Onlooker() = default;

  virtual void request_part(std::string_view part) = 0;
  /// The request has gone out whole; a response may have come before.
  virtual void request_sent(TimePoint at) = 0;
  virtual void response_head(const http::ResponseHead& head, TimePoint at) = 0;
  virtual void response_part(std::string_view part, TimePoint at) = 0;
  /// Of a WebSocket, when the last byte of the message has been sent on: data, decoded, at most kMostMessage
  /// of it (`truncated` or `problem` say what may be missing). `flow` names its sender, if it is known.
  virtual void message(const flow::Flow& flow, Side from, const http::ws::Message& message, TimePoint at) {
    (void)flow, (void)from, (void)message, (void)at;
  }
  /// `flow` is complete but for its timing; its error says whether the response is.
  virtual void ended(const flow::Flow& flow, TimePoint at) = 0;
};

/// Who may want to look on. Any thread.
class Onlookers {
 public:
  virtual ~Onlookers() = default;
  /// Asked when a request is about to be sent on, with its head; null, as for most, when nobody cares.
  /// `recorded`: false for what is to be kept out of every record.
  virtual std::unique_ptr<Onlooker> look_on(const flow::Flow& flow, bool recorded, TimePoint now) = 0;
};

}  // namespace weir::proxy
