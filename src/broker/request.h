// What a request shows of secrets: which are to be put in, and whether anything would leave that must not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/binding.h"
#include "broker/guard.h"
#include "broker/secret.h"
#include "broker/sigv4.h"
#include "http/message.h"

namespace weir::broker {

/// A request that a client signed with the placeholders of AWS keys.
struct AwsPlan {
  std::size_t binding = 0;
  AwsSignature signature;
};

/// What came of looking at a head.
struct Plan {
  std::vector<std::size_t> used;  ///< bindings whose secrets the request is to carry, but for that of `aws`
  std::optional<AwsPlan> aws;     ///< it is to be signed again
  Allowed allowed;                ///< in the rest of the request
};

/// Looks at a head as it is to be sent on; `origin` is the place that policy goes by. Errors:
/// placeholder_leak, secret_leak; they say which, where, and where it belongs. Those of read_aws_signature,
/// for a signature with a placeholder of ours.
Result<Plan> judge(const Bindings& bindings, const Guard& guard, const http::RequestHead& head,
                   const http::Origin& origin);

/// The error for a thing that was found at `where`, "the body".
Error leak(const Bindings& bindings, Guarded thing, std::string_view where, const http::Origin& origin,
           std::string_view target);

/// Gives the secret of a binding; valid as long as the result of with_secrets is being made.
using Reveal = std::function<std::string_view(std::size_t binding)>;
/// `head` with the secrets of plan.used in the place of their placeholders, as secret fields. Its target is
/// for the caller to zero where secret_target says so.
http::RequestHead with_secrets(const http::RequestHead& head, const Bindings& bindings, const Plan& plan,
                               const Reveal& reveal);

/// Fails (credential_failed) for what cannot stand in a field of a header, saying why but not what.
Result<> check_speakable(std::string_view secret);

}  // namespace weir::broker
