#include "broker/preset.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/hash.h"

namespace weir::broker {
namespace {

const std::vector<Preset>& table() {
  static const std::vector<Preset> kPresets = {
      {.name = "anthropic",
       .title = "Anthropic API key",
       .hosts = {"api.anthropic.com"},
       .fields = {"X-Api-Key", "Authorization"},
       .injected = "{secret}",
       .variables = {"ANTHROPIC_API_KEY"},
       .shape = {"sk-ant-api03-", 108}},
      {.name = "aws",
       .title = "AWS access key; requests are signed again",
       .hosts = {"*.amazonaws.com"},
       .variables = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
       .shape = {"AKIA", 20, Alphabet::upper_base32},
       .use = Use::aws_signature},
      {.name = "basic",
       .title = "password of HTTP Basic credentials",
       .fields = {"Authorization"},
       .injected = "Basic {user:secret}",
       .shape = {"", 36}},
      {.name = "bearer",
       .title = "bearer token",
       .fields = {"Authorization"},
       .injected = "Bearer {secret}",
       .shape = {"", 36}},
      {.name = "gemini",
       .title = "Google Gemini API key",
       .hosts = {"generativelanguage.googleapis.com"},
       .fields = {"X-Goog-Api-Key"},
       .parameters = {"key"},
       .injected = "{secret}",
       .variables = {"GEMINI_API_KEY", "GOOGLE_API_KEY"},
       .shape = {"AIza", 39}},
      {.name = "github",
       .title = "GitHub token, for the API and for git over https",
       .hosts = {"api.github.com", "github.com", "uploads.github.com", "codeload.github.com",
                 "raw.githubusercontent.com"},
       .fields = {"Authorization"},
       .injected = "Bearer {secret}",
       .variables = {"GITHUB_TOKEN", "GH_TOKEN"},
       .shape = {"ghp_", 40}},
      {.name = "gitlab",
       .title = "GitLab token, for the API and for git over https",
       .hosts = {"gitlab.com"},
       .fields = {"Authorization", "PRIVATE-TOKEN"},
       .injected = "Bearer {secret}",
       .variables = {"GITLAB_TOKEN"},
       .shape = {"glpat-", 26}},
      {.name = "npm",
       .title = "token of an npm registry; name its host",
       .fields = {"Authorization"},
       .injected = "Bearer {secret}",
       .variables = {"NPM_TOKEN", "NODE_AUTH_TOKEN"},
       .shape = {"npm_", 40}},
      {.name = "openai",
       .title = "OpenAI API key",
       .hosts = {"api.openai.com"},
       .fields = {"Authorization"},
       .injected = "Bearer {secret}",
       .variables = {"OPENAI_API_KEY"},
       .shape = {"sk-proj-", 64}},
  };
  return kPresets;
}

constexpr std::string_view kBase62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kUpperBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

}  // namespace

std::span<const Preset> presets() { return table(); }

const Preset* find_preset(std::string_view name) {
  auto found = std::ranges::find(table(), name, &Preset::name);
  return found == table().end() ? nullptr : &*found;
}

std::string placeholder(std::string_view key, std::string_view name, const Shape& shape) {
  bool upper = shape.alphabet == Alphabet::upper_base32;
  std::string_view alphabet = upper ? kUpperBase32 : kBase62;
  std::string out = std::string(shape.prefix) + (upper ? "WEIR" : "weir");
  for (int round = 0; out.size() < shape.size; ++round) {
    Sha256 bytes = hmac_sha256(key, std::string(name) + '\0' + std::to_string(round));
    for (std::uint8_t byte : bytes)
      // What lies beyond the last whole round of the alphabet would make its first letters likelier.
      if (out.size() < shape.size && byte < 256 / alphabet.size() * alphabet.size())
        out += alphabet[byte % alphabet.size()];
  }
  return out;
}

}  // namespace weir::broker
