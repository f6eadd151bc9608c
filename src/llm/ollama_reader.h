// OllamaReader: Ollama's own /api/chat and /api/generate, in lines of JSON or in one piece.
#pragma once

#include <string_view>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"

namespace weir::llm {

class OllamaReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  bool message(JsonCursor& json, ModelCall& call);
};

}  // namespace weir::llm
