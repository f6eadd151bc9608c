// ModelRecord: one call of a model as it is stored: what was said, on whose account, and what it cost. And
// McpRecord, of an MCP server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "flow/flow.h"
#include "llm/mcp_call.h"
#include "llm/model_call.h"

namespace weir::store {

struct ModelRecord {
  flow::FlowId flow = 0;
  std::string process, device;
  llm::ModelCall call;
  std::optional<std::int64_t> cost_pico;  ///< 10^-12 USD; nothing is not zero, see `unpriced`
  std::string cost_source;       ///< "provider", "own", "table", "estimated", "local"; "" without a cost
  std::string unpriced;          ///< why there is no cost: "unknown_model" ...
  std::string priced_as;         ///< the catalogue's name of the model
  std::int64_t lost_pico = 0;    ///< of the cost, what reading the cache as far as it went would have saved
  double tokens_per_second = 0;  ///< read, never written; 0: not known
  std::int64_t row = 0;          ///< in its file; read, never written
};

/// One call of an MCP server; its exchange is the flow. Who sent it is that flow's to say.
struct McpRecord {
  llm::McpCall call;
  std::string process, device;  ///< read, never written
};

}  // namespace weir::store
