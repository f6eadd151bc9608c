// GuardedBody: lets a body pass only as far as nothing is in it that must not leave.
#pragma once

#include <memory>
#include <utility>

#include "broker/sieve.h"
#include "wire/body.h"

namespace weir::proxy {

/// Holds back what may be the beginning of such a thing until it is known to be none. A find fails the body
/// with the error of `explain`, before more than kMayPass bytes of it have passed. Trailers are looked at
/// before the last part is handed out.
class GuardedBody final : public wire::Body {
 public:
  static constexpr std::size_t kMayPass = broker::Sieve::kMayPass;

  using Explain = std::move_only_function<Error(broker::Guarded)>;
  GuardedBody(wire::Body& inner, std::shared_ptr<const broker::Guard> guard, broker::Allowed allowed,
              Explain explain)
      : inner_(inner), guard_(std::move(guard)), allowed_(std::move(allowed)), explain_(std::move(explain)) {}

  async::Task<Result<std::string_view>> read() override;
  bool ready() const override { return inner_.ready(); }
  bool finished() const override { return inner_.finished() && sieve_.held() == 0 && looked_at_trailers(); }
  std::optional<std::uint64_t> length() const override { return inner_.length(); }
  const http::Fields& trailers() const override { return inner_.trailers(); }

 private:
  Result<> look_at(std::string_view text);
  Result<> look_at_trailers();
  bool looked_at_trailers() const { return looked_ || inner_.trailers().empty(); }

  wire::Body& inner_;
  std::shared_ptr<const broker::Guard> guard_;
  broker::Allowed allowed_;
  Explain explain_;
  broker::Sieve sieve_;
  bool looked_ = false;
};

}  // namespace weir::proxy
