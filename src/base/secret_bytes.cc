#include "base/secret_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/fd.h"

namespace weir {
namespace {

std::string words(int error) { return std::generic_category().message(error); }

std::size_t whole_pages(std::size_t size) {
  auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (std::max<std::size_t>(size, 1) + page - 1) / page * page;
}

void* map_secret(std::size_t size) {
  UniqueFd file(static_cast<int>(::syscall(SYS_memfd_secret, O_CLOEXEC)));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return MAP_FAILED;
  // The limit of locked memory is met here, not on first use.
  return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

Result<SecretBytes> SecretBytes::make(std::size_t capacity) {
  SecretBytes out;
  out.mapped_ = whole_pages(capacity);
  out.keeping_ = Keeping::secret;
  void* at = map_secret(out.mapped_);
  if (at == MAP_FAILED) {
    at = ::mmap(nullptr, out.mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return fail(Code::io, "no memory for a secret: " + words(errno));
    out.keeping_ = ::mlock(at, out.mapped_) == 0 ? Keeping::locked : Keeping::plain;
  }
  // A child that is forked has no use for it, and of shared pages it could zero ours.
  if (::madvise(at, out.mapped_, MADV_DONTFORK) != 0) {
    int error = errno;
    ::munmap(at, out.mapped_);
    return fail(Code::io, "keeping a secret from children: " + words(error));
  }
  ::madvise(at, out.mapped_, MADV_DONTDUMP);  // best effort: the process is not to be dumped anyway
  out.data_ = static_cast<char*>(at);
  out.capacity_ = capacity;
  return out;
}

Result<SecretBytes> SecretBytes::take(std::string& text) {
  auto out = make(text.size());
  if (out) out->append(text);
  zero(text);
  return out;
}

void SecretBytes::append(std::string_view text) {
  std::size_t size = std::min(text.size(), capacity_ - size_);
  std::copy_n(text.data(), size, data_ + size_);
  size_ += size;
}

void SecretBytes::trim() {
  std::size_t begin = 0, end = size_;
  while (begin < end && is_space(data_[begin])) ++begin;
  while (end > begin && is_space(data_[end - 1])) --end;
  std::copy(data_ + begin, data_ + end, data_);
  ::explicit_bzero(data_ + (end - begin), size_ - (end - begin));
  size_ = end - begin;
}

void SecretBytes::clear() {
  if (data_ == nullptr) return;
  ::explicit_bzero(data_, mapped_);
  ::munmap(data_, mapped_);  // unlocks it as well
  data_ = nullptr;
  size_ = capacity_ = mapped_ = 0;
  keeping_ = Keeping::none;
}

void SecretBytes::swap(SecretBytes& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(mapped_, other.mapped_);
  std::swap(keeping_, other.keeping_);
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char different = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    different = static_cast<unsigned char>(
        different | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  return different == 0;
}

void zero(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

Result<SecretBytes> read_secret_file(const std::string& path, std::size_t most) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file)
    return fail(errno == ENOENT ? Code::not_found : Code::io,
                path + ": " + (errno == ELOOP ? "it is a link" : words(errno)));
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return fail(Code::io, path + ": " + words(errno));
  if (!S_ISREG(status.st_mode)) return fail(Code::io, path + ": it is no file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return fail(Code::io, path + ": it belongs to another user, who could put another secret there");
  if ((status.st_mode & 077) != 0)
    return fail(
        Code::io,
        path + ": others may read or write it; `chmod 600` it, and think of the secret in it as known");
  auto out = SecretBytes::make(most + 1);
  if (!out) return out;
  while (!out->room().empty()) {
    ssize_t got = ::read(file.get(), out->room().data(), out->room().size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::io, path + ": " + words(errno));
    if (got == 0) break;
    out->grow(static_cast<std::size_t>(got));
  }
  if (out->size() > most) return fail(Code::io, path + ": it is too long for a secret");
  out->trim();
  return out;
}

}  // namespace weir
