// Estimate: what a call will use at most, before it is sent on. For reservations: a guess on the high side,
// replaced by what the provider says when the call has ended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/message.h"
#include "llm/model_call.h"
#include "llm/recognise.h"

namespace weir::llm {

struct Estimate {
  bool call = false;        ///< the body has a call's shape
  ModelCall asked;          ///< provider, protocol, model asked, and `usage` as it may become; no texts
  std::string model;        ///< as the budgets know it: asked for in the body, or else in the path
  std::int64_t tokens = 0;  ///< input and output together
};

/// `body`: decoded, or the beginning of it (`cut`). Input: a token for every three bytes of JSON; of images
/// and documents in base64 2,000 and one for every 64 bytes. Output: what the request allows times the
/// number of answers, or the model's maximum.
Estimate estimate(const CallTarget& target, const http::RequestHead& head, std::string_view body, bool cut);

/// Tokens of `json`, on the high side, as above. One pass.
std::int64_t estimated_tokens(std::string_view json);
/// The most a model answers with when nothing else is said: by its family, 32,768 for others.
std::int64_t most_output(std::string_view model);

/// What an ended call has used, for an account: as the provider says; of one that broke off, or that nobody
/// counted, at least what came of it. Nothing where the provider refused it.
Usage used(const ModelCall& call, const Estimate& estimate);

}  // namespace weir::llm
