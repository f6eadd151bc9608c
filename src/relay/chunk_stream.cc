#include "relay/chunk_stream.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

namespace weir::relay {
namespace {

// Control frames that a peer who does not read has asked for; then it is cut.
constexpr std::size_t kMostQueued = 16 << 10;
constexpr std::uint8_t kClose = 8, kPong = 10;
constexpr std::string_view kNormalClosure("\x03\xE8", 2);  // 1000
constexpr std::string_view kGoingAway("\x03\xE9", 2);      // 1001
constexpr std::string_view kProtocolError("\x03\xEA", 2);  // 1002

}  // namespace

ChunkStream::ChunkStream(std::unique_ptr<net::Stream> inner, End end, std::string early)
    : Stream(inner->side()),
      inner_(std::move(inner)),
      end_(end),
      reader_(end == End::server),
      early_(std::move(early)),
      last_sent_(inner_->loop().now()) {}

Result<std::optional<std::size_t>> ChunkStream::try_read(std::span<char> into) {
  if (peer_closed_) return std::optional<std::size_t>(0);
  for (;;) {
    std::size_t came = 0;
    if (!early_.empty()) {
      came = std::min(early_.size(), into.size());
      std::memcpy(into.data(), early_.data(), came);
      early_.erase(0, came);
    } else {
      auto got = inner_->try_read(into);
      if (!got) return pass(got);
      if (!*got) return std::nullopt;
      // What was cut must not look whole.
      if (**got == 0)
        return fail(side() == Side::client ? Code::client_closed : Code::upstream_closed,
                    "the other end of the relay went without a close frame");
      came = **got;
      heard();
    }
    auto taken = take(into.first(came));
    if (!taken) return pass(taken);
    bytes_in_ += *taken;
    if (received_) received_->fetch_add(*taken, std::memory_order_relaxed);
    if (*taken > 0 || peer_closed_) return std::optional(*taken);
  }
}

// Leaves the tunnel's bytes at the front.
Result<std::size_t> ChunkStream::take(std::span<char> bytes) {
  char* const front = bytes.data();
  std::size_t size = 0;
  for (;;) {
    auto step = reader_.next(bytes);
    switch (step.event) {
      case ChunkReader::Event::none: return size;
      case ChunkReader::Event::data:
        if (step.data.data() != front + size) std::memmove(front + size, step.data.data(), step.data.size());
        size += step.data.size();
        break;
      case ChunkReader::Event::ping: queue_control(kPong, step.data); break;
      case ChunkReader::Event::close: peer_closed_ = true; return size;
      case ChunkReader::Event::broken:
        queue_control(kClose, kProtocolError);
        closed_ = true;
        return fail(side() == Side::client ? Code::bad_request : Code::upstream_bad_response,
                    "the other end of the relay sent " + std::string(reader_.broken()));
    }
  }
}

Result<std::size_t> ChunkStream::try_write(std::span<const std::string_view> pieces) {
  auto flushed = flush_pending();
  if (!flushed) return pass(flushed);
  if (!*flushed) return 0;
  std::array<std::string_view, kMaxPieces> chunk;
  std::size_t count = 0, size = 0;
  for (std::string_view piece : pieces) {
    if (size == kMostChunk || count == chunk.size()) break;
    chunk[count] = piece.substr(0, kMostChunk - size);
    size += chunk[count++].size();
  }
  if (size == 0) return 0;
  append_chunk(out_, std::span(chunk).first(count), new_mask());
  bytes_out_ += size;
  if (sent_total_) sent_total_->fetch_add(size, std::memory_order_relaxed);
  if (auto sent = flush_pending(); !sent) return pass(sent);
  return size;
}

Result<bool> ChunkStream::flush_pending() {
  while (sent_ < out_.size()) {
    std::string_view rest = std::string_view(out_).substr(sent_);
    auto wrote = inner_->try_write({&rest, 1});
    if (!wrote) return pass(wrote);
    if (*wrote == 0) return false;
    sent_ += *wrote;
    last_sent_ = loop().now();
  }
  sent_ = 0;
  std::string().swap(out_);
  return inner_->flush_pending();
}

async::Task<Result<void>> ChunkStream::wait_writable() {
  inner_->set_write_deadline(write_deadline_);
  return inner_->wait_writable();
}

async::Task<Result<void>> ChunkStream::shutdown() {
  if (std::exchange(closed_, true)) co_return Result<void>();
  append_control(out_, kClose, kNormalClosure, new_mask());
  for (;;) {
    auto flushed = flush_pending();
    if (!flushed) co_return pass(flushed);
    if (*flushed) break;
    auto waited = co_await wait_writable();
    if (!waited) co_return waited;
  }
  // Where both have said so the connection itself may go.
  if (peer_closed_) co_return co_await inner_->shutdown();
  co_return Result<void>();
}

Result<void> ChunkStream::keep_alive() {
  if (closed_ || !out_.empty()) return {};
  append_chunk(out_, "", new_mask());
  auto flushed = flush_pending();
  if (!flushed) return pass(flushed);
  return {};
}

void ChunkStream::set_idle_limit(Duration limit) {
  idle_limit_ = limit;
  heard();
}

void ChunkStream::heard() {
  if (idle_limit_ == Duration::zero()) return;
  idle_deadline_ = loop().now() + idle_limit_;
  inner_->set_read_deadline(std::min(read_deadline_, idle_deadline_));
}

void ChunkStream::cancel() {
  if (!abrupt_ && !inner_->cancelled()) {
    queue_control(kClose, kGoingAway);
    closed_ = true;
  }
  inner_->cancel();
}

// A pong that cannot be sent now goes with what is written next; a write that fails now will fail then as
// well.
void ChunkStream::queue_control(std::uint8_t opcode, std::string_view payload) {
  if (closed_ || out_.size() - sent_ > kMostQueued) return;
  append_control(out_, opcode, payload, new_mask());
  std::ignore = flush_pending();
}

const http::ws::Mask* ChunkStream::new_mask() {
  if (end_ == End::server) return nullptr;
  // Four bytes are had at once, or not at all: then there is no randomness on this machine.
  if (::getrandom(mask_.data(), mask_.size(), 0) != static_cast<ssize_t>(mask_.size())) std::abort();
  return &mask_;
}

}  // namespace weir::relay
