// Bodies that stand in front of a client's own: what was read of it already, and what counts its bytes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "wire/body.h"

namespace weir::proxy {

/// What was read ahead of `rest`, then `rest` itself, which must outlive it.
class HeldBody final : public wire::Body {
 public:
  HeldBody(std::shared_ptr<const std::string> held, wire::Body& rest)
      : held_(std::move(held)), rest_(rest), given_(held_->empty()) {}

  async::Task<Result<std::string_view>> read() override {
    if (!std::exchange(given_, true)) co_return std::string_view(*held_);
    held_.reset();
    co_return co_await rest_.read();
  }
  bool ready() const override { return !given_ || rest_.ready(); }
  bool finished() const override { return given_ && rest_.finished(); }
  std::optional<std::uint64_t> length() const override { return rest_.length(); }
  const http::Fields& trailers() const override { return rest_.trailers(); }

 private:
  std::shared_ptr<const std::string> held_;
  wire::Body& rest_;
  bool given_;
};

/// Tells of each part of `inner`, which must outlive it, before it is handed on; where that is refused, the
/// body fails with budget_exceeded.
class MeteredBody final : public wire::Body {
 public:
  using May = std::move_only_function<bool(std::size_t bytes)>;
  MeteredBody(wire::Body& inner, May may) : inner_(inner), may_(std::move(may)) {}

  async::Task<Result<std::string_view>> read() override {
    auto part = co_await inner_.read();
    if (part && !part->empty() && !may_(part->size()))
      co_return fail(Code::budget_exceeded, "the budget of uploads was used up in the midst of this one");
    co_return part;
  }
  bool ready() const override { return inner_.ready(); }
  bool finished() const override { return inner_.finished(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields& trailers() const override { return inner_.trailers(); }

 private:
  wire::Body& inner_;
  May may_;
};

}  // namespace weir::proxy
