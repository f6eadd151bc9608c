// LiveSessions: the sessions of a running gateway, which follow their file.
#pragma once

#include <functional>
#include <string>

#include "config/load.h"
#include "proxy/relay_sessions.h"

namespace weir::cli {

/// One thread only. Looks at the file when it is told to: nothing here waits.
class LiveSessions {
 public:
  /// Whole lines, escaped for terminals.
  using Tell = std::function<void(const std::string& text)>;

  LiveSessions(std::string file, proxy::RelaySessions& sessions, Tell tell)
      : file_(std::move(file)), sessions_(sessions), tell_(std::move(tell)) {}

  /// The first time: a file that cannot be used ends the start.
  Result<void> load();
  /// For a change to count, the file must look the same twice: who saves it in steps is not to be read
  /// between them.
  void reload_if_changed();
  /// At once. Sessions stay as they were where the file has a mistake, or is gone.
  void reload();

 private:
  Result<std::size_t> read();

  const std::string file_;
  proxy::RelaySessions& sessions_;
  Tell tell_;
  config::FileStamp read_, seen_;
};

}  // namespace weir::cli
