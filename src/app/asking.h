// Asking: ask mode of a server. The questions of its walks, and the socket where people answer them.
#pragma once

#include <filesystem>
#include <memory>

#include "config/settings.h"
#include "control/ask_desk.h"
#include "control/ask_server.h"

namespace weir::app {

/// Belongs to the thread that owns the server.
class Asking {
 public:
  /// Outlives the workers, which ask it from their threads.
  proxy::Questions& questions() { return desk_; }

  /// Takes the time for an answer and whether answers are remembered.
  void configure(const config::FilterSettings& settings);
  struct Place {
    std::filesystem::path project_dir;  ///< what it holds is past traffic
    /// Where the socket "ask.sock" lies. Empty where nothing is recorded: then in "asking-<pid>" of
    /// project_dir, which is made.
    std::filesystem::path session;
  };
  /// Opens the socket, unless it is open already. Errors: every question would be a no, and nobody would know
  /// why. `redactor` has the secrets that nobody is shown; may be null.
  Result<void> open(const Place& place, std::shared_ptr<const flow::Redactor> redactor);
  /// Null until it is open.
  const std::filesystem::path* socket() const { return server_ ? &server_->socket() : nullptr; }

  /// Open questions, and all that come, are a no.
  void drain() { desk_.close(); }
  /// Closes the socket and removes it.
  void close();

 private:
  control::AskDesk desk_{control::AskDesk::Options()};
  std::unique_ptr<control::AskServer> server_;
  std::filesystem::path own_folder_;  // made for the socket alone
};

}  // namespace weir::app
