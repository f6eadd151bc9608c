#include "proxy/filters/policy.h"

namespace weir::proxy {

async::Task<Result<std::optional<Answer>>> PolicyFilter::on_request(Exchange& exchange) {
  if (auto may = check_relay(exchange); !may) co_return pass(may);
  if (gate_.policy().off()) co_return std::nullopt;
  if (auto named = compare_names(exchange); !named) co_return pass(named);
  policy::Question question{.origin = exchange.judged_as(),
                            .method = exchange.request().method,
                            .target = exchange.request().target};
  auto judged = gate_.judge(exchange.flow(), question);
  if (!judged) co_return pass(judged);
  if (*judged == Gate::Passage::free) co_return std::nullopt;
  wire::Incoming& incoming = exchange.incoming();
  auto on_gone = [&incoming](std::move_only_function<void()> call) {
    incoming.on_client_gone(std::move(call));
  };
  auto asked = co_await gate_.ask(exchange.flow(), question, on_gone);
  // Rules that came meanwhile may be about the other name.
  if (asked) asked = compare_names(exchange);
  if (asked) co_return std::nullopt;
  exchange.client_gone = asked.error().code() == Code::client_closed;
  co_return pass(asked);
}

// A session's own hosts, whatever policy says of them. Another host may be named to them as little as it may
// be reached.
Result<void> PolicyFilter::check_relay(Exchange& exchange) const {
  const RelaySessionPtr& relay = exchange.client().relay;
  if (!relay) return {};
  WallNanos now = wall_now();
  if (auto may = relay->may_reach(exchange.judged_as().place, now); !may) return may;
  if (!exchange.claimed()) return {};
  return relay->may_reach(*exchange.claimed(), now);
}

Result<void> PolicyFilter::compare_names(Exchange& exchange) const {
  const auto& claimed = exchange.claimed();
  const http::Origin& origin = exchange.judged_as();
  if (!claimed || (gate_.always_allows(origin) && gate_.always_allows({origin.scheme, *claimed}))) return {};
  return fail(Code::misdirected_request,
              "a request for " + claimed->str() + " on a connection to " + origin.place.str());
}

}  // namespace weir::proxy
