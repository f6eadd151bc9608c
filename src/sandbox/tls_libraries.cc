#include "sandbox/tls_libraries.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <string>

namespace weir::sandbox {
namespace {

struct SharedLibrary {
  std::string_view prefix;  // of the file's name
  std::string_view library;
};

// NSS calls its TLS part libssl3.so, OpenSSL its own libssl.so.3.
constexpr SharedLibrary kShared[] = {
    {"libssl3.so", "NSS"},         {"libssl.so", "OpenSSL"},     {"libssl-", "OpenSSL"},
    {"libgnutls.so", "GnuTLS"},    {"libjvm.so", "Java"},        {"libnode.so", "Node"},
    {"libmbedtls.so", "Mbed TLS"}, {"libwolfssl.so", "wolfSSL"}, {"librustls.so", "rustls"},
};

struct Marker {
  std::string_view text;
  std::string_view library;
};

// Texts that the libraries cannot do without: paths in their messages, names of errors.
constexpr Marker kMarkers[] = {
    {"BUN_CONFIG_", "Bun"},
    {"DENO_TLS_CA_STORE", "Deno"},
    {"node:internal/bootstrap", "Node"},
    {"/rustls-0.", "rustls"},
    {"invalid peer certificate: ", "rustls"},
    {"TLSV1_ALERT_UNKNOWN_CA", "BoringSSL"},
    {"No certificate was found.", "GnuTLS"},
    {"ssl/statem/statem_clnt.c", "OpenSSL"},
};
constexpr std::size_t kRuntimes = 3;  // the first: what else is in them does not matter
using Found = std::array<bool, std::size(kMarkers)>;

constexpr std::size_t kLongestMarker = 64;
constexpr std::size_t kBlock = 1 << 20;
constexpr std::uint16_t kMostSections = 4096;

bool read_at(int file, std::uint64_t offset, void* into, std::size_t size) {
  auto* at = static_cast<char*>(into);
  while (size > 0) {
    ssize_t got = ::pread(file, at, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

struct Span {
  std::uint64_t offset, size;
};

/// What the section headers say of a 64-bit file in this machine's byte order, all others being left out.
struct Sections {
  bool go = false;
  std::optional<Span> read_only;
};

bool is_elf(int file, Elf64_Ehdr& header) {
  if (!read_at(file, 0, &header, sizeof header)) return false;
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0;
}

Sections sections_of(int file, const Elf64_Ehdr& header) {
  Sections out;
  bool known = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_shentsize == sizeof(Elf64_Shdr) &&
               header.e_shnum > 0 && header.e_shnum <= kMostSections && header.e_shstrndx < header.e_shnum;
  if (!known) return out;
  std::vector<Elf64_Shdr> headers(header.e_shnum);
  if (!read_at(file, header.e_shoff, headers.data(), headers.size() * sizeof(Elf64_Shdr))) return out;
  const Elf64_Shdr& table = headers[header.e_shstrndx];
  if (table.sh_size > kBlock) return out;
  std::string names(table.sh_size, '\0');
  if (!read_at(file, table.sh_offset, names.data(), names.size())) return out;
  for (const Elf64_Shdr& each : headers) {
    if (each.sh_name >= names.size()) continue;
    std::string_view name(names.c_str() + each.sh_name);
    if (name == ".go.buildinfo") out.go = true;
    bool larger = !out.read_only || out.read_only->size < each.sh_size;
    if (name == ".rodata" && each.sh_type == SHT_PROGBITS && larger)
      out.read_only = Span{each.sh_offset, each.sh_size};
  }
  return out;
}

Found markers_in(int file, Span span) {
  Found found{};
  std::string block(kBlock + kLongestMarker, '\0');
  std::uint64_t left = std::min(span.size, kMostScanned);
  std::size_t kept = 0;
  auto runtime = [&] { return std::any_of(found.begin(), found.begin() + kRuntimes, std::identity()); };
  while (left > 0 && !runtime()) {
    std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, left));
    if (!read_at(file, span.offset, block.data() + kept, size)) break;
    std::string_view text(block.data(), kept + size);
    for (std::size_t i = 0; i < found.size(); ++i)
      found[i] = found[i] || ::memmem(text.data(), text.size(), kMarkers[i].text.data(),
                                      kMarkers[i].text.size()) != nullptr;
    // What begins at the end of this block is whole in the next.
    kept = std::min(kLongestMarker, text.size());
    std::memmove(block.data(), text.data() + text.size() - kept, kept);
    span.offset += size;
    left -= size;
  }
  return found;
}

std::string_view file_name(std::string_view line) {
  std::size_t path = line.find('/');
  if (path == line.npos) return {};
  line.remove_prefix(line.rfind('/') + 1);
  return line.substr(0, line.find(' '));  // " (deleted)"
}

}  // namespace

std::vector<Process::TlsLibrary> tls_libraries_in_maps(std::string_view maps) {
  std::vector<Process::TlsLibrary> out;
  std::string_view before;
  while (!maps.empty()) {
    std::size_t end = std::min(maps.find('\n'), maps.size());
    std::string_view file = file_name(maps.substr(0, end));
    maps.remove_prefix(std::min(end + 1, maps.size()));
    if (file.empty() || file == before) continue;  // of a library there are several parts in a row
    before = file;
    for (const SharedLibrary& each : kShared) {
      if (!file.starts_with(each.prefix)) continue;
      Process::TlsLibrary found{std::string(each.library), std::string(file)};
      if (std::ranges::find(out, found) == out.end()) out.push_back(std::move(found));
      break;
    }
  }
  return out;
}

std::vector<Process::TlsLibrary> tls_libraries_in_executable(int file, std::string_view name) {
  Elf64_Ehdr header;
  if (!is_elf(file, header)) return {};
  Sections sections = sections_of(file, header);
  // A Go program may be linked with other libraries; those are mapped.
  if (sections.go) return {{"Go", std::string(name)}};
  struct stat facts;
  if (::fstat(file, &facts) != 0) return {};
  Span all{0, static_cast<std::uint64_t>(facts.st_size)};
  Found found = markers_in(file, sections.read_only.value_or(all));
  std::vector<Process::TlsLibrary> out;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    Process::TlsLibrary one{std::string(kMarkers[i].library), std::string(name)};
    if (std::ranges::find(out, one) == out.end()) out.push_back(std::move(one));
    if (i < kRuntimes) break;
  }
  return out;
}

}  // namespace weir::sandbox
