#include "proxy/read_ahead.h"

namespace weir::proxy {
namespace {

/// Ends a read that takes too long. A timer of its own: the body's limits are those of any other.
class Patience : private async::Timer {
 public:
  Patience(async::Loop& loop, wire::Incoming& incoming, Duration patience)
      : Timer(loop), incoming_(incoming) {
    schedule(loop.now() + patience);
  }
  bool over() const { return over_; }

 private:
  void fire() override {
    over_ = true;
    incoming_.stop_body();
  }
  wire::Incoming& incoming_;
  bool over_ = false;
};

}  // namespace

async::Task<Result<ReadAhead>> read_ahead(async::Loop& loop, Exchange& exchange, std::string_view who) {
  wire::Incoming& incoming = exchange.incoming();
  // Who waits for a word before he sends the body gets it from us: upstream is not asked yet.
  if (exchange.request().fields.has("expect")) {
    exchange.request().fields.remove("expect");
    http::ResponseHead go_on;
    go_on.status = 100;
    go_on.reason = "Continue";
    if (auto told = co_await incoming.inform(go_on); !told) co_return pass(told);
  }
  wire::Body& body = exchange.body();
  Patience patience(loop, incoming, ReadAhead::kPatience);
  std::string read;
  while (!body.finished() && read.size() <= ReadAhead::kMostBody) {
    auto part = co_await body.read();
    if (!part && patience.over())
      co_return fail(Code::client_timeout, "the body did not come within 10 s: " + std::string(who));
    if (!part) co_return pass(part);
    // What all exchanges hold together is bounded; given back at this one's end.
    if (!exchange.recording().hold(part->size()))
      co_return fail(Code::overloaded, "too many bodies have to be read at once: " + std::string(who));
    read.append(*part);
  }
  ReadAhead out{std::make_shared<const std::string>(std::move(read)), !body.finished()};
  exchange.hold_body(out.body);
  co_return out;
}

}  // namespace weir::proxy
