// LiveFilter: the filter of a running server, which follows the files it came from.
#pragma once

#include <functional>
#include <string>
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

  /// For a change to count, a file must look the same twice: who saves it in steps is not to be read between
  /// them.
  void reload_if_changed();
  /// At once. The last good filter stays where the new one has a mistake, and where a project's file that
  /// narrows it would only vanish: whoever is held back by it may be able to change it.
  void reload();

 private:
  struct File {
    std::string path;
    config::FileStamp read;  ///< as it was before it was read
    config::FileStamp seen;  ///< when it was looked at last
  };

  void follow(const config::Configuration& loaded);
  void stays(const std::string& why);
  void tell_how_to_answer(const config::FilterSettings& filter);

  config::Sources sources_;
  app::Server& server_;
  Tell tell_;
  config::ProjectFile project_;
  std::vector<File> files_;
  std::string hint_;
};

}  // namespace weir::cli
