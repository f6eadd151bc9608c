#include "config/trust.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/hash.h"
#include "config/paths.h"
#include "config/toml_file.h"
#include "tls/file.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 64 << 10;

Result<std::string> trust_folder() {
  auto root = data_root();
  if (!root) return root;
  return *root + "/trust";
}

Result<std::optional<Trust>> read_trust(const fs::path& path) {
  auto text = tls::read_file(path, kMaxFile);
  if (!text && text.error().code() == Code::not_found) return std::nullopt;
  if (!text) return pass(text);
  Trust out;
  for (const Entry& entry : parse_toml(*text).entries) {
    if (entry.table || entry.value.list) continue;
    const std::string& value = entry.value.items.front().text;
    if (entry.key == "file") out.file = value;
    if (entry.key == "sha256") out.sha256 = value;
    if (entry.key == "widen") out.widen = value == "true";
  }
  if (out.file.empty() || out.sha256.empty())
    return fail(Code::io, path.string() + " is damaged; remove it and trust the project's file again");
  return out;
}

}  // namespace

std::string canonical_file(std::string_view path) {
  std::error_code ignored;  // what does not exist keeps its name
  fs::path whole = fs::absolute(path, ignored).lexically_normal();
  return fs::weakly_canonical(whole.parent_path(), ignored) / whole.filename();
}

std::string content_hash(std::string_view text) {
  Sha256 digest = sha256(text);
  return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<std::string> trust_file(const std::string& file) {
  auto folder = trust_folder();
  if (!folder) return folder;
  return *folder + "/" + content_hash(file) + ".toml";
}

Result<std::optional<Trust>> find_trust(const std::string& file) {
  auto path = trust_file(file);
  if (!path) return pass(path);
  return read_trust(*path);
}

Result<> store_trust(const Trust& trust) {
  auto folder = trust_folder();
  if (!folder) return pass(folder);
  if (auto made = make_private_dirs(*folder); !made) return made;
  auto path = trust_file(trust.file);
  if (!path) return pass(path);
  std::string text = "file = " + Value::string(trust.file).toml() + "\nsha256 = \"" + trust.sha256 +
                     "\"\nwiden = " + (trust.widen ? "true" : "false") + "\n";
  return tls::write_atomically(*path, text, 0600);
}

Result<bool> remove_trust(const std::string& file) {
  auto path = trust_file(file);
  if (!path) return pass(path);
  if (::unlink(path->c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return fail_errno(Code::io, "removing " + *path, errno);
}

Result<std::vector<Trust>> all_trust() {
  auto folder = trust_folder();
  if (!folder) return pass(folder);
  std::vector<Trust> out;
  std::error_code error;
  for (fs::directory_iterator entry(*folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != ".toml") continue;
    auto trust = read_trust(entry->path());
    if (!trust) return pass(trust);
    if (*trust) out.push_back(std::move(**trust));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::io, "reading " + *folder + ": " + error.message());
  std::ranges::sort(out, {}, &Trust::file);
  return out;
}

}  // namespace weir::config
