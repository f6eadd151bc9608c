// Door: where a request was received, as far as reading its target needs to know.
#pragma once

#include "http/message.h"

namespace weir::http {

/// Decides which target forms are valid, and what origin a request without one of its own has.
struct Door {
  /// Inside a tunnel (or reverse mode): the origin every request on this connection goes to; its Host field
  /// is checked against it by the caller. Null on the proxy port itself.
  const Origin* tunnel = nullptr;
  /// Reverse mode: clients know us by names of their own, which say nothing about where to go.
  bool any_host = false;
};

}  // namespace weir::http
