#include "wire/h2_connection.h"

#include <string.h>

#include <cassert>
#include <utility>

#include "base/secret_bytes.h"
#include "wire/h2_stream.h"

namespace weir::wire {
namespace {

// What may wait for the writer. Twice this is in memory at most: what is being written, and what is next.
constexpr std::size_t kOutLimit = 64 * 1024;
// What a connection without anything to send may keep of its buffers.
constexpr std::size_t kIdleBuffer = 4 * 1024;
// Answers that wait for a peer which sends and does not read. Beyond, we do not read either.
constexpr std::size_t kMaxQueued = 256;
constexpr auto kFarewell = std::chrono::seconds(2);

}  // namespace

H2Connection::H2Connection(net::Stream& stream, http::h2::Role role, const H2Limits& limits)
    : stream_(stream),
      limits_(limits),
      session_(role, limits.session, *this, stream.loop().now()),
      wake_(stream.loop()),
      room_(stream.loop()),
      group_(stream.loop()) {
  group_.spawn(write_frames());
}

H2Connection::~H2Connection() { assert(live_ == 0); }

void H2Connection::pump() {
  if (!write_failure_ && session_.produce(out_, kOutLimit)) secret_ = true;
}

async::Task<void> H2Connection::write_frames() {
  for (;;) {
    pump();
    // The reader waits for a peer that may wait for us to close.
    if (session_.fault()) stream_.interrupt_read();
    if (out_.empty()) {
      if (closing_ || write_failure_) break;
      if (out_.capacity() > kIdleBuffer) out_ = std::string();
      if (writing_.capacity() > kIdleBuffer) writing_ = std::string();
      co_await wake_.wait();
      continue;
    }
    writing_.swap(out_);
    bool secret = std::exchange(secret_, false);
    if (!closing_) stream_.set_write_deadline(loop().now() + limits_.stall);
    auto sent = co_await stream_.write(writing_);
    if (secret) ::explicit_bzero(writing_.data(), writing_.size());
    writing_.clear();
    room_.notify();
    if (sent) continue;
    write_failure_ = sent.error();
    if (secret_) zero(out_);
    out_.clear();
    fail_streams(sent.error());
    // Whoever reads must learn that there is nobody to answer.
    stream_.cancel();
  }
}

async::Task<Result<bool>> H2Connection::read_frames() {
  while (session_.queued() > kMaxQueued && !write_failure_ && !session_.fault()) {
    flush_soon();
    co_await room_.wait();  // the writer has a deadline
  }
  if (!write_failure_ && !session_.fault() && buffer_.empty()) {
    auto got = co_await buffer_.fill(stream_);
    if (!got && !write_failure_) co_return pass(got);
    if (got && *got == 0) co_return false;
  }
  if (write_failure_) co_return Failure(*write_failure_);
  if (session_.fault()) co_return Failure(*session_.fault());
  auto taken = session_.receive(buffer_.data(), loop().now());
  buffer_.consume(buffer_.data().size());
  buffer_.release();
  if (session_.has_output()) flush_soon();
  if (!taken) co_return pass(taken);
  if (session_.fault()) co_return Failure(*session_.fault());
  co_return true;
}

void H2Connection::fail_streams(const Error& why) {
  ended_ = true;
  for (H2Stream* stream = first_; stream != nullptr; stream = stream->next_) stream->fail_with(why);
}

async::Task<void> H2Connection::finish_writing() {
  closing_ = true;
  ended_ = true;
  stream_.set_write_deadline(loop().now() + kFarewell);
  wake_.notify();
  co_await group_.join();
}

void H2Connection::add(H2Stream& stream) {
  stream.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &stream;
  first_ = &stream;
  ++live_;
  live_changed();
}

void H2Connection::drop(H2Stream& stream) {
  (stream.previous_ ? stream.previous_->next_ : first_) = stream.next_;
  if (stream.next_ != nullptr) stream.next_->previous_ = stream.previous_;
  --live_;
  live_changed();
}

// The connection's window is opened on arrival, so that a stream nobody reads holds up itself alone; but not
// beyond what one connection may keep in memory.
void H2Connection::arrived(std::size_t bytes) {
  held_ += bytes;
  if (held_ > limits_.held_bytes) {
    withheld_ += bytes;
  } else {
    session_.consume_connection(bytes);
  }
}

void H2Connection::consumed(H2Stream& stream, std::size_t bytes, bool discarded) {
  if (bytes == 0) return;
  held_ -= bytes;
  if (!discarded) session_.consume_stream(stream.id_, bytes);
  if (withheld_ > 0 && held_ <= limits_.held_bytes) session_.consume_connection(std::exchange(withheld_, 0));
  flush_soon();
}

}  // namespace weir::wire
