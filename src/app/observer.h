// Observer: sees the flows of a running server go by, before they are stored.
#pragma once

#include "flow/flow.h"

namespace weir::app {

class Observer {
 public:
  virtual ~Observer() = default;
  /// Called on walk threads, several at once; must be quick and must not block.
  virtual void closed(const flow::Flow& flow) = 0;
};

}  // namespace weir::app
