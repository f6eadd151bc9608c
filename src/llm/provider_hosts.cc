#include "llm/provider_hosts.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::llm {
namespace {

struct HostRow {
  consteval HostRow(std::string_view pattern, std::string_view provider, std::string_view path = {})
      : head(pattern.substr(0, pattern.find('*'))),
        tail(head == pattern ? std::string_view() : pattern.substr(head.size() + 1)),
        whole(head == pattern),
        provider(provider),
        path(path) {}

  bool matches(std::string_view host) const {
    if (whole) return host == head;
    return host.size() > head.size() + tail.size() && host.starts_with(head) && host.ends_with(tail);
  }

  std::string_view head, tail;  // around the `*`
  bool whole;                   // there is none
  std::string_view provider;
  std::string_view path;  // only where the path has this part
};

// The first row that holds decides.
constexpr HostRow kHosts[] = {
    {"api.anthropic.com", "anthropic"},
    {"api.openai.com", "openai"},
    {"*.api.openai.com", "openai"},
    {"chatgpt.com", "openai", "/backend-api/codex/"},
    {"generativelanguage.googleapis.com", "google-gemini"},
    {"aiplatform.googleapis.com", "google-vertex"},
    {"*-aiplatform.googleapis.com", "google-vertex"},
    {"aiplatform.*.rep.googleapis.com", "google-vertex"},
    {"cloudcode-pa.googleapis.com", "google-code-assist"},
    {"*-cloudcode-pa.sandbox.googleapis.com", "google-code-assist"},
    {"bedrock-runtime.*.amazonaws.com", "aws-bedrock"},
    {"bedrock-runtime.*.amazonaws.com.cn", "aws-bedrock"},
    {"bedrock-runtime-fips.*.amazonaws.com", "aws-bedrock"},
    {"*.vpce.amazonaws.com", "aws-bedrock"},
    {"bedrock-mantle.*.api.aws", "aws-bedrock"},
    {"*.services.ai.azure.com", "azure-inference", "/models/"},
    {"*.inference.ai.azure.com", "azure-inference"},
    {"*.openai.azure.com", "azure-openai"},
    {"*.cognitiveservices.azure.com", "azure-openai"},
    {"*.services.ai.azure.com", "azure-openai"},
    {"*.azure-api.net", "azure-openai"},
    {"api.mistral.ai", "mistral"},
    {"codestral.mistral.ai", "mistral"},
    {"api.deepseek.com", "deepseek"},
    {"api.groq.com", "groq"},
    {"api.x.ai", "xai"},
    {"api.together.xyz", "together"},
    {"api.together.ai", "together"},
    {"api.fireworks.ai", "fireworks"},
    {"api.cerebras.ai", "cerebras"},
    {"openrouter.ai", "openrouter"},
    {"api.openrouter.ai", "openrouter"},
    {"api.perplexity.ai", "perplexity"},
    {"api.cohere.com", "cohere"},
    {"api.cohere.ai", "cohere"},
    {"api.moonshot.ai", "moonshot"},
    {"api.moonshot.cn", "moonshot"},
    {"api.z.ai", "zai"},
    {"open.bigmodel.cn", "zai"},
    {"api.minimax.io", "minimax"},
    {"api.minimax.com", "minimax"},
    {"api.minimaxi.com", "minimax"},
    {"api.minimaxi.io", "minimax"},
    {"api.voyageai.com", "voyage"},
    {"api.deepinfra.com", "deepinfra"},
    {"api.novita.ai", "novita"},
    {"api.tokenfactory.nebius.com", "nebius"},
    {"router.huggingface.co", "huggingface"},
    {"api.githubcopilot.com", "github-copilot"},
    {"api.*.githubcopilot.com", "github-copilot"},
    {"models.github.ai", "github-models"},
    {"ai-gateway.vercel.sh", "vercel-gateway"},
    {"gateway.ai.cloudflare.com", "cloudflare-gateway"},
    {"ollama.com", "ollama"},
};

constexpr std::uint16_t kOllamaPort = 11434;

bool is_private_literal(std::string_view host) {
  if (host.starts_with("10.") || host.starts_with("192.168.")) return is_ip_literal(host);
  if (host.starts_with("172.")) {
    unsigned second = 0;
    std::from_chars(host.data() + 4, host.data() + host.size(), second);
    return second >= 16 && second <= 31 && is_ip_literal(host);
  }
  return (host.starts_with("fc") || host.starts_with("fd")) && is_ip_literal(host);
}

bool is_near(std::string_view host) {
  return is_loopback_host(host) || is_private_literal(host) || host.ends_with(".local") ||
         host.ends_with(".internal") || host.find_first_of(".:") == std::string_view::npos;
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view host) {
  std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == host;
  return host.size() >= pattern.size() && host.starts_with(pattern.substr(0, star)) &&
         host.ends_with(pattern.substr(star + 1));
}

std::string_view provider_of(const HostPort& place, std::string_view path) {
  for (const HostRow& row : kHosts)
    if (row.matches(place.host) && (row.path.empty() || path.find(row.path) != path.npos))
      return row.provider;
  if (!is_near(place.host)) return {};
  return place.port == kOllamaPort ? "ollama" : "local";
}

}  // namespace weir::llm
