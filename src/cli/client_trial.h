// ClientTrial: does one client program on this machine work through Weir?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

struct ClientTrial {
  std::string_view name;     ///< "curl"
  std::string_view program;  ///< looked up in PATH
  /// Arguments that fetch a URL and print the body; "{url}" is replaced.
  std::vector<std::string_view> arguments;
  std::string_view mend;  ///< what to do when it does not trust us
};

/// The clients that doctor knows: curl, wget, Python, Node, git, Java.
const std::vector<ClientTrial>& client_trials();

struct TrialResult {
  enum class Outcome { works, not_installed, fails } outcome = Outcome::fails;
  std::string output;  ///< first lines of what it said, when it fails
};

/// Runs the trial with `environment`, for at most 20 s. Works when `expected` is in what it printed.
TrialResult run_trial(const ClientTrial& trial, const std::string& url,
                      const std::vector<std::string>& environment, std::string_view expected,
                      const std::string& scratch_dir);

}  // namespace weir::cli
