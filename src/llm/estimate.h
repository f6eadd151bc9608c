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

/// Text has more bytes for a token than that, in nearly every language.
inline constexpr std::int64_t kBytesPerToken = 3;

struct Estimate {
  bool call = false;  ///< the body has a call's shape, or nobody can read it
  ModelCall asked;    ///< provider, protocol, model asked, and `usage` as it may become; no texts
  std::string model;  ///< as the budgets know it; empty where it is not said, twice, or in no readable way
  std::int64_t tokens = 0;  ///< input and output together
};

/// `body`: decoded, or the beginning of it (`cut`). Input: a token for every three bytes of JSON; of images
/// and documents in base64 2,000 and one for every 64 bytes. Output: the most that any of the request's words
/// allows, times the number of answers; or the model's maximum where there is none, or no end.
Estimate estimate(const CallTarget& target, const http::RequestHead& head, std::string_view body, bool cut);

/// Tokens of `json`, on the high side, as above. One pass.
std::int64_t estimated_tokens(std::string_view json);
/// The most a model answers with when nothing else is said: by its family, 32,768 for others.
std::int64_t most_output(std::string_view model);

/// How an exchange ended, as far as what is to be paid for depends on it.
struct CallEnd {
  bool sent = true;          ///< the request went out whole
  bool client_left = false;  ///< before there was an answer, or in its midst
  bool unread = false;       ///< not all of it was looked at
};
/// What an ended call has used, for an account: as the provider says. Where it does not say all, what came,
/// and for what nobody can have seen (an answer that was not waited for, hidden reasoning, what was left out)
/// all that was estimated. Nothing where the call never went out, or was refused. Never negative.
Usage used(const ModelCall& call, const Estimate& estimate, const CallEnd& end = {});

}  // namespace weir::llm
