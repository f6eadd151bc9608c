// BedrockConverseReader: Converse and ConverseStream, one shape for all models of Bedrock.
#pragma once

#include <string>
#include <string_view>

#include "llm/json_cursor.h"
#include "llm/protocol_reader.h"
#include "llm/reading.h"

namespace weir::llm {

/// The model that a path names: "/model/ID/converse", decoded.
std::string bedrock_model(std::string_view path);

/// An exception frame of an AWS event stream, as the call's error.
void read_aws_exception(const StreamEvent& event, ModelCall& call);

class BedrockConverseReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  void block_start(JsonCursor& json, ModelCall& call);
  bool block_delta(JsonCursor& json, ModelCall& call);

  ToolSlots slots_;
};

}  // namespace weir::llm
