// Allowance: what budgets have let one exchange take.
#pragma once

#include <cstdint>

namespace weir::proxy {

/// What a request has taken of its budgets. Of its thread; destroying it gives back what is held, unless
/// somebody else will account for it.
class Allowance {
 public:
  virtual ~Allowance() = default;
  /// More of an upload whose length was not known; false: it must end.
  virtual bool upload(std::uint64_t bytes) = 0;
  /// The exchange is over: what of an upload was sent, and whether the request went out whole.
  virtual void ended(std::uint64_t uploaded, bool sent) = 0;
  /// The onlooker of the exchange knows what it came to, and accounts for it.
  virtual void leave_to_onlooker() = 0;
};

}  // namespace weir::proxy
