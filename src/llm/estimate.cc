#include "llm/estimate.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "llm/call_reader.h"
#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

constexpr std::int64_t kBytesPerToken = 3;
constexpr std::size_t kLeastBlob = 4096;
constexpr std::int64_t kBlobTokens = 2000, kBlobBytesPerToken = 64;
constexpr std::int64_t kMostOutput = 32'768;
constexpr std::int64_t kMostAnswers = 128, kMostTokens = 1'000'000'000;

constexpr std::array<bool, 256> kBase64 = [] {
  std::array<bool, 256> out{};
  for (int c = 0; c < 256; ++c)
    out[static_cast<std::size_t>(c)] = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                       (c >= 'a' && c <= 'z') || c == '+' || c == '/' || c == '-' ||
                                       c == '_' || c == '=';
  return out;
}();

struct Family {
  std::string_view part;  // of the model's name
  std::int64_t output;
};
// The first that is in the name counts.
constexpr Family kFamilies[] = {
    {"embed", 0},        {"claude-3-5", 8'192},  {"claude-3-7", 128'000}, {"claude-3-", 4'096},
    {"claude-2", 4'096}, {"claude", 128'000},    {"gpt-3.5", 4'096},      {"gpt-4o", 16'384},
    {"gpt-4.1", 32'768}, {"gpt-4-turbo", 4'096}, {"gpt-4", 8'192},        {"gpt-", 128'000},
    {"codex", 128'000},  {"gemini-1", 8'192},    {"gemini-2.0", 8'192},   {"gemini", 65'536},
    {"grok", 131'072},   {"deepseek", 65'536},
};

bool reasons_first(std::string_view model) {  // o1, o3-mini, o4-mini
  std::size_t at = model.rfind('/') + 1;
  return model.size() > at + 1 && model[at] == 'o' && is_digit(model[at + 1]);
}

// How many answers are asked for: `n`, or Gemini's candidateCount.
std::int64_t answers(std::string_view body) {
  std::int64_t out = 1;
  JsonCursor json(body);
  json.each_member([&](std::string_view key) {
    if (key == "n") out = json.integer().value_or(1);
    if (key == "generationConfig" || key == "generation_config")
      json.each_member([&](std::string_view inner) {
        if (inner == "candidateCount" || inner == "candidate_count") out = json.integer().value_or(1);
      });
  });
  return std::clamp<std::int64_t>(out, 1, kMostAnswers);
}

bool has_output(Protocol protocol) {
  return protocol != Protocol::openai_embeddings && protocol != Protocol::gemini_embed;
}

}  // namespace

std::int64_t estimated_tokens(std::string_view json) {
  std::int64_t text = 0, blobs = 0;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t end = at;
    while (end < json.size() && kBase64[static_cast<unsigned char>(json[end])]) ++end;
    auto run = static_cast<std::int64_t>(end - at);
    if (end - at >= kLeastBlob) {
      blobs += kBlobTokens + run / kBlobBytesPerToken;
    } else {
      text += run;
    }
    for (at = end; at < json.size() && !kBase64[static_cast<unsigned char>(json[at])]; ++at) ++text;
  }
  return (text + kBytesPerToken - 1) / kBytesPerToken + blobs;
}

std::int64_t most_output(std::string_view model) {
  std::string name = lower(model.substr(0, 256));
  if (reasons_first(name)) return 100'000;
  for (const Family& family : kFamilies)
    if (name.find(family.part) != name.npos) return family.output;
  return kMostOutput;
}

Estimate estimate(const CallTarget& target, const http::RequestHead& head, std::string_view body, bool cut) {
  Estimate out;
  out.call = target.certain || has_call_shape(target, body, cut);
  if (!out.call) return out;
  CallReader reader(target.protocol, {});
  reader.request_head(head);
  reader.request_body(body, cut);
  const ModelCall& read = reader.so_far();
  ModelCall& asked = out.asked;
  asked.provider = target.provider;
  asked.protocol = target.protocol;
  asked.model_asked = read.model_asked;
  if (asked.model_asked.empty()) asked.model_asked = decode_path_model(target.path_model);
  asked.service_tier = read.service_tier;
  asked.speed = read.speed;
  out.model = asked.model_asked;
  Usage& usage = asked.usage;
  usage.input = estimated_tokens(body);
  std::int64_t most = read.max_output_tokens.value_or(most_output(out.model));
  usage.output =
      has_output(target.protocol) ? std::clamp<std::int64_t>(most, 0, kMostTokens) * answers(body) : 0;
  usage.settle();
  out.tokens = *usage.input + *usage.output;
  return out;
}

Usage used(const ModelCall& call, const Estimate& estimate) {
  Usage out = call.usage;
  bool counted = out.input && out.output;
  if (counted && !call.partial) return out;
  // Refused, or never reached: nobody bills that.
  if (out.empty() && (call.status == 0 || call.status >= 400)) return {};
  if (!out.input) out.input = estimate.asked.usage.input;
  auto written = static_cast<std::int64_t>(call.text.bytes + call.thinking.bytes);
  for (const ToolCall& tool : call.tool_calls) written += static_cast<std::int64_t>(tool.arguments.bytes);
  std::int64_t came = has_output(call.protocol) ? (written + kBytesPerToken - 1) / kBytesPerToken : 0;
  out.output = std::max(out.output.value_or(0), came);
  out.settle();
  return out;
}

}  // namespace weir::llm
