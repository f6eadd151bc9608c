// SecretSources: reads the secrets of credentials from where the configuration says they are.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/secret_bytes.h"
#include "broker/secret.h"
#include "config/settings.h"
#include "sandbox/spawner.h"

namespace weir::app {

/// Set up before there are threads; then any thread reads, several at a time.
class SecretSources {
 public:
  /// `spawner` runs the commands. They end when `stop` is readable, which outlives this.
  SecretSources(std::optional<sandbox::Spawner> spawner, int stop)
      : spawner_(std::move(spawner)), stop_(stop) {}

  /// Variables are read once: then nobody is to find them in the environment any more.
  Result<> take_variables(const config::Credential& credential);
  /// Forgets them here and in the spawner, whose environment everybody of this user may read.
  Result<> forget_variables(std::span<const std::string> names);
  /// There are no commands to run.
  void let_spawner_go() { spawner_.reset(); }

  /// Without white space at its ends, and not empty. credential_failed: says where it should be, never what
  /// was there. Blocks for as long as a command takes, at most a minute.
  Result<SecretBytes> read(const config::SecretSource& source);
  /// What a credential's requests say.
  Result<broker::Secret> read_spoken(const config::Credential& credential);
  /// Keys of three sources, or of one command that prints them all as the AWS tools' credential_process does.
  Result<broker::Secret> read_aws(const config::Credential& credential);

 private:
  Result<SecretBytes> run(const std::vector<std::string>& command);

  std::map<std::string, SecretBytes> variables_;  // what they were before they were forgotten
  std::mutex spawning_;                           // the spawner answers one at a time
  std::optional<sandbox::Spawner> spawner_;
  const int stop_;
};

/// The error as one of a credential: names it.
Failure wrong(const config::Credential& credential, const Error& error);
/// For people.
std::string place_of(const config::SecretSource& source);
bool is_file(const std::optional<config::SecretSource>& source);

}  // namespace weir::app
