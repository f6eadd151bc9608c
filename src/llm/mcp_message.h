// McpMessage: one JSON-RPC message, and what MCP means by it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "llm/json_cursor.h"
#include "llm/mcp_call.h"

namespace weir::llm {

/// Views point into the text it was read from.
struct McpMessage {
  enum class Kind : std::uint8_t { none, request, notification, answer };
  Kind kind = Kind::none;
  std::string id;  ///< normalised: a number as spelled, a string in quotes with its escapes undone
  std::string method;
  std::string_view params, result, error;
  std::string_view text;  ///< all of it

  /// Kind::none for what is no JSON-RPC 2.0 message; a member that stands twice counts as the last.
  static McpMessage read(std::string_view json);

  /// A request or notification that nobody but MCP sends: a method of its own, and of the words that others
  /// use only with what MCP puts there.
  bool is_mcp_alone() const;
  std::string progress_token() const;  ///< that a request asks for, or that a notification is about
};

/// Calls `each(const McpMessage&)` for a message or all of a batch.
template <typename Each>
void for_each_message(std::string_view json, Each&& each) {
  JsonCursor cursor(json);
  if (cursor.kind() != JsonCursor::Kind::array) return each(McpMessage::read(json));
  cursor.each_element([&] { each(McpMessage::read(cursor.raw())); });
}

/// What a request says: method, name, arguments, client, version.
void read_question(const McpMessage& message, McpCall& call);
/// What an answer says, however it is: result or error.
void read_answer(const McpMessage& message, McpCall& call);

}  // namespace weir::llm
