#include "llm/recognise.h"

#include <algorithm>

#include "base/ascii.h"
#include "llm/json_cursor.h"
#include "llm/provider_hosts.h"

namespace weir::llm {
namespace {

/// On which hosts a path means a model call. Short paths mean other things elsewhere.
enum class Where : std::uint8_t { anywhere, known, ollama, cohere, mistral };

struct PathRow {
  std::string_view ending;
  Protocol protocol;
  Where where = Where::anywhere;
};

// Anchored at the end only: gateways put prefixes in front. The first row that holds decides.
constexpr PathRow kPaths[] = {
    {"/v1/messages", Protocol::anthropic_messages},
    {"/chat/completions", Protocol::openai_chat},
    {"/v1/fim/completions", Protocol::openai_chat, Where::mistral},
    {"/v1/agents/completions", Protocol::openai_chat, Where::mistral},
    {"/v1/completions", Protocol::openai_completions},
    {"/openai/completions", Protocol::openai_completions},
    {"/v1/responses", Protocol::openai_responses},
    {"/responses", Protocol::openai_responses, Where::known},
    {"/responses/compact", Protocol::openai_responses, Where::known},
    {"/v1/realtime", Protocol::openai_realtime},
    {"/realtime", Protocol::openai_realtime, Where::known},
    {"/v1/embeddings", Protocol::openai_embeddings},
    {"/embeddings", Protocol::openai_embeddings, Where::known},
    {"/v2/chat", Protocol::cohere_v2, Where::cohere},
    {"/v1/chat", Protocol::cohere_v1, Where::cohere},
    {"/api/chat", Protocol::ollama_chat, Where::ollama},
    {"/api/generate", Protocol::ollama_generate, Where::ollama},
};

struct VerbRow {
  std::string_view verb;
  Protocol protocol;
  bool streams;
};

// Google's, behind a colon. rawPredict is spoken as the model's publisher does.
constexpr VerbRow kGoogleVerbs[] = {
    {"generateContent", Protocol::gemini_generate, false},
    {"streamGenerateContent", Protocol::gemini_generate, true},
    {"embedContent", Protocol::gemini_embed, false},
    {"batchEmbedContents", Protocol::gemini_embed, false},
};
constexpr VerbRow kBedrockVerbs[] = {
    {"converse", Protocol::bedrock_converse, false},
    {"converse-stream", Protocol::bedrock_converse, true},
    {"invoke", Protocol::bedrock_invoke, false},
    {"invoke-with-response-stream", Protocol::bedrock_invoke, true},
};

struct PathMatch {
  CallTarget target;
  Where where = Where::anywhere;
};

/// The segment before `at`, where a '/' or the path's end is.
std::string_view segment_before(std::string_view path, std::size_t at) {
  std::size_t slash = path.substr(0, at).rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(slash + 1, at - slash - 1);
}

std::optional<Protocol> publisher_protocol(std::string_view head) {
  if (head.ends_with("/publishers/anthropic/models")) return Protocol::anthropic_messages;
  if (head.ends_with("/publishers/mistralai/models")) return Protocol::openai_chat;
  return std::nullopt;
}

std::optional<PathMatch> match_colon(std::string_view path, std::string_view last, std::size_t colon) {
  std::string_view model = last.substr(0, colon), verb = last.substr(colon + 1);
  std::string_view head = path.substr(0, path.size() - last.size() - 1);
  if (verb == "rawPredict" || verb == "streamRawPredict") {
    auto protocol = publisher_protocol(head);
    if (!protocol || model.empty() || model == "count-tokens") return std::nullopt;
    return PathMatch{{.protocol = *protocol, .path_model = model, .path_streams = verb.starts_with('s')}};
  }
  auto row = std::ranges::find(kGoogleVerbs, verb, &VerbRow::verb);
  if (row == std::end(kGoogleVerbs)) return std::nullopt;
  PathMatch match{{.protocol = row->protocol, .path_streams = row->streams}};
  if (model == "v1internal")
    return match.where = Where::known, match;  // Code Assist: the body names the model
  if (model.empty() ||
      (!head.ends_with("/models") && !head.ends_with("/tunedModels") && !head.ends_with("/endpoints")))
    return std::nullopt;
  match.target.path_model = model;
  return match;
}

std::optional<PathMatch> match_bedrock(std::string_view path, std::string_view last) {
  auto row = std::ranges::find(kBedrockVerbs, last, &VerbRow::verb);
  if (row == std::end(kBedrockVerbs)) return std::nullopt;
  std::size_t end = path.size() - last.size() - 1;
  std::string_view model = segment_before(path, end);
  if (model.empty() || segment_before(path, end - model.size() - 1) != "model") return std::nullopt;
  return PathMatch{{.protocol = row->protocol, .path_model = model, .path_streams = row->streams}};
}

/// "/openai/deployments/NAME/chat/completions"
std::string_view deployment_in(std::string_view path) {
  constexpr std::string_view kMark = "/openai/deployments/";
  std::size_t at = path.find(kMark);
  if (at == path.npos) return {};
  path.remove_prefix(at + kMark.size());
  return path.substr(0, path.find('/'));
}

std::optional<PathMatch> match_path(std::string_view path) {
  std::size_t slash = path.rfind('/');
  if (slash == path.npos) return std::nullopt;
  std::string_view last = path.substr(slash + 1);
  if (std::size_t colon = last.rfind(':'); colon != last.npos) return match_colon(path, last, colon);
  for (const PathRow& row : kPaths)
    if (path.ends_with(row.ending))
      return PathMatch{{.protocol = row.protocol, .deployment = deployment_in(path)}, row.where};
  if (last == "completions" && !deployment_in(path).empty())
    return PathMatch{{.protocol = Protocol::openai_completions, .deployment = deployment_in(path)},
                     Where::known};
  return match_bedrock(path, last);
}

bool holds(Where where, std::string_view provider) {
  switch (where) {
    case Where::anywhere: return true;
    case Where::known: return !provider.empty() && provider != "local";
    case Where::ollama: return provider == "ollama" || provider == "local";
    case Where::cohere: return provider == "cohere";
    case Where::mistral: return provider == "mistral";
  }
  return false;
}

std::string_view path_of(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// "/v1/realtime?model=NAME"
std::string_view model_in_query(std::string_view target) {
  std::size_t at = target.find('?');
  while (at != target.npos) {
    target.remove_prefix(at + 1);
    at = target.find('&');
    std::string_view pair = target.substr(0, at);
    if (pair.starts_with("model=")) return pair.substr(6);
  }
  return {};
}

/// Some are spoken over WebSockets alone, most never.
bool spoken(Protocol protocol, bool websocket) {
  if (protocol == Protocol::openai_responses) return true;
  return websocket == (protocol == Protocol::openai_realtime);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The members that make a body one of its protocol: one of `one`, and `also` where the path names no model.
struct Shape {
  std::string_view one[3];
  std::string_view also;
};

Shape shape_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::anthropic_messages: return {{"messages"}, "model"};
    case Protocol::openai_chat: return {{"messages"}, "model"};
    case Protocol::openai_completions: return {{"prompt"}, "model"};
    case Protocol::openai_responses: return {{"input", "prompt", "previous_response_id"}, {}};
    case Protocol::openai_realtime: return {{"type"}, {}};
    case Protocol::openai_embeddings: return {{"input"}, {}};
    case Protocol::gemini_generate: return {{"contents", "request"}, {}};
    case Protocol::gemini_embed: return {{"content", "requests"}, {}};
    case Protocol::bedrock_converse: return {{"messages"}, {}};
    case Protocol::bedrock_invoke: return {{}, {}};
    case Protocol::cohere_v1: return {{"message"}, {}};
    case Protocol::cohere_v2: return {{"messages"}, "model"};
    case Protocol::ollama_chat: return {{"messages"}, "model"};
    case Protocol::ollama_generate: return {{"prompt", "model"}, "model"};
    case Protocol::none: break;
  }
  return {};
}

}  // namespace

std::string_view Recogniser::provider(const HostPort& place, std::string_view path) const {
  for (const ModelHost& own : own_)
    if (host_matches(own.pattern, place.host)) return own.provider;
  return provider_of(place, path);
}

std::optional<CallTarget> Recogniser::recognise(std::string_view method, const HostPort& place,
                                                std::string_view target, std::string_view upgrade) const {
  bool websocket = !upgrade.empty() && iequals(upgrade, "websocket");
  if (method != "POST" && !websocket) return std::nullopt;
  std::string_view path = path_of(target);
  auto match = match_path(path);
  if (!match) return std::nullopt;
  CallTarget& found = match->target;
  if (!spoken(found.protocol, websocket)) return std::nullopt;
  found.provider = provider(place, path);
  if (!holds(match->where, found.provider)) return std::nullopt;
  found.websocket = websocket;
  if (found.protocol == Protocol::openai_realtime) found.path_model = model_in_query(target);
  found.certain = !found.provider.empty() && found.provider != "local";
  return found;
}

std::string decode_path_model(std::string_view spelled) {
  constexpr std::size_t kLongest = 2048;
  std::string model;
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    int high = -1, low = -1;
    if (spelled[i] == '%' && spelled.size() - i > 2)
      high = hex_digit(spelled[i + 1]), low = hex_digit(spelled[i + 2]);
    char c = spelled[i];
    if (high >= 0 && low >= 0) c = static_cast<char>(high * 16 + low), i += 2;
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || model.size() == kLongest) return {};
    model += c;
  }
  return model;
}

bool has_call_shape(const CallTarget& target, std::string_view body, bool cut) {
  Shape shape = shape_of(target.protocol);
  bool named = !target.path_model.empty() || !target.deployment.empty();
  bool one = shape.one[0].empty(), also = named || shape.also.empty();
  JsonCursor cursor(body);
  bool object = cursor.each_member([&](std::string_view key) {
    if (key.empty()) return;
    one = one || std::ranges::find(shape.one, key) != std::end(shape.one);
    also = also || key == shape.also;
  });
  if (!object || cursor.malformed()) return false;
  return (one && also) || (cut && cursor.cut());
}

}  // namespace weir::llm
