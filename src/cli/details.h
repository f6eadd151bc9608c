// Details: everything about one flow but its bodies, as `weir show` prints it.
#pragma once

#include <optional>
#include <string>

#include "store/query.h"

namespace weir::cli {

struct Details {
  const store::Row& row;
  const std::optional<flow::Connection>& client;
  const std::optional<flow::Connection>& upstream;
  bool color = false;
};

/// The request line, outcome, error with its mend, connections and timing. Ends in a line feed; safe to
/// print.
std::string summary_text(const Details& details);

/// A message head as curl -v shows it: "> POST /users HTTP/1.1", then its fields.
std::string request_head_text(const Details& details);
std::string response_head_text(const Details& details);
/// Trailers in the same form; empty when there were none.
std::string trailers_text(const http::Fields& trailers, char mark);

/// The phases under each other, each drawn where it lay in time. Empty when none was measured.
std::string timing_text(const flow::Timing& timing);

}  // namespace weir::cli
