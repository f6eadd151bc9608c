#include "proxy/tunnel.h"

#include <memory>

#include "async/task_group.h"

namespace weir::proxy {
namespace {

constexpr auto kHalfClosedIdle = std::chrono::minutes(5);
constexpr auto kRoomPoll = std::chrono::milliseconds(5);

/// What one direction holds while bytes move. Where they come in bulk it is large, since each call of the
/// system, and each time a peer is woken, costs as much as many bytes; but few at once in a thread, so that
/// tunnels whose peers do not read hold little.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  ~Block() { release(); }

  /// What was read last; empty at the end of the stream.
  std::string_view data() const { return {memory_.get(), size_}; }
  /// Reads what comes next in place of that. Holds nothing while it waits.
  async::Task<Result<void>> fill(net::Stream& from);
  void release();

 private:
  static constexpr std::size_t kSmall = 32 << 10, kLarge = 512 << 10;
  static constexpr std::size_t kMostLarge = 16;
  static thread_local std::size_t t_large;

  void take();

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0, size_ = 0;
  bool bulk_ = false;
};
thread_local std::size_t Block::t_large = 0;

void Block::take() {
  bool large = bulk_ && t_large < kMostLarge;
  if (memory_ && (capacity_ == kLarge || !large)) return;
  release();
  t_large += large;
  capacity_ = large ? kLarge : kSmall;
  memory_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

void Block::release() {
  if (capacity_ == kLarge) --t_large;
  memory_.reset();
  capacity_ = size_ = 0;
}

async::Task<Result<void>> Block::fill(net::Stream& from) {
  for (;;) {
    take();
    auto got = from.try_read({memory_.get(), capacity_});
    if (!got) co_return pass(got);
    if (*got) {
      size_ = **got;
      bulk_ = size_ > kSmall / 2;
      co_return Result<void>();
    }
    release();
    auto ready = co_await from.wait_readable();
    if (!ready) co_return ready;
  }
}

/// As Stream::write, but what the stream holds back may still be under way.
async::Task<Result<void>> give(net::Stream& to, std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = to.try_write({&bytes, 1});
    if (!sent) co_return pass(sent);
    bytes.remove_prefix(*sent);
    if (*sent > 0) continue;
    if (auto ready = co_await to.wait_writable(); !ready) co_return ready;
  }
  co_return Result<void>();
}

async::Task<Result<void>> copy(net::Stream& from, net::Stream& to, std::string_view first,
                               std::uint64_t& count, TunnelWatch* watch) {
  count += first.size();
  auto sent = co_await to.write(first);
  if (!sent) co_return pass(sent);
  if (watch && !first.empty()) watch->passed(from.side(), first);
  Block block;
  for (;;) {
    auto got = co_await block.fill(from);
    if (!got) co_return got;
    if (block.data().empty()) {
      // The other direction may go on, but not wait for ever for a peer that ignores the end, nor outlive a
      // cancel() of the stream that has ended.
      from.on_hangup([&from, &to] {
        if (from.cancelled()) to.cancel();
      });
      to.set_read_deadline(to.loop().now() + kHalfClosedIdle);
      co_return co_await to.shutdown();
    }
    count += block.data().size();
    sent = co_await give(to, block.data());
    if (!sent) co_return pass(sent);
    if (watch) watch->passed(from.side(), block.data());
    // A stream that holds back what it was given, to frame or encrypt it, is given no more: whoever does not
    // read costs one block, not two.
    for (;;) {
      auto flushed = to.flush_pending();
      if (!flushed) co_return pass(flushed);
      if (*flushed) break;
      block.release();
      if (auto ready = co_await to.wait_writable(); !ready) co_return ready;
    }
    while (watch && !watch->has_room()) co_await async::sleep_until(to.loop(), to.loop().now() + kRoomPoll);
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
