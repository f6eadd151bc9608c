// Leaf: the certificate Weir shows to a client in the name of one host.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tls/authority.h"
#include "tls/handles.h"

namespace weir::tls {

/// Days from not_before to not_after: browsers refuse 200 and more.
inline constexpr int kLeafDays = 197;

struct Leaf {
  std::string host;  ///< canonical
  X509Ptr certificate;
  PkeyPtr key;                 ///< shared by all leaves of one Authority
  std::vector<X509Ptr> chain;  ///< sent after the leaf; empty when the CA is a root
  std::int64_t not_after = 0;  ///< Unix seconds
};
/// Immutable, shared between threads.
using LeafPtr = std::shared_ptr<const Leaf>;

/// Makes the certificate of `host`, a name or an address literal, which is brought to its canonical form
/// first (bad_host). P-256, random serial of 127 bits, subjectAltName dNSName or iPAddress, serverAuth,
/// CA:FALSE, digitalSignature, key identifiers of its own and of the CA. Valid from a day ago, for kLeafDays,
/// and never longer than the CA. About 40 microseconds of processor time with an EC CA, a millisecond with an
/// RSA one. Thread-safe.
Result<LeafPtr> mint(const Authority& authority, std::string_view host);

}  // namespace weir::tls
