#include "cli/log_source.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>

#include "flow/text.h"

namespace weir::cli {

void add_from_flag(CLI::App& app, LogSource& source) {
  app.add_option(
         "--from", source.from,
         "Read this JSON Lines log in place of what Weir recorded: a file, plain or gzip, or a folder")
      ->type_name("PATH")
      ->excludes("--data")
      ->excludes("--all");
}

Result<std::unique_ptr<store::Query>> open_recordings(const Place& place, LogSource& source,
                                                      const store::Filter& filter) {
  if (!source.from.empty()) {
    source.damage = {};
    return store::open_jsonl({source.from, place.session, source.bodies, &source.damage}, filter);
  }
  auto scope = scope_of(place);
  if (!scope) return pass(scope);
  return store::Query::open(*scope, filter);
}

int report_no_recordings(const Place& place, const LogSource& source, const Error& error) {
  return source.from.empty() ? report_no_recordings(place, error) : report_missing(error);
}

void report_damage(const store::JsonlDamage& damage, const std::string& path) {
  std::string text;
  auto say = [&](std::uint64_t count, std::string_view one, std::string_view many) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, count == 1 ? one : many);
  };
  say(damage.invalid, "line that is no entry", "lines that are no entries");
  say(damage.too_long, "line that is too long", "lines that are too long");
  say(damage.torn, "line cut off at the end of its file", "lines cut off at the end of their files");
  say(damage.corrupt, "damaged stretch", "damaged stretches");
  say(damage.unreadable, "file that cannot be read", "files that cannot be read");
  if (!text.empty()) fmt::print(stderr, "weir: left out of {}: {}\n", flow::printable(path), text);
}

}  // namespace weir::cli
