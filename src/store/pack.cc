// Packing and removing of internal logs (declared in internal_log.h).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <vector>

#include "base/log.h"
#include "store/internal_log.h"
#include "store/jsonl_file.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStep = 64 << 10;

Failure fail_packing(const fs::path& path) {
  return fail_errno(Code::io, "cannot pack " + path.string(), errno);
}

// All of `from` into the gzip file `to`.
Result<> pack(int from, const fs::path& path, const fs::path& to) {
  int file = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return fail_packing(path);
  gzFile packed = ::gzdopen(file, "wb6");
  if (packed == nullptr) {
    ::close(file);
    return fail_packing(path);
  }
  std::vector<char> buffer(kStep);
  Result<> result;
  ssize_t count = 0;
  for (off_t at = 0; result && (count = ::pread(from, buffer.data(), buffer.size(), at)) > 0; at += count)
    if (::gzwrite(packed, buffer.data(), static_cast<unsigned>(count)) != count) result = fail_packing(path);
  if (count < 0) result = fail_packing(path);
  if (result && (::gzflush(packed, Z_FINISH) != Z_OK || ::fsync(file) != 0)) result = fail_packing(path);
  if (::gzclose(packed) != Z_OK && result) result = fail_packing(path);
  return result;
}

// Under a name that nobody reads until it is whole.
Result<> replace_by_packed(int from, const fs::path& path) {
  fs::path part = path.native() + ".gz.part";
  auto packed = pack(from, path, part);
  if (packed && ::rename(part.c_str(), (path.native() + ".gz").c_str()) != 0) packed = fail_packing(path);
  if (packed && ::unlink(path.c_str()) != 0) packed = fail_packing(path);
  if (!packed) ::unlink(part.c_str());
  return packed;
}

}  // namespace

void tidy_internal_logs(const InternalLog::Options& options) {
  for (const JsonlName& name : jsonl_names(options.folder, kInternalFiles)) {
    fs::path path = options.folder / name.str(kInternalFiles);
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat found;
    bool full = file && ::fstat(file.get(), &found) == 0 &&
                static_cast<std::uint64_t>(found.st_size) >= options.roll_bytes;
    if (!full || !take_live_lock(file.get())) continue;
    if (auto packed = replace_by_packed(file.get(), path); !packed)
      log::warn("a full log is left as it is: {}", packed.error().context());
  }
  prune_logs(options.folder, {kInternalFiles, kPackedInternalFiles}, options.keep);
}

}  // namespace weir::store
