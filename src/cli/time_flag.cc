#include "cli/time_flag.h"

#include <CLI/App.hpp>
#include <string>

#include "cli/logs_options.h"

namespace weir::cli {

void add_time_flag(CLI::App& app, const char* flag, std::optional<WallNanos>& to, const char* help) {
  auto read = [flag, &to](const std::string& text) {
    auto time = parse_time(text, wall_now());
    if (!time)
      throw CLI::ValidationError(flag, time.error().context());  // hazard-ok: CLI11 knows no other way
    to = *time;
  };
  app.add_option_function<std::string>(flag, read, help)->type_name("TIME");
}

}  // namespace weir::cli
