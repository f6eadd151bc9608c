// Reach: which addresses the clients of a thread are connected to. Asked by wire for every dial.
#pragma once

#include <memory>
#include <string_view>

#include "net/resolver.h"
#include "policy/address_guard.h"
#include "wire/upstream.h"

namespace weir::proxy {

/// One a thread. The guard is replaced whole, on the loop's thread; connections made under the one before
/// must not be used after (UpstreamPool::renew).
class Reach {
 public:
  explicit Reach(std::shared_ptr<const policy::AddressGuard> guard) : guard_(std::move(guard)) {}

  void replace(std::shared_ptr<const policy::AddressGuard> guard) { guard_ = std::move(guard); }

  /// As wire::ConnectorOptions::guard: a mark such as "to_private", or address_refused with what the client
  /// is told.
  Result<std::string_view> judge(wire::Caller caller, const HostPort& place,
                                 const net::Address* address) const;

 private:
  std::shared_ptr<const policy::AddressGuard> guard_;
};

/// Who a client at `peer` ("127.0.0.1:4711") is: on this machine, or elsewhere, which is also said of one
/// whose address is not known.
wire::Caller caller_at(std::string_view peer);

}  // namespace weir::proxy
