// AnthropicReader: Anthropic's Messages API, also as Vertex, Azure and (within its frames) Bedrock speak it.
#pragma once

#include <string_view>
#include <vector>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"

namespace weir::llm {

class AnthropicReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  /// A content block that has begun and not stopped. Blocks of several indexes may be open side by side.
  struct OpenBlock {
    std::int64_t index;
    std::size_t tool;  ///< ordinal in ModelCall::tool_calls, or kNoTool
  };
  static constexpr std::size_t kNoTool = static_cast<std::size_t>(-1);
  static constexpr std::size_t kMaxOpen = 256;

  void message(std::string_view json, ModelCall& call);
  /// Text, thinking, a tool call or a result; returns the ordinal of the call.
  std::size_t block(std::string_view json, ModelCall& call);
  void block_start(std::int64_t index, std::string_view json, ModelCall& call);
  Progress block_delta(std::int64_t index, std::string_view json, ModelCall& call);
  void block_stop(std::int64_t index, ModelCall& call);

  std::vector<OpenBlock> open_;
};

}  // namespace weir::llm
