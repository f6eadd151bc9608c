// ProxyAuth: requests on the proxy port come from users of the proxy.
#pragma once

#include "proxy/credentials.h"
#include "proxy/filter.h"

namespace weir::proxy {

/// Ends an exchange with proxy_auth_required (407) unless its request shows the credentials that are wanted.
/// Inside a tunnel nothing is asked: whoever opened it has shown them. `credentials` must outlive this.
class ProxyAuth final : public Filter {
 public:
  explicit ProxyAuth(const Credentials& credentials) : credentials_(credentials) {}

  async::Task<Result<std::optional<Answer>>> on_request(Exchange& exchange) override;
  Moments moments() const override { return {.request = credentials_.wanted()}; }

 private:
  const Credentials& credentials_;
};

}  // namespace weir::proxy
