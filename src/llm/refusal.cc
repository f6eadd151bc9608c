#include "llm/refusal.h"

#include "base/json.h"

namespace weir::llm {
namespace {

std::string anthropic(std::string_view message) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_object().field("type", "error").key("error").begin_object();
  json.field("type", "billing_error").field("message", message).end_object().end_object();
  return out;
}

std::string openai(std::string_view message) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_object().key("error").begin_object();
  json.field("message", message).field("type", "insufficient_quota").key("param").null();
  json.field("code", "insufficient_quota").end_object().end_object();
  return out;
}

std::string google(std::string_view message, std::uint16_t status) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_object().key("error").begin_object();
  json.field("code", static_cast<unsigned>(status)).field("message", message);
  json.field("status", "PERMISSION_DENIED").end_object().end_object();
  return out;
}

std::string member(std::string_view key, std::string_view message) {
  std::string out;
  JsonWriter json(out, 0);
  json.begin_object().field(key, message).end_object();
  return out;
}

}  // namespace

Refusal refusal(Protocol protocol, std::string_view message) {
  Refusal out;
  out.fields = {{"Content-Type", "application/json"}, {"x-should-retry", "false"}};
  switch (protocol) {
    case Protocol::anthropic_messages: out.body = anthropic(message); break;
    case Protocol::gemini_generate:
    case Protocol::gemini_embed:
      out.status = 403;
      out.body = google(message, out.status);
      break;
    case Protocol::bedrock_converse:
    case Protocol::bedrock_invoke:
      // Throttling is retried there; a quota is not.
      out.status = 400;
      out.fields.emplace_back("x-amzn-ErrorType", "ServiceQuotaExceededException");
      out.body = member("message", message);
      break;
    case Protocol::cohere_v1:
    case Protocol::cohere_v2: out.body = member("message", message); break;
    case Protocol::ollama_chat:
    case Protocol::ollama_generate: out.body = member("error", message); break;
    default: out.body = openai(message);
  }
  return out;
}

}  // namespace weir::llm
