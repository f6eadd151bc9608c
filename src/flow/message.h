// Message: the account of one WebSocket message or control frame of a flow.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "flow/flow.h"
#include "http/ws/message.h"

namespace weir::flow {

/// Told when its last byte has passed. `number` counts both directions of the flow together, from 1, in the
/// order in which the messages ended: a number that is missing in the record is a message that was not kept.
struct Message {
  FlowId flow = 0;
  std::uint32_t number = 0;
  WallNanos time = 0;
  bool from_client = false;
  http::ws::Message content;
};

}  // namespace weir::flow
