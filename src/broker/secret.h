// Secret: the real thing behind a placeholder.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/secret_bytes.h"

namespace weir::broker {

struct Secret {
  SecretBytes text;           ///< of Use::aws_signature: the secret access key
  SecretBytes access_key_id;  ///< of Use::aws_signature
  SecretBytes session_token;  ///< of Use::aws_signature; empty: the keys have none
  WallNanos until = 0;        ///< when it has to be had anew; 0: it stays
};
using SecretPtr = std::shared_ptr<const Secret>;

}  // namespace weir::broker
