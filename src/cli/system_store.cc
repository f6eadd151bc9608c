#include "cli/system_store.h"

#include <errno.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/environment.h"
#include "sandbox/spawner.h"
#include "tls/file.h"

namespace weir::cli {
namespace {

Result<> run(const std::vector<std::string>& command) {
  auto spawner = sandbox::Spawner::start();
  if (!spawner) return pass(spawner);
  auto pid = spawner->spawn({command, sandbox::own_environment(), ""});
  if (!pid) return pass(pid);
  auto exit = spawner->take_exit();
  if (!exit) return pass(exit);
  if (exit->status() == 0) return {};
  return fail(Code::io, fmt::format("`{}` ended with status {}", fmt::join(command, " "), exit->status()));
}

}  // namespace

std::string SystemStore::file_of(std::string_view sha256_hex) const {
  return fmt::format("{}/weir-{}.crt", folder, sha256_hex.substr(0, 8));
}

Result<SystemStore> system_store() {
  const SystemStore kKnown[] = {
      {"/usr/local/share/ca-certificates", {"update-ca-certificates"}, {"update-ca-certificates", "--fresh"}},
      {"/etc/pki/ca-trust/source/anchors", {"update-ca-trust", "extract"}, {"update-ca-trust", "extract"}}};
  std::string looked;
  for (const SystemStore& store : kKnown) {
    struct stat info;
    if (::stat(store.folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return store;
    looked.append(looked.empty() ? "" : ", ").append(store.folder);
  }
  return fail(Code::not_found,
              "no store of trusted CAs that we know: " + looked + " (is ca-certificates installed?)");
}

Result<> add_to(const SystemStore& store, std::string_view sha256_hex, std::string_view pem) {
  if (auto written = tls::write_atomically(store.file_of(sha256_hex), pem, 0644); !written) return written;
  return run(store.add_command);
}

Result<std::vector<std::string>> remove_from(const SystemStore& store,
                                             const std::vector<std::string>& sha256_hex) {
  std::vector<std::string> removed;
  for (const std::string& each : sha256_hex) {
    std::string file = store.file_of(each);
    if (::unlink(file.c_str()) == 0) {
      removed.push_back(std::move(file));
    } else if (errno != ENOENT) {
      return fail_errno(Code::io, "removing " + file, errno);
    }
  }
  if (removed.empty()) return removed;
  if (auto ran = run(store.remove_command); !ran) return pass(ran);
  return removed;
}

}  // namespace weir::cli
