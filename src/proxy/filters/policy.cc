#include "proxy/filters/policy.h"

namespace weir::proxy {

async::Task<Result<std::optional<Answer>>> PolicyFilter::on_request(Exchange& exchange) {
  auto judged = judge(exchange);
  if (!judged) co_return pass(judged);
  co_return std::nullopt;
}

Result<void> PolicyFilter::judge(Exchange& exchange) const {
  const policy::Policy& policy = gate_.policy();
  if (policy.off()) return {};
  const http::Origin& origin = exchange.route().origin;
  if (const auto& claimed = exchange.claimed()) {
    bool free = policy.always_allows(origin) && policy.always_allows({origin.scheme, *claimed});
    if (!free)
      return fail(Code::misdirected_request,
                  "Host is " + claimed->str() + " on a connection to " + origin.place.str());
  }
  return gate_.judge(
      exchange.flow(),
      {.origin = origin, .method = exchange.request().method, .target = exchange.request().target});
}

}  // namespace weir::proxy
