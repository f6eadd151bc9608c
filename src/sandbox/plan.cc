#include "sandbox/plan.h"

#include <charconv>
#include <cstring>

#include "sandbox/string_file.h"

namespace weir::sandbox {
namespace {

enum Part : std::size_t {
  kNumbers,
  kHostPorts,
  kHidden,
  kKept,
  kReadOnly,
  kReplaced,
  kProject,
  kPasta,
  kPastaCommand,
  kParts
};

Result<> check(const std::vector<std::string>& paths) {
  for (const std::string& path : paths)
    if (!path.starts_with('/')) return fail(Code::bad_config, "\"" + path + "\" is no absolute path");
  return {};
}

std::uint32_t number(const char* text) {
  std::uint32_t out = 0;
  std::from_chars(text, text + std::strlen(text), out);
  return out;
}

std::vector<std::string> strings(const std::vector<char*>& group) {
  return {group.begin(), group.end() - 1};  // without the null pointer
}

}  // namespace

Result<UniqueFd> pack(const Plan& plan) {
  std::vector<std::vector<std::string>> groups(kParts);
  groups[kNumbers] = {std::to_string(plan.listeners), std::to_string(static_cast<int>(plan.files))};
  for (std::uint16_t port : plan.host_ports) groups[kHostPorts].push_back(std::to_string(port));
  groups[kHidden] = plan.hidden;
  groups[kKept] = plan.kept;
  groups[kReadOnly] = plan.read_only;
  for (const auto& [from, to] : plan.replaced) groups[kReplaced].insert(groups[kReplaced].end(), {from, to});
  if (plan.files == FileAccess::project) groups[kProject] = {plan.project};
  if (plan.pasta) {
    groups[kPasta] = {std::to_string(plan.pasta->port), std::to_string(plan.pasta->closed),
                      plan.pasta->token};
    groups[kPastaCommand] = plan.pasta->command;
  }
  for (std::size_t part : {kHidden, kKept, kReadOnly, kReplaced, kProject})
    if (auto fine = check(groups[part]); !fine) return pass(fine);
  return write_groups(groups);
}

Result<Plan> unpack_plan(int file) {
  auto read = read_groups(file);
  if (!read) return pass(read);
  if (read->groups.size() != kParts || read->groups[kNumbers].size() != 3)
    return fail(Code::internal, "the plan of the sandbox is cut short");
  Plan out;
  out.listeners = number(read->groups[kNumbers][0]);
  out.files = static_cast<FileAccess>(number(read->groups[kNumbers][1]));
  for (const std::string& port : strings(read->groups[kHostPorts]))
    out.host_ports.push_back(static_cast<std::uint16_t>(number(port.c_str())));
  out.hidden = strings(read->groups[kHidden]);
  out.kept = strings(read->groups[kKept]);
  out.read_only = strings(read->groups[kReadOnly]);
  std::vector<std::string> replaced = strings(read->groups[kReplaced]);
  for (std::size_t i = 0; i + 1 < replaced.size(); i += 2)
    out.replaced.emplace_back(std::move(replaced[i]), std::move(replaced[i + 1]));
  if (read->groups[kProject].front() != nullptr) out.project = read->groups[kProject].front();
  if (std::vector<std::string> pasta = strings(read->groups[kPasta]); pasta.size() == 3)
    out.pasta = {.command = strings(read->groups[kPastaCommand]),
                 .port = static_cast<std::uint16_t>(number(pasta[0].c_str())),
                 .closed = static_cast<std::uint16_t>(number(pasta[1].c_str())),
                 .token = std::move(pasta[2])};
  return out;
}

}  // namespace weir::sandbox
