// OpenAiChatReader: Chat Completions, the legacy Completions and Embeddings, as OpenAI and the many hosts
// that are compatible with it speak them (Azure, OpenRouter, Groq, DeepSeek, Mistral, xAI, vLLM, Ollama's
// /v1).
#pragma once

#include <string_view>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"
#include "llm/reading.h"

namespace weir::llm {

class OpenAiChatReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  Progress chunk(JsonCursor& json, ModelCall& call);
  Progress choice(JsonCursor& json, ModelCall& call);
  Progress message(std::string_view text, std::int64_t choice, ModelCall& call);
  Progress tool_calls(JsonCursor& json, std::int64_t choice, ModelCall& call);
  Progress tool_call(std::string_view text, ToolSlots::Key key, ModelCall& call);

  ToolSlots slots_;
  bool failed_ = false;
};

}  // namespace weir::llm
