#include "config/budgets.h"

#include "config/row.h"
#include "config/token_price.h"

namespace weir::config {
namespace {

constexpr std::array<const char*, 5> kPers = {"all", "session", "process", "host", "model"};
constexpr std::array<const char*, 3> kActions = {"warn", "ask", "block"};
using PerWord = Choice<policy::BudgetPer, kPers>;
using ActionWord = Choice<policy::OnBudget, kActions>;

bool read_limit(std::string_view text, policy::Budget& out, std::string& complaint) {
  auto read = policy::parse_budget(text);
  if (!read) return complaint = read.error().context(), false;
  out.measure = read->measure;
  out.limit = read->limit;
  out.window = read->window;
  out.action = read->action;
  return true;
}

void read_table(Row& row, policy::Budget& out) {
  std::string limit, complaint;
  row.require<Text>("limit", limit);
  if (!limit.empty() && !read_limit(limit, out, complaint)) row.complain("limit: " + complaint);
  row.read<Text>("name", out.name);
  row.read<PerWord>("per", out.per);
  if (row.has("action") && limit.contains(':')) row.complain("action is said in limit as well; say it once");
  row.read<ActionWord>("action", out.action);
  row.read<Pattern>("host", out.host);
  row.read<Text>("model", out.model);
  row.read<Text>("process", out.process);
  row.read<TokenPrice>("unknown_price", out.unknown_price);
  if (out.unknown_price && out.measure != policy::Measure::usd)
    row.complain("unknown_price is for a limit in usd");
  if (!out.of_model_calls() && (out.per == policy::BudgetPer::model || !out.model.empty()))
    row.complain("only calls of models have a model: limit them in usd, tokens or calls");
  row.finish();
}

}  // namespace

Complaints read_budgets(const Value& value, const Place& place, std::vector<policy::Budget>& out) {
  Complaints complaints;
  for (const Scalar& item : value.items) {
    policy::Budget& budget = out.emplace_back();
    budget.layer = place.layer;
    budget.source = source_of(item, place);
    if (item.type == Scalar::Type::string || item.type == Scalar::Type::argument) {
      std::string complaint;
      if (!read_limit(item.text, budget, complaint))
        complaints.push_back({complaint, item.line, item.column});
      continue;
    }
    Row row(item, "", place, complaints);
    if (row.is_table("[[budget.limits]] with a limit")) read_table(row, budget);
  }
  return complaints;
}

Scalar to_table(const policy::Budget& budget) {
  Scalar out{Scalar::Type::table, ""};
  out.members = {{"limit", text_value(limit_text(budget))}};
  if (!budget.name.empty()) out.members.push_back({"name", text_value(budget.name)});
  if (budget.per != policy::BudgetPer::all) out.members.push_back({"per", PerWord::show(budget.per)});
  if (budget.action != policy::OnBudget::block)
    out.members.push_back({"action", ActionWord::show(budget.action)});
  for (auto [key, text] :
       {std::pair("host", &budget.host), {"model", &budget.model}, {"process", &budget.process}})
    if (!text->empty()) out.members.push_back({key, text_value(*text)});
  if (budget.unknown_price) out.members.push_back({"unknown_price", TokenPrice::show(*budget.unknown_price)});
  return out;
}

std::vector<policy::Budget> all_budgets(const BudgetSettings& settings) {
  std::vector<policy::Budget> out;
  for (const auto& layer : settings.layers) out.insert(out.end(), layer.begin(), layer.end());
  return out;
}

}  // namespace weir::config
