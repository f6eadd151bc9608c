// What `serve` and `run` do about credentials before they serve.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/credential_keeper.h"

namespace weir::cli {

/// Null when there are no credentials. Takes rules of redaction out of `settings` that are about the same.
/// Has the secrets when it returns, and neither this process nor the `spawners` have them in their
/// environment any more.
Result<std::unique_ptr<app::CredentialKeeper>> open_credentials(config::Settings& settings,
                                                                const app::CredentialChoice& choice,
                                                                std::optional<sandbox::Spawner> runner,
                                                                sandbox::Spawner* spawner);

/// `environment` with placeholders, and with no secret left in any variable.
std::vector<std::string> with_placeholders(std::vector<std::string> environment,
                                           const app::CredentialKeeper& keeper);

/// A line for each active credential: "weir: github: secret put in for api.github.com ...".
std::string secrets_greeting(const app::CredentialKeeper& keeper);
/// A line for each that was used.
std::string secrets_report(const app::CredentialKeeper& keeper);

/// "a, b and c".
std::string listed(const std::vector<std::string>& words);

}  // namespace weir::cli
