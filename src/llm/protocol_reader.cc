#include "llm/protocol_reader.h"

#include "llm/anthropic_reader.h"
#include "llm/bedrock_converse_reader.h"
#include "llm/bedrock_invoke_reader.h"
#include "llm/cohere_reader.h"
#include "llm/gemini_reader.h"
#include "llm/json_cursor.h"
#include "llm/ollama_reader.h"
#include "llm/openai_chat_reader.h"
#include "llm/openai_responses_reader.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMaxMessage = 1024;

struct ProviderError {
  std::string type, message, code;

  bool any() const { return !type.empty() || !message.empty() || !code.empty(); }
};

// The members of an error object; `status` is Google's name of a type.
void read_member(std::string_view key, JsonCursor& json, ProviderError& error) {
  if (key == "type" || key == "status" || key == "__type") return json.read(error.type);
  if (key == "message" || key == "detail" || key == "Message") return json.read(error.message, kMaxMessage);
  if (key != "code") return;
  if (json.kind() == JsonCursor::Kind::number)
    error.code = json.raw();
  else
    json.read(error.code);
}

void read_object(JsonCursor& json, ProviderError& error) {
  if (json.kind() == JsonCursor::Kind::string) return json.read(error.message, kMaxMessage);
  json.each_member([&](std::string_view key) { read_member(key, json, error); });
}

}  // namespace

bool read_error(std::string_view body, ModelCall& call) {
  ProviderError inner, outer;
  JsonCursor json(body);
  json.each_member([&](std::string_view key) {
    if (key == "error") return read_object(json, inner);
    if (key == "errors") {
      if (json.kind() == JsonCursor::Kind::array)
        json.each_element([&] {
          if (inner.any())
            json.skip();
          else
            read_object(json, inner);
        });
      return;
    }
    if (key == "message" || key == "detail" || key == "Message" || key == "code" || key == "__type")
      read_member(key, json, outer);
  });
  const ProviderError& error = inner.any() ? inner : outer;
  if (!error.any()) return false;
  // A field of the response may have said it before.
  if (const std::string& type = error.type.empty() ? error.code : error.type; !type.empty())
    call.error_type = type;
  call.error_code = error.code;
  call.error_message = error.message;
  return true;
}

std::unique_ptr<ProtocolReader> make_protocol_reader(Protocol protocol) {
  switch (protocol) {
    case Protocol::anthropic_messages: return std::make_unique<AnthropicReader>();
    case Protocol::openai_chat:
    case Protocol::openai_completions:
    case Protocol::openai_embeddings: return std::make_unique<OpenAiChatReader>();
    case Protocol::openai_responses:
    case Protocol::openai_realtime: return std::make_unique<OpenAiResponsesReader>();
    case Protocol::gemini_generate:
    case Protocol::gemini_embed: return std::make_unique<GeminiReader>();
    case Protocol::ollama_chat:
    case Protocol::ollama_generate: return std::make_unique<OllamaReader>();
    case Protocol::bedrock_converse: return std::make_unique<BedrockConverseReader>();
    case Protocol::bedrock_invoke: return std::make_unique<BedrockInvokeReader>();
    case Protocol::cohere_v1:
    case Protocol::cohere_v2: return std::make_unique<CohereReader>();
    default: return nullptr;
  }
}

}  // namespace weir::llm
