// PromptChange: what a request's prompt has in common with the one before it, and what that cost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::llm {

/// What kept a provider's cache of the beginning of prompts from being used as far as it could have been.
/// First what the request says, where it says something else than the one before it; then what is left.
enum class PromptBreak : std::uint8_t {
  none,      ///< the one before goes on, or nobody knows one
  tools,     ///< a tool was changed, added, taken out or put elsewhere
  system,    ///< the system prompt
  settings,  ///< what stands in front of the messages besides those: the choice of tools, thinking
  history,   ///< what was said before
  model,     ///< another model, which has a cache of its own
  marks,     ///< fewer marks for the cache (cache_control) than before
  expired,   ///< nothing changed, but it was forgotten by then
  missed,    ///< nothing changed, and it was not long ago
};
std::string_view name(PromptBreak reason);  ///< "" for none; stored, so never renamed
PromptBreak prompt_break(std::string_view name);

/// Some bytes of a request around a place in it, as they are spelled there.
struct PromptSample {
  static constexpr std::size_t kShown = 60, kBefore = 16;
  static constexpr std::size_t kAround = 4096;  ///< on each side: what a secret that is cut would hide in

  std::string text;
  std::size_t at = 0;  ///< the place, in `text`

  static PromptSample around(std::string_view value, std::size_t place);
  /// Leaves kShown bytes of it, kBefore of them before the place, no character cut in two.
  void cut();
};

struct PromptChange {
  std::uint64_t thread = 0;  ///< of requests that go on from one another, counted from 1; 0: not known
  bool first = false;        ///< of its thread
  PromptBreak reason = PromptBreak::none;
  std::string path;            ///< of the first value that differs: "messages[3].content[0].text"
  std::uint64_t at = 0;        ///< the byte within it, as the request spells it
  bool reordered = false;      ///< the same members in another order: caches see bytes
  std::uint64_t shared = 0;    ///< bytes of the prompt before that
  std::uint64_t bytes = 0;     ///< of all of it
  PromptSample before, after;  ///< around the difference, in the request before and in this one

  // Known when the call has ended:
  std::optional<Duration> idle;  ///< since the call before it began
  std::int64_t expected = 0;     ///< tokens that were in the cache
  std::int64_t lost = 0;         ///< those of them that were not read from it
};

}  // namespace weir::llm
