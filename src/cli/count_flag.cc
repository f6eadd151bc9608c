#include "cli/count_flag.h"

#include <CLI/App.hpp>
#include <string>

#include "base/ascii.h"

namespace weir::cli {

void add_count_flag(CLI::App& app, const char* flag, std::optional<std::size_t>& to, const char* help) {
  auto read = [flag, &to](const std::string& text) {
    auto count = parse_decimal(text);
    if (!count)
      throw CLI::ValidationError(  // hazard-ok: CLI11 knows no other way
          flag, "\"" + text + "\" is not a count; accepted are whole numbers from 0");
    to = *count;
  };
  app.add_option_function<std::string>(flag, read, help)->type_name("N");
}

}  // namespace weir::cli
