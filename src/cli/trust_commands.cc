#include "cli/trust_commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::cli {
namespace {

std::string nickname(std::string_view sha256_hex) { return fmt::format("weir-{}", sha256_hex.substr(0, 8)); }

}  // namespace

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string system_install_commands(const SystemStore& store, std::string_view sha256_hex,
                                    std::string_view pem_file) {
  return fmt::format("  sudo install -m 0644 {} {}\n  sudo {}\n", shell_quoted(pem_file),
                     shell_quoted(store.file_of(sha256_hex)), fmt::join(store.add_command, " "));
}

std::string system_uninstall_commands(const SystemStore& store, const std::vector<std::string>& sha256_hex) {
  std::string files;
  for (const std::string& each : sha256_hex) files.append(" ").append(shell_quoted(store.file_of(each)));
  return fmt::format("  sudo rm -f{}\n  sudo {}\n", files, fmt::join(store.remove_command, " "));
}

std::string other_install_commands(std::string_view sha256_hex, std::string_view pem_file) {
  std::string name = nickname(sha256_hex), file = shell_quoted(pem_file);
  return fmt::format(
      "\nThese keep roots of their own, which were not changed:\n"
      "  Chrome, Chromium (certutil is in libnss3-tools):\n"
      "    certutil -d sql:\"$HOME/.pki/nssdb\" -A -t C,, -n {0} -i {1}\n"
      "  Firefox, for each profile:\n"
      "    for p in \"$HOME\"/.mozilla/firefox/*/cert9.db; do certutil -d sql:\"${{p%/*}}\" -A -t C,, -n {0} "
      "-i {1}; done\n"
      "  Java (Debian's own follows the system store if ca-certificates-java is installed):\n"
      "    keytool -importcert -noprompt -cacerts -storepass changeit -alias {0} -file {1}\n"
      "Node and Python's requests read neither; under `weir run` they are told by variables.\n",
      name, file);
}

std::string other_uninstall_commands(const std::vector<std::string>& sha256_hex) {
  std::string out = "\nIf you put it there, take it out of these as well:\n";
  for (const std::string& each : sha256_hex)
    out += fmt::format(
        "  certutil -d sql:\"$HOME/.pki/nssdb\" -D -n {0}\n"
        "  for p in \"$HOME\"/.mozilla/firefox/*/cert9.db; do certutil -d sql:\"${{p%/*}}\" -D -n {0}; done\n"
        "  keytool -delete -cacerts -storepass changeit -alias {0}\n"
        "  keytool -delete -cacerts -storepass changeit -alias debian:{0}.pem   # Debian's hook adds, but "
        "leaves it\n",
        nickname(each));
  return out;
}

}  // namespace weir::cli
