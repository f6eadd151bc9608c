// The commands a user runs to make programs trust our CA, or stop trusting it, where Weir cannot or should
// not do it itself. Every file name is quoted for the shell. Pure texts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/system_store.h"

namespace weir::cli {

std::string system_install_commands(const SystemStore& store, std::string_view sha256_hex,
                                    std::string_view pem_file);
std::string system_uninstall_commands(const SystemStore& store, const std::vector<std::string>& sha256_hex);

/// For what keeps its own roots: browsers on NSS, Java; and a word on the others.
std::string other_install_commands(std::string_view sha256_hex, std::string_view pem_file);
std::string other_uninstall_commands(const std::vector<std::string>& sha256_hex);

/// `text` as one word of a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace weir::cli
