#include "store/sessions.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "base/log.h"
#include "store/retention.h"
#include "store/schema.h"
#include "store/session_dir.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Records = std::map<std::string, SessionRecord, std::less<>>;

constexpr int kBusyMs = 1000;

Records known_to(const fs::path& catalog) {
  Records records;
  if (catalog.empty()) return records;
  auto sessions = read_sessions(catalog);
  if (!sessions) log::warn("the catalog of sessions cannot be read: {}", sessions.error().context());
  if (!sessions) return records;
  for (SessionRecord& session : *sessions) records.emplace(session.id, std::move(session));
  return records;
}

// A file that is still empty has none.
Result<std::int64_t> count_flows(const fs::path& file) {
  auto database = Database::open(file, Database::Access::read, kBusyMs);
  if (!database) return pass(database);
  auto version = schema_version(*database, file);
  if (!version || *version == 0) return version;
  return database->integer("SELECT count(*) FROM flows");
}

SessionFate fate_of(SessionState state, const SessionRecord* known) {
  if (state == SessionState::live) return SessionFate::live;
  if (state == SessionState::orphaned) return SessionFate::crashed;
  return known && !known->clean ? SessionFate::adopted : SessionFate::ended;
}

void count_files(SessionAccount& account) {
  SessionRecord& record = account.record;
  record.files = record.flows = record.bytes = 0;
  for (const fs::path& file : session_files(account.directory)) {
    ++record.files;
    record.bytes += static_cast<std::int64_t>(stored_bytes(file));
    auto flows = count_flows(file);
    if (flows) record.flows += *flows;
    if (!flows) log::warn("a recorded session cannot be read: {}", flows.error().context());
    account.damaged = account.damaged || !flows;
  }
}

WallNanos last_written(const fs::path& session) {
  WallNanos last = 0;
  for (const fs::path& file : session_files(session))
    last = std::max({last, modified(file), modified(file.native() + "-wal")});
  return last;
}

SessionAccount account_of(const fs::path& session, const fs::path& data_dir, const Records& records) {
  SessionAccount account{.directory = session};
  std::string id = session.filename().string();
  auto known = records.find(id);
  if (known != records.end()) account.record = known->second;
  account.record.id = id;
  account.record.project_dir = data_dir.string();
  if (account.record.started == 0) account.record.started = session_start(id);
  account.fate = fate_of(session_state(session), known == records.end() ? nullptr : &known->second);
  if (account.fate == SessionFate::live) {
    account.record.ended = 0;
  } else if (account.record.ended == 0) {
    account.record.ended = std::max(last_written(session), account.record.started);
  }
  count_files(account);
  return account;
}

}  // namespace

std::string_view name(SessionFate fate) {
  static constexpr std::array<std::string_view, 4> kNames = {"live", "ended", "crashed", "adopted"};
  return kNames[std::to_underlying(fate)];
}

std::vector<SessionAccount> session_accounts(std::span<const fs::path> data_dirs, const fs::path& catalog) {
  Records records = known_to(catalog);
  std::vector<SessionAccount> accounts;
  for (const fs::path& data_dir : data_dirs)
    for (const fs::path& session : session_folders(data_dir))
      accounts.push_back(account_of(session, data_dir, records));
  std::ranges::sort(accounts, {}, [](const SessionAccount& account) {
    return std::pair(account.record.started, account.record.id);
  });
  return accounts;
}

std::vector<const SessionAccount*> to_prune(std::span<const SessionAccount> accounts,
                                            const PruneLimits& limits) {
  std::int64_t total = 0;
  for (const SessionAccount& account : accounts) total += account.record.bytes;
  std::size_t keep = std::min(limits.keep.value_or(0), accounts.size());
  bool all = limits.keep && !limits.older_than && !limits.bytes;
  std::vector<const SessionAccount*> chosen;
  for (const SessionAccount& account : accounts.first(accounts.size() - keep)) {
    bool old = limits.older_than && account.record.ended < *limits.older_than;
    bool over = limits.bytes && total > static_cast<std::int64_t>(*limits.bytes);
    if (account.fate == SessionFate::live || !(all || old || over)) continue;
    total -= account.record.bytes;
    chosen.push_back(&account);
  }
  return chosen;
}

}  // namespace weir::store
