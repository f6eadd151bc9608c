#include "store/jsonl_query.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "store/jsonl_line.h"
#include "store/jsonl_reader.h"
#include "store/log_tail.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWindowRows = 4096;
constexpr std::size_t kWindowBytes = 32 << 20;
constexpr std::size_t kRowBytes = 2048;  // about, without bodies
constexpr BodyId kRequestBody = 1;
constexpr BodyId kResponseBody = 2;

struct Placed {
  Row row;
  std::uint64_t place = 0;  // in the log

  auto key() const { return std::tuple(row.flow.started, place); }
};

bool later(const Placed& a, const Placed& b) { return a.key() > b.key(); }

std::size_t memory(const Row& row) {
  return kRowBytes + row.flow.request_body.bytes.size() + row.flow.response_body.bytes.size();
}

class JsonlQuery final : public Query {
 public:
  JsonlQuery(const JsonlSource& source, Filter filter, JsonlReader reader, LogTail tail)
      : source_(source), filter_(std::move(filter)), reader_(std::move(reader)), tail_(std::move(tail)) {}

  Result<std::optional<Row>> next() override;
  Result<std::vector<Row>> last(std::size_t count) override;
  Result<std::vector<Row>> poll() override;
  Result<Row> find(std::string_view id) override;
  Result<std::string> load_body(const Row& row, BodyId body) override;
  Result<std::vector<flow::Message>> messages_of(const Row&, std::uint32_t, std::size_t) override {
    return std::vector<flow::Message>();
  }
  Result<std::optional<flow::Connection>> connection(const Row&, flow::ConnectionId) override {
    return std::nullopt;
  }

 private:
  /// The next row of the log that is looked for; at its end tells the damage.
  std::optional<Row> read();
  bool in_scope(const Row& row) const { return row.session.starts_with(source_.session); }
  void settle(Row& row);
  void tell(const JsonlDamage& damage) const {
    if (source_.damage) *source_.damage = damage;
  }

  const JsonlSource source_;
  const Filter filter_;
  JsonlReader reader_;
  LogTail tail_;  // from where the query was opened, or the latest last() ended
  JsonlDamage polled_;
  std::vector<Placed> window_;  // a heap, the oldest first
  std::size_t window_bytes_ = 0;
  std::uint64_t read_rows_ = 0;
  flow::FlowId nameless_ = std::numeric_limits<flow::FlowId>::max();
};

// Rows that say no number get one, counted down from the highest: callers tell rows apart by it.
void JsonlQuery::settle(Row& row) {
  if (row.flow.id == 0) row.flow.id = nameless_--;
  auto name = [&](flow::Captured& body, BodyId id, BodyId& out) {
    if (!source_.bodies) std::string().swap(body.bytes);
    out = body.bytes.empty() ? 0 : id;
  };
  name(row.flow.request_body, kRequestBody, row.request_body);
  name(row.flow.response_body, kResponseBody, row.response_body);
}

std::optional<Row> JsonlQuery::read() {
  while (auto row = reader_.next()) {
    ++read_rows_;
    if (!in_scope(*row) || !matches(filter_, *row)) continue;
    settle(*row);
    return row;
  }
  tell(reader_.damage());
  return std::nullopt;
}

Result<std::optional<Row>> JsonlQuery::next() {
  while (window_.size() < kWindowRows && window_bytes_ < kWindowBytes) {
    auto row = read();
    if (!row) break;
    window_bytes_ += memory(*row);
    window_.push_back({std::move(*row), read_rows_});
    std::ranges::push_heap(window_, later);
  }
  if (window_.empty()) return std::nullopt;
  std::ranges::pop_heap(window_, later);
  Row row = std::move(window_.back().row);
  window_.pop_back();
  window_bytes_ -= memory(row);
  return row;
}

Result<std::vector<Row>> JsonlQuery::last(std::size_t count) {
  std::vector<Placed> newest;  // a heap, the oldest first
  while (count > 0) {
    auto row = read();
    if (!row) break;
    newest.push_back({std::move(*row), read_rows_});
    std::ranges::push_heap(newest, later);
    if (newest.size() <= count) continue;
    std::ranges::pop_heap(newest, later);
    newest.pop_back();
  }
  if (count > 0) tail_ = LogTail(source_.path, JsonlReader::is_log, reader_.read());
  std::ranges::sort(newest, {}, &Placed::key);
  std::vector<Row> rows;
  for (Placed& each : newest) rows.push_back(std::move(each.row));
  return rows;
}

Result<std::vector<Row>> JsonlQuery::poll() {
  std::vector<Row> rows;
  tail_.poll(polled_, [&](std::string_view line) {
    if (line.find_first_not_of(" \t") == line.npos) return;
    auto row = read_jsonl(line);
    if (!row) ++polled_.invalid;
    if (!row || !in_scope(*row) || !matches(filter_, *row)) return;
    settle(*row);
    rows.push_back(std::move(*row));
  });
  return rows;
}

// Whoever looks for one flow reads the whole log: lines have no index.
Result<Row> JsonlQuery::find(std::string_view id) {
  auto reader = JsonlReader::open(source_.path);
  if (!reader) return pass(reader);
  auto wanted = [&](const Row& row) {
    bool by_number = !id.contains('-') && parse_decimal(id) == row.flow.id;
    return in_scope(row) && (id.empty() || iequals(row.id, id) || by_number);
  };
  std::optional<Row> found;
  while (auto row = reader->next())
    if (wanted(*row) && (!found || row->flow.started >= found->flow.started)) found = std::move(row);
  tell(reader->damage());
  if (found) {
    settle(*found);
    return std::move(*found);
  }
  return fail(Code::not_found, "no flow \"" + std::string(id) + "\" in " + source_.path.string());
}

Result<std::string> JsonlQuery::load_body(const Row& row, BodyId body) {
  if (body == 0) return std::string();
  return body == kRequestBody ? row.flow.request_body.bytes : row.flow.response_body.bytes;
}

}  // namespace

Result<std::unique_ptr<Query>> open_jsonl(const JsonlSource& source, Filter filter) {
  LogTail tail(source.path, JsonlReader::is_log);
  auto reader = JsonlReader::open(source.path);
  if (!reader) return pass(reader);
  return std::make_unique<JsonlQuery>(source, std::move(filter), std::move(*reader), std::move(tail));
}

}  // namespace weir::store
