// BorrowedStream: a Stream that somebody else owns, where ownership is asked for.
#pragma once

#include "net/stream.h"

namespace weir::net {

/// Passes everything on to `inner`, which must outlive it.
class BorrowedStream final : public Stream {
 public:
  explicit BorrowedStream(Stream& inner) : Stream(inner.side()), inner_(inner) {}

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override {
    auto got = inner_.try_read(into);
    if (got && *got) bytes_in_ += **got;
    return got;
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    auto sent = inner_.try_write(pieces);
    if (sent) bytes_out_ += *sent;
    return sent;
  }
  async::Task<Result<void>> wait_readable() override { return inner_.wait_readable(); }
  async::Task<Result<void>> wait_writable() override {
    inner_.set_write_deadline(write_deadline_);
    return inner_.wait_writable();
  }
  Result<bool> flush_pending() override { return inner_.flush_pending(); }
  async::Task<Result<void>> shutdown() override {
    inner_.set_write_deadline(write_deadline_);
    return inner_.shutdown();
  }
  void cancel() override { inner_.cancel(); }
  bool cancelled() const override { return inner_.cancelled(); }
  void interrupt_read() override { inner_.interrupt_read(); }
  void reset_on_close() override { inner_.reset_on_close(); }
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts) override {
    inner_.on_hangup(std::move(call), half_close_counts);
  }
  bool half_close_means_gone() const override { return inner_.half_close_means_gone(); }
  bool quiet() override { return inner_.quiet(); }
  bool ended_cleanly() const override { return inner_.ended_cleanly(); }
  void set_read_deadline(TimePoint deadline) override {
    read_deadline_ = deadline;
    inner_.set_read_deadline(deadline);
  }
  async::Loop& loop() const override { return inner_.loop(); }

 private:
  Stream& inner_;
};

}  // namespace weir::net
