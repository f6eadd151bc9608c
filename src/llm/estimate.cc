#include "llm/estimate.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "llm/call_reader.h"
#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

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

// Whether some of what such a model writes is never seen.
bool may_hide(std::string_view model) {
  std::string name = lower(model.substr(0, 256));
  if (reasons_first(name)) return true;
  return std::ranges::any_of(std::array<std::string_view, 5>{"gpt-5", "gpt-6", "codex", "gemini", "grok"},
                             [&](std::string_view part) { return name.find(part) != name.npos; });
}

/// What a request's top level says, in whatever spelling: servers differ in which of several they take, so
/// the most counts.
class TopLevel {
 public:
  explicit TopLevel(std::string_view body) : json_(body) {
    bool object = json_.each_member([this](std::string_view key) { member(name_of(key)); });
    readable_ = object && !json_.malformed();
  }

  bool readable() const { return readable_; }
  bool has_content() const { return content_; }
  /// Nothing where it is said in no way, or in two.
  std::string_view model() const { return models_ == 1 ? std::string_view(model_) : std::string_view(); }
  bool names_model() const { return models_ > 0; }
  std::int64_t answers() const { return std::clamp<std::int64_t>(answers_ * prompts_, 1, kMostAnswers); }
  /// Nothing where there is no limit, or one that is none.
  std::optional<std::int64_t> most() const { return endless_ ? std::nullopt : most_; }

 private:
  static std::string name_of(std::string_view key) {
    return lower(JsonString{key, key.find('\\') != key.npos}.str(64));
  }
  void member(const std::string& key) {
    if (key == "model") {
      ++models_;
      json_.read(model_);
      model_ = trim_ows(model_);
    } else if (key == "generationconfig" || key == "generation_config" || key == "inferenceconfig" ||
               key == "options") {
      json_.each_member([this](std::string_view inner) { limit(name_of(inner)); });
    } else if (key == "prompt") {
      content_ = true;
      count_prompts();
    } else if (key == "messages" || key == "contents" || key == "input" || key == "inputs") {
      content_ = true;
    } else {
      limit(key);
    }
  }
  void limit(const std::string& key) {
    if (key == "max_tokens" || key == "max_completion_tokens" || key == "max_output_tokens" ||
        key == "max_tokens_to_sample" || key == "maxoutputtokens" || key == "maxtokens" ||
        key == "num_predict" || key == "max_new_tokens") {
      auto said = number();
      if (!said) return;
      if (*said <= 0) endless_ = true;
      most_ = std::max(most_.value_or(0), *said);
    } else if (key == "n" || key == "best_of" || key == "candidatecount" || key == "candidate_count") {
      answers_ = std::clamp<std::int64_t>(number().value_or(1), answers_, kMostAnswers);
    }
  }
  void count_prompts() {
    std::int64_t texts = 0;
    if (json_.kind() != JsonCursor::Kind::array) return;
    json_.each_element([&] { texts += json_.kind() != JsonCursor::Kind::number; });
    prompts_ = std::clamp<std::int64_t>(texts, 1, kMostAnswers);
  }
  std::optional<std::int64_t> number() {
    if (json_.kind() == JsonCursor::Kind::string) {
      auto text = parse_decimal(json_.word());
      return text ? std::optional(static_cast<std::int64_t>(std::min<std::uint64_t>(*text, kMostTokens)))
                  : std::nullopt;
    }
    if (json_.kind() != JsonCursor::Kind::number) return std::nullopt;
    auto value = json_.number();
    if (!value) return std::nullopt;
    return static_cast<std::int64_t>(std::clamp(*value, -1.0, static_cast<double>(kMostTokens)));
  }

  JsonCursor json_;
  bool readable_ = false, content_ = false, endless_ = false;
  int models_ = 0;
  std::string model_;
  std::int64_t answers_ = 1, prompts_ = 1;
  std::optional<std::int64_t> most_;
};

// What stands before a text that is no words but a picture, a document, a sound.
bool begins_blob(std::string_view before) {
  if (before.ends_with(";base64,")) return true;
  if (!before.ends_with('"')) return false;
  before.remove_suffix(1);
  while (before.ends_with(' ')) before.remove_suffix(1);
  if (!before.ends_with(':')) return false;
  before.remove_suffix(1);
  while (before.ends_with(' ')) before.remove_suffix(1);
  for (std::string_view key : {"\"data\"", "\"file_data\"", "\"bytes\"", "\"b64_json\"",
                               "\"encrypted_content\"", "\"signature\"", "\"thoughtSignature\""})
    if (before.ends_with(key)) return true;
  return false;
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
    if (end - at >= kLeastBlob && begins_blob(json.substr(0, at))) {
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
  TopLevel top(body.starts_with("\xEF\xBB\xBF") ? body.substr(3) : body);
  out.call = target.certain || top.has_content() || !top.readable() || has_call_shape(target, body, cut);
  if (!out.call) return out;
  CallReader reader(target.protocol, {});
  reader.request_head(head);
  reader.request_body(body, cut);
  const ModelCall& read = reader.so_far();
  ModelCall& asked = out.asked;
  asked.provider = target.provider;
  asked.protocol = target.protocol;
  asked.model_asked = top.model();
  if (asked.model_asked.empty() && !top.names_model())
    asked.model_asked = decode_path_model(target.path_model);
  asked.service_tier = read.service_tier;
  asked.speed = read.speed;
  asked.place = read.place;
  out.model = asked.model_asked;
  Usage& usage = asked.usage;
  usage.input = estimated_tokens(body);
  std::int64_t most = top.most().value_or(most_output(out.model));
  usage.output =
      has_output(target.protocol) ? std::clamp<std::int64_t>(most, 0, kMostTokens) * top.answers() : 0;
  usage.settle();
  out.tokens = *usage.input + *usage.output;
  return out;
}

namespace {

// What a server says is not always true.
Usage clamped(Usage usage) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  for (auto* each :
       {&usage.input, &usage.input_fresh, &usage.cache_read, &usage.cache_write, &usage.cache_write_5m,
        &usage.cache_write_1h, &usage.output, &usage.output_visible, &usage.reasoning, &usage.total})
    if (*each) *each = std::clamp<std::int64_t>(**each, 0, kMost);
  return usage;
}

std::int64_t tokens_that_came(const ModelCall& call) {
  if (!has_output(call.protocol)) return 0;
  auto written = static_cast<std::int64_t>(call.text.bytes + call.thinking.bytes);
  for (const ToolCall& tool : call.tool_calls) written += static_cast<std::int64_t>(tool.arguments.bytes);
  return (written + kBytesPerToken - 1) / kBytesPerToken;
}

}  // namespace

Usage used(const ModelCall& call, const Estimate& estimate, const CallEnd& end) {
  const Usage& all = estimate.asked.usage;
  Usage out = clamped(call.usage);
  if (out.input && out.output && !call.partial) return out;
  if (call.status == 0) return end.sent && end.client_left ? all : Usage();
  if (call.status >= 400 && out.empty()) return {};
  if (!out.input) out.input = all.input;
  std::int64_t came = tokens_that_came(call);
  bool seen =
      !end.unread && (call.stream ? !may_hide(estimate.model) || call.partial : came > 0 && !call.partial);
  if (out.total && !call.partial) {
    out.output = std::max<std::int64_t>(*out.total - *out.input, came);
  } else if (out.output) {
    out.output = std::max(*out.output, came);
  } else {
    out.output = seen ? came : std::max(all.output.value_or(0), came);
  }
  out.settle();
  return out;
}

}  // namespace weir::llm
