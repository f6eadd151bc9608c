// The table of every key a user can set: how it is read, shown and explained. Loading, `weir config show` and
// the commented file of `weir config init` all walk this one table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "config/value.h"

namespace weir::config {

/// What is wrong with a value.
struct Complaint {
  std::string text;                    ///< names what was found and what is accepted
  std::uint32_t line = 0, column = 0;  ///< 0: where the whole value stands
};
using Complaints = std::vector<Complaint>;

/// Where a value was written.
struct Place {
  std::string folder;  ///< absolute, what relative paths start from: the file's, or the working directory
  std::string home;    ///< what "~/" stands for; empty when unknown
  policy::Layer layer = policy::Layer::user;
  std::string source;  ///< path of the file, or the flag
};

struct Field {
  std::string_view key;      ///< dotted: "limits.head_timeout"
  std::string_view comment;  ///< for people, of the kind "Time for ...", may have several lines
  bool list;
  bool tables;  ///< a list of tables
  /// Reads `value` into its member of `settings`, which is left alone when there is a complaint. Rules of the
  /// filter go in front of those that their layer has already.
  Complaints (*assign)(Settings& settings, const Value& value, const Place& place);
  /// The member as a value for showing; passwords are masked.
  Value (*show)(const Settings& settings);

  /// "limits" of "limits.head_timeout"; empty at the top.
  std::string_view table() const;
  /// "head_timeout" of "limits.head_timeout".
  std::string_view name() const;
};

/// Every field, those of one table together, the top-level ones first.
std::span<const Field> fields();
const Field* find_field(std::string_view key);
bool is_table(std::string_view name);

/// The field or table whose name is nearest to `key`, for "did you mean"; nothing when none is near.
std::optional<std::string_view> nearest_key(std::string_view key);

/// A configuration file with every key at its default, commented out, and explained.
std::string default_file();

}  // namespace weir::config
