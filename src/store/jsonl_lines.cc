#include "store/jsonl_lines.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "store/jsonl_line.h"

namespace weir::store {
namespace {

constexpr std::size_t kStep = 64 << 10;
constexpr int kGzipWindow = 15 + 16;  // + 16: gzip alone
// Damage is often noticed late, when the decoder has run over the beginning of the next member: the search
// goes back to the beginning of the member that failed. Each byte is worth so many looks, or a file made for
// it could be searched for ever.
constexpr std::uint64_t kMostLooks = 4;

// RFC 1952 section 2.3: magic, deflate, no reserved flags.
constexpr std::size_t kMagicBytes = 4;
bool begins_member(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b\x08") && bytes.size() >= kMagicBytes && (bytes[3] & 0xE0) == 0;
}

Result<UniqueFd> open_file(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found;
  if (!file || ::fstat(file.get(), &found) != 0)
    return fail_errno(Code::io, "cannot read " + path.string(), errno);
  if (!S_ISREG(found.st_mode)) return fail(Code::io, "cannot read " + path.string() + ": it is no file");
  return file;
}

std::uint64_t size_of(int file) {
  struct stat found;
  return ::fstat(file, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

}  // namespace

void JsonlLines::EndInflate::operator()(z_stream_s* stream) const {
  ::inflateEnd(stream);
  delete stream;
}

Result<JsonlLines> JsonlLines::open(const std::filesystem::path& path) {
  auto file = open_file(path);
  if (!file) return pass(file);
  std::uint64_t size = size_of(file->get());
  return JsonlLines(std::move(*file), size, false);
}

Result<JsonlLines> JsonlLines::follow(const std::filesystem::path& path, std::uint64_t size) {
  auto file = open_file(path);
  if (!file) return pass(file);
  return JsonlLines(std::move(*file), std::max(size, kLeastGrowing), true);
}

void JsonlLines::grow() { size_ = std::max(size_, size_of(file_.get())); }

JsonlLines::JsonlLines(UniqueFd file, std::uint64_t size, bool growing)
    : file_(std::move(file)), size_(size), growing_(growing) {
  refill();
  if (!begins_member(raw())) return;
  auto stream = std::make_unique<z_stream>();
  // Fails for want of memory alone.
  if (::inflateInit2(stream.get(), kGzipWindow) != Z_OK) std::abort();
  stream_.reset(stream.release());
}

JsonlLines::JsonlLines(JsonlLines&&) noexcept = default;
JsonlLines& JsonlLines::operator=(JsonlLines&&) noexcept = default;
JsonlLines::~JsonlLines() = default;

std::optional<std::string_view> JsonlLines::next(JsonlDamage& damage) {
  while (true) {
    std::size_t end = text_.find('\n', searched_);
    bool found = end != text_.npos;
    if (!found) end = text_.size();
    if (end - text_at_ > kLongestLine + 1 && !skipping_) {  // + 1: a CR may follow
      ++damage.too_long;
      skipping_ = true;
    }
    if (found) {
      std::string_view line(text_.data() + text_at_, end - text_at_);
      text_at_ = searched_ = end + 1;
      if (std::exchange(skipping_, false)) continue;
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    }
    text_.erase(0, skipping_ ? text_.size() : text_at_);
    text_at_ = 0;
    searched_ = text_.size();
    if (fill(damage)) continue;
    if (text_.empty() || cut_off_ || growing_) return std::nullopt;
    cut_off_ = true;
    searched_ = text_.size();
    return text_;
  }
}

bool JsonlLines::fill(JsonlDamage& damage) {
  if (stream_) return inflate_some(damage);
  if (raw().empty() && !refill()) return false;
  text_.append(raw());
  raw_at_ = raw_.size();
  return true;
}

// False at the end of the file.
bool JsonlLines::inflate_some(JsonlDamage& damage) {
  while (true) {
    if (place_ != Place::member && !seek_member(damage)) return false;
    if (raw().empty() && !refill() && !more_inflated_) {
      if (growing_) return false;
      damage.torn += !guessed_ && (!text_.empty() || skipping_);
      damaged();
      continue;
    }
    stream_->next_in = reinterpret_cast<Bytef*>(raw_.data() + raw_at_);
    stream_->avail_in = static_cast<uInt>(raw().size());
    std::size_t before = text_.size();
    text_.resize(before + kStep);
    stream_->next_out = reinterpret_cast<Bytef*>(text_.data() + before);
    stream_->avail_out = kStep;
    int result = ::inflate(stream_.get(), Z_NO_FLUSH);
    text_.resize(before + kStep - stream_->avail_out);
    raw_at_ = raw_.size() - stream_->avail_in;
    more_inflated_ = stream_->avail_out == 0;
    if (result == Z_STREAM_END) {
      place_ = Place::between;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      damage.corrupt += !guessed_;
      damaged();
    }
    if (text_.size() <= before) continue;
    guessed_ = false;
    return true;
  }
}

// To the beginning of the next member; false when there is none.
bool JsonlLines::seek_member(JsonlDamage& damage) {
  while (true) {
    if (raw().size() < kMagicBytes) refill();
    if (raw().size() < (growing_ ? kMagicBytes : 1)) return false;
    if (begins_member(raw())) break;
    // Zeros after a member are padding (of tapes, of a file system after a crash).
    if (place_ == Place::between && raw().front() != '\0') {
      ++damage.corrupt;
      place_ = Place::lost;
    }
    ++raw_at_;
    if (place_ == Place::lost) raw_at_ = std::min(raw_.find('\x1f', raw_at_), raw_.size());
  }
  ::inflateReset(stream_.get());
  guessed_ = place_ == Place::lost;
  member_begin_ = raw_position();
  place_ = Place::member;
  more_inflated_ = false;
  return true;
}

// The member is given up, and with it the line it ends in.
void JsonlLines::damaged() {
  std::size_t line_feed = text_.rfind('\n');
  text_.resize(line_feed == text_.npos ? text_at_ : std::max(line_feed + 1, text_at_));
  searched_ = std::min(searched_, text_.size());
  skipping_ = false;
  place_ = Place::lost;
  std::uint64_t back = raw_position() - member_begin_;
  if (back == 0) ++raw_at_;
  if (back == 0 || rewound_ + back > kMostLooks * size_) return;
  rewound_ += back;
  raw_.clear();
  raw_at_ = 0;
  raw_end_ = member_begin_ + 1;
}

// False when the file has no more.
bool JsonlLines::refill() {
  raw_.erase(0, raw_at_);
  raw_at_ = 0;
  std::size_t before = raw_.size();
  std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kStep, size_ - raw_end_));
  raw_.resize(before + wanted);
  ssize_t count = ::pread(file_.get(), raw_.data() + before, wanted, static_cast<off_t>(raw_end_));
  if (count < 0) count = 0;  // as if it ended here: a disk that cannot be read is damage, too
  raw_.resize(before + static_cast<std::size_t>(count));
  raw_end_ += static_cast<std::uint64_t>(count);
  return count > 0;
}

}  // namespace weir::store
