// Batches of entries as the body of an HTTP request: JSON Lines, and OTLP in its two encodings.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/remote_channel.h"
#include "store/remote_entry.h"

namespace weir::store {

/// A line each, as in docs/formats/jsonl.md; an entry that no line can hold gives way to a small object that
/// says so.
std::string ndjson_batch(std::span<const RemoteEntry> batch);

/// Who sends: attributes of the OTLP resource, in order, "service.name" among them.
using OtlpResource = std::vector<std::pair<std::string, std::string>>;

/// ExportLogsServiceRequest of opentelemetry-proto 1, one log record an entry.
std::string otlp_json(std::span<const RemoteEntry> batch, const OtlpResource& resource, RemoteText text);
std::string otlp_protobuf(std::span<const RemoteEntry> batch, const OtlpResource& resource, RemoteText text);

/// ExportLogsPartialSuccess in an answer, in the encoding of the request; nothing is refused where there is
/// none that can be read.
RemoteRefusal otlp_json_refusal(std::string_view answer);
RemoteRefusal otlp_protobuf_refusal(std::string_view answer);

}  // namespace weir::store
