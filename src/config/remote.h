// [[logging.receivers]] and [control]: where flows are sent, besides the record, and where Weir is watched
// (docs/remote_logging.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/fields.h"
#include "config/settings.h"

namespace weir::config {

/// Append what `value` says to `out`. Every complaint is returned, and none repeats a secret; then `out` is
/// of no use.
Complaints read_receivers(const Value& value, const Place& place, std::vector<LogReceiver>& out);
/// As a table that read_receivers reads back, but for secrets given as values, which are masked.
Scalar to_table(const LogReceiver& receiver);

/// Every layer's, the weightiest first. bad_config: two of one name.
Result<std::vector<LogReceiver>> all_receivers(const LoggingSettings& settings);

/// Where the control port listens; "" for nowhere.
struct ControlAddress {
  static std::string accepts() { return "\"address:port\", such as \"127.0.0.1:9464\", or \"\" for none"; }
  static bool parse(const Scalar& scalar, const Place& place, std::optional<HostPort>& out);
  static Value show(const std::optional<HostPort>& address) {
    return Value::string(address ? address->str() : "");
  }
};

/// bad_config: an address that other machines can reach, without allow_remote and a token.
Result<> check_control(const ControlSettings& settings);

}  // namespace weir::config
