// McpCall: the account of one JSON-RPC request of the Model Context Protocol and its answer, as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "llm/model_call.h"

namespace weir::llm {

struct McpLimits {
  std::size_t name = 256;            ///< of anything that is named
  std::size_t arguments = 16 << 10;  ///< of a tool
  std::size_t result = 4 << 10;      ///< its text
  std::size_t error = 1 << 10;
  std::size_t tools = 512;  ///< of a list
  std::size_t kinds = 16;
};
inline constexpr McpLimits kMcp;

/// A tool as its server offers it; hints are its own words, and unset where it says nothing.
struct McpTool {
  std::string name, title;
  std::optional<bool> read_only, destructive, idempotent, open_world;
};

struct McpCall {
  std::uint64_t exchange = 0;  ///< that the request was in: a number of whoever asked
  std::string host, path;      ///< path without query
  std::string session_id;
  bool old_transport = false;  ///< HTTP+SSE of 2024-11-05: the answer came in another exchange
  bool from_server = false;    ///< the server asked the client (sampling, elicitation, roots)

  std::string server, server_version, client, client_version, protocol_version;
  std::string method;
  std::string name;   ///< of the tool or prompt; URI of the resource
  std::string id;     ///< JSON-RPC's as it is spelled: "1" in quotes is another than 1
  Preview arguments;  ///< JSON
  std::optional<std::uint64_t> arguments_fingerprint;  ///< of a tool's, see json_fingerprint

  bool answered = false;
  std::uint16_t status = 0;  ///< of HTTP; 0: there was no answer
  Preview result;            ///< its text
  std::uint64_t result_bytes = 0;
  std::vector<std::pair<std::string, std::uint64_t>> kinds;  ///< of its content, with their bytes of JSON
  bool is_error = false;                                     ///< the tool failed, or the request
  std::optional<std::int64_t> error_code;                    ///< of JSON-RPC: the request itself was refused
  std::string error_message;
  std::uint64_t progress = 0;  ///< notifications of progress on the way

  std::vector<McpTool> tools;  ///< of tools/list, the first of tools_count
  std::uint32_t tools_count = 0;
  std::string tools_hash;      ///< of all that is said of them, in any order; hex
  bool tools_changed = false;  ///< another than the last time the same server was asked for the same page
  std::string page;            ///< cursor of that page

  WallNanos started = 0;
  Duration duration{};
  ToolRef ran_for;  ///< the model's tool call that it carried out: by name and arguments, since no id tells
};

}  // namespace weir::llm
