// H1Body: an HTTP/1 body pulled out of a connection's buffer and stream.
#pragma once

#include "http/h1/body_decoder.h"
#include "wire/body.h"
#include "wire/read_buffer.h"

namespace weir::wire {

class H1Body final : public Body {
 public:
  H1Body(net::Stream& stream, ReadBuffer& buffer) : stream_(stream), buffer_(buffer) {}

  /// Starts a new body.
  void begin(http::h1::BodyLength length);

  async::Task<Result<std::string_view>> read() override;
  bool ready() const override;
  bool finished() const override { return decoder_.done(); }
  std::optional<std::uint64_t> length() const override;
  const http::Fields& trailers() const override { return decoder_.trailers(); }

  /// Limit between two parts; zero = none.
  void set_idle_limit(Duration limit) { idle_limit_ = limit; }
  /// Makes a waiting or later read() end with Code::cancelled.
  void stop() { stopped_ = true; }
  bool failed() const { return failed_; }

 private:
  async::Task<Result<std::size_t>> fill();

  net::Stream& stream_;
  ReadBuffer& buffer_;
  http::h1::BodyLength length_;
  http::h1::BodyDecoder decoder_{{}, Side::client};
  Duration idle_limit_{0};
  bool stopped_ = false;
  bool failed_ = false;
};

}  // namespace weir::wire
