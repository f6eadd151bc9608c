// Gate: where the walk asks policy, and writes what it said into the account.
#pragma once

#include <memory>

#include "flow/flow.h"
#include "policy/policy.h"

namespace weir::proxy {

/// One a thread. The policy is replaced whole, on the loop's thread: what was judged stays judged, the next
/// request meets the new one, on kept-alive connections as well.
class Gate {
 public:
  explicit Gate(std::shared_ptr<const policy::Policy> policy) : policy_(std::move(policy)) {}

  void replace(std::shared_ptr<const policy::Policy> policy) { policy_ = std::move(policy); }
  const policy::Policy& policy() const { return *policy_; }

  /// Ok when the request may pass. Errors: blocked, with the words that the client is told. The verdict is
  /// written into `flow` either way.
  Result<void> judge(flow::Flow& flow, const policy::Question& question) const;
  /// A tunnel whose content nobody will see.
  Result<void> judge_tunnel(flow::Flow& flow, const http::Origin& origin) const;

 private:
  std::shared_ptr<const policy::Policy> policy_;
};

}  // namespace weir::proxy
