// RemoteEntry: a closed flow in the forms in which it is sent to other machines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flow/flow.h"

namespace weir::store {

enum class RemoteSeverity : std::uint8_t { info, warn, error };

/// What the text of a message is: one line for people, or the entry of docs/formats/jsonl.md.
enum class RemoteText : std::uint8_t { line, json };

struct RemoteEntry {
  WallNanos started = 0, ended = 0;
  RemoteSeverity severity = RemoteSeverity::info;
  std::string id;    ///< as `weir show` takes it
  std::string line;  ///< "GET https://a.example/1 200 89ms", safe to print; see flow::printable
  std::string json;  ///< one object without a line feed; empty when no line can hold it
  std::string method, url, host, error, filter_action, filter_reason;  ///< safe to print, valid UTF-8
  std::string interception;
  std::uint16_t status = 0, port = 0;
  std::int64_t duration_us = -1;
  std::uint64_t request_bytes = 0, response_bytes = 0;  ///< of bodies

  const std::string& text(RemoteText kind) const {
    return kind == RemoteText::json && !json.empty() ? json : line;
  }
};

/// Credentials are replaced as everywhere (flow/redaction.h). `flow` is written with the bodies it has.
RemoteEntry remote_entry(const flow::Flow& flow, std::string_view session);

}  // namespace weir::store
