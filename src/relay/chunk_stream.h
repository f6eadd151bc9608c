// ChunkStream: a tunnel's bytes through a WebSocket, as a Stream like any other.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>

#include "net/stream.h"
#include "relay/chunk.h"

namespace weir::relay {

/// Stands on an open WebSocket, after its handshake. Holds no buffer while nothing is under way. A close
/// frame is the end of one direction: the other goes on until it is shut down, if the peer lets it. An end
/// without one is an error (client_closed, upstream_closed): the tunnel was cut.
class ChunkStream final : public net::Stream {
 public:
  enum class End : std::uint8_t { client, server };  ///< of the WebSocket; the client masks what it sends

  /// `early`: what has come of the WebSocket already.
  ChunkStream(std::unique_ptr<net::Stream> inner, End end, std::string early);

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override;
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override;
  async::Task<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  async::Task<Result<void>> wait_writable() override;
  Result<bool> flush_pending() override;
  /// Sends a close frame. Reading goes on.
  async::Task<Result<void>> shutdown() override;

  /// Sends an empty chunk, unless bytes wait to be sent anyway. Never waits.
  Result<void> keep_alive();
  /// Adds what is read and written, without framing, to these as it comes. They live as long as the stream.
  void count_into(std::atomic<std::uint64_t>& received, std::atomic<std::uint64_t>& sent) {
    received_ = &received;
    sent_total_ = &sent;
  }
  /// When bytes, of whatever kind, were last sent.
  TimePoint last_sent() const { return last_sent_; }
  /// A wait to read ends with the side's timeout when no bytes, of whatever kind, have come for so long.
  /// What nobody waits for may take its time: it lies in the socket.
  void set_idle_limit(Duration limit);

  /// Sends a close frame (going away) as well, if it can be sent at once and no other has been.
  void cancel() override;
  bool cancelled() const override { return inner_->cancelled(); }
  void interrupt_read() override { inner_->interrupt_read(); }
  void reset_on_close() override {
    abrupt_ = true;
    inner_->reset_on_close();
  }
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts) override {
    inner_->on_hangup(std::move(call), half_close_counts);
  }
  bool quiet() override { return false; }
  /// False until the peer's close frame has come: without one the tunnel was cut.
  bool ended_cleanly() const override { return peer_closed_; }
  void set_read_deadline(TimePoint deadline) override {
    read_deadline_ = deadline;
    inner_->set_read_deadline(std::min(deadline, idle_deadline_));
  }
  async::Loop& loop() const override { return inner_->loop(); }

 private:
  Result<std::size_t> take(std::span<char> bytes);
  void queue_control(std::uint8_t opcode, std::string_view payload);
  void heard();
  const http::ws::Mask* new_mask();

  std::unique_ptr<net::Stream> inner_;
  const End end_;
  ChunkReader reader_;
  std::string early_;
  std::string out_;       // frames on their way
  std::size_t sent_ = 0;  // of out_
  http::ws::Mask mask_{};
  bool peer_closed_ = false, closed_ = false, abrupt_ = false;
  std::atomic<std::uint64_t>*received_ = nullptr, *sent_total_ = nullptr;
  TimePoint last_sent_;
  Duration idle_limit_ = Duration::zero();
  TimePoint idle_deadline_ = kNever;
};

}  // namespace weir::relay
