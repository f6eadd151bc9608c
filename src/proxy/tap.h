// Tap: a body that passes another one through and keeps a bounded copy for the record.
#pragma once

#include "proxy/onlooker.h"
#include "proxy/recorder.h"
#include "wire/body.h"

namespace weir::proxy {

class Tap final : public wire::Body {
 public:
  /// `captured` is one of the bodies of the recording's flow; `onlooker`, if there is one, sees it as well.
  /// All outlive the tap.
  Tap(wire::Body& inner, Recording& recording, flow::Captured& captured, Onlooker* onlooker = nullptr)
      : inner_(inner), recording_(recording), captured_(captured), onlooker_(onlooker) {}

  async::Task<Result<std::string_view>> read() override;
  bool ready() const override { return inner_.ready(); }
  bool finished() const override { return inner_.finished(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields& trailers() const override { return inner_.trailers(); }

 private:
  void show(std::string_view part);

  wire::Body& inner_;
  Recording& recording_;
  flow::Captured& captured_;
  Onlooker* onlooker_;
};

}  // namespace weir::proxy
