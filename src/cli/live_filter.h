// LiveFilter: the filter of a running server, which follows the files it came from.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/server.h"
#include "config/load.h"

namespace weir::cli {

/// One thread only. Looks at files when it is told to: nothing here waits.
class LiveFilter {
 public:
  /// Who is told what came of it: whole lines, escaped for terminals; `complaint` when something is wrong.
  using Tell = std::function<void(const std::string& text, bool complaint)>;

  /// `loaded` is what the server was started with, by `sources`. The server must outlive this.
  LiveFilter(config::Sources sources, app::Server& server, const config::Configuration& loaded, Tell tell);

  void reload_if_changed();
  /// The last good filter stays where the new one has a mistake, and where a project's file that narrows it
  /// would only vanish: whoever is held back by it may be able to change it.
  void reload();

 private:
  struct Stamp {
    std::filesystem::file_time_type changed;
    std::uintmax_t size = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::vector<std::pair<std::string, Stamp>>;

  static Stamps stamps_of(const std::vector<std::string>& files);
  std::vector<std::string> files() const;
  void stays(const std::string& why);
  void tell_how_to_answer(const config::FilterSettings& filter);

  config::Sources sources_;
  app::Server& server_;
  Tell tell_;
  config::ProjectFile project_;
  Stamps stamps_;
  std::string hint_;
};

}  // namespace weir::cli
