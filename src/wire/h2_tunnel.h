// H2Tunnel: the bytes of one HTTP/2 stream as a net::Stream, after CONNECT or extended CONNECT.
#pragma once

#include <functional>
#include <string>

#include "net/stream.h"
#include "wire/h2_stream.h"

namespace weir::wire {

/// Lives as long as its H2Stream. What try_write takes is copied, at most kRoom bytes at a time.
class H2Tunnel final : public net::Stream {
 public:
  static constexpr std::size_t kRoom = 64 * 1024;

  H2Tunnel(H2Stream& stream, Side side) : Stream(side), stream_(stream) {}

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override;
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override;
  async::Task<Result<void>> wait_readable() override;
  async::Task<Result<void>> wait_writable() override;
  Result<bool> flush_pending() override;
  async::Task<Result<void>> shutdown() override;
  void cancel() override;
  bool cancelled() const override { return stream_.cancelled(); }
  void interrupt_read() override { stream_.arrivals().interrupt(); }
  void reset_on_close() override {}  // an end without END_STREAM is a reset, always
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts) override;
  bool quiet() override { return !stream_.ready(); }
  void set_read_deadline(TimePoint deadline) override {
    read_deadline_ = deadline;
    stream_.arrivals().rearm(deadline);
  }
  async::Loop& loop() const override { return stream_.connection().loop(); }

 private:
  std::optional<Error> failure() const;

  H2Stream& stream_;
  std::string unsent_;
  bool ended_ = false;
};

}  // namespace weir::wire
