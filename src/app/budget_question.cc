#include "app/budget_question.h"

#include <algorithm>
#include <utility>

#include "app/decoded_body.h"
#include "base/ascii.h"
#include "flow/text.h"
#include "http/content/decoder.h"
#include "policy/canonical.h"

namespace weir::app {
namespace {

using proxy::BudgetQuery;

constexpr std::uint64_t kMostDecoded = 32 << 20;
constexpr std::size_t kMostModel = 64;

// A path as a server may read it that takes no account of how it is spelled.
std::string plain_path(std::string_view target) {
  std::string_view path = target.substr(0, policy::path_length(target));
  std::string out = policy::resolve_segments(policy::canonical_escapes(path));
  for (std::size_t at = 0; (at = out.find(';', at)) != out.npos;)
    out.erase(at, std::min(out.find('/', at), out.size()) - at);
  for (std::string_view end : {"%3F", "%3f", "%23"})
    if (std::size_t at = out.find(end); at != out.npos) out.resize(at);
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

// As much of it as can be undone, and whether that is all.
std::pair<std::string, bool> decoded(const BudgetQuery& query) {
  std::string_view coding = query.head.fields.get("content-encoding").value_or(coding_of(*query.body));
  if (coding.empty()) return {*query.body, !query.body_cut};
  auto decoder = http::content::Decoder::make(coding, kMostDecoded);
  if (!decoder) return {"", false};
  std::string out;
  decoder->feed(*query.body);
  for (auto part = decoder->next(); !part.empty(); part = decoder->next()) out += part;
  bool whole =
      !query.body_cut && out.size() < kMostDecoded && decoder->ending() != http::content::Ending::corrupt;
  return {std::move(out), whole};
}

}  // namespace

std::optional<llm::CallTarget> BudgetReader::recognise(const http::RequestHead& head,
                                                       std::string& spelling) const {
  std::string_view method = head.method;
  if (method == "PUT" || method == "PATCH") method = "POST";
  auto try_as = [&](std::string_view target) {
    return recogniser_.recognise(method, head.origin.place, target, head.upgrade);
  };
  if (auto target = try_as(head.target)) return target;
  spelling = plain_path(head.target);
  if (auto target = try_as(spelling)) return target;
  spelling = lower(spelling);
  return try_as(spelling);
}

void BudgetReader::read_head(BudgetQuestion& out, const BudgetQuery& query,
                             const policy::BudgetBook& book) const {
  const http::RequestHead& head = query.head;
  out.spender = {.session = session_, .host = head.origin.place, .process = query.process};
  if (auto target = recognise(head, out.spelling)) {
    out.target.emplace(*target);
    out.spender.call = true;
    out.spending.calls_follow = target->websocket;
    out.spender.unread = !target->websocket && !book.need(out.spender).body;
  }
  out.spending.upload =
      static_cast<std::int64_t>(std::min<std::uint64_t>(query.length.value_or(0), INT64_MAX));
  for (const auto& account : query.approved)
    out.approved.push_back(static_cast<const policy::BudgetAccount*>(account.get()));
}

void BudgetReader::read_body(BudgetQuestion& out, const BudgetQuery& query,
                             const llm::Pricing& pricing) const {
  auto [body, whole] = decoded(query);
  llm::Estimate& estimate = out.estimate;
  estimate = llm::estimate(*out.target, query.head, body, !whole);
  out.spender.call = estimate.call;
  if (!estimate.call) return;
  out.model = model_key(estimate.model);
  out.spender.model = out.model;
  if (!whole) {
    // Of what nobody has read, each three bytes may be a token.
    std::uint64_t size = std::max<std::uint64_t>(query.length.value_or(0), query.body->size());
    auto unread =
        static_cast<std::int64_t>(size > body.size() ? size - body.size() : 0) / llm::kBytesPerToken;
    estimate.asked.usage.input = *estimate.asked.usage.input + unread;
    estimate.asked.usage.input_fresh.reset();
    estimate.asked.usage.settle();
    estimate.tokens += unread;
  }
  estimate.asked.started = wall_now();
  out.spending.tokens = estimate.tokens;
  out.spending.usd = pricing.price(estimate.asked).amount;
}

std::string BudgetReader::model_key(const std::string& model) const {
  return flow::fitted(flow::printable(redactor_ ? redactor_->text(model) : model), kMostModel);
}

}  // namespace weir::app
