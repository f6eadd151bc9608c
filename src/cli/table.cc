#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/process.h"
#include "flow/rejection.h"
#include "flow/text.h"
#include "flow/view.h"

namespace weir::cli {
namespace {

constexpr auto kTitles = std::to_array<std::string_view>(
    {"TIME", "METHOD", "STATUS", "DURATION", "PROCESS", "URL", "REQ BODY", "RESP BODY"});
constexpr std::size_t kStatusColumn = 2;
constexpr std::size_t kNarrowest = 20;
constexpr std::size_t kLongestMethod = 16;
constexpr std::size_t kLongestProcess = 24;

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  while (count-- > 0) out += text;
  return out;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.append(width - std::min(width, flow::display_width(text)), ' ');
  return out;
}

std::string centred(std::string_view text, std::size_t width) {
  std::size_t left = (width - std::min(width, text.size())) / 2;
  return padded(std::string(left, ' ').append(text), width);
}

std::array<std::string_view, kTitles.size()> cells(const RowText& row) {
  return {row.time,    row.method, row.status.text,  row.duration,
          row.process, row.url,    row.request_body, row.response_body};
}

std::string_view color_of(Tone tone) {
  switch (tone) {
    case Tone::plain: return "";
    case Tone::good: return "\x1b[32m";
    case Tone::redirect: return "\x1b[36m";
    case Tone::client_error: return "\x1b[33m";
    case Tone::server_error: return "\x1b[31m";
    case Tone::failure: return "\x1b[1;31m";
  }
  return "";
}

Tone tone_of(int status) {
  if (status >= 500) return Tone::server_error;
  if (status >= 400) return Tone::client_error;
  if (status >= 300) return Tone::redirect;
  return status >= 200 ? Tone::good : Tone::plain;
}

// Of a long name the beginning; the pid is always whole.
std::string process_text(const flow::Flow& flow) {
  std::string label = flow::printable(flow::process_label(flow));
  if (flow::display_width(label) <= kLongestProcess) return label;
  std::string name = flow::printable(flow.process);
  std::string pid = label.starts_with(name) ? label.substr(name.size()) : std::string();
  return flow::fitted(name, kLongestProcess - std::min(pid.size(), kLongestProcess)) + pid;
}

}  // namespace

std::string painted(std::string_view text, Tone tone) {
  std::string_view color = color_of(tone);
  if (color.empty()) return std::string(text);
  return std::string(color).append(text).append("\x1b[0m");
}

StatusText status_text(const store::Row& row) {
  if (row.incomplete || flow::failed(row.flow)) return {"ERR", Tone::failure};
  if (!row.flow.has_response) return {"-", Tone::plain};
  return {std::to_string(row.flow.response.status), tone_of(row.flow.response.status)};
}

RowText row_text(const store::Row& row) {
  RowText text;
  text.time = flow::local_time(row.flow.started);
  text.method = flow::fitted(flow::printable(row.flow.request.method), kLongestMethod);
  text.duration = flow::duration_text(row.flow.duration_us);
  text.process = process_text(row.flow);
  text.url = flow::printable(row.flow.request.url());
  if (row.flow.rejection) text.url += "  " + flow::printable(flow::rejection_note(*row.flow.rejection));
  text.status = status_text(row);
  return text;
}

std::string compact_line(const RowText& row, bool color) {
  std::string status = padded(row.status.text, 3);
  if (color) status = painted(status, row.status.tone);
  std::string line =
      fmt::format("{} {} {} {:>5} {}", row.time, padded(row.method, 4), status, row.duration, row.url);
  line += row.process.empty() ? "\n" : fmt::format(" ({})\n", row.process);
  if (!row.request_body.empty()) line.append("  > ").append(row.request_body).append("\n");
  if (!row.response_body.empty()) line.append("  < ").append(row.response_body).append("\n");
  return line;
}

void Table::measure(const RowText& row) {
  auto texts = cells(row);
  for (std::size_t i = 0; i < count_; ++i) widths_[i] = std::max(widths_[i], flow::display_width(texts[i]));
  if (shown(kProcess)) widths_[kProcess] = std::max(widths_[kProcess], kTitles[kProcess].size());
}

void Table::fit(std::size_t width) {
  std::size_t needed = 1;
  for (std::size_t i = 0; i < count_; ++i) needed += shown(i) ? widths_[i] + 3 : 0;
  while (needed > width) {
    auto widest =
        std::max_element(widths_.begin() + kFirstElastic, widths_.begin() + static_cast<long>(count_));
    if (*widest <= kNarrowest) return;
    --*widest;
    --needed;
  }
}

std::string Table::rule(std::string_view left, std::string_view middle, std::string_view right) const {
  std::string out(left);
  for (std::size_t i = 0; i < count_; ++i) {
    if (!shown(i)) continue;
    if (i > 0) out += middle;
    out += repeated("─", widths_[i] + 2);
  }
  return out.append(right).append("\n");
}

std::string Table::head() const {
  std::string titles;
  for (std::size_t i = 0; i < count_; ++i)
    if (shown(i)) titles.append("│ ").append(centred(kTitles[i], widths_[i])).append(" ");
  return rule("┌", "┬", "┐") + titles + "│\n" + rule("├", "┼", "┤");
}

std::string Table::line(const RowText& row) const {
  auto texts = cells(row);
  std::string out;
  for (std::size_t i = 0; i < count_; ++i) {
    if (!shown(i)) continue;
    std::string cell = padded(flow::fitted(texts[i], widths_[i]), widths_[i]);
    bool is_status = i == kStatusColumn;
    out.append("│ ").append(color_ && is_status ? painted(cell, row.status.tone) : cell).append(" ");
  }
  return out.append("│\n");
}

std::string Table::foot() const { return rule("└", "┴", "┘"); }

}  // namespace weir::cli
