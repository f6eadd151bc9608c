// McpSessions: what is asked and not answered yet, over all exchanges, and who the servers are.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "llm/mcp_call.h"
#include "llm/mcp_message.h"

namespace weir::llm {

/// Where a message passed.
struct McpPlace {
  std::uint64_t exchange = 0;
  std::string host, path;
  std::string session;  ///< host with session id, or with the URI of the old transport; empty: neither
};

/// An answer may come in another exchange than its request: the old transport has it so, and streams that are
/// taken up again. Bounded; what is never answered is told when it is pushed out, or at the end. One thread.
class McpSessions {
 public:
  static constexpr std::size_t kMostPending = 1024, kMostKnown = 512, kMostEarly = 64;
  /// Takes each call once, when it is answered or given up.
  using Told = std::move_only_function<void(McpCall)>;

  explicit McpSessions(Told told) : told_(std::move(told)) {}
  ~McpSessions();
  McpSessions(const McpSessions&) = delete;

  /// A stream of the old transport says where its messages are to be sent to.
  void open(const std::string& session);
  /// It is over: whatever is not answered will not be.
  void close(const std::string& session, TimePoint at);
  bool is_open(const std::string& session) const { return open_.contains(session); }

  /// A request or notification of either side.
  void asked(const McpPlace& place, const McpMessage& message, McpCall call, TimePoint at);
  void answered(const McpPlace& place, const McpMessage& message, bool by_server, std::uint16_t status,
                TimePoint at);
  /// The session that a server gave to whoever asked in that exchange.
  void began(const McpPlace& place, std::string_view session_id);
  /// The exchange is over. `elsewhere`: its answers may yet come in another.
  void ended(const McpPlace& place, bool elsewhere, std::uint16_t status, TimePoint at);

 private:
  struct Pending {
    McpCall call;
    std::uint64_t exchange;
    std::string session, progress_token;
    TimePoint asked;
  };
  struct Early {
    std::string session, id, text;
    bool by_server;
    TimePoint at;
  };
  struct Known {
    std::string server, server_version, client, client_version, protocol_version;
  };

  using Entry = std::deque<Pending>::iterator;
  template <typename Fits>
  Entry find(const McpPlace& place, bool from_server, const Fits& fits);
  void progressed(const McpPlace& place, const McpMessage& message);
  void finish(Entry entry, TimePoint at);
  void introduce(McpCall& call, const std::string& session);
  void compare_tools(McpCall& call);
  bool came_early(const Pending& pending);
  template <typename Value>
  static Value& slot(std::unordered_map<std::string, Value>& map, std::deque<std::string>& order,
                     const std::string& key);

  Told told_;
  std::deque<Pending> pending_;
  std::deque<Early> early_;  // answers that were read before their requests
  std::unordered_map<std::string, bool> open_;
  std::unordered_map<std::string, Known> known_;        // by session, or by place where there is none
  std::unordered_map<std::string, std::string> tools_;  // hash of the last list, by place and page
  std::deque<std::string> open_order_, known_order_, tools_order_;
};

}  // namespace weir::llm
