#include "store/budget_ledger.h"

#include "store/catalog_file.h"

namespace weir::store {
namespace {

constexpr std::int64_t kLedgerSince = 2;
constexpr WallNanos kKept = 400LL * 86'400 * 1'000'000'000;

void bind_account(Statement& statement, const LedgerRow& row, const std::string& session) {
  statement.bind_text(1, row.budget);
  statement.bind_text(2, row.key);
  statement.bind(3, row.window);
  statement.bind_text(4, session);
}

Result<std::vector<std::int64_t>> others_of(Database& database, const std::string& session,
                                            std::span<const LedgerRow> accounts) {
  // No sum of what people spend comes near 2^63; a file that says so is not to be believed.
  auto sum = database.prepare(
      "SELECT COALESCE(SUM(spent + held), 0) FROM ledger "
      "WHERE budget = ? AND key = ? AND window = ? AND session <> ?");
  if (!sum) return pass(sum);
  std::vector<std::int64_t> out;
  for (const LedgerRow& row : accounts) {
    bind_account(*sum, row, session);
    auto got = sum->step();
    if (!got) return pass(got);
    out.push_back(sum->integer(0));
    sum->reset();
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

Result<> settle_ledger(
    const std::filesystem::path& catalog, const std::string& session, std::span<const LedgerRow> accounts,
    const std::function<std::vector<LedgerRow>(std::span<const std::int64_t> others)>& decide) {
  auto database = begin_catalog(catalog);
  if (!database) return pass(database);
  auto others = others_of(*database, session, accounts);
  if (!others) return pass(others);
  WallNanos now = wall_now();
  std::vector<LedgerRow> rows = decide(*others);
  if (auto done = put_rows(*database, session, rows, now); !done) return done;
  if (auto done = forget_old(*database, now); !done) return done;
  return database->execute("COMMIT");
}

Result<std::vector<LedgerTotal>> read_ledger(const std::filesystem::path& catalog) {
  std::vector<LedgerTotal> out;
  auto database = read_catalog(catalog, kLedgerSince);
  if (!database) return pass(database);
  if (!*database) return out;
  auto select = (*database)->prepare(
      "SELECT budget, key, window, SUM(spent), SUM(held), MAX(updated) FROM ledger "
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
