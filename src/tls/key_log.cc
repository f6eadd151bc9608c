#include "tls/key_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"

namespace weir::tls {

Result<std::shared_ptr<KeyLog>> KeyLog::open(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(Code::io, "open key log " + path.string(), errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_errno(Code::io, "stat key log " + path.string(), errno);
  if (S_ISREG(status.st_mode) && (status.st_mode & 077) != 0)
    return fail(Code::io, fmt::format("the key log {} can be read by others (mode {:04o}); run: chmod 600 {}",
                                      path.string(), status.st_mode & 07777, path.string()));
  return std::shared_ptr<KeyLog>(new KeyLog(std::move(fd)));
}

void KeyLog::write(std::string_view line) {
  std::string text(line);
  text += '\n';
  if (::write(fd_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) &&
      !failed_.exchange(true))
    log::warn("the key log can no longer be written; what Wireshark shows from here on is incomplete");
}

}  // namespace weir::tls
