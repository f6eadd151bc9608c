#include "store/budget_ledger.h"

#include "store/catalog_file.h"

namespace weir::store {
namespace {

constexpr std::int64_t kLedgerSince = 2;
constexpr WallNanos kKept = 400LL * 86'400 * 1'000'000'000;

constexpr int kPatienceMs = 10'000;

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t out;
  return __builtin_add_overflow(a, b, &out) ? INT64_MAX : out;
}

void bind_account(Statement& statement, const LedgerRow& row, const std::string& session) {
  statement.bind_text(1, row.budget);
  statement.bind_text(2, row.key);
  statement.bind(3, row.window);
  statement.bind_text(4, session);
}

Result<std::vector<LedgerEntry>> entries_of(Database& database, const std::string& session,
                                            std::span<const LedgerRow> accounts) {
  // Added up here: a sum in SQL fails where it does not fit.
  auto select = database.prepare(
      "SELECT session = ?4, spent, held FROM ledger WHERE budget = ?1 AND key = ?2 AND window = ?3");
  if (!select) return pass(select);
  std::vector<LedgerEntry> out;
  for (const LedgerRow& row : accounts) {
    bind_account(*select, row, session);
    LedgerEntry& entry = out.emplace_back();
    for (;;) {
      auto got = select->step();
      if (!got) return pass(got);
      if (!*got) break;
      bool own = select->integer(0) != 0;
      std::int64_t& sum = own ? entry.own : entry.others;
      sum = plus(sum, select->integer(1));
      if (!own) sum = plus(sum, select->integer(2));
    }
  }
  return out;
}

Result<> put_rows(Database& database, const std::string& session, std::span<const LedgerRow> rows,
                  WallNanos now) {
  auto put = database.prepare("INSERT OR REPLACE INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)");
  if (!put) return pass(put);
  for (const LedgerRow& row : rows) {
    bind_account(*put, row, session);
    put->bind(5, row.spent);
    put->bind(6, row.held);
    put->bind(7, now);
    if (auto done = put->run(); !done) return done;
  }
  return {};
}

Result<> forget_old(Database& database, WallNanos now) {
  auto forget = database.prepare("DELETE FROM ledger WHERE updated < ?");
  if (!forget) return pass(forget);
  forget->bind(1, now - kKept);
  return forget->run();
}

}  // namespace

Result<> open_ledger(const std::filesystem::path& catalog) {
  auto database = begin_catalog(catalog, kPatienceMs);
  if (!database) return pass(database);
  if (auto done = forget_old(*database, wall_now()); !done) return done;
  return database->execute("COMMIT");
}

Result<> settle_ledger(const std::filesystem::path& catalog, const std::string& session,
                       std::span<const LedgerRow> accounts,
                       const std::function<std::vector<LedgerRow>(std::span<const LedgerEntry>)>& decide) {
  auto database = begin_catalog(catalog, kPatienceMs);
  if (!database) return pass(database);
  auto entries = entries_of(*database, session, accounts);
  if (!entries) return pass(entries);
  std::vector<LedgerRow> rows = decide(*entries);
  if (auto done = put_rows(*database, session, rows, wall_now()); !done) return done;
  return database->execute("COMMIT");
}

Result<std::vector<LedgerTotal>> read_ledger(const std::filesystem::path& catalog) {
  std::vector<LedgerTotal> out;
  auto database = read_catalog(catalog, kLedgerSince);
  if (!database) return pass(database);
  if (!*database) return out;
  auto select = (*database)->prepare(
      "SELECT budget, key, window, TOTAL(spent), TOTAL(held), MAX(updated) FROM ledger "
      "GROUP BY budget, key, window ORDER BY budget, key, window DESC");
  if (!select) return pass(select);
  for (;;) {
    auto row = select->step();
    if (!row) return pass(row);
    if (!*row) return out;
    out.push_back({{.budget = std::string(select->bytes(0)),
                    .key = std::string(select->bytes(1)),
                    .window = select->integer(2),
                    .spent = select->integer(3),
                    .held = select->integer(4)},
                   select->integer(5)});
  }
}

}  // namespace weir::store
