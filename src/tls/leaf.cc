#include "tls/leaf.h"

#include <algorithm>
#include <chrono>

#include "base/host_port.h"
#include "tls/draft.h"

namespace weir::tls {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr std::size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280 appendix A.1

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<X509Ptr> copy_of(const std::vector<X509Ptr>& chain) {
  std::vector<X509Ptr> out;
  for (const X509Ptr& certificate : chain) out.push_back(share(certificate.get()));
  return out;
}

}  // namespace

Result<LeafPtr> mint(const Authority& authority, std::string_view host) {
  auto canonical = canonical_host(host);
  if (!canonical) return pass(canonical);
  std::int64_t not_before = unix_now() - kDay;
  // Both ends belong to the validity (RFC 5280 section 4.1.2.5): a second less is kLeafDays exactly.
  std::int64_t not_after = std::min(not_before + kLeafDays * kDay - 1, authority.not_after());
  std::string_view common_name =
      canonical->size() <= kMaxCommonName ? std::string_view(*canonical) : std::string_view();
  auto certificate = Draft()
                         .subject("Weir", common_name)
                         .issuer(authority.certificate())
                         .valid(not_before, not_after)
                         .key(authority.leaf_key())
                         .end_entity()
                         .key_usage({0})
                         .extended_key_usage(NID_server_auth)
                         .alternative_name(*canonical)
                         .authority_key_id(authority.certificate())
                         .sign(authority.signing_key());
  if (!certificate) return pass(certificate);
  return std::make_shared<const Leaf>(Leaf{std::move(*canonical), std::move(*certificate),
                                           share(authority.leaf_key()), copy_of(authority.chain()),
                                           not_after});
}

}  // namespace weir::tls
