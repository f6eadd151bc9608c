#include "proxy/tunnel.h"

#include <memory>
#include <utility>

#include "async/event.h"
#include "async/task_group.h"

namespace weir::proxy {
namespace {

constexpr auto kHalfClosedIdle = std::chrono::minutes(5);
constexpr auto kRoomPoll = std::chrono::milliseconds(5);
// For a client to take what it is sent before its tunnel is cut.
constexpr auto kLastWords = std::chrono::seconds(5);

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
  /// Gives the memory back. What was in it is still somewhere, in a stream that holds it back: as long as
  /// that lasts this is one of the few that may be large.
  void lend();
  void release();

 private:
  static constexpr std::size_t kSmall = 32 << 10, kLarge = 512 << 10;
  static constexpr std::size_t kMostLarge = 16;
  static thread_local std::size_t t_large;

  void take();

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0, size_ = 0;
  bool bulk_ = false;
  bool large_ = false;  // it is counted
};
thread_local std::size_t Block::t_large = 0;

void Block::take() {
  bool large = bulk_ && (large_ || t_large < kMostLarge);
  if (memory_ && (capacity_ == kLarge || !large)) return;
  release();
  large_ = large;
  t_large += large;
  capacity_ = large ? kLarge : kSmall;
  memory_ = std::make_unique_for_overwrite<char[]>(capacity_);
}

void Block::lend() {
  memory_.reset();
  capacity_ = size_ = 0;
}

void Block::release() {
  lend();
  if (std::exchange(large_, false)) --t_large;
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

struct Directions;

/// One of the two.
struct Way {
  Directions& both;
  net::Stream& from;
  net::Stream& to;
  std::string_view first;
  std::uint64_t& count;
  TunnelWatch* watch;
  TunnelGuard* guard;   // of what is sent
  TunnelGuard* listen;  // is told what was sent
  bool told = false;    // `to`, that what it is sent has ended
  Result<void> result;

  void sent(std::string_view bytes) {
    count += bytes.size();
    if (watch) watch->passed(from.side(), bytes);
    if (listen) listen->told_client(bytes);
  }
};

struct Directions {
  net::Stream& client;
  net::Stream& upstream;
  Way up, down;
  async::Event down_ended;
  Result<void> outcome;
  bool refused = false;  // by the guard

  void ended(Way& way);
  void refuse();
};

void Directions::ended(Way& way) {
  if (way.result) way.told = true;
  if (&way == &down) down_ended.set();
  if (way.result || !outcome) return;
  outcome = way.result;
  if (refused) return refuse();
  // What one peer has cut short must not look whole to the other.
  bool cut = outcome.error().code() != Code::cancelled;
  if (cut && !down.told) client.reset_on_close();
  if (cut && !up.told) upstream.reset_on_close();
  client.cancel();
  upstream.cancel();
}

// What is on its way to the client gets there first, if the client takes it: it is to be told.
void Directions::refuse() {
  upstream.reset_on_close();
  upstream.cancel();
}

async::Task<Result<void>> give_cleared(Way& way, std::string_view bytes) {
  while (!bytes.empty()) {
    auto cleared = way.guard->look(bytes);
    way.both.refused = !cleared;
    if (!cleared) co_return pass(cleared);
    for (std::string_view part : {cleared->held, cleared->fresh}) {
      if (part.empty()) continue;
      auto given = co_await give(way.to, part);
      if (!given) co_return given;
      way.sent(part);
    }
    // To look at what a few bytes say may have taken long.
    if (!bytes.empty()) co_await async::sleep_until(way.to.loop(), way.to.loop().now());
  }
  co_return Result<void>();
}

async::Task<Result<void>> give_all(Way& way, std::string_view bytes) {
  auto given = co_await give(way.to, bytes);
  if (given && !bytes.empty()) way.sent(bytes);
  co_return given;
}

// The other direction may go on, but not wait for ever for a peer that ignores the end, nor outlive a
// cancel() of the stream that has ended.
async::Task<Result<void>> pass_end(Way& way) {
  if (way.guard) {
    auto given = co_await give_all(way, way.guard->rest());
    if (!given) co_return given;
  }
  way.from.on_hangup([&from = way.from, &to = way.to] {
    if (from.cancelled()) to.cancel();
  });
  way.to.set_read_deadline(way.to.loop().now() + kHalfClosedIdle);
  co_return co_await way.to.shutdown();
}

async::Task<Result<void>> copy(Way& way) {
  net::Stream& to = way.to;
  Block block;
  for (std::string_view bytes = way.first;; bytes = block.data()) {
    auto sent = way.guard ? co_await give_cleared(way, bytes) : co_await give_all(way, bytes);
    if (!sent) co_return sent;
    // A stream that holds back what it was given, to frame or encrypt it, is given no more: whoever does not
    // read costs one block, not two.
    for (;;) {
      auto flushed = to.flush_pending();
      if (!flushed) co_return pass(flushed);
      if (*flushed) break;
      block.lend();
      if (auto ready = co_await to.wait_writable(); !ready) co_return ready;
    }
    while (way.watch && !way.watch->has_room())
      co_await async::sleep_until(to.loop(), to.loop().now() + kRoomPoll);
    if (way.both.refused) co_return fail(Code::cancelled);
    auto got = co_await block.fill(way.from);
    if (!got) co_return got;
    if (block.data().empty()) co_return co_await pass_end(way);
  }
}

async::Task<void> run(Way& way) {
  Directions& both = way.both;
  way.result = co_await copy(way);
  both.ended(way);
  if (&way != &both.up || !both.refused) co_return;
  auto woken = co_await both.down_ended.wait(both.client.loop().now() + kLastWords);
  if (woken == async::Wake::timeout) both.client.cancel();
}

// Both ways have ended. A client that was sent part of something, or its end, cannot be told more.
async::Task<void> tell_client(Directions& both, TunnelGuard& guard) {
  net::Stream& client = both.client;
  bool can_hear = !both.down.result && both.down.result.error().code() == Code::cancelled;
  std::string words = can_hear && !client.cancelled() ? guard.last_words(both.outcome.error()) : "";
  if (!words.empty()) {
    client.set_write_deadline(client.loop().now() + kLastWords);
    auto told = co_await client.write(words);
    if (told) told = co_await client.shutdown();
    if (told) co_return;
  }
  if (!both.down.told) client.reset_on_close();
  client.cancel();
}

}  // namespace

async::Task<Result<void>> tunnel(net::Stream& client, net::Stream& upstream, std::string_view to_upstream,
                                 std::string_view to_client, TunnelCounts& counts, TunnelWatch* watch,
                                 TunnelGuard* guard) {
  for (net::Stream* stream : {&client, &upstream}) {
    stream->set_read_deadline(kNever);
    stream->set_write_deadline(kNever);
  }
  Directions both{client,
                  upstream,
                  {both, client, upstream, to_upstream, counts.to_upstream, watch, guard, nullptr, false, {}},
                  {both, upstream, client, to_client, counts.to_client, watch, nullptr, guard, false, {}},
                  async::Event(client.loop()),
                  {}};
  async::TaskGroup group(client.loop());
  group.spawn(run(both.up));
  group.spawn(run(both.down));
  co_await group.join();
  client.on_hangup(nullptr);
  upstream.on_hangup(nullptr);
  if (both.refused) co_await tell_client(both, *guard);
  co_return both.outcome;
}

}  // namespace weir::proxy
