// AcceptEncoding: the origin is asked only for codings that the client offered and Weir can decode (mission
// C5).
#pragma once

#include "proxy/filter.h"

namespace weir::proxy {

/// Accept-Encoding without the codings that Weir cannot read; untouched when there is none of those. "*"
/// becomes the ones Weir reads. Pure; nothing when no change is needed.
std::optional<std::string> narrowed_accept_encoding(const http::Fields& fields);

class AcceptEncoding final : public Filter {
 public:
  async::Task<Result<std::optional<Answer>>> on_request(Exchange& exchange) override;
  Moments moments() const override { return {.request = true}; }
};

}  // namespace weir::proxy
