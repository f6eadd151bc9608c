#include "sandbox/string_file.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "sandbox/spawner_wire.h"

namespace weir::sandbox {
namespace {

constexpr std::uint32_t kMostGroups = 64;

void append_number(std::string& bytes, std::size_t value) {
  auto number = static_cast<std::uint32_t>(value);
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = uninterrupted([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return fail_errno(Code::internal, "writing for the spawner", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::vector<char>> read_all(int file) {
  struct stat info;
  if (::fstat(file, &info) != 0) return fail_errno(Code::internal, "reading what Weir wrote", errno);
  std::vector<char> bytes(static_cast<std::size_t>(info.st_size));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    ssize_t size = uninterrupted([&] {
      return ::pread(file, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    });
    if (size < 0) return fail_errno(Code::internal, "reading what Weir wrote", errno);
    if (size == 0) return fail(Code::internal, "what Weir wrote is cut short");
    filled += static_cast<std::size_t>(size);
  }
  return bytes;
}

/// Takes `count` NUL-terminated strings from `at` on; null when the buffer ends before.
char* take_strings(char* at, char* end, std::uint32_t count, std::vector<char*>& out) {
  for (; count > 0; --count) {
    char* nul = static_cast<char*>(std::memchr(at, 0, static_cast<std::size_t>(end - at)));
    if (nul == nullptr) return nullptr;
    out.push_back(at);
    at = nul + 1;
  }
  out.push_back(nullptr);
  return at;
}

}  // namespace

// Layout: the number of groups, the number of strings of each, 32 bits every one, then all strings with their
// NUL.
Result<UniqueFd> write_groups(std::span<const std::vector<std::string>> groups) {
  std::string bytes;
  append_number(bytes, groups.size());
  for (const auto& group : groups) append_number(bytes, group.size());
  for (const auto& group : groups)
    for (const std::string& text : group) {
      if (text.find('\0') != std::string::npos)
        return fail(Code::bad_config,
                    "a command, its arguments, its variables and paths cannot hold NUL bytes");
      bytes.append(text).push_back('\0');
    }
  UniqueFd file(::memfd_create("weir-strings", MFD_CLOEXEC));
  if (!file) return fail_errno(Code::internal, "memfd_create for the spawner", errno);
  if (auto written = write_all(file.get(), bytes); !written) return pass(written);
  return file;
}

Result<StringGroups> read_groups(int file) {
  auto bytes = read_all(file);
  if (!bytes) return pass(bytes);
  StringGroups out;
  out.bytes = std::move(*bytes);
  auto cut = [] { return fail(Code::internal, "what Weir wrote is cut short"); };
  std::uint32_t count = 0;
  if (out.bytes.size() < sizeof count) return cut();
  std::memcpy(&count, out.bytes.data(), sizeof count);
  if (count > kMostGroups || out.bytes.size() < sizeof count * (1 + count)) return cut();
  char* at = out.bytes.data() + sizeof count * (1 + count);
  char* end = out.bytes.data() + out.bytes.size();
  out.groups.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t strings;
    std::memcpy(&strings, out.bytes.data() + sizeof count * (1 + i), sizeof strings);
    if ((at = take_strings(at, end, strings, out.groups[i])) == nullptr) return cut();
  }
  return out;
}

}  // namespace weir::sandbox
