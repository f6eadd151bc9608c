// ModelCall: the account of one call of a model, as plain data. Whoever stores it adds flow, process and
// price.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "llm/prompt_change.h"

namespace weir::llm {

struct JsonString;

/// How it is spoken. Who bills is ModelCall::provider: one protocol is served by many.
enum class Protocol : std::uint8_t {
  none,
  anthropic_messages,
  openai_chat,
  openai_completions,
  openai_responses,
  openai_embeddings,
  gemini_generate,
  gemini_embed,
  bedrock_converse,
  bedrock_invoke,
  cohere_v1,
  cohere_v2,
  ollama_chat,
  ollama_generate,
  openai_realtime,
};
inline constexpr Protocol kLastProtocol = Protocol::openai_realtime;
/// "anthropic-messages"; stored and filtered by, so never renamed.
std::string_view name(Protocol protocol);

/// Why the model stopped, in one vocabulary; ModelCall::stop_reason has the provider's own word.
enum class Finish : std::uint8_t { none, stop, length, tool_call, content_filter, error };
std::string_view name(Finish finish);  ///< "" for none

/// What may be kept of what a call says. Lengths of all of it are counted, kept or not.
struct PreviewLimits {
  std::size_t text = 16 << 10;         ///< answer, and thinking, each
  std::size_t system = 4 << 10;        ///< system prompt, and the last thing the user said, each
  std::size_t arguments = 16 << 10;    ///< of one tool call
  std::size_t result = 4 << 10;        ///< of one tool result
  std::size_t tool_texts = 256 << 10;  ///< all arguments and results of one call together
  std::size_t tools = 512;             ///< offered, called, answered: each
};
inline constexpr PreviewLimits kPreviews;

/// The beginning of a text, never cut within a character, and how long all of it was (bytes of UTF-8).
struct Preview {
  std::string text;
  std::uint64_t bytes = 0;

  void append(const JsonString& more, std::size_t limit);
  void append(std::string_view more, std::size_t limit);  ///< text as it is; bad UTF-8 becomes U+FFFD
  void clear() { text.clear(), bytes = 0; }
  bool empty() const { return bytes == 0; }
  bool cut() const { return bytes > text.size(); }
};

/// Tokens and what else is billed. Unset = never said, which is not 0. Reports within a stream are
/// cumulative, so `merge` overwrites what is said again and adds nothing.
struct Usage {
  std::optional<std::int64_t> input;        ///< all of the input: fresh, read from cache, written to cache
  std::optional<std::int64_t> input_fresh;  ///< neither read from nor written to a cache
  std::optional<std::int64_t> cache_read;
  std::optional<std::int64_t> cache_write;
  std::optional<std::int64_t> cache_write_5m;
  std::optional<std::int64_t> cache_write_1h;
  std::optional<std::int64_t> output;          ///< with reasoning
  std::optional<std::int64_t> output_visible;  ///< without, where that is what the provider says
  std::optional<std::int64_t> reasoning;
  std::optional<std::int64_t> total;  ///< as the provider says it
  std::optional<double> cost_usd;     ///< as the provider says it (OpenRouter, xAI)
  /// Other counters by their path in the provider's words ("server_tool_use.web_search_requests").
  std::vector<std::pair<std::string, std::int64_t>> details;

  void merge(const Usage& newer);
  void set_detail(std::string_view key, std::int64_t value);  ///< overwrites; at most 64 keys are kept
  /// Works out what follows from what was said: total input from fresh or fresh from total, the split of
  /// cache writes (an unexplained rest belongs to 5 minutes), output from its visible part. Done once, at the
  /// end.
  void settle();
  bool empty() const;
};

/// One of several steps of a call that are billed apart (Anthropic's iterations): compaction, an adviser, a
/// model that another fell back to. The usage of the whole call leaves some of them out.
struct UsageStep {
  std::string kind;   ///< in the provider's words
  std::string model;  ///< empty: the call's
  Usage usage;
};

enum class ToolOrigin : std::uint8_t {
  client,
  server,
  mcp
};  ///< who runs it; mcp: the provider does, by MCP
std::string_view name(ToolOrigin origin);

struct ToolOffer {
  std::string name;
  std::string kind;  ///< "function", "custom", or the provider's own ("web_search_20250305")
};

/// One tool call of one call of a model, both counted from 1; 0: none is known.
struct ToolRef {
  std::uint64_t call = 0;    ///< CallLinks::number
  std::uint32_t number = 0;  ///< in ModelCall::tool_calls

  explicit operator bool() const { return call != 0; }
  friend bool operator==(const ToolRef&, const ToolRef&) = default;
};

/// What one call has to do with others of the same recording: see Traces.
struct CallLinks {
  std::uint64_t number = 0;  ///< of this call, counted from 1 in the order in which they ended; 0: not linked
  std::uint64_t turn = 0;    ///< of the turn it belongs to, counted from 1
  std::uint64_t after = 0;   ///< the call that it goes on from
  std::uint64_t retry_of = 0;  ///< the call that it is another try of
};

struct ToolCall {
  std::string call_id;  ///< the provider's; a reader makes one up where the protocol has none
  std::string name;
  std::string server;                   ///< of an MCP call
  Preview arguments;                    ///< JSON as the model wrote it, which may be broken, or free text
  std::optional<bool> arguments_valid;  ///< unset: too long to say, or free text
  bool free_text = false;
  ToolOrigin origin = ToolOrigin::client;
};

/// What a tool said: in the request for earlier calls of the model, in the response for tools the provider
/// ran.
struct ToolResult {
  std::string call_id;
  std::string name;  ///< where the protocol says it
  Preview content;
  bool is_error = false;
  bool in_response = false;
  ToolRef answers;    ///< the tool call it is the result of
  std::string agent;  ///< the agent that did the work, where the result names it
};

/// All times are since the request was sent. A content event brought text, thinking or tool arguments.
struct CallTiming {
  std::optional<Duration> head;         ///< first byte of the response
  std::optional<Duration> first_event;  ///< of any kind
  std::optional<Duration> first_token;  ///< first content event
  std::optional<Duration> last_token;
  Duration duration{};
  std::uint64_t content_events = 0;
  Duration longest_gap{};  ///< between two content events
  /// Gaps by length: below 10, 30, 100, 300 ms, 1, 3, 10 s, and all above.
  std::array<std::uint32_t, 8> gaps{};
  std::optional<Duration> generation;  ///< as the server measured it (Ollama, Groq, Bedrock)
  /// Output tokens a second while tokens came; nothing below 2 content events or 50 ms.
  std::optional<double> tokens_per_second(const Usage& usage) const;
};

/// Rate-limit and billing headers of the response, names in lower case, in their order; bounded.
using RateLimits = std::vector<std::pair<std::string, std::string>>;

struct ModelCall {
  std::string provider;  ///< who bills; whoever knows the host sets it
  Protocol protocol = Protocol::none;
  std::string method, path;  ///< path without query
  bool stream = false;       ///< the response came as events
  bool websocket = false;

  std::string model_asked, model_served;
  std::string message_id, request_id;
  std::string previous_id;             ///< previous_response_id, previous_message_id
  std::string conversation_id;         ///< a key the client keeps over calls (prompt_cache_key, conversation)
  std::string client, client_version;  ///< "claude-cli", "2.1.4"
  std::string session_id;              ///< where the client says one
  std::string agent_id;                ///< of a sub-agent, where the client says one
  std::string user_id;                 ///< metadata.user_id, user, safety_identifier
  std::optional<std::uint32_t> retry_count;
  std::string service_tier;
  std::string speed;  ///< "fast" where that is billed apart
  std::string place;  ///< where it was computed ("us"), where that is billed apart

  std::uint16_t status = 0;
  Finish finish = Finish::none;
  std::string stop_reason;
  std::string error_type, error_code, error_message;  ///< of the provider, in its own words
  bool partial = false;                               ///< the response broke off: what is here is what came
  std::string parse_error;  ///< why something could not be read; the traffic was not touched

  std::optional<std::int64_t> max_output_tokens;  ///< asked for
  std::uint64_t request_hash = 0;  ///< of the body; within one run of the program; 0: there was none
  std::uint64_t opening = 0;       ///< hash of what the conversation began with; 0: not known
  CallLinks links;
  PromptChange prompt;  ///< since the request that it goes on from: see PromptThreads
  std::uint32_t messages_count = 0;
  std::uint32_t tools_count = 0;
  Preview system_prompt, user_text, text, thinking, refusal;
  std::vector<ToolOffer> tools_offered;  ///< the first PreviewLimits::tools of tools_count
  std::vector<ToolCall> tool_calls;
  std::vector<ToolResult> tool_results;                        ///< only those that are new in this call
  std::uint32_t tool_calls_count = 0, tool_results_count = 0;  ///< kept or not

  Usage usage;
  std::vector<UsageStep> steps;  ///< empty: `usage` is all there is; bounded
  RateLimits rate_limits;
  std::uint64_t request_bytes = 0, response_bytes = 0;  ///< decoded bodies
  WallNanos started = 0;                                ///< set by whoever has a clock
  CallTiming timing;

  bool hidden_reasoning() const { return usage.reasoning.value_or(0) > 0 && thinking.empty(); }

  /// The first thing that went wrong is the one that is kept.
  void mark_parse_error(std::string_view what) {
    if (parse_error.empty()) parse_error = what;
  }
  /// One more tool call or result, or nothing when there are too many; valid until the next is added.
  ToolCall* add_tool_call();
  ToolResult* add_tool_result();
  /// Appends within both limits, the text's own and that of all tool texts together.
  void append_arguments(ToolCall& call, const JsonString& more);
  void append_arguments(ToolCall& call, std::string_view json);
  void append_result(ToolResult& result, const JsonString& more);
  void append_result(ToolResult& result, std::string_view json);

 private:
  void append_bounded(Preview& preview, const JsonString& more, std::size_t limit);
  std::size_t tool_text_bytes_ = 0;
};

}  // namespace weir::llm
