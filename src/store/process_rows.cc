#include "store/process_rows.h"

#include <fmt/format.h>

#include "flow/process.h"
#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::size_t kMostKnown = 1024;

std::string key_of(const Process& process) {
  return process.pid != 0 ? std::to_string(process.pid) : process.unknown;
}

void text_or_null(Statement& statement, int index, std::string_view text) {
  text.empty() ? statement.bind_null(index) : statement.bind_text(index, text);
}

void number_or_null(Statement& statement, int index, std::int64_t number) {
  number == 0 ? statement.bind_null(index) : statement.bind(index, number);
}

std::string parents_text(const Process& process) {
  std::string text;
  if (process.parents.empty()) return text;
  JsonWriter json(text);
  flow::write_parents(json, process.parents);
  return text;
}

std::string libraries_text(const Process& process) {
  std::string text;
  if (process.tls_libraries.empty()) return text;
  JsonWriter json(text);
  flow::write_tls_libraries(json, process.tls_libraries);
  return text;
}

Process read_row(const Statement& row) {
  Process process{.pid = static_cast<std::int32_t>(row.integer(0)),
                  .started = row.integer(2),
                  .name = std::string(row.bytes(1)),
                  .executable = std::string(row.bytes(3)),
                  .arguments = flow::split_command_line(row.bytes(4)),
                  .arguments_cut = row.integer(5) != 0,
                  .unknown = std::string(row.bytes(7))};
  if (auto parents = JsonDocument::parse(row.bytes(6))) process.parents = flow::read_parents(parents->root());
  if (auto libraries = JsonDocument::parse(row.bytes(8)))
    process.tls_libraries = flow::read_tls_libraries(libraries->root());
  return process;
}

}  // namespace

Result<ProcessRows> ProcessRows::open(Database& database) {
  auto insert = database.prepare(
      "INSERT INTO processes(pid, name, started, executable, command_line, command_line_cut, parents, "
      "unknown, tls_libraries) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return pass(insert);
  ProcessRows rows;
  rows.insert_ = std::move(*insert);
  rows.handle_ = database.handle();
  return rows;
}

Result<std::int64_t> ProcessRows::put(const std::shared_ptr<const Process>& process) {
  if (!process) return 0;
  if (known_.size() >= kMostKnown) known_.clear();
  Known& known = known_[key_of(*process)];
  if (known.process && (known.process == process || *known.process == *process)) return known.id;
  auto id = insert(*flow::redacted(process));
  if (!id) return pass(id);
  known = {process, *id};
  return known.id;
}

Result<std::int64_t> ProcessRows::insert(const Process& process) {
  std::string command_line = flow::command_line(process), parents = parents_text(process);
  std::string libraries = libraries_text(process);
  number_or_null(insert_, 1, process.pid);
  text_or_null(insert_, 2, process.name);
  number_or_null(insert_, 3, process.started);
  text_or_null(insert_, 4, process.executable);
  text_or_null(insert_, 5, command_line);
  insert_.bind(6, process.arguments_cut);
  text_or_null(insert_, 7, parents);
  text_or_null(insert_, 8, process.unknown);
  text_or_null(insert_, 9, libraries);
  if (auto done = insert_.run(); !done) return pass(done);
  return sqlite3_last_insert_rowid(handle_);
}

Result<std::shared_ptr<const Process>> ProcessReader::load(Database& database, std::int64_t version,
                                                           std::int64_t id) {
  if (id == 0) return nullptr;
  if (auto known = known_.find(id); known != known_.end()) return known->second;
  auto select = database.prepare(fmt::format(
      "SELECT pid, name, started, executable, command_line, command_line_cut, parents, unknown, {} "
      "FROM processes WHERE id = ?",
      version >= kRejectionsSince ? "tls_libraries" : "NULL"));
  if (!select) return pass(select);
  select->bind(1, id);
  auto row = select->step();
  if (!row) return pass(row);
  if (!*row) return nullptr;
  if (known_.size() >= kMostKnown) known_.clear();
  return known_[id] = std::make_shared<const Process>(read_row(*select));
}

}  // namespace weir::store
