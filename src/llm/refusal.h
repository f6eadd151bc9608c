// Refusal: a no in the words of the provider that was asked, so that its clients understand it and do not try
// again (mission L8).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/model_call.h"

namespace weir::llm {

struct Refusal {
  std::uint16_t status = 402;
  std::vector<std::pair<std::string, std::string>> fields;  ///< of the head, Content-Type among them
  std::string body;
};

/// A status that no client of the protocol retries, its own error object with `message` for people, and
/// `x-should-retry: false`, which the SDKs of Anthropic and OpenAI go by. The same for streams: providers
/// answer errors that come before one as plain JSON.
Refusal refusal(Protocol protocol, std::string_view message);

}  // namespace weir::llm
