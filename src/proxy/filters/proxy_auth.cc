#include "proxy/filters/proxy_auth.h"

namespace weir::proxy {

async::Task<Result<std::optional<Answer>>> ProxyAuth::on_request(Exchange& exchange) {
  if (exchange.client().tunnel) co_return std::nullopt;
  // As it was received: what is sent on no longer has the field.
  auto admitted = credentials_.admit(exchange.flow().request.fields);
  if (!admitted) co_return pass(admitted);
  co_return std::nullopt;
}

}  // namespace weir::proxy
