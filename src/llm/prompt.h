// Prompt: what a provider's cache sees of a request, part by part in its order; and where two of them part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/model_call.h"
#include "llm/prompt_change.h"

namespace weir::llm {

/// Owns the request's body, which is walked through once. One thread.
class Prompt {
 public:
  static constexpr std::size_t kMostParts = 1 << 16;  ///< what comes after them is not looked at

  Prompt() = default;
  /// `continued`: what was said before is with the provider (previous_response_id), so that the messages go
  /// on from there.
  Prompt(Protocol protocol, std::string body, bool continued);

  bool empty() const { return parts_.empty(); }
  /// What it holds in memory.
  std::size_t held() const { return body_.capacity() + parts_.capacity() * sizeof(Part); }
  std::uint64_t bytes() const { return bytes_; }
  /// Marks for the cache in it.
  std::size_t marks() const { return marks_; }

  /// How `next` goes on from this one: `reason` is none where it only adds to the end, or adds nothing. What
  /// caches do not see is no difference: white space, their marks, and a text as a list of one text. Linear
  /// in the sizes of both.
  PromptChange change_to(const Prompt& next) const;
  /// Whether the model's first answer is the same in both.
  bool answered_as(const Prompt& next) const;
  /// Whether two requests whose conversations begin alike are of one conversation: that answer is the same,
  /// or most of what stands in front of the messages.
  bool resembles(const Prompt& next) const;

 private:
  /// In the order in which caches see them; every protocol has its own.
  struct Part {
    std::uint32_t at, size;  // in body_
    std::uint32_t index;     // in its list; kWhole: it is none
    std::uint8_t key;        // of the protocol's table
    std::uint8_t rank;
    PromptBreak section;
  };
  static constexpr std::uint32_t kWhole = UINT32_MAX;
  struct Span {
    std::uint32_t at = 0, size = 0;
    bool empty() const { return size == 0; }
    std::string_view of(std::string_view text) const { return text.substr(at, size); }
  };

  void add(std::string_view value, std::uint32_t index, std::uint8_t key);
  std::string_view text(const Part& part) const { return std::string_view(body_).substr(part.at, part.size); }
  std::string path(const Part& part) const;
  PromptBreak reason(const Part& part) const;
  void set_difference(PromptChange& change, const Prompt& next, std::size_t index) const;
  void find_answer();

  Protocol protocol_ = Protocol::none;
  std::string body_;
  std::vector<Part> parts_;
  std::uint64_t bytes_ = 0;
  std::size_t marks_ = 0;
  std::size_t head_ = 0;  // parts in front of the messages
  Span answer_;
};

}  // namespace weir::llm
