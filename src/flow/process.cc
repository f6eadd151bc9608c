#include "flow/process.h"

#include <algorithm>
#include <utility>

#include "flow/text.h"

namespace weir::flow {
namespace {

constexpr std::string_view kSafe =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%^[]";

void append_quoted(std::string& line, std::string_view argument) {
  bool plain = !argument.empty() && argument.find_first_not_of(kSafe) == argument.npos;
  if (plain) {
    line += argument;
    return;
  }
  line += '\'';
  for (char c : argument) c == '\'' ? line.append("'\\''") : line.append(1, c);
  line += '\'';
}

std::string text(JsonValue value) { return std::string(value.string().value_or("")); }
std::int32_t number(JsonValue value) { return static_cast<std::int32_t>(value.natural().value_or(0)); }

}  // namespace

void set_sender(Flow& flow, std::shared_ptr<const Process> sender) {
  if (!sender) return;
  flow.process = sender->name;
  flow.sender = std::move(sender);
}

std::string process_label(const Flow& flow) {
  if (!flow.sender || flow.sender->pid == 0) return flow.process;
  return flow.process + "[" + std::to_string(flow.sender->pid) + "]";
}

std::string command_line(const Process& process) {
  std::string line;
  for (const std::string& argument : process.arguments) {
    if (&argument != &process.arguments.front()) line += ' ';
    append_quoted(line, argument);
  }
  return line;
}

std::vector<std::string> split_command_line(std::string_view line) {
  std::vector<std::string> out;
  bool quoted = false, within = false;
  std::string argument;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '\'') {
      quoted = !quoted;
      within = true;
    } else if (!quoted && c == ' ') {
      if (within) out.push_back(std::exchange(argument, {}));
      within = false;
    } else {
      if (!quoted && c == '\\' && i + 1 < line.size()) c = line[++i];
      argument += c;
      within = true;
    }
  }
  if (within) out.push_back(std::move(argument));
  return out;
}

void write_parents(JsonWriter& json, const std::vector<Process::Ancestor>& parents) {
  json.begin_array();
  for (const Process::Ancestor& parent : parents)
    json.begin_object().field("pid", parent.pid).field("name", parent.name).end_object();
  json.end_array();
}

std::vector<Process::Ancestor> read_parents(JsonValue array) {
  std::vector<Process::Ancestor> out;
  if (!array.is_array()) return out;
  for (JsonValue parent : array) out.push_back({number(parent["pid"]), text(parent["name"])});
  return out;
}

void write_tls_libraries(JsonWriter& json, const std::vector<Process::TlsLibrary>& libraries) {
  json.begin_array();
  for (const Process::TlsLibrary& each : libraries)
    json.begin_object().field("name", each.name).field("file", each.file).end_object();
  json.end_array();
}

std::vector<Process::TlsLibrary> read_tls_libraries(JsonValue array) {
  std::vector<Process::TlsLibrary> out;
  if (!array.is_array()) return out;
  for (JsonValue each : array) out.push_back({text(each["name"]), text(each["file"])});
  return out;
}

std::string tls_libraries_text(const Process& process) {
  std::string out;
  for (const Process::TlsLibrary& each : process.tls_libraries)
    out.append(out.empty() ? "" : ", ").append(each.name).append(" (").append(each.file).append(")");
  return out;
}

void write_process(JsonWriter& json, const Process& process) {
  json.begin_object();
  if (process.pid != 0) json.field("pid", process.pid);
  if (process.started != 0) json.field("started", rfc3339(process.started));
  if (!process.executable.empty()) json.field("executable", process.executable);
  if (!process.arguments.empty()) json.field("command_line", command_line(process));
  if (process.arguments_cut) json.field("command_line_cut", true);
  if (!process.parents.empty()) write_parents(json.key("parents"), process.parents);
  if (!process.tls_libraries.empty()) write_tls_libraries(json.key("tls_libraries"), process.tls_libraries);
  if (!process.unknown.empty()) json.field("unknown", process.unknown);
  json.end_object();
}

Process read_process(JsonValue object) {
  return {.pid = number(object["pid"]),
          .executable = text(object["executable"]),
          .arguments = split_command_line(object["command_line"].string().value_or("")),
          .arguments_cut = object["command_line_cut"].boolean().value_or(false),
          .parents = read_parents(object["parents"]),
          .tls_libraries = read_tls_libraries(object["tls_libraries"]),
          .unknown = text(object["unknown"])};
}

}  // namespace weir::flow
