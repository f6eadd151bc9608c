#include "cli/listing.h"

#include <set>
#include <string>
#include <utility>

#include "cli/body.h"
#include "cli/stats.h"
#include "cli/table.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

using Visit = std::function<Result<>(store::Query&, const store::Row&)>;

/// The rows of a listing, which may be gone through more than once.
class Rows {
 public:
  Rows(const OpenQuery& open, std::size_t count) : open_(open), count_(count) {}

  /// Visits each row, oldest first, until one fails or `out` is closed.
  Result<> each(const Output& out, const Visit& visit) {
    visited_ = 0;
    return count_ == 0 ? stream(out, visit) : newest(out, visit);
  }
  /// Rows that the latest each() visited.
  std::size_t visited() const { return visited_; }

 private:
  Result<> stream(const Output& out, const Visit& visit) {
    auto query = open_();
    if (!query) return pass(query);
    while (!out.closed()) {
      auto row = (*query)->next();
      if (!row) return pass(row);
      if (!*row) break;
      ++visited_;
      if (auto visited = visit(**query, **row); !visited) return visited;
    }
    return {};
  }

  Result<> newest(const Output& out, const Visit& visit) {
    if (!query_) {
      auto query = open_();
      if (!query) return pass(query);
      query_ = std::move(*query);
      auto rows = query_->last(count_);
      if (!rows) return pass(rows);
      rows_ = std::move(*rows);
    }
    for (const store::Row& row : rows_) {
      if (out.closed()) break;
      ++visited_;
      if (auto visited = visit(*query_, row); !visited) return visited;
    }
    return {};
  }

  const OpenQuery& open_;
  std::size_t count_;
  std::size_t visited_ = 0;
  std::unique_ptr<store::Query> query_;
  std::vector<store::Row> rows_;
};

Result<RowText> text_of(store::Query& query, const store::Row& row, bool bodies) {
  RowText text = row_text(row);
  if (!bodies) return text;
  auto request = body_preview(query, row, Part::request);
  if (!request) return pass(request);
  auto response = body_preview(query, row, Part::response);
  if (!response) return pass(response);
  text.request_body = std::move(*request);
  text.response_body = std::move(*response);
  return text;
}

Result<> write_json(JsonWriter& json, store::Query& query, const store::Row& row, bool bodies) {
  Result<std::string> request, response;
  if (bodies) {
    request = wire_body(query, row, Part::request);
    if (!request) return pass(request);
    response = wire_body(query, row, Part::response);
    if (!response) return pass(response);
  }
  flow::write_entry(json, {row.flow, row.id, row.session, row.incomplete, *request, *response});
  return {};
}

Result<> print_compact_row(store::Query& query, const store::Row& row, const LogsOptions& options,
                           Output& out) {
  auto text = text_of(query, row, options.body);
  if (!text) return pass(text);
  out.write(compact_line(*text, options.color));
  return {};
}

Result<> print_json_line(store::Query& query, const store::Row& row, const LogsOptions& options,
                         Output& out) {
  JsonWriter json(out.buffer());
  auto written = write_json(json, query, row, options.body);
  out.write("\n");
  return written;
}

Result<> print_table(Rows& rows, const LogsOptions& options, Output& out) {
  Table table(options.body, options.color);
  auto measured = rows.each(out, [&](store::Query& query, const store::Row& row) -> Result<> {
    auto text = text_of(query, row, options.body);
    if (!text) return pass(text);
    table.measure(*text);
    return {};
  });
  if (!measured || rows.visited() == 0) return measured;
  if (options.width > 0 && !options.wide) table.fit(options.width);
  out.write(table.head());
  auto printed = rows.each(out, [&](store::Query& query, const store::Row& row) -> Result<> {
    auto text = text_of(query, row, options.body);
    if (!text) return pass(text);
    out.write(table.line(*text));
    out.flush_if_large();
    return {};
  });
  out.write(table.foot());
  return printed;
}

Result<> print_compact(Rows& rows, const LogsOptions& options, Output& out) {
  return rows.each(out, [&](store::Query& query, const store::Row& row) -> Result<> {
    auto printed = print_compact_row(query, row, options, out);
    out.flush_if_large();
    return printed;
  });
}

Result<> print_json(Rows& rows, const LogsOptions& options, Output& out) {
  JsonWriter json(out.buffer(), 2);
  json.begin_array();
  auto printed = rows.each(out, [&](store::Query& query, const store::Row& row) -> Result<> {
    auto written = write_json(json, query, row, options.body);
    out.flush_if_large();
    return written;
  });
  json.end_array();
  out.write("\n");
  return printed;
}

Result<> print_stats(Rows& rows, const LogsOptions& options, Output& out) {
  Stats stats;
  auto counted = rows.each(out, [&](store::Query&, const store::Row& row) -> Result<> {
    stats.add(row);
    return {};
  });
  if (!counted) return counted;
  if (options.json) {
    JsonWriter json(out.buffer(), 2);
    stats.write(json);
    out.write("\n");
  } else {
    out.write(stats.text());
  }
  return {};
}

}  // namespace

Result<std::size_t> print_rows(const OpenQuery& open, const LogsOptions& options, Output& out) {
  Rows rows(open, options.stats ? options.last.value_or(0) : options.count());
  auto print = options.stats     ? print_stats
               : options.json    ? print_json
               : options.compact ? print_compact
                                 : print_table;
  if (auto printed = print(rows, options, out); !printed) return pass(printed);
  return rows.visited();
}

Result<> follow_rows(store::Query& query, const LogsOptions& options, Output& out, const Pause& pause) {
  auto print = options.json ? print_json_line : print_compact_row;
  auto rows = query.last(options.count());
  if (!rows) return pass(rows);
  // poll() also tells what closed between open() and last(): not twice. What is still open waits until it
  // closes.
  std::set<std::pair<std::string, flow::FlowId>> shown;
  std::erase_if(*rows, [](const store::Row& row) { return row.flow.duration_us < 0 && !row.incomplete; });
  for (const store::Row& row : *rows) shown.emplace(row.session, row.flow.id);
  do {
    for (const store::Row& row : *rows) {
      if (auto printed = print(query, row, options, out); !printed) return printed;
      out.flush_if_large();
    }
    out.flush();
    if (out.closed() || !pause()) break;
    rows = query.poll();
    if (!rows) return pass(rows);
    std::erase_if(*rows, [&](const store::Row& row) { return shown.contains({row.session, row.flow.id}); });
  } while (true);
  return {};
}

}  // namespace weir::cli
