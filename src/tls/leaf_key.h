// For sources of this room only.
#pragma once

#include "base/error.h"
#include "tls/handles.h"

namespace weir::tls {

/// A new P-256 key in the form that goes into certificates fastest.
Result<PkeyPtr> new_leaf_key();

}  // namespace weir::tls
