// Reading a TOML file into dotted keys and values. The only place that sees toml++.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/value.h"

namespace weir::config {

struct Entry {
  std::string key;  ///< dotted
  Value value;
  bool table = false;  ///< a table, whose own entries follow; `value` has its place only
};

struct Document {
  std::vector<Entry> entries;          ///< in no particular order, but tables before what is in them
  std::string syntax_error;            ///< empty, or why the text is no TOML; then there are no entries
  std::uint32_t line = 0, column = 0;  ///< of the syntax error
};

Document parse_toml(const std::string& text);

}  // namespace weir::config
