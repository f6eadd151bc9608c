// Which credentials are in force, compiled: bindings, and where their secrets are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/filtering.h"
#include "base/secret_bytes.h"
#include "broker/binding.h"
#include "config/settings.h"

namespace weir::app {

/// Whose secrets are put in: of all that are enabled, or of those that were asked for.
struct CredentialChoice {
  bool all = false;
  /// NAME of the configuration, PRESET, PRESET@HOST[,HOST] or VARIABLE@HOST[,HOST].
  std::vector<std::string> asked;
};

struct ResolvedCredential {
  config::Credential settings;  ///< what the preset says, filled in
  broker::Binding binding;
};

/// All that are known, active or not: what is not active has a placeholder that must not leave, either.
/// Errors (bad_config): one that is asked for and not there; a host that nobody reads the requests of; two
/// with one placeholder.
Result<std::vector<ResolvedCredential>> resolve_credentials(const config::Settings& settings,
                                                            const CredentialChoice& choice,
                                                            std::string_view placeholder_key);

/// What placeholders are made with: of this user, made when it is first asked for, always the same.
Result<SecretBytes> placeholder_key();

/// Variables that hold the secret itself now, and the placeholder from then on.
std::vector<std::string> variables_of(const ResolvedCredential& credential);
/// "NAME=placeholder", for a program's environment.
std::vector<std::string> placeholders_of(const ResolvedCredential& credential);

}  // namespace weir::app
