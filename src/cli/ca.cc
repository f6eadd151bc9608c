// `weir ca show | export | install | path | rotate | import | bake`: the certificate authority.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/hash.h"
#include "base/json.h"
#include "cli/ca_bake.h"
#include "cli/output.h"
#include "cli/problems.h"
#include "cli/system_store.h"
#include "cli/trust_commands.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "flow/text.h"
#include "tls/authority.h"
#include "tls/certificate.h"
#include "tls/file.h"

namespace weir::cli {
namespace {

struct CaFlags {
  std::string ca_dir;
  std::string config;
  std::string output;
  std::string certificate, key;  ///< of import
  bool der = false;
  bool pem = false;  ///< the default; only there to be said
  bool json = false;
  bool uninstall = false;
  std::string root;  ///< of bake
  bool remove = false;
};

/// Loads the CA, making it on first use (said on standard error, so that exports stay clean).
Result<tls::Authority> authority_in(const std::string& folder) {
  std::error_code ignored;
  bool fresh = !std::filesystem::exists(folder + "/ca.pem", ignored);
  auto authority = tls::Authority::load_or_create(folder);
  if (authority && fresh) fmt::print(stderr, "made a new CA in {}\n", flow::printable(folder));
  return authority;
}

/// "AB:CD:...", as browsers and openssl show it.
std::string colons(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    if (i > 0 && i % 2 == 0) out += ':';
    out += hex[i] >= 'a' ? static_cast<char>(hex[i] - 'a' + 'A') : hex[i];
  }
  return out;
}

/// The system store's file of this CA; empty when it is not in there.
std::string installed_file(const tls::Authority& authority) {
  auto store = system_store();
  if (!store) return {};
  std::string file = store->file_of(authority.sha256_hex());
  return ::access(file.c_str(), F_OK) == 0 ? file : "";
}

void print_json(const tls::Authority& authority, const std::string& folder, std::string& out) {
  JsonWriter json(out, 2);
  json.begin_object().field("subject", authority.subject()).field("sha256", authority.sha256_hex());
  json.field("not_before", tls::iso_time(tls::not_before_of(authority.certificate())));
  json.field("not_after", tls::iso_time(authority.not_after()));
  json.field("certificate", authority.certificate_path().string()).field("key", folder + "/ca.key");
  json.key("system_store_file");
  std::string installed = installed_file(authority);
  installed.empty() ? json.null() : json.value(installed);
  json.field("retired", static_cast<std::uint64_t>(authority.retired().size())).end_object();
  out += '\n';
}

void print_text(const tls::Authority& authority, const std::string& folder, std::string& out) {
  auto line = [&](std::string_view label, std::string_view text) {
    fmt::format_to(std::back_inserter(out), "{:<14}{}\n", label, flow::printable(text));
  };
  line("Subject", authority.subject());
  line("SHA-256", colons(authority.sha256_hex()));
  line("Valid", tls::iso_date(tls::not_before_of(authority.certificate())) + " to " +
                    tls::iso_date(authority.not_after()));
  line("Certificate", authority.certificate_path().string());
  line("Private key", folder + "/ca.key");
  std::string installed = installed_file(authority);
  line("System store", installed.empty() ? "not in it (`weir ca install`)" : installed);
  if (std::size_t count = authority.retired().size(); count > 0)
    line("Earlier CAs", fmt::format("{}, certificates kept as {}/ca-*.pem", count, folder));
}

int show(const CaFlags& flags, const std::string& folder) {
  auto authority = authority_in(folder);
  if (!authority) return report(authority.error());
  Output out(STDOUT_FILENO);
  flags.json ? print_json(*authority, folder, out.buffer()) : print_text(*authority, folder, out.buffer());
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

int export_certificate(const CaFlags& flags, const std::string& folder) {
  auto authority = authority_in(folder);
  if (!authority) return report(authority.error());
  const std::string& bytes = flags.der ? authority->der() : authority->pem();
  if (!flags.output.empty() && flags.output != "-") {
    auto written = tls::write_atomically(flags.output, bytes, 0644);
    return written ? kExitOk : report(written.error());
  }
  if (flags.der && ::isatty(STDOUT_FILENO))
    return report(Error(Code::io, "DER is binary and standard output is a terminal; use -o FILE"));
  Output out(STDOUT_FILENO);
  out.write(bytes);
  auto finished = out.finish();
  return finished ? kExitOk : report(finished.error());
}

int path(const CaFlags&, const std::string& folder) {
  fmt::print("{}/ca.pem\n", folder);
  return kExitOk;
}

int install(const tls::Authority& authority) {
  std::string pem_file = authority.certificate_path();
  auto store = system_store();
  if (store && ::geteuid() == 0) {
    if (auto added = add_to(*store, authority.sha256_hex(), authority.pem()); !added)
      return report(added.error());
    fmt::print("Put the CA into the system store: {}\n", store->file_of(authority.sha256_hex()));
  } else if (store) {
    fmt::print("Nothing was changed: the system store belongs to root. To put the CA into it, run\n{}",
               system_install_commands(*store, authority.sha256_hex(), pem_file));
  } else {
    fmt::print("Nothing was changed: {}\n", flow::printable(store.error().context()));
  }
  fmt::print("{}", other_install_commands(authority.sha256_hex(), pem_file));
  return kExitOk;
}

int uninstall(const tls::Authority& authority) {
  std::vector<std::string> all = {authority.sha256_hex()};
  for (const tls::X509Ptr& retired : authority.retired()) {
    Sha256 digest = tls::fingerprint(retired.get());
    all.push_back(hex({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  }
  auto store = system_store();
  if (store && ::geteuid() == 0) {
    auto removed = remove_from(*store, all);
    if (!removed) return report(removed.error());
    for (const std::string& file : *removed) fmt::print("Removed {}\n", file);
    if (removed->empty()) fmt::print("The system store holds none of our CAs.\n");
  } else if (store) {
    fmt::print("Nothing was changed: the system store belongs to root. To take the CA out of it, run\n{}",
               system_uninstall_commands(*store, all));
  } else {
    fmt::print("Nothing was changed: {}\n", flow::printable(store.error().context()));
  }
  fmt::print("{}", other_uninstall_commands(all));
  return kExitOk;
}

int install_or_uninstall(const CaFlags& flags, const std::string& folder) {
  auto authority = flags.uninstall ? tls::Authority::load(folder) : authority_in(folder);
  if (!authority) return report(authority.error());
  return flags.uninstall ? uninstall(*authority) : install(*authority);
}

/// After the CA of `folder` was replaced.
int replaced(const Result<tls::Authority>& authority, const std::string& folder) {
  if (!authority) return report(authority.error());
  std::string text;
  print_text(*authority, folder, text);
  fmt::print(
      "{}\nThis CA is used from the next start of Weir on; processes that run keep the one before.\n"
      "Clients that trusted the one before do not trust this one yet: `weir ca install`, and\n"
      "`weir ca install --uninstall` before it takes the old ones out of the system store.\n",
      text);
  return kExitOk;
}

int rotate(const CaFlags&, const std::string& folder) {
  return replaced(tls::Authority::rotate(folder), folder);
}

int import(const CaFlags& flags, const std::string& folder) {
  return replaced(tls::Authority::import(folder, flags.certificate, flags.key), folder);
}

void print_baked(const std::vector<Baked>& rows) {
  for (const Baked& row : rows) {
    const char* deed = row.deed == Baked::Deed::put_in      ? "put in"
                       : row.deed == Baked::Deed::taken_out ? "taken out"
                                                            : "as it was";
    fmt::print("{:<10}/{}   {}\n", deed, flow::printable(row.path), row.what);
  }
  if (rows.empty()) fmt::print("The CA is nowhere in there.\n");
}

int bake_or_unbake(const CaFlags& flags, const std::string& folder) {
  auto root = RootTree::open(flags.root);
  if (!root) return report(root.error());
  if (flags.remove) {
    auto rows = unbake(*root);
    if (!rows) return report(rows.error());
    print_baked(*rows);
    return kExitOk;
  }
  auto authority = authority_in(folder);
  if (!authority) return report(authority.error());
  auto rows = bake(*root, *authority);
  if (!rows) return report(rows.error());
  print_baked(*rows);
  return kExitOk;
}

using Action = int (*)(const CaFlags&, const std::string& folder);

int run(const CaFlags& flags, Action action) {
  ignore_sigpipe();
  config::Sources sources{.file = flags.config, .file_required = !flags.config.empty()};
  if (!flags.ca_dir.empty()) sources.overrides.push_back({"ca_dir", {flags.ca_dir}, "--ca-dir"});
  auto loaded = config::load(sources);
  if (!loaded) return report(loaded.error());
  return action(flags, loaded->settings.ca_dir);
}

}  // namespace

void add_ca(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<CaFlags>();
  CLI::App* verb = app.add_subcommand("ca", "Show, export, install or replace the certificate authority");
  verb->require_subcommand(1);
  auto add = [&](const char* name, const char* what, Action action) {
    CLI::App* sub = verb->add_subcommand(name, what);
    sub->add_option("--ca-dir", flags->ca_dir, "Folder of the CA")->type_name("DIR");
    sub->add_option("--config", flags->config, "Configuration file")->type_name("FILE");
    sub->callback([flags, action, &exit_code] { exit_code = run(*flags, action); });
    return sub;
  };
  add("show", "Subject, fingerprint, validity and files of the CA", show)
      ->add_flag("--json", flags->json, "As JSON");
  CLI::App* export_verb = add("export", "Print the CA certificate (never its key)", export_certificate);
  auto* der = export_verb->add_flag("--der", flags->der, "As DER");
  export_verb->add_flag("--pem", flags->pem, "As PEM, the default")->excludes(der);
  export_verb->add_option("-o,--output", flags->output, "Write to this file")->type_name("FILE");
  add("install", "Put the CA into the system's store of trusted CAs", install_or_uninstall)
      ->add_flag("--uninstall", flags->uninstall, "Take it and earlier ones out again");
  add("path", "Print where the CA certificate is", path);
  add("rotate", "Replace the CA by a new one", rotate);
  CLI::App* bake_verb =
      add("bake", "Put the CA into the root file system of a guest (docs/guest.md)", bake_or_unbake);
  bake_verb->add_option("folder", flags->root, "Where the root file system is mounted")
      ->required()
      ->type_name("DIR");
  bake_verb->add_flag("--remove", flags->remove, "Take it out again");
  CLI::App* import_verb = add("import", "Replace the CA by your own", import);
  import_verb->add_option("certificate", flags->certificate, "PEM, with its chain if it is no root")
      ->required();
  import_verb->add_option("key", flags->key, "PEM, not encrypted")->required();
}

}  // namespace weir::cli
