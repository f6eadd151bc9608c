// A rejection of our certificate, as JSON and on one line.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "base/json_reader.h"
#include "flow/flow.h"

namespace weir::flow {

/// An object; what is empty is left out.
void write_rejection(JsonWriter& json, const Rejection& rejection);
/// Null for what is no object; members that are missing or of another type are left empty.
std::shared_ptr<const Rejection> read_rejection(JsonValue object);

/// "certificate refused: unknown CA, OpenSSL (libssl.so.3)".
std::string rejection_note(const Rejection& rejection);

}  // namespace weir::flow
