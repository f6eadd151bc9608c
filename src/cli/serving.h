// What `serve` and `run` share: the flags that make Settings, and waiting for signals.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/load.h"

namespace CLI {
class App;
}

namespace weir::cli {

/// The flags of a serving verb, bound to a subcommand; must live as long as the App.
struct ServingFlags {
  std::string config_file;
  std::vector<std::string> listen, auth;
  std::string reverse;
  bool reverse_keep_host = false, allow_open_proxy = false, no_capture = false;
  std::string threads, ca_dir, data_dir, log_level, upstream_proxy, when_full, keylog;
  std::vector<std::string> intercept, passthrough, upstream_ca, insecure, no_proxy, client_certificates;
  bool auto_passthrough = false;
  std::string filter_default;
  std::vector<policy::Rule> rules;  ///< of --allow-domain and --block-domain, in the order given

  /// Adds all of them; where to listen and who may come in only `with_doors`.
  void add_to(CLI::App& verb, bool with_doors);
  /// What config::load takes, now and when a file has changed.
  config::Sources sources() const;
  /// Every layer merged. Problems and warnings have been reported when it returns.
  std::unique_ptr<config::Settings> settings() const;

 private:
  void add_doors(CLI::App& verb);
  void add_filter(CLI::App& verb);
};

}  // namespace weir::cli
