// PromptThreads: finds what breaks providers' caches of prompts: the first byte in which a request does not
// go on from the one before it, and the tokens that were read anew because of it.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "llm/cost.h"
#include "llm/model_call.h"
#include "llm/prompt.h"

namespace weir::llm {

/// Keeps the last request of each thread, in memory alone, since the record may be without bodies: at most
/// `most_bytes` of them and kMostThreads, those forgotten first that nobody has asked of for longest. One
/// thread.
class PromptThreads {
 public:
  static constexpr std::size_t kMostThreads = 256;
  static constexpr std::size_t kMostBytes = 32 << 20;
  /// Less is no loss: providers cache in blocks, and nothing that is shorter.
  static constexpr std::int64_t kLeastLoss = 1024;

  explicit PromptThreads(std::size_t most_bytes = kMostBytes) : most_bytes_(most_bytes) {}

  /// When the request has been read: `call` is what it says, `model` the one asked for, `body` all of it. A
  /// protocol without prompts, or a body that is none, has no thread.
  PromptChange request(std::string_view provider, std::string_view model, const ModelCall& call,
                       std::string_view body);
  /// When the call has ended: completes `change`.
  void ended(const ModelCall& call, PromptChange& change);

  std::size_t held() const { return held_; }

 private:
  struct Thread {
    std::uint64_t number, session, opening;
    std::string model;
    Prompt prompt;
    bool continued = false;
    PromptChange pending;     // of calls that failed, so that their change is still to be felt
    std::int64_t cached = 0;  // tokens
    WallNanos cached_at = 0;
    Duration lifetime{};    // of what is cached
    std::size_t marks = 0;  // in the request that was cached
    bool known = false;     // a call has told of its cache
  };

  Thread* find(std::uint64_t session, std::string_view model, const ModelCall& call, const Prompt& prompt);
  void forget();
  static void explain(const Thread& thread, PromptChange& change);

  const std::size_t most_bytes_;
  std::list<Thread> threads_;  // the latest first
  std::size_t held_ = 0;
  std::uint64_t last_ = 0;
};

/// What the call would have cost less, had those tokens been read from the cache; 0 where nobody can say.
PicoUsd price_of_loss(const Pricing& pricing, const ModelCall& call, std::int64_t lost);

}  // namespace weir::llm
