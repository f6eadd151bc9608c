#include "proxy/tunnel.h"

#include "async/task_group.h"
#include "wire/read_buffer.h"

namespace weir::proxy {
namespace {

constexpr auto kHalfClosedIdle = std::chrono::minutes(5);
constexpr auto kRoomPoll = std::chrono::milliseconds(5);

async::Task<Result<void>> copy(net::Stream& from, net::Stream& to, std::string_view first,
                               std::uint64_t& count, TunnelWatch* watch) {
  count += first.size();
  auto sent = co_await to.write(first);
  if (!sent) co_return pass(sent);
  if (watch && !first.empty()) watch->passed(from.side(), first);
  wire::ReadBuffer buffer;
  for (;;) {
    auto got = co_await buffer.fill(from);
    if (!got) co_return pass(got);
    if (*got == 0) {
      // The other direction may go on, but not wait for ever for a peer that ignores the end, nor outlive a
      // cancel() of the stream that has ended.
      from.on_hangup([&from, &to] {
        if (from.cancelled()) to.cancel();
      });
      to.set_read_deadline(to.loop().now() + kHalfClosedIdle);
      co_return co_await to.shutdown();
    }
    count += *got;
    sent = co_await to.write(buffer.data());
    if (!sent) co_return pass(sent);
    if (watch) watch->passed(from.side(), buffer.data());
    while (watch && !watch->has_room()) co_await async::sleep_until(to.loop(), to.loop().now() + kRoomPoll);
    buffer.consume(buffer.data().size());
  }
}

struct Directions {
  net::Stream& client;
  net::Stream& upstream;
  Result<void> outcome;
  bool client_told = false;  // that what it is sent has ended
  bool upstream_told = false;

  void ended(net::Stream& to, Result<void> result) {
    if (result) (&to == &client ? client_told : upstream_told) = true;
    if (result || !outcome) return;
    outcome = std::move(result);
    // What one peer has cut short must not look whole to the other.
    bool cut = outcome.error().code() != Code::cancelled;
    if (cut && !client_told) client.reset_on_close();
    if (cut && !upstream_told) upstream.reset_on_close();
    client.cancel();
    upstream.cancel();
  }
};

async::Task<void> run(Directions& both, net::Stream& from, net::Stream& to, std::string_view first,
                      std::uint64_t& count, TunnelWatch* watch) {
  auto result = co_await copy(from, to, first, count, watch);
  both.ended(to, std::move(result));
}

}  // namespace

async::Task<Result<void>> tunnel(net::Stream& client, net::Stream& upstream, std::string_view to_upstream,
                                 std::string_view to_client, TunnelCounts& counts, TunnelWatch* watch) {
  for (net::Stream* stream : {&client, &upstream}) {
    stream->set_read_deadline(kNever);
    stream->set_write_deadline(kNever);
  }
  Directions both{client, upstream, {}};
  async::TaskGroup group(client.loop());
  group.spawn(run(both, client, upstream, to_upstream, counts.to_upstream, watch));
  group.spawn(run(both, upstream, client, to_client, counts.to_client, watch));
  co_await group.join();
  client.on_hangup(nullptr);
  upstream.on_hangup(nullptr);
  co_return both.outcome;
}

}  // namespace weir::proxy
