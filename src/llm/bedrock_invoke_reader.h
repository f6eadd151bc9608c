// BedrockInvokeReader: InvokeModel, whose bodies are the model's own. Counts come with every model.
#pragma once

#include <memory>
#include <string_view>

#include "llm/protocol_reader.h"

namespace weir::llm {

/// Claude and OpenAI's models are read as those protocols; of Nova, Llama, Titan and others the text and
/// counts.
class BedrockInvokeReader final : public ProtocolReader {
 public:
  void request(std::string_view body, bool cut, ModelCall& call) override;
  void response_head(const http::ResponseHead& head, ModelCall& call) override;
  Progress event(const StreamEvent& event, ModelCall& call) override;
  void document(std::string_view body, bool cut, ModelCall& call) override;
  void finish(ModelCall& call) override;

 private:
  Progress plain(std::string_view json, ModelCall& call);
  Progress inside(std::string_view json, bool cut, ModelCall& call);

  std::unique_ptr<ProtocolReader> inner_;
  bool wrapped_ = false;  ///< each event of the model is a member of an object
  Usage counted_;  ///< by Bedrock, in headers or the last chunk; used where the model's own body says none
};

}  // namespace weir::llm
