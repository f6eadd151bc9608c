#include "llm/recognise.h"

#include <gtest/gtest.h>

namespace weir::llm {
namespace {

struct Row {
  std::string_view host;
  std::string_view target;
  Protocol protocol;
  std::string_view provider;
  std::string_view model = {};
  bool streams = false;
};

HostPort place_of(std::string_view host) { return parse_host_port(host, 443).value_or(HostPort{}); }

std::optional<CallTarget> ask(std::string_view host, std::string_view target,
                              std::string_view method = "POST") {
  static const Recogniser plain;
  return plain.recognise(method, place_of(host), target);
}

constexpr auto kAnthropic = Protocol::anthropic_messages;
constexpr auto kChat = Protocol::openai_chat;
constexpr auto kResponses = Protocol::openai_responses;
constexpr auto kEmbeddings = Protocol::openai_embeddings;
constexpr auto kGemini = Protocol::gemini_generate;
constexpr auto kConverse = Protocol::bedrock_converse;
constexpr auto kInvoke = Protocol::bedrock_invoke;

constexpr Row kCalls[] = {
    {"api.anthropic.com", "/v1/messages", kAnthropic, "anthropic"},
    {"api.anthropic.com", "/v1/messages?beta=true", kAnthropic, "anthropic"},
    {"api.anthropic.com", "/v1/messages/", kAnthropic, "anthropic"},
    {"api.openai.com", "/v1/chat/completions", kChat, "openai"},
    {"eu.api.openai.com", "/v1/chat/completions", kChat, "openai"},
    {"api.openai.com", "/v1/responses", kResponses, "openai"},
    {"api.openai.com", "/v1/responses/compact", kResponses, "openai"},
    {"api.openai.com", "/v1/completions", Protocol::openai_completions, "openai"},
    {"api.openai.com", "/v1/embeddings", kEmbeddings, "openai"},
    {"chatgpt.com", "/backend-api/codex/responses", kResponses, "openai"},
    {"chatgpt.com", "/backend-api/codex/responses/compact", kResponses, "openai"},
    {"generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-pro:generateContent", kGemini,
     "google-gemini", "gemini-2.5-pro"},
    {"generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k",
     kGemini, "google-gemini", "gemini-2.5-pro", true},
    {"generativelanguage.googleapis.com", "/v1beta/tunedModels/mine-1:generateContent", kGemini,
     "google-gemini", "mine-1"},
    {"generativelanguage.googleapis.com", "/v1beta/models/gemini-embedding-001:embedContent",
     Protocol::gemini_embed, "google-gemini", "gemini-embedding-001"},
    {"generativelanguage.googleapis.com", "/v1beta/models/gemini-embedding-001:batchEmbedContents",
     Protocol::gemini_embed, "google-gemini", "gemini-embedding-001"},
    {"generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", kChat, "google-gemini"},
    {"generativelanguage.googleapis.com", "/v1beta/openai/embeddings", kEmbeddings, "google-gemini"},
    {"us-central1-aiplatform.googleapis.com",
     "/v1/projects/p/locations/us-central1/publishers/google/models/"
     "gemini-3-pro-preview:streamGenerateContent",
     kGemini, "google-vertex", "gemini-3-pro-preview", true},
    {"aiplatform.googleapis.com", "/v1/projects/p/locations/global/endpoints/openapi/chat/completions", kChat,
     "google-vertex"},
    {"aiplatform.eu.rep.googleapis.com",
     "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
     kAnthropic, "google-vertex", "claude-sonnet-4-5@20250929"},
    {"europe-west1-aiplatform.googleapis.com",
     "/v1/projects/p/locations/l/publishers/anthropic/models/claude-opus-4-1@20250805:streamRawPredict",
     kAnthropic, "google-vertex", "claude-opus-4-1@20250805", true},
    {"us-central1-aiplatform.googleapis.com",
     "/v1/projects/p/locations/l/publishers/mistralai/models/codestral-2501:streamRawPredict", kChat,
     "google-vertex", "codestral-2501", true},
    {"cloudcode-pa.googleapis.com", "/v1internal:generateContent", kGemini, "google-code-assist"},
    {"daily-cloudcode-pa.sandbox.googleapis.com", "/v1internal:streamGenerateContent?alt=sse", kGemini,
     "google-code-assist", "", true},
    {"bedrock-runtime.us-east-1.amazonaws.com",
     "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse", kConverse, "aws-bedrock",
     "us.anthropic.claude-haiku-4-5-20251001-v1%3A0"},
    {"bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "/model/amazon.nova-pro-v1:0/converse-stream",
     kConverse, "aws-bedrock", "amazon.nova-pro-v1:0", true},
    {"bedrock-runtime.cn-north-1.amazonaws.com.cn", "/model/m/invoke", kInvoke, "aws-bedrock", "m"},
    {"bedrock-runtime.eu-west-1.amazonaws.com",
     "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.x/invoke-with-response-stream",
     kInvoke, "aws-bedrock", "arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.x", true},
    {"vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "/model/m/invoke", kInvoke, "aws-bedrock", "m"},
    {"bedrock-mantle.us-east-1.api.aws", "/anthropic/v1/messages", kAnthropic, "aws-bedrock"},
    {"bedrock-mantle.us-east-1.api.aws", "/openai/v1/responses", kResponses, "aws-bedrock"},
    {"bedrock-mantle.us-east-1.api.aws", "/openai/v1/chat/completions", kChat, "aws-bedrock"},
    {"mine.openai.azure.com", "/openai/deployments/prod-4/chat/completions?api-version=2024-10-21", kChat,
     "azure-openai"},
    {"mine.openai.azure.com", "/openai/deployments/prod-4/completions?api-version=2024-10-21",
     Protocol::openai_completions, "azure-openai"},
    {"mine.cognitiveservices.azure.com", "/openai/deployments/e/embeddings?api-version=1", kEmbeddings,
     "azure-openai"},
    {"mine.openai.azure.com", "/openai/v1/responses", kResponses, "azure-openai"},
    {"mine.openai.azure.com", "/openai/responses?api-version=2025-04-01-preview", kResponses, "azure-openai"},
    {"gate.azure-api.net", "/team/openai/deployments/d/chat/completions", kChat, "azure-openai"},
    {"mine.services.ai.azure.com", "/anthropic/v1/messages", kAnthropic, "azure-openai"},
    {"mine.services.ai.azure.com", "/models/chat/completions?api-version=1", kChat, "azure-inference"},
    {"x.eastus.inference.ai.azure.com", "/v1/chat/completions", kChat, "azure-inference"},
    {"api.mistral.ai", "/v1/chat/completions", kChat, "mistral"},
    {"codestral.mistral.ai", "/v1/fim/completions", kChat, "mistral"},
    {"api.mistral.ai", "/v1/agents/completions", kChat, "mistral"},
    {"api.deepseek.com", "/chat/completions", kChat, "deepseek"},
    {"api.deepseek.com", "/anthropic/v1/messages", kAnthropic, "deepseek"},
    {"api.groq.com", "/openai/v1/chat/completions", kChat, "groq"},
    {"api.x.ai", "/v1/chat/completions", kChat, "xai"},
    {"api.together.xyz", "/v1/chat/completions", kChat, "together"},
    {"api.together.ai", "/v1/chat/completions", kChat, "together"},
    {"api.fireworks.ai", "/inference/v1/chat/completions", kChat, "fireworks"},
    {"api.cerebras.ai", "/v1/chat/completions", kChat, "cerebras"},
    {"openrouter.ai", "/api/v1/chat/completions", kChat, "openrouter"},
    {"openrouter.ai", "/api/v1/messages", kAnthropic, "openrouter"},
    {"api.perplexity.ai", "/chat/completions", kChat, "perplexity"},
    {"api.cohere.com", "/v2/chat", Protocol::cohere_v2, "cohere"},
    {"api.cohere.ai", "/v1/chat", Protocol::cohere_v1, "cohere"},
    {"api.cohere.ai", "/compatibility/v1/chat/completions", kChat, "cohere"},
    {"api.moonshot.cn", "/v1/chat/completions", kChat, "moonshot"},
    {"api.z.ai", "/api/paas/v4/chat/completions", kChat, "zai"},
    {"open.bigmodel.cn", "/api/paas/v4/chat/completions", kChat, "zai"},
    {"api.minimaxi.com", "/v1/chat/completions", kChat, "minimax"},
    {"api.voyageai.com", "/v1/embeddings", kEmbeddings, "voyage"},
    {"api.deepinfra.com", "/v1/openai/chat/completions", kChat, "deepinfra"},
    {"api.novita.ai", "/v3/openai/chat/completions", kChat, "novita"},
    {"api.tokenfactory.nebius.com", "/v1/chat/completions", kChat, "nebius"},
    {"router.huggingface.co", "/groq/openai/v1/chat/completions", kChat, "huggingface"},
    {"api.githubcopilot.com", "/chat/completions", kChat, "github-copilot"},
    {"api.individual.githubcopilot.com", "/responses", kResponses, "github-copilot"},
    {"models.github.ai", "/inference/chat/completions", kChat, "github-models"},
    {"ai-gateway.vercel.sh", "/v1/messages", kAnthropic, "vercel-gateway"},
    {"gateway.ai.cloudflare.com", "/v1/acc/gw/anthropic/v1/messages", kAnthropic, "cloudflare-gateway"},
    {"ollama.com", "/api/chat", Protocol::ollama_chat, "ollama"},
    {"localhost:11434", "/api/generate", Protocol::ollama_generate, "ollama"},
    {"127.0.0.1:11434", "/v1/chat/completions", kChat, "ollama"},
    {"127.0.0.1:8000", "/v1/chat/completions", kChat, "local"},
    {"192.168.1.7:9000", "/api/chat", Protocol::ollama_chat, "local"},
    {"172.20.0.2:8000", "/v1/completions", Protocol::openai_completions, "local"},
    {"gpu:8000", "/v1/embeddings", kEmbeddings, "local"},
    {"llm.corp.example", "/gateway/v1/messages", kAnthropic, ""},
    {"llm.corp.example", "/v1/chat/completions", kChat, ""},
};

TEST(Recognise, EveryPathOfEveryProvider) {
  for (const Row& row : kCalls) {
    auto found = ask(row.host, row.target);
    ASSERT_TRUE(found) << row.host << row.target;
    EXPECT_EQ(name(found->protocol), name(row.protocol)) << row.host << row.target;
    EXPECT_EQ(found->provider, row.provider) << row.host << row.target;
    EXPECT_EQ(found->path_model, row.model) << row.host << row.target;
    EXPECT_EQ(found->path_streams, row.streams) << row.host << row.target;
    EXPECT_EQ(found->certain, !row.provider.empty() && row.provider != "local") << row.host << row.target;
  }
}

TEST(Recognise, WhatIsNoCall) {
  constexpr std::pair<std::string_view, std::string_view> kNone[] = {
      {"api.anthropic.com", "/v1/messages/count_tokens"},
      {"api.anthropic.com", "/v1/messages/batches"},
      {"api.anthropic.com", "/v1/messages/batches/b1/results"},
      {"api.anthropic.com", "/api/hello"},
      {"api.anthropic.com", "/api/oauth/usage"},
      {"api.anthropic.com", "/api/event_logging/batch"},
      {"api.anthropic.com", "/api/event_logging/v2/batch"},
      {"api.anthropic.com", "/api/claude_code/metrics"},
      {"api.anthropic.com", "/mcp-registry/v0/servers"},
      {"api.anthropic.com", "/v1/models"},
      {"statsig.anthropic.com", "/v1/rgstr"},
      {"api.openai.com", "/v1/files"},
      {"api.openai.com", "/v1/responses/input_tokens"},
      {"api.openai.com", "/v1/responses/resp_1/cancel"},
      {"api.openai.com", "/v1/organization/usage"},
      {"api.openai.com", "/v1/moderations"},
      {"api.openai.com", "/"},
      {"api.openai.com", ""},
      {"api.openai.com", "*"},
      {"generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-pro:countTokens"},
      {"generativelanguage.googleapis.com", "/v1beta/cachedContents"},
      {"generativelanguage.googleapis.com", "/upload/v1beta/files"},
      {"us-central1-aiplatform.googleapis.com", "/v1/p/publishers/anthropic/models/count-tokens:rawPredict"},
      {"cloudcode-pa.googleapis.com", "/v1internal:countTokens"},
      {"cloudcode-pa.googleapis.com", "/v1internal:loadCodeAssist"},
      {"bedrock-runtime.us-east-1.amazonaws.com", "/model/m/count-tokens"},
      {"bedrock-runtime.us-east-1.amazonaws.com", "/guardrail/g/version/1/apply"},
      {"bedrock-runtime.us-east-1.amazonaws.com", "/invoke"},
      {"chatgpt.com", "/backend-api/conversation"},
      {"chatgpt.com", "/responses"},
      {"localhost:11434", "/api/tags"},
      {"localhost:11434", "/api/show"},
      {"localhost:11434", "/api/pull"},
      {"www.example.com", "/api/chat"},
      {"www.example.com", "/v2/chat"},
      {"www.example.com", "/survey/responses"},
      {"www.example.com", "/metrics"},
      {"www.example.com", "/health"},
      {"www.example.com", "/static/app.js?x=/v1/messages"},
      {"www.example.com", "/v1internal:generateContent"},
  };
  for (auto [host, target] : kNone) EXPECT_FALSE(ask(host, target)) << host << target;
  for (std::string_view method : {"GET", "HEAD", "OPTIONS", "DELETE", "PUT", "post"})
    EXPECT_FALSE(ask("api.anthropic.com", "/v1/messages", method)) << method;
}

TEST(Recognise, WebSocketTurns) {
  Recogniser plain;
  HostPort codex{"chatgpt.com", 443};
  auto found = plain.recognise("GET", codex, "/backend-api/codex/responses", "WebSocket");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->websocket);
  EXPECT_FALSE(plain.recognise("GET", codex, "/backend-api/codex/responses", "h2c"));
  EXPECT_FALSE(plain.recognise("GET", {"api.openai.com", 443}, "/v1/chat/completions", "websocket"));
  HostPort openai{"api.openai.com", 443};
  found = plain.recognise("GET", openai, "/v1/realtime?intent=x&model=gpt-realtime&a=b", "websocket");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->protocol, Protocol::openai_realtime);
  EXPECT_EQ(found->path_model, "gpt-realtime");
  found = plain.recognise("GET", {"x.openai.azure.com", 443}, "/openai/realtime?api-version=1", "websocket");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path_model, "");
  EXPECT_FALSE(plain.recognise("POST", openai, "/v1/realtime", ""));
  EXPECT_FALSE(plain.recognise("GET", {"game.example", 443}, "/realtime", "websocket"));
}

TEST(Recognise, LookAlikeHostsAreNotTheProvider) {
  for (std::string_view host : {"api.anthropic.com.evil.test", "xapi.anthropic.com", "evil-openai.azure.com",
                                "bedrock-runtime.amazonaws.com", "172.32.0.1", "10.evil.test"}) {
    auto found = ask(host, "/v1/messages");
    ASSERT_TRUE(found) << host;
    EXPECT_EQ(found->provider, "") << host;
    EXPECT_FALSE(found->certain) << host;
  }
}

TEST(Recognise, OwnHostsGoFirst) {
  Recogniser own({{"*.llm.example", "team"}, {"api.openai.com", "billed-elsewhere"}});
  auto found = own.recognise("POST", {"eu.llm.example", 443}, "/x/responses");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->provider, "team");
  EXPECT_TRUE(found->certain);
  EXPECT_EQ(own.provider({"api.openai.com", 443}, "/"), "billed-elsewhere");
  EXPECT_EQ(own.provider({"llm.example", 443}, "/"), "");
}

TEST(Recognise, AzureDeploymentIsNoModel) {
  auto found = ask("a.openai.azure.com", "/openai/deployments/prod-4/chat/completions?api-version=1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->deployment, "prod-4");
  EXPECT_EQ(found->path_model, "");
}

TEST(Recognise, ModelInThePathIsDecoded) {
  EXPECT_EQ(decode_path_model("us.anthropic.claude-v1%3A0"), "us.anthropic.claude-v1:0");
  EXPECT_EQ(decode_path_model("arn%3aaws%3Abedrock%3A%3A1%3Ainference-profile%2Fx"),
            "arn:aws:bedrock::1:inference-profile/x");
  EXPECT_EQ(decode_path_model("bad%zz%4"), "bad%zz%4");
  EXPECT_EQ(decode_path_model("a%0d%0ab"), "");
  EXPECT_EQ(decode_path_model(std::string(2049, 'a')), "");
  EXPECT_EQ(decode_path_model(std::string(2048, 'a')).size(), 2048u);
}

TEST(Recognise, BodiesOfUnknownHostsMustHaveTheShape) {
  CallTarget chat{.protocol = kChat};
  EXPECT_TRUE(has_call_shape(chat, R"({"model":"m","messages":[{"role":"user"}]})", false));
  EXPECT_TRUE(has_call_shape(chat, R"( {"messages":[],"x":{"a":[1]},"model":"m"} )", false));
  EXPECT_FALSE(has_call_shape(chat, R"({"messages":[]})", false));
  EXPECT_TRUE(has_call_shape({.protocol = kChat, .deployment = "d"}, R"({"messages":[]})", false));
  EXPECT_FALSE(has_call_shape(chat, R"({"nested":{"model":"m","messages":[]}})", false));
  EXPECT_FALSE(has_call_shape(chat, R"(["model","messages"])", false));
  EXPECT_FALSE(has_call_shape(chat, "model=m&messages=1", false));
  EXPECT_FALSE(has_call_shape(chat, "", false));
  EXPECT_FALSE(has_call_shape(chat, R"({"":1})", false));
  EXPECT_TRUE(has_call_shape(chat, R"({"messages":[{"role":"us)", true));
  EXPECT_FALSE(has_call_shape(chat, R"({"messages":[{"role":"us)", false));
  EXPECT_TRUE(has_call_shape({.protocol = Protocol::bedrock_invoke, .path_model = "m"}, "{}", false));
}

}  // namespace
}  // namespace weir::llm
