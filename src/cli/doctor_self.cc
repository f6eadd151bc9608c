#include "cli/doctor_self.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "cli/doctor_report.h"
#include "cli/verbs.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStart = "start it again with this version, and without WEIR_NO_HARDENING";

std::string contents(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

/// Of "Name:\tvalue" lines; empty where there is no such line.
std::string value_of(std::string_view status, std::string_view name) {
  std::istringstream lines{std::string(status)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(name) && line.substr(name.size()).starts_with(":\t"))
      return line.substr(name.size() + 2);
  return {};
}

template <typename Number>
std::optional<Number> number_in(std::string_view text, int base) {
  Number value{};
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

/// What proc_pid_status(5) says of one thread.
struct Thread {
  std::string name;
  bool no_new_privileges = false, filtered = false;
  std::uint64_t capabilities = 0, bounding = 0;
};

Thread thread_of(const fs::path& folder) {
  std::string status = contents(folder / "status");
  auto set = [&](std::string_view name) {
    return number_in<std::uint64_t>(value_of(status, name), 16).value_or(~0ULL);
  };
  return {.name = value_of(status, "Name"),
          .no_new_privileges = value_of(status, "NoNewPrivs") == "1",
          .filtered = value_of(status, "Seccomp") == "2",
          .capabilities = set("CapPrm") | set("CapEff") | set("CapInh") | set("CapAmb"),
          .bounding = set("CapBnd")};
}

std::vector<Thread> threads_of(const fs::path& folder) {
  std::vector<Thread> out;
  std::error_code gone;
  for (fs::directory_iterator each(folder / "task", gone), end; !gone && each != end; each.increment(gone))
    out.push_back(thread_of(each->path()));
  return out;
}

enum class Look { open, closed, of_another_user, unknown };

// In a process of its own, as the very user of `pid` and with no capability: what is asked is what the user's
// other programs may.
Look look_into(const fs::path& folder, uid_t owner, gid_t group) {
  if (::geteuid() != 0 && ::geteuid() != owner) return Look::of_another_user;
  pid_t child = ::fork();
  if (child < 0) return Look::unknown;
  if (child == 0) {
    if (::getegid() != group && ::setresgid(group, group, group) != 0) ::_exit(2);
    if (::geteuid() != owner && ::setresuid(owner, owner, owner) != 0) ::_exit(2);
    if (!sandbox::keep_capabilities(0)) ::_exit(2);
    ::_exit(::open((folder / "mem").c_str(), O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno == ENOENT ? 2 : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) return Look::unknown;
  return WEXITSTATUS(status) == 0 ? Look::open : Look::closed;
}

void check_memory(Report& report, const fs::path& folder, uid_t owner, gid_t group) {
  switch (look_into(folder, owner, group)) {
    case Look::closed:
      return report.row(Mark::good, "memory", "closed to the user's other programs (not dumpable)");
    case Look::open:
      return report.row(Mark::bad, "memory", "every program of this user can read its memory and descriptors",
                        kStart);
    case Look::of_another_user:
      return report.row(Mark::note, "memory", fmt::format("it belongs to user {}", owner),
                        "that user, or root, can tell");
    case Look::unknown:
      return report.row(Mark::note, "memory", "it could not be tried whether others can look into it");
  }
}

struct Limit {
  std::string soft, hard;  // "0", "unlimited", ...
};

std::optional<Limit> limit_of(const fs::path& folder, std::string_view name) {
  std::istringstream lines(contents(folder / "limits"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    Limit out;
    std::istringstream words(line.substr(name.size()));
    words >> out.soft >> out.hard;
    return out;
  }
  return std::nullopt;
}

void check_core(Report& report, const fs::path& folder) {
  auto limit = limit_of(folder, "Max core file size");
  if (!limit) return report.row(Mark::note, "core files", "its limit cannot be read");
  bool none = limit->soft == "0" && limit->hard == "0";
  report.row(none ? Mark::good : Mark::bad, "core files",
             none ? std::string("none") : fmt::format("up to {} bytes, {} at most", limit->soft, limit->hard),
             kStart);
}

/// Of memfd_secret(2), in KiB. Nothing where its mappings may not be seen, or it has none at all.
std::optional<std::uint64_t> secret_memory(const fs::path& folder) {
  std::istringstream lines(contents(folder / "maps"));
  std::optional<std::uint64_t> out;
  for (std::string line; std::getline(lines, line);) {
    std::size_t dash = std::min(line.find('-'), line.size()), blank = std::min(line.find(' '), line.size());
    auto begin = number_in<std::uint64_t>(line.substr(0, dash), 16);
    auto end = number_in<std::uint64_t>(line.substr(std::min(dash + 1, blank), blank - dash), 16);
    if (!begin || !end) continue;
    out = out.value_or(0);
    if (line.contains(" /secretmem")) *out += (*end - *begin) / 1024;
  }
  return out;
}

// Both kinds of memory that is never swapped count as locked; what found no room there is plain.
void check_secrets(Report& report, const fs::path& folder, std::string_view status) {
  constexpr std::uint64_t kRoom = 64;
  constexpr std::string_view kRaise =
      "raise the limit of locked memory where it is started (`ulimit -l 8192`, LimitMEMLOCK=8M)";
  auto locked = number_in<std::uint64_t>(value_of(status, "VmLck"), 10).value_or(0);
  auto limit = limit_of(folder, "Max locked memory");
  auto most = limit ? number_in<std::uint64_t>(limit->soft, 10) : std::nullopt;
  bool full = most && locked + kRoom > *most / 1024;
  if (full)
    return report.row(
        Mark::note, "secrets",
        fmt::format("{} KiB of locked memory are in use, and no more than {} KiB allowed: some secrets may "
                    "lie in plain memory, which is swapped out and seen by root",
                    locked, *most / 1024),
        kRaise);
  if (locked == 0) return report.row(Mark::good, "secrets", "it keeps none that would be locked in memory");
  auto secret = secret_memory(folder);
  if (!secret)
    return report.row(Mark::good, "secrets",
                      fmt::format("in {} KiB that are never swapped out; root can tell more", locked));
  if (*secret == 0)
    return report.row(Mark::note, "secrets",
                      fmt::format("in {} KiB that are never swapped out, but which root can read", locked),
                      "a kernel with memfd_secret (5.14, and switched on: secretmem.enable=1 before 6.5)");
  report.row(Mark::good, "secrets",
             fmt::format("{} KiB that not even root can read (memfd_secret), {} KiB locked in all", *secret,
                         locked));
}

/// `lacking` holds the names of threads.
void check_threads(Report& report, std::string_view what, std::string_view good,
                   const std::vector<std::string>& lacking) {
  if (lacking.empty()) return report.row(Mark::good, what, good);
  report.row(Mark::bad, what, fmt::format("not for the thread(s) {}", fmt::join(lacking, ", ")), kStart);
}

template <typename Lacks>
std::vector<std::string> names_where(const std::vector<Thread>& threads, Lacks lacks) {
  std::vector<std::string> names;
  for (const Thread& one : threads)
    if (lacks(one)) names.push_back(one.name);
  return names;
}

void check_capabilities(Report& report, const std::vector<Thread>& threads) {
  // The thread that looks at processes, and recording into another user's folder (docs/hardening.md).
  constexpr std::string_view kLooker = "weir-process";
  const std::uint64_t looking =
      sandbox::capability_bit(CAP_SYS_PTRACE) | sandbox::capability_bit(CAP_DAC_READ_SEARCH);
  const std::uint64_t recording = sandbox::capability_bit(CAP_DAC_OVERRIDE);
  auto more = names_where(threads, [&](const Thread& one) {
    return (one.capabilities & ~(one.name == kLooker ? looking : recording)) != 0;
  });
  bool records = std::ranges::any_of(
      threads, [&](const Thread& one) { return one.name != kLooker && (one.capabilities & recording) != 0; });
  if (more.empty() && records)
    return report.row(Mark::note, "capabilities", "CAP_DAC_OVERRIDE alone",
                      "it records into a folder of another user: have that user start it, or choose another");
  check_threads(report, "capabilities", "none, but for looking at processes where it is root", more);
}

void check_landlock(Report& report) {
  int version = sandbox::landlock_version();
  if (version == 0)
    return report.row(Mark::note, "Landlock", "this kernel has none: it may write wherever its user may",
                      "a kernel with CONFIG_SECURITY_LANDLOCK, and landlock in its list of security modules");
  report.row(
      Mark::good, "Landlock",
      fmt::format("version {} of this kernel; whether a process is under it the kernel tells nobody: its "
                  "own words are in `weir logs internal`",
                  version));
}

}  // namespace

int examine_process(pid_t pid) {
  fs::path folder = fmt::format("/proc/{}", pid);
  std::string status = contents(folder / "status");
  if (status.empty()) {
    fmt::print(stderr, "weir doctor: there is no process {}\n", pid);
    return kExitError;
  }
  Report report(::isatty(STDOUT_FILENO) != 0 && ::getenv("NO_COLOR") == nullptr);
  auto threads = threads_of(folder);
  auto owner = number_in<uid_t>(value_of(status, "Uid"), 10).value_or(0);
  fmt::print("process {}, {}, of user {}, {} thread(s)\n", pid, flow::printable(value_of(status, "Name")),
             owner, threads.size());
  check_memory(report, folder, owner, number_in<gid_t>(value_of(status, "Gid"), 10).value_or(0));
  check_core(report, folder);
  check_threads(report, "new privileges", "none can be had",
                names_where(threads, [](const Thread& one) { return !one.no_new_privileges; }));
  check_threads(report, "system calls", "by a list",
                names_where(threads, [](const Thread& one) { return !one.filtered; }));
  check_capabilities(report, threads);
  check_landlock(report);
  check_secrets(report, folder, status);
  fmt::print("{}\n", report.failures() == 0 ? "everything is in order"
                                            : fmt::format("{} thing(s) to mend", report.failures()));
  return report.failures() == 0 ? kExitOk : kExitError;
}

}  // namespace weir::cli
