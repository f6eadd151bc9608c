// CohereReader: Cohere's /v2/chat and /v1/chat.
#pragma once

#include <string_view>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"
#include "llm/reading.h"

namespace weir::llm {

class CohereReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  bool delta(JsonCursor& json, std::int64_t index, ModelCall& call);
  bool message(JsonCursor& json, std::int64_t index, ModelCall& call);
  bool tool_call(JsonCursor& json, std::int64_t index, ModelCall& call);

  ToolSlots slots_;
};

}  // namespace weir::llm
