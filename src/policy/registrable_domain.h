// The registrable domain of a host, after the public suffix list (https://publicsuffix.org).
#pragma once

#include <string_view>

namespace weir::policy {

/// The public suffix and the label before it: "example.co.uk" of "a.b.example.co.uk", "someone.github.io" of
/// "www.someone.github.io". `canonical_host` is as parse_host_port makes it; the result is its end, and
/// itself when it is registrable already. Empty when there is none: of addresses, of names of one label, and
/// of public suffixes themselves ("co.uk", "github.io"). A top-level domain that is not on the list counts as
/// a public suffix.
std::string_view registrable_domain(std::string_view canonical_host);

}  // namespace weir::policy
