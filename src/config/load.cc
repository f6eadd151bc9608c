#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "base/fd.h"
#include "config/fields.h"
#include "config/paths.h"
#include "config/toml_file.h"

namespace weir::config {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;

/// Merges layers in the order in which it is given them.
class Merge {
 public:
  Configuration configuration;
  Problems problems;

  void add_file(const std::string& path, const std::string& text, const Place& place) {
    configuration.file = path;
    Document document = parse_toml(text);
    if (!document.syntax_error.empty())
      return report(path, document.line, document.column, "not valid TOML: " + document.syntax_error);
    std::string unknown_table = "\n";  // no key starts so
    for (const Entry& entry : document.entries) {
      if (entry.key.starts_with(unknown_table)) continue;  // said once, for the whole table
      if (!add_entry(path, entry, place) && entry.table) unknown_table = entry.key + ".";
    }
  }

  void add_override(const Override& override, const Place& place) {
    Value value;
    value.list = override.values.size() != 1;
    for (const std::string& text : override.values) value.items.push_back({Scalar::Type::argument, text});
    const Field* field = find_field(override.key);
    if (field == nullptr) return report_unknown(override.flag, value, override.key);
    assign(*field, value, place, {Layer::command_line, override.flag, 0});
  }

  void report(const std::string& source, std::uint32_t line, std::uint32_t column, std::string text) {
    problems.push_back({source, line, column, std::move(text)});
  }

 private:
  /// False when the key is none of ours.
  bool add_entry(const std::string& path, const Entry& entry, const Place& place) {
    const Value& value = entry.value;
    const Field* field = find_field(entry.key);
    if (field == nullptr && !is_table(entry.key)) {
      report_unknown(path, value, entry.key);
      return false;
    }
    if (field == nullptr) {
      if (!entry.table)
        report(path, value.line, value.column, entry.key + " is a table: write [" + entry.key + "]");
    } else if (entry.table) {
      report(path, value.line, value.column, entry.key + " is a value, not a table");
      return false;
    } else {
      assign(*field, value, place, {Layer::user, path, value.line});
    }
    return true;
  }

  void assign(const Field& field, const Value& value, const Place& place, Origin origin) {
    auto complaint = field.assign(configuration.settings, value, place);
    if (!complaint) {
      configuration.origins[std::string(field.key)] = std::move(origin);
      return;
    }
    std::uint32_t line = value.line, column = value.column;
    if (complaint->item < value.items.size()) {
      line = value.items[complaint->item].line;
      column = value.items[complaint->item].column;
    }
    report(origin.source, line, column, std::string(field.key) + ": " + complaint->text);
  }

  void report_unknown(const std::string& source, const Value& value, const std::string& key) {
    std::string text = "unknown key " + key;
    if (auto nearest = nearest_key(key)) text.append("; did you mean ").append(*nearest).append("?");
    report(source, value.line, value.column, std::move(text));
  }
};

Result<std::string> read_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno == ENOENT ? Code::not_found : Code::io, "cannot be read", errno);
  std::string out;
  char buffer[16384];
  ssize_t size;
  while ((size = ::read(file.get(), buffer, sizeof buffer)) > 0) {
    out.append(buffer, static_cast<std::size_t>(size));
    if (out.size() > kMaxFile) return fail(Code::io, "is larger than 4 MiB, so it is no configuration");
  }
  if (size < 0) return fail_errno(Code::io, "cannot be read", errno);
  return out;
}

void load_file(Merge& merge, const Sources& sources, const std::string& home) {
  std::string path = sources.file;
  if (path.empty()) {
    auto standard = config_file();
    if (!standard) return;  // no home: then there is no user's file either
    path = *standard;
  }
  auto text = read_file(path);
  if (text) {
    std::error_code ignored;  // without a working directory the path stays as it is
    auto folder = std::filesystem::absolute(path, ignored).parent_path();
    merge.add_file(path, *text, {folder, home});
  } else if (sources.file_required || text.error().code() != Code::not_found) {
    merge.report(path, 0, 0, text.error().context());
  }
}

}  // namespace

std::string Origin::str() const {
  if (layer == Layer::defaults) return "default";
  return line == 0 ? source : source + ":" + std::to_string(line);
}

std::string Problem::str() const {
  std::string out = source;
  if (line != 0) out.append(":").append(std::to_string(line)).append(":").append(std::to_string(column));
  return out.append(": ").append(text);
}

Error to_error(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.str());
  return Error(Code::bad_config, std::move(text));
}

Origin Configuration::origin(std::string_view key) const {
  auto found = origins.find(key);
  return found == origins.end() ? Origin{} : found->second;
}

std::expected<Configuration, Problems> load(const Sources& sources) {
  Merge merge;
  std::string home = home_dir().value_or("");
  load_file(merge, sources, home);
  std::ranges::sort(merge.problems, {}, [](const Problem& p) { return std::tie(p.line, p.column); });
  std::error_code ignored;  // without a working directory relative paths stay relative
  Place here{std::filesystem::current_path(ignored), home};
  for (const Override& override : sources.overrides) merge.add_override(override, here);
  if (std::string& ca_dir = merge.configuration.settings.ca_dir; ca_dir.empty()) {
    auto standard = default_ca_dir();
    if (!standard) merge.report("ca_dir", 0, 0, standard.error().context());
    ca_dir = standard.value_or("");
  }
  if (!merge.problems.empty()) return std::unexpected(std::move(merge.problems));
  return std::move(merge.configuration);
}

}  // namespace weir::config
