// MemoryStream: a net::Stream whose other end is in the same test.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "async/event.h"
#include "net/stream.h"

namespace weir::testing {

/// Two of them make a connection. Each direction holds at most `limit` bytes that were not read.
class MemoryStream final : public net::Stream {
 public:
  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> connect(async::Loop& loop,
                                                                                         std::size_t limit,
                                                                                         Side first,
                                                                                         Side second) {
    auto there = std::make_shared<Pipe>(loop, limit);
    auto back = std::make_shared<Pipe>(loop, limit);
    return {std::unique_ptr<MemoryStream>(new MemoryStream(loop, first, back, there)),
            std::unique_ptr<MemoryStream>(new MemoryStream(loop, second, there, back))};
  }
  ~MemoryStream() override { end(reset_); }

  /// The `count`-th read or write from now (1 = the next) and all after it fail with a reset.
  void fail_at(std::size_t count) { left_ = count; }
  /// The end without a word of what lies above: FIN.
  void end(bool reset = false) {
    out_->ended = true;
    out_->reset = reset;
    in_->broken = true;
    out_->tell();
    in_->tell();
    if (auto call = std::exchange(*out_->hangup, nullptr)) call();
  }

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override {
    if (fails() || (in_->reset && in_->bytes.empty())) return io_failure(ECONNRESET);
    if (in_->bytes.empty() && in_->ended) return 0;
    if (in_->bytes.empty()) return std::nullopt;
    std::size_t size = std::min(into.size(), in_->bytes.size());
    in_->bytes.copy(into.data(), size);
    in_->bytes.erase(0, size);
    in_->tell();
    bytes_in_ += size;
    return size;
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    if (fails() || out_->broken || out_->ended) return io_failure(EPIPE);
    std::size_t sent = 0;
    for (std::string_view piece : pieces) {
      std::string_view part = piece.substr(0, out_->limit - out_->bytes.size());
      out_->bytes.append(part);
      sent += part.size();
    }
    out_->tell();
    bytes_out_ += sent;
    return sent;
  }
  async::Task<Result<void>> wait_readable() override {
    if (cancelled_) co_return wait_failure(async::Wake::cancelled);
    async::Wake why = co_await in_->readable.wait(read_deadline_);
    if (why != async::Wake::ready || cancelled_)
      co_return wait_failure(cancelled_ ? async::Wake::cancelled : why);
    co_return Result<void>();
  }
  async::Task<Result<void>> wait_writable() override {
    if (cancelled_) co_return wait_failure(async::Wake::cancelled);
    async::Wake why = co_await out_->writable.wait(write_deadline_);
    if (why != async::Wake::ready || cancelled_)
      co_return wait_failure(cancelled_ ? async::Wake::cancelled : why);
    co_return Result<void>();
  }
  async::Task<Result<void>> shutdown() override {
    out_->ended = true;
    out_->tell();
    co_return Result<void>();
  }
  void cancel() override {
    cancelled_ = true;
    in_->readable.cancel();
    out_->writable.cancel();
    if (auto call = std::exchange(*in_->hangup, nullptr)) call();
  }
  bool cancelled() const override { return cancelled_; }
  void interrupt_read() override { in_->readable.cancel(); }
  void reset_on_close() override { reset_ = true; }
  void on_hangup(std::move_only_function<void()> call, bool) override { *in_->hangup = std::move(call); }
  bool quiet() override { return in_->bytes.empty() && !in_->ended; }
  async::Loop& loop() const override { return loop_; }

 private:
  struct Pipe {
    Pipe(async::Loop& loop, std::size_t limit) : limit(limit), readable(loop), writable(loop) { tell(); }
    void tell() {
      set(readable, !bytes.empty() || ended);
      set(writable, bytes.size() < limit || broken);
    }
    static void set(async::Event& event, bool on) {
      if (on && !event.is_set()) event.set();
      if (!on) event.reset();
    }

    std::size_t limit;
    std::string bytes;
    bool ended = false;   // the writer said so, or is gone
    bool reset = false;   // and not in good order
    bool broken = false;  // the reader is gone
    async::Event readable;
    async::Event writable;
    std::unique_ptr<std::move_only_function<void()>> hangup =
        std::make_unique<std::move_only_function<void()>>();
  };

  MemoryStream(async::Loop& loop, Side side, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : Stream(side), loop_(loop), in_(std::move(in)), out_(std::move(out)) {}

  bool fails() {
    if (!left_) return false;
    if (*left_ > 1)
      --*left_;
    else
      return true;
    return false;
  }

  async::Loop& loop_;
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  std::optional<std::size_t> left_;
  bool cancelled_ = false;
  bool reset_ = false;
};

}  // namespace weir::testing
