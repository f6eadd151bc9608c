// Detection on made-up maps and executables, and on what this machine has.
#include "sandbox/tls_libraries.h"

#include <elf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/fd.h"

namespace weir::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Library = Process::TlsLibrary;

std::string mapped(std::string_view path) {
  return "7f0000000000-7f0000001000 r-xp 00000000 fe:01 1234 " + std::string(12, ' ') + std::string(path) +
         "\n";
}

TEST(TlsLibrariesInMaps, EachSharedLibraryOnce) {
  std::string maps = mapped("/usr/bin/curl") + mapped("/lib/x86_64-linux-gnu/libssl.so.3") +
                     mapped("/lib/x86_64-linux-gnu/libssl.so.3") + mapped("/usr/lib/libgnutls.so.30.34.3") +
                     mapped("/lib/x86_64-linux-gnu/libssl.so.3") + "7f-80 rw-p 00000000 00:00 0 \n" +
                     mapped("[heap]") + mapped("/opt/jdk/lib/server/libjvm.so");
  EXPECT_THAT(tls_libraries_in_maps(maps),
              ElementsAre(Library{"OpenSSL", "libssl.so.3"}, Library{"GnuTLS", "libgnutls.so.30.34.3"},
                          Library{"Java", "libjvm.so"}));
}

TEST(TlsLibrariesInMaps, NamesThatLookAlikeAreToldApart) {
  EXPECT_THAT(tls_libraries_in_maps(mapped("/opt/firefox/libssl3.so")),
              ElementsAre(Library{"NSS", "libssl3.so"}));
  EXPECT_THAT(tls_libraries_in_maps(mapped("/usr/lib/libssl.so.1.1")),
              ElementsAre(Library{"OpenSSL", "libssl.so.1.1"}));
  EXPECT_THAT(tls_libraries_in_maps(mapped("/site-packages/psycopg.libs/libssl-3e69114b.so.1.1.1k")),
              ElementsAre(Library{"OpenSSL", "libssl-3e69114b.so.1.1.1k"}));
  EXPECT_THAT(tls_libraries_in_maps(mapped("/tmp/libssl.so.3/data") + mapped("/usr/lib/libcrypto.so.3")),
              IsEmpty());
}

TEST(TlsLibrariesInMaps, AFileThatWasReplacedMeanwhileAndWhatIsCutOff) {
  EXPECT_THAT(tls_libraries_in_maps(mapped("/usr/lib/libssl.so.3 (deleted)")),
              ElementsAre(Library{"OpenSSL", "libssl.so.3"}));
  EXPECT_THAT(tls_libraries_in_maps("7f00-7f01 r-xp 0 fe:01 1 /usr/lib/libgn"), IsEmpty());
  EXPECT_THAT(tls_libraries_in_maps(""), IsEmpty());
}

/// A file in memory.
class File {
 public:
  explicit File(std::string_view bytes) : file_(::memfd_create("executable", MFD_CLOEXEC)) {
    EXPECT_EQ(::write(file_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::vector<Library> libraries() const { return tls_libraries_in_executable(file_.get(), "tool"); }

 private:
  UniqueFd file_;
};

template <typename T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

struct Section {
  std::string name, bytes;
};

std::string elf(const std::vector<Section>& sections) {
  std::string bodies, names(1, '\0');
  std::vector<Elf64_Shdr> headers(1);
  for (const Section& each : sections) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(names.size());
    header.sh_type = SHT_PROGBITS;
    header.sh_offset = sizeof(Elf64_Ehdr) + bodies.size();
    header.sh_size = each.bytes.size();
    headers.push_back(header);
    names.append(each.name).push_back('\0');
    bodies += each.bytes;
  }
  Elf64_Shdr table{};
  table.sh_type = SHT_STRTAB;
  table.sh_offset = sizeof(Elf64_Ehdr) + bodies.size();
  table.sh_size = names.size();
  headers.push_back(table);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
  header.e_shoff = sizeof header + bodies.size() + names.size();
  std::string out;
  put(out, header);
  out += bodies + names;
  for (const Elf64_Shdr& each : headers) put(out, each);
  return out;
}

TEST(TlsLibrariesInExecutable, GoByItsSection) {
  EXPECT_THAT(File(elf({{".text", "code"}, {".go.buildinfo", "\xff Go buildinf:"}})).libraries(),
              ElementsAre(Library{"Go", "tool"}));
}

TEST(TlsLibrariesInExecutable, OthersByTextsInTheirReadOnlyData) {
  auto in_data = [](std::string_view text) {
    return File(elf({{".text", "x"}, {".rodata", "before " + std::string(text) + " after"}})).libraries();
  };
  EXPECT_THAT(in_data("../ssl/statem/statem_clnt.c"), ElementsAre(Library{"OpenSSL", "tool"}));
  EXPECT_THAT(in_data("/registry/src/rustls-0.23.4/src/conn.rs"), ElementsAre(Library{"rustls", "tool"}));
  EXPECT_THAT(in_data("invalid peer certificate: /rustls-0."), ElementsAre(Library{"rustls", "tool"}))
      << "once";
  EXPECT_THAT(in_data("TLSV1_ALERT_UNKNOWN_CA"), ElementsAre(Library{"BoringSSL", "tool"}));
  EXPECT_THAT(in_data("BUN_CONFIG_REGISTRY TLSV1_ALERT_UNKNOWN_CA"), ElementsAre(Library{"Bun", "tool"}));
  EXPECT_THAT(in_data("node:internal/bootstrap/realm ssl/statem/statem_clnt.c"),
              ElementsAre(Library{"Node", "tool"}));
  EXPECT_THAT(in_data("nothing of the kind"), IsEmpty());
}

TEST(TlsLibrariesInExecutable, OtherSectionsAreNotLookedAt) {
  EXPECT_THAT(File(elf({{".debug_str", "ssl/statem/statem_clnt.c"}, {".rodata", "quiet"}})).libraries(),
              IsEmpty());
}

TEST(TlsLibrariesInExecutable, ATextAcrossTwoBlocks) {
  for (std::size_t before = (1 << 20) - 24; before <= 1 << 20; before += 6) {
    std::string data(before, '.');
    data += "ssl/statem/statem_clnt.c";
    EXPECT_THAT(File(elf({{".rodata", data}})).libraries(), ElementsAre(Library{"OpenSSL", "tool"}))
        << before;
  }
}

TEST(TlsLibrariesInExecutable, WithoutSectionHeadersTheWholeFileIsLookedAt) {
  std::string file = elf({{".rodata", "ssl/statem/statem_clnt.c"}});
  std::memset(file.data() + offsetof(Elf64_Ehdr, e_shnum), 0, sizeof(Elf64_Half));
  EXPECT_THAT(File(file).libraries(), ElementsAre(Library{"OpenSSL", "tool"}));
}

TEST(TlsLibrariesInExecutable, HeadersThatLieAndFilesThatAreNone) {
  std::string file = elf({{".rodata", "x"}});
  for (std::size_t field : {offsetof(Elf64_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_shstrndx)}) {
    std::string broken = file;
    std::memset(broken.data() + field, 0xff, 2);
    EXPECT_THAT(File(broken).libraries(), IsEmpty());
  }
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  std::size_t names = header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr);
  std::memset(file.data() + names + offsetof(Elf64_Shdr, sh_size), 0xff, sizeof(Elf64_Xword));
  EXPECT_THAT(File(file).libraries(), IsEmpty());
  EXPECT_THAT(File("#!/bin/sh\nssl/statem/statem_clnt.c").libraries(), IsEmpty());
  EXPECT_THAT(File("").libraries(), IsEmpty());
}

}  // namespace
}  // namespace weir::sandbox
