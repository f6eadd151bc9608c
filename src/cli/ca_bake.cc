#include "cli/ca_bake.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sandbox/environment.h"
#include "tls/certificate.h"

namespace weir::cli {
namespace {

constexpr std::string_view kBegin = "# Weir's CA, put here by `weir ca bake`: begin\n";
constexpr std::string_view kEnd = "# Weir's CA, put here by `weir ca bake`: end\n";

constexpr const char* kCertificate = "usr/local/share/ca-certificates/weir.crt";  // Debian, Alpine
constexpr const char* kProfile = "etc/profile.d/weir.sh";
constexpr const char* kEnvironment = "etc/environment";
constexpr std::string_view kHashed = "etc/ssl/certs/";  // OpenSSL's folder
constexpr const char* kHashedFile = "weir.pem";

// Where a distribution takes CAs from when it makes its bundles anew.
struct Anchors {
  const char* folder;
  const char* name;
};
constexpr Anchors kAnchors[] = {{"etc/pki/ca-trust/source/anchors", "Fedora, Red Hat"},
                                {"etc/pki/trust/anchors", "SUSE"},
                                {"etc/ca-certificates/trust-source/anchors", "Arch"}};

constexpr const char* kBundles[] = {
    "etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, Red Hat
    "var/lib/ca-certificates/ca-bundle.pem",             // SUSE
    "etc/ca-certificates/extracted/tls-ca-bundle.pem",   // Arch
    "etc/ssl/cert.pem",                                  // OpenSSL's default
};

/// `text` without our lines. Where the end is missing nobody can say what is ours: then all but the begin
/// stays.
std::string without_ours(std::string text) {
  std::size_t begin = text.find(kBegin);
  if (begin == text.npos) return text;
  std::size_t end = text.find(kEnd, begin);
  end = end == text.npos ? begin + kBegin.size() : end + kEnd.size();
  return without_ours(text.erase(begin, end - begin));
}

std::string with_ours(std::string text, std::string_view ours) {
  text = without_ours(std::move(text));
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text.append(kBegin).append(ours).append(kEnd);
}

/// Writes the table as it works.
class Baker {
 public:
  explicit Baker(RootTree& root) : root_(root) {}

  Result<void> file(const std::string& path, std::string_view bytes, std::string what) {
    return note(root_.write(path, bytes), Baked::Deed::put_in, path, std::move(what));
  }
  Result<void> link(const std::string& path, const std::string& target, std::string what) {
    return note(root_.link(path, target), Baked::Deed::put_in, path, std::move(what));
  }
  Result<void> part_of(const std::string& path, std::string_view ours, std::string what) {
    auto before = root_.read(path);
    if (!before) return pass(before);
    return file(path, with_ours(before->value_or(""), ours), std::move(what));
  }
  /// These are silent about what was not there.
  Result<void> remove(const std::string& path, std::string what) {
    return note(root_.remove(path), Baked::Deed::taken_out, path, std::move(what));
  }
  Result<void> take_out_of(const std::string& path, std::string what) {
    auto before = root_.read(path);
    if (!before) return pass(before);
    if (!*before || !(*before)->contains(kBegin)) return {};
    std::string rest = without_ours(**before);
    if (rest.empty() && path == kEnvironment) return remove(path, std::move(what));
    return note(root_.write(path, rest), Baked::Deed::taken_out, path, std::move(what));
  }
  std::vector<Baked> done() { return std::move(rows_); }

 private:
  Result<void> note(Result<bool> changed, Baked::Deed deed, const std::string& path, std::string what) {
    if (!changed) return pass(changed);
    if (!*changed && deed == Baked::Deed::taken_out) return {};
    rows_.push_back({*changed ? deed : Baked::Deed::as_it_was, path, std::move(what)});
    return {};
  }

  RootTree& root_;
  std::vector<Baked> rows_;
};

/// The bundles that are there, each file once, by whatever links it is reached.
std::vector<std::string> bundles_in(const RootTree& root) {
  std::vector<std::string> out;
  for (const char* path : kBundles) {
    bool another_name = path == std::string_view("etc/ssl/cert.pem") && root.target_of(path);
    if (auto text = root.read(path); !another_name && text && *text) out.emplace_back(path);
  }
  return out;
}

/// Links of OpenSSL's folder that lead to our certificate.
std::vector<std::string> hashed_links(const RootTree& root) {
  std::vector<std::string> out;
  for (const std::string& name : root.names(std::string(kHashed)))
    if (root.target_of(std::string(kHashed) + name) == kHashedFile)
      out.push_back(std::string(kHashed) + name);
  return out;
}

/// The name under which OpenSSL looks for a CA, by its subject: the first number that is free or ours.
std::string hashed_name(const RootTree& root, X509* certificate) {
  for (int number = 0;; ++number) {
    std::string path = fmt::format("{}{:08x}.{}", kHashed, tls::subject_hash(certificate), number);
    auto target = root.target_of(path);
    auto file = root.read(path);
    if (target == kHashedFile || (!target && file && !*file)) return path;
  }
}

Result<void> bake_hashed(const RootTree& root, const tls::Authority& authority, Baker& baker) {
  if (!root.has_folder(std::string(kHashed))) return {};
  std::string wanted = hashed_name(root, authority.certificate());
  for (const std::string& link : hashed_links(root))
    if (link != wanted)
      if (auto done = baker.remove(link, "link to an earlier CA"); !done) return done;
  auto done = baker.link(std::string(kHashed) + kHashedFile, std::string("/") + kCertificate,
                         "OpenSSL's folder of CAs");
  return done ? baker.link(wanted, kHashedFile, "OpenSSL's folder of CAs") : done;
}

std::vector<std::string> variables(const std::string& bundle) {
  sandbox::Injection injection{.ca_file = std::string("/") + kCertificate, .bundle_file = "/" + bundle};
  auto out = sandbox::child_environment({}, injection);
  std::erase_if(out, [](std::string_view entry) { return entry.starts_with("WEIR"); });
  return out;
}

Result<void> bake_environment(const std::string& bundle, Baker& baker) {
  std::string plain, shell = "# Written by `weir ca bake`.\n";
  for (const std::string& entry : variables(bundle)) {
    plain += entry + "\n";
    shell += "export " + entry + "\n";
  }
  auto done = baker.file(kProfile, shell, "variables for login shells");
  return done ? baker.part_of(kEnvironment, plain, "variables for PAM and systemd") : done;
}

}  // namespace

Result<std::vector<Baked>> bake(RootTree& root, const tls::Authority& authority) {
  Baker baker(root);
  auto done = baker.file(kCertificate, authority.pem(), "the CA; update-ca-certificates takes it from here");
  for (const Anchors& anchors : kAnchors)
    if (done && root.has_folder(anchors.folder))
      done = baker.file(std::string(anchors.folder) + "/weir.crt", authority.pem(),
                        std::string("the CA, as ") + anchors.name + " has it");
  std::vector<std::string> bundles = bundles_in(root);
  for (const std::string& path : bundles)
    if (done) done = baker.part_of(path, authority.pem(), "bundle of the system");
  if (done) done = bake_hashed(root, authority, baker);
  for (const std::string& path : root.find("certifi", "cacert.pem"))
    if (done) done = baker.part_of(path, authority.pem(), "bundle of Python's certifi");
  if (done) done = bake_environment(bundles.empty() ? kCertificate : bundles.front(), baker);
  if (!done) return pass(done);
  return baker.done();
}

Result<std::vector<Baked>> unbake(RootTree& root) {
  Baker baker(root);
  auto done = baker.take_out_of(kEnvironment, "variables for PAM and systemd");
  if (done) done = baker.remove(kProfile, "variables for login shells");
  for (const std::string& path : root.find("certifi", "cacert.pem"))
    if (done) done = baker.take_out_of(path, "bundle of Python's certifi");
  for (const std::string& path : hashed_links(root))
    if (done) done = baker.remove(path, "OpenSSL's folder of CAs");
  if (done) done = baker.remove(std::string(kHashed) + kHashedFile, "OpenSSL's folder of CAs");
  for (const std::string& path : bundles_in(root))
    if (done) done = baker.take_out_of(path, "bundle of the system");
  for (const Anchors& anchors : kAnchors)
    if (done) done = baker.remove(std::string(anchors.folder) + "/weir.crt", "the CA");
  if (done) done = baker.remove(kCertificate, "the CA");
  if (!done) return pass(done);
  return baker.done();
}

}  // namespace weir::cli
