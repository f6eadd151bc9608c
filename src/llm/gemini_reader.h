// GeminiReader: generateContent and its stream, as the Gemini API, Vertex AI and Code Assist speak it, and
// embedContent. The path names the model and says whether it is a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"
#include "llm/reading.h"

namespace weir::llm {

class GeminiReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  struct Counts {
    std::optional<std::int64_t> prompt, tool_use, cached, candidates, thoughts, total;
  };

  Progress chunk(std::string_view text, bool cut, bool wrapped, ModelCall& call);
  bool candidate(JsonCursor& json, ModelCall& call);
  bool part(std::string_view text, std::int64_t candidate, ModelCall& call);
  bool function_call(std::string_view text, std::int64_t candidate, ModelCall& call);
  void read_usage(JsonCursor& json, ModelCall& call);

  Counts counts_;                         // Vertex says them in the last event alone, and only once
  std::vector<std::int64_t> candidates_;  // of each tool call, for ids where the protocol has none
  bool continued_ = false;                // the last tool call goes on in the next part
  bool failed_ = false;
};

}  // namespace weir::llm
