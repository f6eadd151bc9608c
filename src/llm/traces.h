// Traces: which calls of models belong together, and which call of a tool a result is the answer to.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/model_call.h"

namespace weir::llm {

/// Calls are handed in as they end. A turn begins with a call that brings new words of the user and no
/// results of tools; whatever goes on from it belongs to it, in whichever order it ends. Ids decide; where a
/// protocol has none (Gemini), what the conversation began with, the tool's name and the order. What cannot
/// be told is left unsaid. Memory is bounded: what is older than the last kMostCalls calls is not known any
/// more. One thread.
class Traces {
 public:
  static constexpr std::size_t kMostCalls = 2048;
  static constexpr std::size_t kMostTools = 16 << 10;  ///< tool calls of all of them together
  /// So long after a model called a tool it may begin to run.
  static constexpr WallNanos kToolWindow = 600LL * 1'000'000'000;

  /// Sets `links`, and `answers` and `agent` of results. Results that came with a call before (a retry, a
  /// history that is sent again) are taken out: of every tool call one result remains.
  void link(ModelCall& call);

  /// The tool call that ran as a call of the MCP tool `name` with these arguments (json_fingerprint), begun
  /// `at`: by its name ("search", "mcp__SERVER__search") and what it says, since no id tells. Each is found
  /// once.
  ToolRef ran(std::string_view name, std::uint64_t arguments, WallNanos at);

 private:
  struct KnownTool {
    std::string id, name;
    std::uint64_t key;  // in by_id_
    std::optional<std::uint64_t> arguments;
    bool answered = false, ran = false;
  };
  struct KnownCall {
    std::uint64_t number, turn;
    std::uint64_t session, opening, body, message;
    WallNanos started, ended;
    std::uint32_t messages;
    bool failed;
    std::vector<KnownTool> tools;
  };
  struct Unknown {
    std::uint64_t content, turn;
  };
  struct Agent {
    std::uint64_t session;
    std::string id;
  };
  /// What is found out about one call on the way.
  struct Step {
    const KnownCall* origin = nullptr;  // whose tools it answers
    std::uint64_t turn = 0;             // of a result that came before, though nobody knows from where
    std::vector<std::uint64_t> unknown;
    std::unordered_map<std::string, std::size_t> named;  // results without an id, by tool
    bool results = false;
  };

  KnownCall* find(std::uint64_t number);
  int fit(const KnownCall& known, const KnownTool& tool, const ModelCall& call) const;
  ToolRef find_by_id(const ToolResult& result, const ModelCall& call);
  ToolRef find_by_name(const ToolResult& result, const ModelCall& call, Step& step);
  const KnownCall* last_of_conversation(const ModelCall& call, bool with_tools) const;
  bool is_new(ToolResult& result, const ModelCall& call, Step& step);
  bool is_new_unknown(const ToolResult& result, const ModelCall& call, Step& step);
  void name_agent(ToolResult& result, const ModelCall& call) const;
  void remember_agent(const ModelCall& call);
  const KnownCall* same_body(ModelCall& call);
  std::uint64_t turn_of(ModelCall& call, const Step& step);
  std::uint64_t turn_begun_by_answer(const ModelCall& call) const;
  void remember(const ModelCall& call);
  void remember_unknown(const Step& step, std::uint64_t turn);
  void forget_oldest();

  std::deque<KnownCall> calls_;  // by number, without gaps
  std::size_t tools_ = 0;
  std::unordered_multimap<std::uint64_t, ToolRef> by_id_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_body_, by_message_;
  std::unordered_map<std::uint64_t, Unknown> unknown_;  // results that no known call asked for
  std::deque<std::uint64_t> unknown_order_;
  std::deque<Agent> agents_;
  std::uint64_t last_ = 0, last_turn_ = 0;
};

}  // namespace weir::llm
