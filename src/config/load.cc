#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <tuple>
#include <utility>

#include "base/fd.h"
#include "base/wipe_freed.h"
#include "base/wipe_stack.h"
#include "config/fields.h"
#include "config/filter.h"
#include "config/paths.h"
#include "config/project.h"
#include "config/toml_file.h"
#include "config/trust.h"

namespace weir::config {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;

/// Merges layers, the lightest first.
class Merge {
 public:
  Configuration configuration;
  Problems problems;

  void add_file(const std::string& text, const Place& place) {
    std::size_t before = problems.size();
    Document document = parse_toml(text);
    if (!document.syntax_error.empty())
      return report(place.source, document.line, document.column, "not valid TOML: " + document.syntax_error);
    accept_seed_spelling(document, place);
    std::string unknown_table = "\n";  // no key starts so
    for (const Entry& entry : document.entries) {
      if (entry.key.starts_with(unknown_table)) continue;  // said once, for the whole table
      if (!add_entry(entry, place) && entry.table) unknown_table = entry.key + ".";
    }
    std::ranges::sort(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(), {},
                      [](const Problem& p) { return std::tie(p.line, p.column); });
  }

  /// To be called when every layer is there: what widens depends on those above.
  void judge_project() {
    if (configuration.project.trust == ProjectTrust::widen) return;
    for (Problem& problem : widenings(configuration, project_default_))
      problems.push_back(std::move(problem));
  }

  void add_override(const Override& override, const Place& place) {
    Value value;
    value.list = override.values.size() != 1;
    for (const std::string& text : override.values) value.items.push_back({Scalar::Type::argument, text});
    const Field* field = find_field(override.key);
    if (field == nullptr) return report_unknown(override.flag, value, override.key);
    assign(*field, value, place);
  }

  void report(const std::string& source, std::uint32_t line, std::uint32_t column, std::string text) {
    problems.push_back({source, line, column, std::move(text)});
  }

 private:
  /// [proxy.filter] is another name for [filter], and so on.
  void accept_seed_spelling(Document& document, const Place& place) {
    bool any = false;
    for (const std::string table : {"filter", "redaction", "log_skip"}) {
      const std::string other = "proxy." + table;
      auto second = std::ranges::find(document.entries, other, &Entry::key);
      if (second == document.entries.end()) continue;
      any = true;
      if (std::ranges::find(document.entries, table, &Entry::key) != document.entries.end())
        report(
            place.source, second->value.line, second->value.column,
            "[" + other + "] is another name for [" + table + "], which is here as well; keep one of them");
      for (Entry& entry : document.entries)
        if (entry.key == other || entry.key.starts_with(other + "."))
          entry.key.erase(0, std::string_view("proxy.").size());
    }
    if (any)
      std::erase_if(document.entries, [](const Entry& entry) { return entry.key == "proxy" && entry.table; });
  }

  /// A project may narrow what is allowed and what is recorded of secrets; not hide what it does.
  static bool may_narrow(const Field& field) {
    return field.table() == "filter" || field.table() == "budget" || field.key == "redaction.rules" ||
           field.key == "redaction.headers" || field.key == "redaction.query_keys";
  }

  /// False when the key is none of ours.
  bool add_entry(const Entry& entry, const Place& place) {
    const Value& value = entry.value;
    const Field* field = find_field(entry.key);
    if (field == nullptr && !is_table(entry.key)) {
      report_unknown(place.source, value, entry.key);
      return false;
    }
    if (field == nullptr) {
      if (!entry.table)
        report(place.source, value.line, value.column, entry.key + " is a table: write [" + entry.key + "]");
    } else if (entry.table) {
      report(place.source, value.line, value.column,
             entry.key + (field->tables ? " is a list of tables: write [[" + entry.key + "]]"
                                        : " is a value, not a table"));
      return false;
    } else {
      assign(*field, value, place);
    }
    return true;
  }

  void assign(const Field& field, const Value& value, const Place& place) {
    // Whoever wrote the project is not to say where the user's secrets go, whatever he is trusted with.
    if (place.layer == Layer::project && field.key == "credentials")
      return report(place.source, value.line, value.column, "credentials is not for a project to set");
    bool narrow = place.layer == Layer::project && configuration.project.trust != ProjectTrust::widen;
    if (narrow && !may_narrow(field))
      return report(place.source, value.line, value.column,
                    std::string(field.key) + " is not for a project to set: " + kOnlyNarrow);
    auto complaints = field.assign(configuration.settings, value, place);
    if (complaints.empty()) remember(field, {place.layer, place.source, value.line});
    for (const Complaint& complaint : complaints) {
      bool own = complaint.line != 0;
      report(place.source, own ? complaint.line : value.line, own ? complaint.column : value.column,
             std::string(field.key) + ": " + complaint.text);
    }
  }

  void remember(const Field& field, Origin origin) {
    Origin& kept = configuration.origins[std::string(field.key)];
    if (origin.layer == Layer::corp && kept.layer == Layer::command_line)
      configuration.warnings.push_back(
          {kept.source, 0, 0, "has no effect: " + origin.str() + " sets " + std::string(field.key)});
    if (origin.layer == Layer::project && field.key == "filter.default_action") project_default_ = origin;
    kept = std::move(origin);
  }

  void report_unknown(const std::string& source, const Value& value, const std::string& key) {
    std::string text = "unknown key " + key;
    if (auto nearest = nearest_key(key)) text.append("; did you mean ").append(*nearest).append("?");
    report(source, value.line, value.column, std::move(text));
  }

  Origin project_default_;
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
  ::explicit_bzero(buffer, sizeof buffer);
  if (size < 0) return fail_errno(Code::io, "cannot be read", errno);
  return out;
}

Place place_of(const std::string& path, Layer layer) {
  std::error_code ignored;  // without a working directory the path stays as it is
  return {std::filesystem::absolute(path, ignored).parent_path(), home_dir().value_or(""), layer, path};
}

void watch(Merge& merge, const std::string& path) {
  merge.configuration.watched.push_back({path, stamp_of(path)});
}

/// A link that leads nowhere is there all the same: somebody meant a file.
bool is_there(const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) == 0;
}

void load_file(Merge& merge, const std::string& path, bool required, Layer layer) {
  watch(merge, path);
  auto text = read_file(path);
  if (text) {
    if (layer == Layer::user) merge.configuration.file = path;
    merge.add_file(*text, place_of(path, layer));
  } else if (required || text.error().code() != Code::not_found || is_there(path)) {
    merge.report(path, 0, 0, text.error().context());
  }
}

void load_project(Merge& merge, const ProjectChoice& choice) {
  std::string path = project_path(choice);
  if (path.empty()) return;
  watch(merge, path);
  if (auto trusted = trust_file(path)) watch(merge, *trusted);
  auto found = read_project(path, choice.trust);
  if (!found) return merge.report(path, 0, 0, found.error().context());
  ProjectFile& file = merge.configuration.project = std::move(found->file);
  if (std::string why = why_unused(file); why.empty())
    merge.add_file(found->text, place_of(file.path, Layer::project));
  else
    merge.configuration.warnings.push_back({file.path, 0, 0, std::move(why)});
}

void load_user(Merge& merge, const Sources& sources) {
  if (!sources.file.empty()) return load_file(merge, sources.file, sources.file_required, Layer::user);
  if (auto standard = config_file())  // without a home there is no user's file either
    load_file(merge, *standard, sources.file_required, Layer::user);
}

void load_command_line(Merge& merge, const Sources& sources) {
  std::error_code ignored;  // without a working directory relative paths stay relative
  Place here{std::filesystem::current_path(ignored), home_dir().value_or(""), Layer::command_line, ""};
  for (const Override& override : sources.overrides) {
    here.source = override.flag;
    merge.add_override(override, here);
  }
  auto& rules = merge.configuration.settings.filter.layers[std::to_underlying(Layer::command_line)].rules;
  for (const policy::Rule& rule : sources.rules) rules.emplace_back(rule).layer = Layer::command_line;
}

/// When nobody says what happens to other hosts, those of the command line do.
void imply_default(Configuration& configuration) {
  FilterSettings& filter = configuration.settings.filter;
  policy::RuleSet& own = filter.layers[std::to_underlying(Layer::command_line)];
  if (own.rules.empty()) return;
  bool all_block = std::ranges::all_of(own.rules, [](auto& r) { return r.action == policy::Action::block; });
  // The word of a project that may only narrow must not stand in the way of a block.
  bool heed_project = all_block || configuration.project.trust == ProjectTrust::widen;
  std::span<const policy::RuleSet> heeded(filter.layers);
  if (!heed_project) heeded = heeded.first(std::to_underlying(Layer::project));
  if (std::ranges::any_of(heeded, [](auto& layer) { return layer.default_action.has_value(); })) return;
  own.default_action = all_block ? policy::Action::allow : policy::Action::block;
  configuration.origins["filter.default_action"] = {Layer::command_line, own.rules.front().source, 0};
}

void fill_in_ca_dir(Merge& merge) {
  std::string& ca_dir = merge.configuration.settings.ca_dir;
  if (!ca_dir.empty()) return;
  auto standard = default_ca_dir();
  if (!standard) merge.report("ca_dir", 0, 0, standard.error().context());
  ca_dir = standard.value_or("");
}

std::expected<Configuration, Problems> load_layers(const Sources& sources) {
  Merge merge;
  load_project(merge, sources.project);
  load_user(merge, sources);
  load_command_line(merge, sources);
  for (const CorpFile& file : corp_files()) load_file(merge, file.path, file.required, Layer::corp);
  imply_default(merge.configuration);
  merge.judge_project();
  fill_in_ca_dir(merge);
  if (!merge.problems.empty()) return std::unexpected(std::move(merge.problems));
  return std::move(merge.configuration);
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return {};
  auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {.modified = nanoseconds(info.st_mtim),
          .changed = nanoseconds(info.st_ctim),
          .device = info.st_dev,
          .inode = info.st_ino,
          .size = static_cast<std::uint64_t>(info.st_size)};
}

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
  // A file may have secrets in it, and its text is copied by whoever reads it.
  WipeFreed wipe;
  auto out = load_layers(sources);
  wipe_stack();
  return out;
}

}  // namespace weir::config
