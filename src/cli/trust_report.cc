#include "cli/trust_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/process.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

using Verdict = TrustReport::Verdict;

struct Word {
  std::string_view text, color;
};

Word word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::trusted: return {"ok", "\x1b[32m"};
    case Verdict::plain:
    case Verdict::not_intercepted: return {"note", "\x1b[33m"};
    case Verdict::refused:
    case Verdict::left:
    case Verdict::failed: break;
  }
  return {"FAIL", "\x1b[1;31m"};
}

Verdict verdict_of(const flow::Flow& flow) {
  if (flow.error == Code::client_rejected_certificate) return Verdict::refused;
  if (flow.rejection) return Verdict::left;
  bool unread =
      flow.interception == flow::Interception::passthrough || flow.interception == flow::Interception::opaque;
  if (unread) return Verdict::not_intercepted;
  if (flow.kind == flow::Kind::tunnel || flow.request.method.empty()) return Verdict::failed;
  return flow.request.origin.scheme == http::Scheme::https ? Verdict::trusted : Verdict::plain;
}

std::string finding_of(const flow::Flow& flow, Verdict verdict) {
  switch (verdict) {
    case Verdict::trusted: return "trusts Weir";
    case Verdict::plain: return "plain HTTP";
    case Verdict::not_intercepted: return "not intercepted: a tunnel";
    case Verdict::refused:
      return flow.rejection && !flow.rejection->alert.empty() ? "refused: alert " + flow.rejection->alert
                                                              : "refused: closed without an alert";
    case Verdict::left: return "closed at the certificate: refused, or stopped";
    case Verdict::failed: break;
  }
  return "failed: " + std::string(info(flow.error).name);
}

}  // namespace

TrustReport::Row TrustReport::row_of(const flow::Flow& flow) {
  Row row;
  row.verdict = verdict_of(flow);
  row.place = flow.request.origin.place.str();
  row.program = flow.process.empty() ? "?" : flow.process;
  row.library = flow.rejection                                   ? flow.rejection->library
                : flow.sender && row.verdict == Verdict::trusted ? flow::tls_libraries_text(*flow.sender)
                                                                 : std::string();
  row.finding = finding_of(flow, row.verdict);
  if (flow.rejection) row.mend = flow.rejection->mend;
  return row;
}

void TrustReport::closed(const flow::Flow& flow) {
  Row row = row_of(flow);
  std::string key = fmt::format("{}\n{}\n{}\n{}", row.place, row.program, row.library, row.finding);
  std::lock_guard lock(mutex_);
  auto [known, fresh] = index_.try_emplace(std::move(key), rows_.size());
  if (fresh && rows_.size() >= kMostRows) {
    index_.erase(known);
    ++left_out_;
    return;
  }
  if (fresh) rows_.push_back(std::move(row));
  ++rows_[known->second].count;
}

std::size_t TrustReport::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(rows_, verdict, &Row::verdict));
}

bool TrustReport::all_trusted() const {
  std::lock_guard lock(mutex_);
  return count(Verdict::trusted) > 0 && left_out_ == 0 &&
         count(Verdict::refused) + count(Verdict::left) + count(Verdict::failed) == 0;
}

std::string TrustReport::text(bool color) const {
  std::lock_guard lock(mutex_);
  std::size_t place = 0, program = 0, library = 0;
  for (const Row& row : rows_) {
    place = std::max(place, flow::display_width(flow::printable(row.place)));
    program = std::max(program, flow::display_width(flow::printable(row.program)));
    library = std::max(library, flow::display_width(flow::printable(row.library)));
  }
  std::string out;
  for (const Row& row : rows_) {
    Word word = word_of(row.verdict);
    std::string mark = fmt::format("{:<4}", word.text);
    if (color) mark = std::string(word.color) + mark + "\x1b[0m";
    std::string times = row.count > 1 ? fmt::format(" ({} times)", row.count) : std::string();
    out += fmt::format("{}  {:<{}}  {:<{}}  {:<{}}  {}{}\n", mark, flow::printable(row.place), place,
                       flow::printable(row.program), program, flow::printable(row.library), library,
                       row.finding, times);
    if (!row.mend.empty()) out += fmt::format("      mend: {}\n", flow::printable(row.mend));
  }
  if (left_out_ > 0) out += fmt::format("and {} connections to others\n", left_out_);
  std::size_t bad = count(Verdict::refused) + count(Verdict::left) + count(Verdict::failed);
  if (rows_.empty()) return "the command opened no connection\n";
  if (bad > 0) return out + fmt::format("{} of {} did not trust Weir or failed\n", bad, rows_.size());
  if (count(Verdict::trusted) == 0) return out + "no TLS connection was seen, so nothing is known of trust\n";
  return out + "every TLS connection that was intercepted was trusted\n";
}

}  // namespace weir::cli
