// OpenAiResponsesReader: OpenAI's Responses API over SSE, as one JSON text, or one WebSocket message an
// event; and the responses of its Realtime API, which are much the same.
#pragma once

#include <string_view>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"
#include "llm/reading.h"

namespace weir::llm {

/// Goes by the `type` within each event, since the event's name is not sent everywhere.
class OpenAiResponsesReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  struct Event;

  Progress delta(const Event& event, ModelCall& call);
  void response(std::string_view text, bool last, ModelCall& call);
  void item(std::string_view text, std::int64_t index, ModelCall& call);
  void tool_item(std::string_view text, std::string_view type, std::int64_t index, ModelCall& call);

  ToolSlots slots_;
  bool text_told_ = false, thinking_told_ = false;  // deltas came: finished items say it again
};

}  // namespace weir::llm
