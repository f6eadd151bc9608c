// `weir trust`: which project files (.weir.toml) may have a say.
#include "config/trust.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "app/filtering.h"
#include "cli/problems.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "flow/text.h"
#include "tls/file.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;

struct TrustFlags {
  std::string file;
  bool widen = false;
};

/// Loaded as if it were trusted already: what would be refused later is refused now.
int trust(const TrustFlags& flags) {
  auto wanted = flags.widen ? config::ProjectTrust::widen : config::ProjectTrust::narrow;
  auto loaded = config::load({.project = {flags.file, wanted}});
  if (!loaded) return report(loaded.error());
  const config::ProjectFile& project = loaded->project;
  if (project.path.empty())
    return report(Error(Code::not_found, "there is no .weir.toml here or further up; name the file"));
  if (!project.path.ends_with("/.weir.toml"))
    return report(Error(Code::bad_config, project.path + " would never be looked for: a project's file is "
                                                         "named .weir.toml"));
  const config::Settings& settings = loaded->settings;
  auto filtering = app::compile_filter(settings.filter, settings.upstream.private_hosts,
                                       {settings.tls.intercept, settings.tls.passthrough});
  if (!filtering) return report(filtering.error());
  if (auto stored = config::store_trust({project.path, project.sha256, flags.widen}); !stored)
    return report(stored.error());
  fmt::print("trusted, {}: {}\n",
             flags.widen ? "to set everything that you do not" : "to narrow what is allowed",
             flow::printable(project.path));
  return kExitOk;
}

std::string_view state_of(const config::Trust& trust) {
  auto text = tls::read_file(trust.file, kMaxFile);
  if (!text) return text.error().code() == Code::not_found ? "gone" : "unreadable";
  if (config::content_hash(*text) != trust.sha256) return "changed";
  return trust.widen ? "widen" : "narrow";
}

int list() {
  auto all = config::all_trust();
  if (!all) return report(all.error());
  for (const config::Trust& trust : *all)
    fmt::print("{:<10} {}\n", state_of(trust), flow::printable(trust.file));
  return kExitOk;
}

int remove(const TrustFlags& flags) {
  std::string file = config::canonical_file(flags.file);
  auto removed = config::remove_trust(file);
  if (!removed) return report(removed.error());
  if (!*removed) return report(Error(Code::not_found, file + " was not trusted"));
  fmt::print("no longer trusted: {}\n", flow::printable(file));
  return kExitOk;
}

}  // namespace

void add_trust(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<TrustFlags>();
  CLI::App* verb = app.add_subcommand("trust", "Accept a project's .weir.toml as it stands now");
  verb->require_subcommand(0, 1);
  verb->add_option("file", flags->file, "The file (default: the nearest .weir.toml, here or further up)")
      ->type_name("FILE");
  verb->add_flag("--widen", flags->widen,
                 "Let it allow what your own configuration does not, and set every key; without this it may "
                 "only narrow what is allowed");
  CLI::App* list_verb = verb->add_subcommand("list", "Show what is trusted, and what has changed since");
  list_verb->callback([&exit_code] { exit_code = list(); });
  CLI::App* remove_verb = verb->add_subcommand("remove", "Trust a file no longer");
  remove_verb->add_option("file", flags->file, "The file")->type_name("FILE")->required();
  remove_verb->callback([flags, &exit_code] { exit_code = remove(*flags); });
  verb->final_callback([verb, flags, &exit_code] {
    if (verb->get_subcommands().empty()) exit_code = trust(*flags);
  });
}

}  // namespace weir::cli
