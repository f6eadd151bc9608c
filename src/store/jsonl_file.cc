#include "store/jsonl_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/log.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMemberBytes = 1 << 20;
constexpr int kLevel = 4;             // half the time of the usual 6 for a few bytes more in a hundred
constexpr int kGzipWindow = 15 + 16;  // + 16: a gzip header and trailer
constexpr int kMemoryLevel = 8;
constexpr std::size_t kOutputStep = 64 << 10;
constexpr int kNameAttempts = 1000;

}  // namespace

void JsonlFile::EndDeflate::operator()(z_stream_s* stream) const {
  ::deflateEnd(stream);
  delete stream;
}

Result<JsonlFile> JsonlFile::create(const fs::path& folder, WallNanos now, const JsonlName& last) {
  JsonlName name = next_name(folder, {kJsonlFiles}, now, last);
  for (int attempt = 0; attempt < kNameAttempts; ++attempt, ++name.number) {
    fs::path path = folder / name.str();
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file && errno != EEXIST) return fail_errno(Code::io, "cannot create " + path.string(), errno);
    if (file && take_live_lock(file.get())) return JsonlFile(std::move(file), std::move(path), name);
  }
  return fail(Code::io, "cannot create a file in " + folder.string() + ": other writers take every name");
}

JsonlFile::JsonlFile(UniqueFd file, fs::path path, JsonlName name)
    : file_(std::move(file)), path_(std::move(path)), name_(name) {
  auto stream = std::make_unique<z_stream>();
  // Fails for want of memory alone.
  if (::deflateInit2(stream.get(), kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    std::abort();
  stream_.reset(stream.release());
}

JsonlFile::JsonlFile(JsonlFile&&) noexcept = default;
JsonlFile& JsonlFile::operator=(JsonlFile&&) noexcept = default;
JsonlFile::~JsonlFile() = default;

void JsonlFile::append(std::string_view lines) {
  deflate(lines, Z_NO_FLUSH);
  member_ += lines.size();
  unflushed_ = true;
  if (member_ < kMemberBytes) return;
  deflate({}, Z_FINISH);
  ::deflateReset(stream_.get());
  member_ = 0;
  unflushed_ = false;
}

Result<> JsonlFile::flush() {
  if (unflushed_) deflate({}, Z_SYNC_FLUSH);
  unflushed_ = false;
  return drain();
}

Result<> JsonlFile::finish() {
  if (member_ > 0) deflate({}, Z_FINISH);
  member_ = 0;
  unflushed_ = false;
  return drain();
}

bool JsonlFile::in_place() const {
  struct stat found;
  return ::fstat(file_.get(), &found) == 0 && found.st_nlink > 0;
}

void JsonlFile::deflate(std::string_view text, int flush) {
  // zlib's own type is not const; it only reads.
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream_->avail_in = static_cast<uInt>(text.size());
  do {
    std::size_t before = compressed_.size();
    compressed_.resize(before + kOutputStep);
    stream_->next_out = reinterpret_cast<Bytef*>(compressed_.data() + before);
    stream_->avail_out = kOutputStep;
    ::deflate(stream_.get(), flush);
    compressed_.resize(before + kOutputStep - stream_->avail_out);
  } while (stream_->avail_out == 0);
}

Result<> JsonlFile::drain() {
  std::size_t done = 0;
  Result<> result;
  while (done < compressed_.size() && result) {
    ssize_t count = ::write(file_.get(), compressed_.data() + done, compressed_.size() - done);
    if (count > 0) done += static_cast<std::size_t>(count);
    if (count < 0 && errno != EINTR) result = fail_errno(Code::io, "cannot write " + path_.string(), errno);
    if (count == 0) result = fail(Code::io, "cannot write " + path_.string());
  }
  written_ += done;
  compressed_.erase(0, done);
  return result;
}

// Between open and flock another process may have taken the file for a dead one, and removed it.
bool take_live_lock(int file) {
  struct stat found;
  return ::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &found) == 0 && found.st_nlink > 0;
}

void prune_logs(const fs::path& folder, std::initializer_list<LogKind> kinds, std::size_t keep) {
  std::vector<std::pair<JsonlName, fs::path>> files;
  for (const LogKind& kind : kinds)
    for (const JsonlName& name : jsonl_names(folder, kind)) files.emplace_back(name, folder / name.str(kind));
  std::ranges::sort(files);
  std::size_t left = files.size();
  for (const auto& [name, path] : files) {
    if (left <= keep) return;
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file || !take_live_lock(file.get())) continue;  // live, or gone already
    if (::unlink(path.c_str()) == 0) {
      --left;
    } else if (errno != ENOENT) {
      log::warn("the log's old file {} cannot be removed", path.string());
    }
  }
}

}  // namespace weir::store
