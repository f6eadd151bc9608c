// `weir prices show | update`: what calls of models are priced by.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "app/price_file.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "flow/text.h"
#include "llm/cost.h"

namespace weir::cli {
namespace {

struct PriceChoice {
  std::string model, file;
  bool json = false;
};

using llm::Unit;

struct Column {
  std::string_view title;
  Unit unit;
};
constexpr Column kColumns[] = {{"INPUT", Unit::input},
                               {"OUTPUT", Unit::output},
                               {"CACHE READ", Unit::cache_read},
                               {"CACHE WRITE", Unit::cache_write},
                               {"1 HOUR", Unit::cache_write_1h}};

/// USD for a million, without zeros at the end: a picodollar a token is a microdollar a million.
std::string per_million(llm::PicoUsd price) {
  std::string text = fmt::format("{}.{:06}", price / 1'000'000, price % 1'000'000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// "3 (>200000: 6)"
std::string price_text(const llm::Prices& prices, Unit unit) {
  std::string text, tiers;
  for (const llm::UnitPrice& each : prices.units) {
    if (each.unit != unit) continue;
    if (each.above < 0)
      text = per_million(each.price);
    else
      tiers += fmt::format("{}>{}: {}", tiers.empty() ? "" : ", ", each.above, per_million(each.price));
  }
  if (text.empty()) return "-";
  return tiers.empty() ? text : fmt::format("{} ({})", text, tiers);
}

/// The models to show: all that have the words in their names, and what a call that says them is priced by.
bool is_meant(const llm::PriceTable& table, const llm::PriceProvider& provider, const llm::PricedModel& model,
              const std::string& wanted) {
  if (wanted.empty() || icontains(model.id, wanted) || iequals(provider.id, wanted)) return true;
  auto found = table.find(provider.id, wanted);
  return found.provider == &provider && found.model == &model;
}

void write_model(JsonWriter& json, const llm::PriceProvider& provider, const llm::PricedModel& model) {
  json.begin_object().field("provider", provider.id).field("model", model.id);
  json.key("prices").begin_array();
  for (const llm::UnitPrice& each : model.at(wall_now()).units) {
    json.begin_object().field("unit", llm::name(each.unit)).field("pico_usd", each.price);
    if (each.above >= 0) json.field("above_input", each.above);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

template <typename Each>
std::size_t each_meant(const llm::PriceTable& table, const std::string& wanted, Each&& each) {
  std::size_t count = 0;
  for (const llm::PriceProvider& provider : table.providers())
    for (const llm::PricedModel& model : provider.models)
      if (is_meant(table, provider, model, wanted)) each(provider, model), ++count;
  return count;
}

std::size_t write_json(const llm::PriceTable& table, const PriceChoice& choice, Output& out) {
  JsonWriter json(out.buffer(), 2);
  json.begin_object().field("source", table.source()).field("date", table.date()).key("models").begin_array();
  std::size_t count = each_meant(table, choice.model, [&](const auto& provider, const auto& model) {
    write_model(json, provider, model);
  });
  json.end_array();
  json.end_object();
  out.write("\n");
  return count;
}

std::size_t write_table(const llm::PriceTable& table, const PriceChoice& choice, Output& out) {
  out.write(fmt::format("USD for a million tokens, now; {}, {}\n", flow::printable(table.source()),
                        flow::printable(table.date())));
  std::string line = fmt::format("{:<12} {:<36}", "PROVIDER", "MODEL");
  for (const Column& column : kColumns) line += fmt::format(" {:<20}", column.title);
  auto finish = [&] {
    line.erase(line.find_last_not_of(' ') + 1);
    out.write(line + "\n");
    out.flush_if_large();
  };
  finish();
  return each_meant(table, choice.model, [&](const auto& provider, const auto& model) {
    line = fmt::format("{:<12} {:<36}", flow::printable(provider.id), flow::printable(model.id));
    for (const Column& column : kColumns)
      line += fmt::format(" {:<20}", price_text(model.at(wall_now()), column.unit));
    finish();
  });
}

int show(const PriceChoice& choice) {
  auto table = app::load_prices();
  if (!table) return report(table.error());
  Output out(STDOUT_FILENO);
  std::size_t count = choice.json ? write_json(*table, choice, out) : write_table(*table, choice, out);
  if (auto finished = out.finish(); !finished) return report(finished.error());
  if (count > 0) return kExitOk;
  fmt::print(stderr, "weir: no model in the price table is called \"{}\"\n", flow::printable(choice.model));
  return kExitError;
}

int update(const PriceChoice& choice) {
  auto table = app::update_prices(choice.file);
  if (!table) return report(table.error());
  std::size_t models = 0;
  for (const llm::PriceProvider& provider : table->providers()) models += provider.models.size();
  fmt::print("{} models of {} providers have prices now", models, table->providers().size());
  if (table->skipped() > 0) fmt::print("; {} could not be understood and were left out", table->skipped());
  fmt::print("\n");
  return kExitOk;
}

}  // namespace

void add_prices(CLI::App& app, int& exit_code) {
  auto choice = std::make_shared<PriceChoice>();
  CLI::App* verb = app.add_subcommand("prices", "What calls of models are priced by");
  verb->require_subcommand(1);
  CLI::App* show_verb = verb->add_subcommand("show", "The prices in force now");
  show_verb->add_option("model", choice->model,
                        "Only models, or a provider, of this name or with it in theirs");
  show_verb->add_flag("--json", choice->json, "As JSON, in picodollars for one");
  show_verb->callback([choice, &exit_code] { exit_code = show(*choice); });
  CLI::App* update_verb = verb->add_subcommand("update", "Use a newer table in place of the one built in");
  update_verb->add_option("file", choice->file, "genai-prices' data.json, as it is published")->required();
  update_verb->callback([choice, &exit_code] { exit_code = update(*choice); });
}

}  // namespace weir::cli
