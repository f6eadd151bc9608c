// A Query over many files. Files are opened only while their rows are being merged and closed at once after,
// so that thousands of sessions need few descriptors and no reader keeps a writer from leaving WAL for long.
// Rows come in pages: a statement left open while a person reads a pager would pin the write-ahead log.
#include "store/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <set>
#include <tuple>

#include "base/ascii.h"
#include "base/log.h"
#include "store/session_dir.h"
#include "store/session_reader.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPageRows = 64;
constexpr std::size_t kHexDigits = 4;

struct Session {
  fs::path directory;
  SessionState state = SessionState::ended;
  bool poll_again = true;  // its files may still change

  std::string id() const { return directory.filename().string(); }
  std::string hex() const { return id().substr(id().size() - kHexDigits); }
};

struct File {
  fs::path path;
  std::size_t session = 0;
  std::int64_t polled = 0;  // closings up to this have been handed out
  bool listed = false;      // belongs to next() and last(); one that appears later to poll() alone
  bool broken = false;      // could not be opened; told once
  std::int64_t listed_until = std::numeric_limits<std::int64_t>::max();
};

// A file with the times of its flows, to know when and whether to open it.
struct Candidate {
  std::size_t file = 0;
  SessionReader::Range range;
};

// The merge's place in one file.
struct Cursor {
  std::size_t file = 0;
  SessionReader reader;
  std::deque<Row> page;
  Span span;
  bool exhausted = false;  // no rows after `page`

  auto key() const { return std::tuple(page.front().flow.started, file, page.front().flow.id); }
};

bool later(const std::unique_ptr<Cursor>& a, const std::unique_ptr<Cursor>& b) { return a->key() > b->key(); }

class MergedQuery final : public Query {
 public:
  MergedQuery(Scope scope, Filter filter) : scope_(std::move(scope)), filter_(std::move(filter)) {}

  Result<> start();
  Result<std::optional<Row>> next() override;
  Result<std::vector<Row>> last(std::size_t count) override { return newest(filter_, count); }
  Result<std::vector<Row>> poll() override;
  Result<Row> find(std::string_view id) override;
  Result<std::string> load_body(const Row& row, BodyId body) override;
  Result<std::vector<flow::Message>> messages_of(const Row& row, std::uint32_t after,
                                                 std::size_t count) override;
  Result<std::optional<flow::Connection>> connection(const Row& row, flow::ConnectionId id) override;

 private:
  bool dead(const File& file) const { return sessions_[file.session].state != SessionState::live; }
  Span span_of(const File& file) const { return {.closed_until = file.listed_until, .dead = dead(file)}; }
  void name(Row& row, std::size_t file) const;

  void look_for_sessions();
  void look_for_files(std::size_t session);
  Result<> check_scope() const;
  Result<> check_readable() const;
  Result<> mark_start(std::size_t file);
  /// Nothing when the file has gone, is empty or is broken.
  std::optional<SessionReader> read(std::size_t file);

  Result<std::vector<Candidate>> candidates(const Filter& filter);
  Result<> begin_merge();
  Result<> join_merge(std::size_t file);
  Result<> refill(Cursor& cursor);

  Result<std::vector<Row>> newest(const Filter& filter, std::size_t count);
  Result<> poll_file(std::size_t file, std::vector<Row>& rows);
  Result<std::optional<Row>> find_in(std::size_t session, flow::FlowId number);

  const Scope scope_;
  const Filter filter_;
  std::vector<Session> sessions_;  // these two only grow: rows and cursors name them by index
  std::vector<File> files_;
  std::set<fs::path> known_;  // the folders and files of these
  std::optional<Error> unreadable_;
  bool merging_ = false;
  std::vector<Candidate> waiting_;               // the next one to join the merge is the last
  std::vector<std::unique_ptr<Cursor>> merged_;  // a heap, the oldest row first
};

Result<> MergedQuery::start() {
  look_for_sessions();
  if (auto ok = check_scope(); !ok) return ok;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    files_[i].listed = true;
    if (auto marked = mark_start(i); !marked) return marked;
  }
  return check_readable();
}

// One damaged file among many must not hide the others.
std::optional<SessionReader> MergedQuery::read(std::size_t file) {
  if (files_[file].broken) return std::nullopt;
  auto reader = SessionReader::open(files_[file].path);
  if (reader) return std::move(*reader);
  log::warn("a recorded session cannot be read: {}", reader.error().context());
  files_[file].broken = true;
  unreadable_ = reader.error();
  return std::nullopt;
}

Result<> MergedQuery::check_readable() const {
  if (!unreadable_ || !std::ranges::all_of(files_, &File::broken)) return {};
  return Failure(*unreadable_);
}

Result<> MergedQuery::check_scope() const {
  if (sessions_.empty()) {
    std::string where;
    for (const fs::path& dir : scope_.project_dirs)
      where.append(where.empty() ? "" : ", ").append(dir.string());
    if (!scope_.session.empty())
      return fail(Code::not_found,
                  fmt::format("no session whose id begins with \"{}\" in {}", scope_.session, where));
    return fail(Code::not_found,
                fmt::format("nothing has been recorded yet in {}; start with `weir run -- COMMAND` or "
                            "`weir serve`, or look elsewhere with --data DIR or --all",
                            where));
  }
  if (!scope_.session.empty() && sessions_.size() > 1)
    return fail(Code::not_found,
                fmt::format("more than one session begins with \"{}\": {}, {}{}", scope_.session,
                            sessions_[0].id(), sessions_[1].id(), sessions_.size() > 2 ? ", ..." : ""));
  return {};
}

void MergedQuery::look_for_sessions() {
  for (const fs::path& dir : scope_.project_dirs) {
    for (const fs::path& folder : session_folders(dir)) {
      if (!folder.filename().native().starts_with(scope_.session) || !known_.insert(folder).second) continue;
      sessions_.push_back({.directory = folder, .state = session_state(folder)});
      look_for_files(sessions_.size() - 1);
    }
  }
}

void MergedQuery::look_for_files(std::size_t session) {
  for (fs::path& path : session_files(sessions_[session].directory))
    if (known_.insert(path).second) files_.push_back({.path = std::move(path), .session = session});
}

// Where the listing ends and polling begins, so that no closing is handed out by both or by neither.
Result<> MergedQuery::mark_start(std::size_t index) {
  File& file = files_[index];
  Session& session = sessions_[file.session];
  session.poll_again = session.state != SessionState::ended;
  if (!session.poll_again) return {};
  auto reader = read(index);
  if (!reader) return {};
  auto closing = reader->last_closing();
  if (!closing) return pass(closing);
  file.polled = file.listed_until = *closing;
  return {};
}

void MergedQuery::name(Row& row, std::size_t file) const {
  const Session& session = sessions_[files_[file].session];
  row.session = session.id();
  row.id = fmt::format("{}-{}", session.hex(), row.flow.id);
  row.database = file;
}

Result<std::vector<Candidate>> MergedQuery::candidates(const Filter& filter) {
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (!files_[i].listed) continue;
    auto reader = read(i);
    if (!reader) continue;
    auto range = reader->range();
    if (!range) return pass(range);
    if (!*range) continue;
    bool too_late = filter.until && (*range)->first > *filter.until;
    bool too_early = filter.since && (*range)->last < *filter.since;
    if (!too_late && !too_early) found.push_back({i, **range});
  }
  if (auto readable = check_readable(); !readable) return pass(readable);
  return found;
}

Result<> MergedQuery::begin_merge() {
  auto found = candidates(filter_);
  if (!found) return pass(found);
  waiting_ = std::move(*found);
  std::ranges::sort(waiting_, std::greater(),
                    [](const Candidate& c) { return std::tuple(c.range.first, c.file); });
  merging_ = true;
  return {};
}

Result<> MergedQuery::join_merge(std::size_t file) {
  auto reader = read(file);
  if (!reader) return {};
  auto cursor = std::make_unique<Cursor>(file, std::move(*reader), std::deque<Row>(), span_of(files_[file]));
  if (auto filled = refill(*cursor); !filled) return filled;
  if (cursor->page.empty()) return {};
  merged_.push_back(std::move(cursor));
  std::ranges::push_heap(merged_, later);
  return {};
}

Result<> MergedQuery::refill(Cursor& cursor) {
  if (!cursor.page.empty() || cursor.exhausted) return {};
  auto rows = cursor.reader.oldest(filter_, cursor.span, kPageRows);
  if (!rows) return pass(rows);
  cursor.exhausted = rows->size() < kPageRows;
  if (rows->empty()) return {};
  cursor.span.after = {rows->back().flow.started, rows->back().flow.id};
  std::ranges::move(*rows, std::back_inserter(cursor.page));
  return {};
}

Result<std::optional<Row>> MergedQuery::next() {
  if (!merging_)
    if (auto begun = begin_merge(); !begun) return pass(begun);
  auto due = [&] {
    return !waiting_.empty() &&
           (merged_.empty() || waiting_.back().range.first <= merged_.front()->page.front().flow.started);
  };
  while (due()) {
    std::size_t file = waiting_.back().file;
    waiting_.pop_back();
    if (auto joined = join_merge(file); !joined) return pass(joined);
  }
  if (merged_.empty()) return std::nullopt;
  std::ranges::pop_heap(merged_, later);
  Cursor& oldest = *merged_.back();
  Row row = std::move(oldest.page.front());
  name(row, oldest.file);
  oldest.page.pop_front();
  if (auto filled = refill(oldest); !filled) return pass(filled);
  if (oldest.page.empty()) {
    merged_.pop_back();
  } else {
    std::ranges::push_heap(merged_, later);
  }
  return row;
}

Result<std::vector<Row>> MergedQuery::newest(const Filter& filter, std::size_t count) {
  auto found = candidates(filter);
  if (!found) return pass(found);
  std::ranges::sort(*found, std::greater(), [](const Candidate& c) { return c.range.last; });
  std::vector<Row> rows;
  auto older = [](const Row& a, const Row& b) {
    return std::tuple(a.flow.started, a.database, a.flow.id) <
           std::tuple(b.flow.started, b.database, b.flow.id);
  };
  for (const Candidate& candidate : *found) {
    if (count == 0 || (rows.size() == count && candidate.range.last < rows.front().flow.started)) break;
    auto reader = read(candidate.file);
    if (!reader) continue;
    auto more = reader->newest(filter, span_of(files_[candidate.file]), count);
    if (!more) return pass(more);
    for (Row& row : *more) {
      name(row, candidate.file);
      rows.push_back(std::move(row));
    }
    std::ranges::sort(rows, older);
    if (rows.size() > count) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(count));
  }
  return rows;
}

Result<std::vector<Row>> MergedQuery::poll() {
  look_for_sessions();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (!sessions_[i].poll_again) continue;
    // First the state, then the rows: what closes after the last look of a live session is not missed.
    sessions_[i].state = session_state(sessions_[i].directory);
    sessions_[i].poll_again = sessions_[i].state != SessionState::ended;
    look_for_files(i);
    for (std::size_t file = 0; file < files_.size(); ++file) {
      if (files_[file].session != i) continue;
      if (auto polled = poll_file(file, rows); !polled) return pass(polled);
    }
  }
  return rows;
}

Result<> MergedQuery::poll_file(std::size_t index, std::vector<Row>& rows) {
  File& file = files_[index];
  auto reader = SessionReader::open(file.path);
  if (!reader) return pass(reader);
  if (!*reader) return {};
  auto until = (*reader)->last_closing();
  if (!until) return pass(until);
  if (*until <= file.polled) return {};
  auto closed = (*reader)->closings(filter_, file.polled, *until);
  if (!closed) return pass(closed);
  for (Row& row : *closed) {
    name(row, index);
    rows.push_back(std::move(row));
  }
  file.polled = *until;
  return {};
}

Result<std::optional<Row>> MergedQuery::find_in(std::size_t session, flow::FlowId number) {
  for (std::size_t i = files_.size(); i-- > 0;) {
    if (files_[i].session != session) continue;
    auto reader = read(i);
    if (!reader) continue;
    auto row = reader->find(number, dead(files_[i]));
    if (row && *row) name(**row, i);
    if (!row || *row) return row;
  }
  return std::nullopt;
}

Result<Row> MergedQuery::find(std::string_view id) {
  auto missing = [&](std::string_view why) {
    return fail(Code::not_found, fmt::format("no flow \"{}\": {}; `weir logs` lists what there is", id, why));
  };
  if (id.empty()) {
    auto rows = newest(Filter{}, 1);
    if (!rows) return pass(rows);
    if (rows->empty()) return missing("nothing has been recorded yet");
    return std::move(rows->front());
  }
  std::size_t dash = id.rfind('-');
  std::string hex = dash == std::string_view::npos ? "" : lower(id.substr(0, dash));
  auto number = parse_decimal(id.substr(dash == std::string_view::npos ? 0 : dash + 1));
  if (!number || (dash != std::string_view::npos && hex.size() != kHexDigits))
    return missing("an id looks like \"a1b2-17\" or \"17\"");
  std::vector<std::size_t> newest_first(sessions_.size());
  for (std::size_t i = 0; i < newest_first.size(); ++i) newest_first[i] = i;
  std::ranges::sort(newest_first, std::greater(), [&](std::size_t i) { return sessions_[i].id(); });
  for (std::size_t session : newest_first) {
    if (!hex.empty() && sessions_[session].hex() != hex) continue;
    auto row = find_in(session, *number);
    if (!row) return pass(row);
    if (*row) return std::move(**row);
  }
  return missing("it is not in the sessions looked at");
}

Result<std::string> MergedQuery::load_body(const Row& row, BodyId body) {
  if (body == 0) return std::string();
  auto reader = SessionReader::open(files_[row.database].path);
  if (!reader) return pass(reader);
  if (!*reader)
    return fail(Code::not_found, files_[row.database].path.string() + " has been deleted meanwhile");
  return (*reader)->body(body);
}

// They are where they were written: in the files that were current then, the flow's own or later ones.
Result<std::vector<flow::Message>> MergedQuery::messages_of(const Row& row, std::uint32_t after,
                                                            std::size_t count) {
  std::size_t session = files_[row.database].session;
  look_for_files(session);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].session != session) continue;
    auto reader = read(i);
    if (!reader) continue;
    auto page = reader->messages(row.flow.id, after, count);
    if (!page || !page->empty()) return page;
  }
  return std::vector<flow::Message>();
}

Result<std::optional<flow::Connection>> MergedQuery::connection(const Row& row, flow::ConnectionId id) {
  // A connection outlives a roll-over: it is told again in the newest file.
  for (std::size_t i = files_.size(); i-- > 0;) {
    if (files_[i].session != files_[row.database].session) continue;
    auto reader = read(i);
    if (!reader) continue;
    auto found = reader->connection(id);
    if (!found || *found) return found;
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Query>> Query::open(const Scope& scope, Filter filter) {
  auto query = std::make_unique<MergedQuery>(scope, std::move(filter));
  if (auto started = query->start(); !started) return pass(started);
  return query;
}

}  // namespace weir::store
