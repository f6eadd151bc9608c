#include "proxy/minter.h"

#include <memory>

#include "async/event.h"

namespace weir::proxy {

async::Task<Result<tls::LeafPtr>> Minter::leaf(async::Loop& loop, std::string host) {
  if (tls::LeafPtr found = cache_.find(host)) co_return found;
  struct Flight {
    explicit Flight(async::Loop& loop) : landed(loop) {}
    async::Event landed;
    Result<tls::LeafPtr> result = fail(Code::internal, "no leaf");
  };
  auto flight = std::make_shared<Flight>(loop);
  // The callback runs on whichever thread minted; the result crosses to this loop by a post.
  auto done = [flight, &loop](Result<tls::LeafPtr> result) {
    loop.post([flight, result = std::move(result)]() mutable {
      flight->result = std::move(result);
      flight->landed.set();
    });
  };
  if (cache_.join(host, std::move(done)))
    workers_.submit([this, host] { cache_.land(host, tls::mint(authority_, host)); });
  co_await flight->landed.wait();
  co_return std::move(flight->result);
}

}  // namespace weir::proxy
