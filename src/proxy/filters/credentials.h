// CredentialFilter: sees that a secret goes where it belongs, and neither it nor its placeholder anywhere
// else.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "broker/request.h"
#include "proxy/filter.h"
#include "proxy/secrets.h"

namespace weir::proxy {

/// The last of the filters: what it judged is what leaves. Bodies are looked at as they pass.
class CredentialFilter final : public Filter {
 public:
  /// Both outlive it.
  CredentialFilter(async::Loop& loop, Secrets& secrets) : loop_(loop), secrets_(secrets) {}

  async::Task<Result<std::optional<Answer>>> on_request(Exchange& exchange) override;
  Moments moments() const override { return {.request = true}; }

 private:
  Result<void> compare_names(Exchange& exchange) const;
  async::Task<Result<broker::SecretPtr>> secret_of(Exchange& exchange, std::size_t binding);
  async::Task<Result<void>> sign_again(Exchange& exchange, const broker::AwsPlan& plan,
                                       std::unique_ptr<Disclosure> spoken);
  void guard_body(Exchange& exchange, std::shared_ptr<const broker::Guard> guard, broker::Allowed allowed);
  void guard_tunnel(Exchange& exchange, broker::Allowed allowed);

  async::Loop& loop_;
  Secrets& secrets_;
};

}  // namespace weir::proxy
