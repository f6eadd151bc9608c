// The JSON view of a flow: the log entry of docs/formats/flow_json.md, a stable contract.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "flow/flow.h"
#include "flow/message.h"

namespace weir::flow {

/// A flow together with what only its store knows. Refers to all it names; lives as long as one call.
struct Entry {
  const Flow& flow;
  std::string_view id;  ///< what a person types: "<4 hex>-<number>"
  std::string_view session;
  bool incomplete = false;        ///< the session ended before the flow did
  std::string_view request_body;  ///< captured bytes; empty = leave out
  std::string_view response_body;
};

/// Writes the entry as one JSON object. Empty members are left out.
void write_entry(JsonWriter& json, const Entry& entry);
/// Its members alone, for an object that goes on.
void write_members(JsonWriter& json, const Entry& entry);

/// Writes one element of an entry's "messages". `started`: when the flow did.
void write_message(JsonWriter& json, const Message& message, WallNanos started);

/// True when the exchange failed: an error code other than a decision of policy, which is an answer in its
/// own right (a blocked request shows its 403).
bool failed(const Flow& flow);
/// The error in words: "title: detail"; empty when there is none.
std::string error_text(const Flow& flow);

}  // namespace weir::flow
