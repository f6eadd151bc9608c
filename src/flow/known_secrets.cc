#include "flow/known_secrets.h"

#include <re2/re2.h>

#include <string>

namespace weir::flow {
namespace {

struct Known {
  const char* name;
  const char* begin;  ///< what every one of them begins with
  const char* rest;
};

constexpr Known kKnown[] = {
    {"anthropic-key", R"(\bsk-ant-)", R"([A-Za-z0-9_-]{16,})"},
    {"openai-key", R"(\bsk-(?:proj|svcacct|admin)-)", R"([A-Za-z0-9_-]{20,})"},
    {"openrouter-key", R"(\bsk-or-)", R"([A-Za-z0-9_-]{20,})"},
    {"secret-key", R"(\bsk-)", R"([A-Za-z0-9]{32,})"},
    {"groq-key", R"(\bgsk_)", R"([A-Za-z0-9]{32,})"},
    {"xai-key", R"(\bxai-)", R"([A-Za-z0-9]{32,})"},
    {"huggingface-token", R"(\bhf_)", R"([A-Za-z0-9]{30,})"},
    {"aws-key-id", R"(\b(?:AKIA|ASIA))", R"([A-Z0-9]{16}\b)"},
    {"aws-secret-key", R"((?i:aws_secret_access_key)[\\"']{0,2}\s*[=:]\s*[\\"']{0,2})", "[A-Za-z0-9/+]{40}"},
    {"github-token", R"(\bgh[pousr]_)", R"([A-Za-z0-9]{36,})"},
    {"github-token", R"(\bgithub_pat_)", R"([A-Za-z0-9_]{22,})"},
    {"gitlab-token", R"(\bglpat-)", R"([A-Za-z0-9_-]{20,})"},
    {"slack-token", R"(\bxox[abeoprs]-)", R"([A-Za-z0-9-]{10,})"},
    {"slack-token", R"(\bxapp-)", R"([A-Za-z0-9-]{20,})"},
    {"google-key", R"(\bAIza)", R"([A-Za-z0-9_-]{35})"},
    {"google-token", R"(\bya29\.)", R"([A-Za-z0-9_-]{20,})"},
    {"stripe-key", R"(\b[rs]k_(?:live|test)_)", R"([A-Za-z0-9]{16,})"},
    {"npm-token", R"(\bnpm_)", R"([A-Za-z0-9]{36})"},
    {"pypi-token", R"(\bpypi-AgE)", R"([A-Za-z0-9_-]{50,})"},
    {"jwt", R"(\beyJ)", R"([A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"},
    {"bearer-token", R"(\b[Bb]earer +)", R"([A-Za-z0-9._~+/-]{24,}=*)"},
    {"url-password", R"(\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@"'<>\\]*:)", R"([^\s/@"'<>\\]{3,}@)"},
    // Of one that is cut off all that is there goes.
    {"private-key", R"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)",
     R"([\s\S]*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\z))"},
};

std::string beginnings() {
  std::string out;
  for (const Known& each : kKnown) out.append(out.empty() ? "(?:" : "|").append(each.begin);
  return "(" + out + R"()[A-Za-z0-9._~+/=%$!&*-]*)\z)";
}

}  // namespace

std::vector<RedactionRule> known_secrets() {
  std::vector<RedactionRule> out;
  for (const Known& each : kKnown)
    out.push_back({.name = each.name, .pattern = std::string(each.begin) + each.rest});
  return out;
}

std::size_t unfinished_secret(std::string_view text) {
  static const RE2 unfinished(beginnings(), RE2::Latin1);
  re2::StringPiece found;
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), unfinished, &found)
             ? static_cast<std::size_t>(found.data() - text.data())
             : text.size();
}

}  // namespace weir::flow
