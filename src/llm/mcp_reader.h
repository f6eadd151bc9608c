// McpReader: one exchange of the Model Context Protocol, from its bytes to what McpSessions makes of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"
#include "llm/mcp_recognise.h"
#include "llm/mcp_sessions.h"
#include "llm/sse_reader.h"

namespace weir::llm {

/// Looks on and touches nothing: bodies come decoded, in any cuts, with the time of each. Never fails. Keeps
/// one unfinished event of a stream, or kMaxDocument of an answer in one piece. Not thread-safe.
class McpReader {
 public:
  static constexpr std::size_t kMaxDocument = 8 << 20;

  /// `exchange`: its number, which the calls have; `sessions` outlives it.
  McpReader(McpSessions& sessions, const http::RequestHead& head, McpSign sign, std::uint64_t exchange,
            WallNanos started);

  /// Once. `cut`: this is only the beginning of the body.
  void request_body(std::string_view body, bool cut, TimePoint sent);
  void response_head(const http::ResponseHead& head, TimePoint at);
  void response_body(std::string_view chunk, TimePoint at);
  /// `complete`: the response ended as HTTP says it should. Nothing may be called after it.
  void finish(bool complete, TimePoint at);

  /// False once it is known to be something else: it need not be told any more.
  bool may_be_mcp() const { return !other_; }

 private:
  enum class Framing : std::uint8_t { none, document, events };

  McpCall blank(bool from_server, TimePoint at) const;
  bool is_ours(std::string_view body) const;
  void ask_by_headers(TimePoint sent);
  void take_event(const StreamEvent& event, TimePoint at);
  void take_endpoint(std::string_view uri);
  void take(const McpMessage& message, TimePoint at);

  McpSessions& sessions_;
  const McpSign sign_;
  const bool get_;
  const WallNanos started_;
  McpPlace place_;
  std::string host_, session_id_, version_, method_, name_;
  TimePoint sent_{}, came_{};  // the request; the last of the response
  Framing framing_ = Framing::none;
  std::uint16_t status_ = 0;
  bool other_ = false;  // no MCP
  bool known_ = false;  // MCP without a doubt
  bool old_ = false;    // the transport of 2024-11-05
  SseReader events_;
  std::string document_;
};

}  // namespace weir::llm
