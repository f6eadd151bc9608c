// AwsBody: a body of signed chunks, whose signatures are replaced as it passes.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "broker/aws_chunks.h"
#include "wire/body.h"

namespace weir::proxy {

/// Of the same length as `inner`, which must outlive it. Holds one chunk at a time, which is to be there
/// whole before its signature is known.
class AwsBody final : public wire::Body {
 public:
  AwsBody(wire::Body& inner, bool trailer) : inner_(inner), trailer_(trailer) {}

  /// How the head was signed; before the first read().
  void begin(broker::AwsSeed seed) { signer_.emplace(std::move(seed), trailer_); }

  async::Task<Result<std::string_view>> read() override {
    if (!signer_) co_return fail(Code::internal, "a body of signed chunks is sent before its head");
    out_.clear();
    while (out_.empty()) {
      auto part = co_await inner_.read();
      if (!part) co_return part;
      if (auto done = signer_->feed(*part, out_); !done) co_return pass(done);
      if (!part->empty() && !inner_.finished()) continue;
      if (auto whole = signer_->end(); !whole) co_return pass(whole);
      break;
    }
    co_return std::string_view(out_);
  }
  bool ready() const override { return inner_.ready(); }
  bool finished() const override { return inner_.finished(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields& trailers() const override { return inner_.trailers(); }

 private:
  wire::Body& inner_;
  bool trailer_;
  std::optional<broker::AwsChunkSigner> signer_;
  std::string out_;
};

}  // namespace weir::proxy
