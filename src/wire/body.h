// Body: the content of a message as something you read from. Pulled: who does not read causes no socket read.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "async/task.h"
#include "base/error.h"
#include "http/fields.h"

namespace weir::wire {

/// Belongs to one loop's thread; one reader. Destroying it early means stop.
class Body {
 public:
  virtual ~Body() = default;

  /// The next run of bytes, never copied: valid until the next read() or the end of the body's life. Empty at
  /// the end.
  virtual async::Task<Result<std::string_view>> read() = 0;
  /// True when read() will not wait.
  virtual bool ready() const = 0;
  /// True once the last byte has been handed out, so that the next read() would be empty.
  virtual bool finished() const = 0;
  /// The whole length if it is known before the end.
  virtual std::optional<std::uint64_t> length() const = 0;
  /// Valid once finished().
  virtual const http::Fields& trailers() const = 0;
};

/// A body that is all there: what Weir itself answers with.
class TextBody final : public Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)), finished_(text_.empty()) {}
  async::Task<Result<std::string_view>> read() override {
    std::string_view out = finished_ ? std::string_view() : std::string_view(text_);
    finished_ = true;
    co_return out;
  }
  bool ready() const override { return true; }
  bool finished() const override { return finished_; }
  std::optional<std::uint64_t> length() const override { return text_.size(); }
  const http::Fields& trailers() const override { return trailers_; }

 private:
  std::string text_;
  bool finished_;
  http::Fields trailers_;
};

}  // namespace weir::wire
