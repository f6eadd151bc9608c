// Tap: a body that passes another one through and keeps a bounded copy for the record.
#pragma once

#include "flow/flow.h"
#include "wire/body.h"

namespace weir::proxy {

class Tap final : public wire::Body {
 public:
  /// Keeps at most `limit` bytes in `captured`. Both outlive the tap.
  Tap(wire::Body& inner, flow::Captured& captured, std::size_t limit);

  async::Task<Result<std::string_view>> read() override;
  bool ready() const override { return inner_.ready(); }
  bool finished() const override { return inner_.finished(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields& trailers() const override { return inner_.trailers(); }

 private:
  wire::Body& inner_;
  flow::Captured& captured_;
  std::size_t limit_;
};

}  // namespace weir::proxy
