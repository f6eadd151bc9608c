// Disclosure: the last step before a request leaves: its secrets are put in, into a copy that lives no longer
// than it takes to send it.
#pragma once

#include "http/message.h"

namespace weir::proxy {

/// Of one exchange. May be called again, when the request is sent again.
class Disclosure {
 public:
  virtual ~Disclosure() = default;
  virtual Result<http::RequestHead> disclose(const http::RequestHead& head) = 0;
  /// What the origin answered.
  virtual void answered(std::uint16_t status) = 0;
};

}  // namespace weir::proxy
