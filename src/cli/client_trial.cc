#include "cli/client_trial.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/fd.h"

namespace weir::cli {
namespace {

constexpr auto kLimit = std::chrono::seconds(20);
constexpr std::size_t kKeptOutput = 4096;

constexpr std::string_view kJavaSource = R"java(
import java.net.*;
public class WeirDoctor {
  public static void main(String[] args) throws Exception {
    try (var in = new URL(args[0]).openStream()) { System.out.write(in.readAllBytes()); }
    System.out.flush();
  }
}
)java";

std::string find_program(std::string_view name) {
  const char* path = getenv("PATH");
  std::string_view rest = path ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    std::size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, colon)) + "/" + std::string(name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return "";
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  for (std::size_t at = out.find(what); at != std::string::npos; at = out.find(what, at + by.size()))
    out.replace(at, what.size(), by);
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// Starts the program with its output in a pipe; -1 when it cannot be started.
pid_t start(const std::string& program, const std::vector<std::string>& argv,
            const std::vector<std::string>& env, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  if (posix_spawn(&pid, program.c_str(), &actions, &attributes, pointers(argv).data(),
                  pointers(env).data()) != 0)
    pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return pid;
}

// Everything the program prints until it ends or the time is up.
std::string collect(int from, pid_t pid) {
  std::string out;
  auto deadline = std::chrono::steady_clock::now() + kLimit;
  for (;;) {
    auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    pollfd readable{.fd = from, .events = POLLIN, .revents = 0};
    if (left <= 0 || poll(&readable, 1, static_cast<int>(left)) <= 0) {
      kill(pid, SIGKILL);
      out += "\n(no answer within 20 s)";
      break;
    }
    char part[1024];
    ssize_t got = read(from, part, sizeof part);
    if (got <= 0) break;
    if (out.size() < kKeptOutput) out.append(part, static_cast<std::size_t>(got));
  }
  int status;
  waitpid(pid, &status, 0);
  return out;
}

}  // namespace

const std::vector<ClientTrial>& client_trials() {
  static const std::vector<ClientTrial> kTrials = {
      {"curl", "curl", {"-sS", "{url}"}, "curl reads CURL_CA_BUNDLE; a ~/.curlrc with cacert overrides it"},
      {"wget",
       "wget",
       {"-nv", "-O", "-", "{url}"},
       "Debian's wget knows the system's roots only: weir ca install, or ca_certificate=<CA file> in "
       "~/.wgetrc"},
      {"Python",
       "python3",
       {"-c",
        "import sys,urllib.request;sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())",
        "{url}"},
       "Python reads SSL_CERT_FILE; the requests package REQUESTS_CA_BUNDLE"},
      {"Node",
       "node",
       {"-e",
        "const h=require('http'),t=require('tls'),u=new URL(process.argv[1]),p=new "
        "URL(process.env.HTTPS_PROXY);"
        "h.request({host:p.hostname,port:p.port,method:'CONNECT',path:u.host}).on('connect',(r,s)=>{"
        "const c=t.connect({socket:s,servername:u.hostname},()=>c.write('GET / HTTP/1.1\\r\\nHost: "
        "'+u.host+'\\r\\nConnection: close\\r\\n\\r\\n'));"
        "c.on('data',d=>process.stdout.write(d));c.on('error',e=>{console.error(e.message);process.exit(1)})"
        "}).end()",
        "{url}"},
       "Node reads NODE_EXTRA_CA_CERTS; from version 22.21 it also takes the proxy from "
       "NODE_USE_ENV_PROXY=1"},
      {"git",
       "git",
       {"ls-remote", "{url}weir.git"},
       "git reads GIT_SSL_CAINFO; http.sslCAInfo in its configuration overrides it"},
      {"Java",
       "java",
       {"{scratch}/WeirDoctor.java", "{url}"},
       "Java reads JAVA_TOOL_OPTIONS, which `weir run` sets"},
  };
  return kTrials;
}

TrialResult run_trial(const ClientTrial& trial, const std::string& url,
                      const std::vector<std::string>& environment, std::string_view expected,
                      const std::string& scratch_dir) {
  std::string program = find_program(trial.program);
  if (program.empty()) return {TrialResult::Outcome::not_installed, ""};
  std::ofstream(scratch_dir + "/WeirDoctor.java") << kJavaSource;
  std::vector<std::string> argv{std::string(trial.program)};
  for (std::string_view argument : trial.arguments)
    argv.push_back(replaced(replaced(argument, "{url}", url), "{scratch}", scratch_dir));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {TrialResult::Outcome::fails, "cannot make a pipe"};
  UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  pid_t pid = start(program, argv, environment, to.get());
  to.reset();
  if (pid < 0) return {TrialResult::Outcome::fails, "cannot be started"};
  std::string output = collect(from.get(), pid);
  bool works = output.contains(expected);
  return {works ? TrialResult::Outcome::works : TrialResult::Outcome::fails, output};
}

}  // namespace weir::cli
