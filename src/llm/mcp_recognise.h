// May this request be one of the Model Context Protocol? Asked for every request that is no call of a model.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/message.h"

namespace weir::llm {

enum class McpSign : std::uint8_t {
  none,
  headers,  ///< it says so
  body,     ///< a POST of JSON: its body has to tell, see may_be_json_rpc
  both,     ///< such a one that takes JSON and an event stream in answer, as clients of MCP do
  stream,   ///< a GET of an event stream: the first event has to tell
};

/// By method and headers; the path is free. Does not allocate.
McpSign recognise_mcp(const http::RequestHead& head);

/// False when a body that begins so cannot be a JSON-RPC message or a batch of them. Looks at the first
/// member's name alone.
bool may_be_json_rpc(std::string_view beginning);

/// Whether it is a method of MCP; some of them ("ping", "initialize") others have, too.
bool is_mcp_method(std::string_view method);

}  // namespace weir::llm
