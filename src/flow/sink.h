// Sink: where the accounts go. The walk hands events over and never waits for them to be written.
#pragma once

#include <cstddef>
#include <memory>

#include "flow/flow.h"
#include "flow/message.h"

namespace weir::flow {

/// What a sink does when its queue is full.
enum class WhenFull : std::uint8_t { slow, drop };

/// Takes the events of flows and connections. Every method may be called from any walk thread at once, never
/// blocks and never throws. For each flow: at most one `opened`, then exactly one `closed`. A short flow is
/// closed without having been opened; a long one is opened within 100 ms of its start, so that live views and
/// a crash see it. Messages of a flow come in the order of their numbers, before it closes.
class Sink {
 public:
  virtual ~Sink() = default;

  /// The flow as it stands: request head, who, maybe a response head. A private copy, bodies left out.
  virtual void opened(std::unique_ptr<const Flow> flow) = 0;
  /// The whole account. After this the flow's id is never seen again.
  virtual void closed(std::unique_ptr<const Flow> flow) = 0;
  /// A WebSocket message of a flow that is open, whether or not it was told as opened yet.
  virtual void message(std::unique_ptr<const Message> message) = 0;
  /// A connection, told once when it ends, or earlier when a flow that names it is told (then again at its
  /// end).
  virtual void connection(std::unique_ptr<const Connection> connection) = 0;

  /// False while the queue is over its high-water mark: under WhenFull::slow the walk waits before it takes
  /// the next request; under WhenFull::drop it goes on and the sink sheds bodies, then flows and messages,
  /// and counts them.
  virtual bool has_room() const = 0;
  /// True after writing failed (disk full, ...) and until it works again.
  virtual bool failing() const = 0;
};

}  // namespace weir::flow
