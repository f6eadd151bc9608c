// AltSvc: an origin's offers of HTTP/3 do not reach the client, who would then go past Weir over QUIC
// (mission C5, RFC 7838).
#pragma once

#include "proxy/filter.h"

namespace weir::proxy {

/// Takes every alternative whose protocol begins with h3, hq or quic (any case, percent-encoded or not) out
/// of the Alt-Svc fields, and the fields with it when none is left; what stays becomes one field. A line that
/// does not follow the grammar of RFC 7838 section 3 goes as a whole: nobody can say how a client reads it.
/// False, and nothing touched, when there is nothing to take. Pure.
bool remove_quic_alternatives(http::Fields& fields);

/// For intercepted exchanges only: what Weir does not decrypt, it could not judge over TCP either. Marks the
/// flow `alt_svc_h3_removed`.
class AltSvc final : public Filter {
 public:
  async::Task<Result<void>> on_response(Exchange& exchange) override;
  Moments moments() const override { return {.response = true}; }
};

}  // namespace weir::proxy
