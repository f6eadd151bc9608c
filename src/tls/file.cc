#include "tls/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace weir::tls {
namespace {

Failure fail_io(std::string_view verb, const std::filesystem::path& path) {
  int error = errno;
  return fail_errno(error == ENOENT ? Code::not_found : Code::io, std::string(verb) + " " + path.string(),
                    error);
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_io("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// Makes the rename itself durable.
Result<void> sync_folder(const std::filesystem::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_io("sync", folder);
  return {};
}

Result<void> write_and_rename(int fd, const char* temporary, const std::filesystem::path& path,
                              std::string_view bytes, mode_t mode) {
  if (::fchmod(fd, mode) != 0) return fail_io("chmod", temporary);
  if (auto written = write_all(fd, bytes, temporary); !written) return written;
  if (::fsync(fd) != 0) return fail_io("sync", temporary);
  if (::rename(temporary, path.c_str()) != 0) return fail_io("rename to", path);
  return {};
}

/// Keys are read, too: nothing of them is left on the stack.
struct WipedBuffer {
  ~WipedBuffer() { ::explicit_bzero(bytes, sizeof bytes); }
  char bytes[16 * 1024];
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_io("open", path);
  std::string out;
  WipedBuffer buffer;
  for (;;) {
    ssize_t got = ::read(fd.get(), buffer.bytes, sizeof buffer.bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_io("read", path);
    if (got == 0) return out;
    out.append(buffer.bytes, static_cast<std::size_t>(got));
    if (out.size() > limit)
      return fail(Code::io, path.string() + " is longer than " + std::to_string(limit) + " bytes");
  }
}

Result<void> write_atomically(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  std::string temporary = path.string() + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600 from the start
  if (!fd) return fail_io("create a temporary file beside", path);
  auto written = write_and_rename(fd.get(), temporary.c_str(), path, bytes, mode);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(folder_of(path));
}

Result<UniqueFd> lock_file(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_io("open", path);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return fail_io("lock", path);
  return fd;
}

}  // namespace weir::tls
