// JsonArrayReader: the objects of one top-level array as they complete (Gemini without alt=sse), in any cuts.
#pragma once

#include <string>
#include <string_view>

#include "llm/event_source.h"

namespace weir::llm {

/// Sees brackets and strings, nothing else, so it hands out what may be no JSON. Objects that follow one
/// another without an array are taken as well; elements that are no objects or arrays are skipped.
class JsonArrayReader final : public EventSource {
 public:
  explicit JsonArrayReader(std::size_t max_event = kMaxEvent) : max_event_(max_event) {}

  void feed(std::string_view chunk) override { chunk_ = chunk, at_ = start_ = 0; }
  void finish() override { chunk_ = {}, at_ = start_ = 0, finished_ = true; }
  bool next(StreamEvent& event) override;

 private:
  bool to_element_end();
  bool in_string();
  bool bracket(char c);
  void keep(std::string_view part);

  std::size_t max_event_;
  std::string_view chunk_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;  // of the element, or of what this chunk has of it
  std::string element_;    // what earlier chunks have of it
  std::size_t depth_ = 0;
  std::size_t element_depth_ = 0;  // depth within the element; 0: outside
  bool string_ = false, escape_ = false, cut_ = false, handed_out_ = false, finished_ = false;
};

}  // namespace weir::llm
