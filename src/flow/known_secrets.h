// Known secrets: credentials that say by their own look what they are, wherever they stand.
#pragma once

#include <string_view>
#include <vector>

#include "flow/redactor.h"

namespace weir::flow {

/// Rules for a Redactor. Few false finds: each has the mark that its issuer gave it, and the length.
std::vector<RedactionRule> known_secrets();

/// Where, in a text that was cut short, the beginning of such a credential stands at the end; the text's size
/// where none does.
std::size_t unfinished_secret(std::string_view text);

}  // namespace weir::flow
