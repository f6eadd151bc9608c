// PolicyFilter: no request goes on that policy does not let pass. The first filter of all.
#pragma once

#include "proxy/filter.h"
#include "proxy/gate.h"

namespace weir::proxy {

/// Ends an exchange with `blocked`; where policy asks, it waits for a person's word first. Where a rule that
/// could say no is in force for the tunnel's host or for the one that Host names, the two must be one
/// (misdirected_request): a rule could be gone around otherwise. Behind a relay the session's own hosts come
/// before all that. `gate` must outlive this.
class PolicyFilter final : public Filter {
 public:
  explicit PolicyFilter(const Gate& gate) : gate_(gate) {}

  async::Task<Result<std::optional<Answer>>> on_request(Exchange& exchange) override;
  Moments moments() const override { return {.request = true}; }

 private:
  Result<void> check_relay(Exchange& exchange) const;
  Result<void> compare_names(Exchange& exchange) const;

  const Gate& gate_;
};

}  // namespace weir::proxy
