// What `serve` and `run` share: the flags that make Settings, and waiting for signals.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/remote_logs.h"
#include "base/error.h"
#include "config/load.h"
#include "store/jsonl_writer.h"

namespace CLI {
class App;
}
namespace weir::app {
class Server;
}

namespace weir::cli {

/// The flags of a serving verb, bound to a subcommand; must live as long as the App.
struct ServingFlags {
  std::string config_file;
  std::vector<std::string> listen, transparent, auth;
  std::string vsock;
  std::vector<std::string> uds, vsock_uds;
  std::string reverse;
  bool reverse_keep_host = false, allow_open_proxy = false, no_capture = false, transparent_preamble = false;
  std::string threads, ca_dir, data_dir, log_level, upstream_proxy, when_full, keylog;
  std::string metrics;
  std::string jsonl;  ///< of --jsonl: a folder, or a word for the default one
  std::vector<std::string> intercept, passthrough, upstream_ca, insecure, no_proxy, client_certificates,
      budgets;
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

/// Tells on standard error what the JSON Lines lack, if anything.
void report_lost_lines(const store::JsonlWriter::Counters& counters);
/// Tells what was used of each budget; after the server's close().
void report_budgets(const app::Server& server);
/// Tells what receivers lack.
void report_unsent(const app::RemoteLogs& remote);

}  // namespace weir::cli
