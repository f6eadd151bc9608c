// Reading a request's body before it is sent on, for who has to know it first.
#pragma once

#include <memory>
#include <string>

#include "proxy/exchange.h"

namespace weir::proxy {

struct ReadAhead {
  static constexpr std::size_t kMostBody = 32 << 20;
  static constexpr Duration kPatience = std::chrono::seconds(10);

  std::shared_ptr<const std::string> body;  ///< at most a part more than kMostBody
  bool cut = false;                         ///< it goes on
};

/// What was read goes out first when the body is sent. A client that waits for 100 Continue gets it. `who`
/// needs it and why, for the errors: client_timeout after kPatience; overloaded when what all exchanges hold
/// is too much; those of the body.
async::Task<Result<ReadAhead>> read_ahead(async::Loop& loop, Exchange& exchange, std::string_view who);

}  // namespace weir::proxy
