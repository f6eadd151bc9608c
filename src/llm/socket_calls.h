// SocketCalls: the calls of models over one WebSocket, each from its request to its end.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"
#include "llm/call_reader.h"
#include "llm/model_call.h"
#include "llm/realtime_state.h"

namespace weir::llm {

/// OpenAI's Responses and Realtime APIs. A `response.create` of the client begins a call, as does a response
/// that upstream begins by itself (Realtime, when somebody has spoken); its last event ends it. Of several
/// under way each event is its own by `response_id`, or the first one's. Never fails; memory is bounded. One
/// thread.
class SocketCalls {
 public:
  static constexpr std::size_t kMostOpen = 16;

  /// A message, or the beginning of it (`cut`).
  struct Message {
    std::string_view text;
    bool cut = false;
    TimePoint at;
  };
  /// When the WebSocket was asked for, by both clocks.
  struct Begun {
    WallNanos wall = 0;
    TimePoint at;
  };

  /// `model`: that of the path or the query, where there is one. `told` gets each call as it ends.
  SocketCalls(Protocol protocol, http::RequestHead head, std::string model, Begun begun,
              std::function<void(ModelCall)> told);

  /// The head that opened it: what it says of limits is the first call's.
  void response_head(const http::ResponseHead& head, TimePoint at);
  void from_client(const Message& message);
  void from_upstream(const Message& message);
  /// A message has not been seen: calls under way are not whole.
  void left_out(std::string_view why);
  /// The WebSocket has ended, and what is under way with it.
  void finish(TimePoint at);

 private:
  struct Open {
    TimePoint at;
    std::unique_ptr<CallReader> reader;
    std::string id;                 // of the response, once upstream has begun it
    std::string event;              // the client's name for what it sent
    std::uint16_t status = 0;       // that an error came with
    std::optional<TimePoint> over;  // an error has come; that the response has failed may follow
  };
  struct Event;
  using Calls = std::deque<Open>;

  Open& begin(std::string_view request, const Message& message);
  void answer(const Event& event, const Message& message);
  void fail(const Event& event, const Message& message);
  Calls::iterator owner(const Event& event);
  Calls::iterator not_begun();
  Calls::iterator refused(const Event& event);
  void give(Calls::iterator call, const Message& message);
  void end(Calls::iterator call, TimePoint at);
  void end_failed();

  const Protocol protocol_;
  const http::RequestHead head_;
  const std::string model_;
  const Begun begun_;
  const std::function<void(ModelCall)> told_;
  RealtimeState realtime_;
  Calls open_;
  ModelCall opening_;  // what the head of the response said
};

}  // namespace weir::llm
