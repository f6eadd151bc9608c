#include "app/price_file.h"

#include <fmt/format.h>

#include <string>

#include "config/paths.h"
#include "llm/price_data.h"
#include "tls/file.h"

namespace weir::app {
namespace {

constexpr std::size_t kMostBytes = 16 << 20;
constexpr mode_t kPrivate = 0600;

Result<llm::PriceTable> table_in(const std::string& text, const std::filesystem::path& from) {
  auto table = llm::PriceTable::parse(text);
  if (!table)
    return fail(table.error().code(), fmt::format("{}: {}", from.string(), table.error().context()));
  return table;
}

Result<> check_whole(const llm::PriceTable& table, const std::filesystem::path& from) {
  auto built_in = llm::PriceTable::parse(llm::price_data());
  if (!built_in) return pass(built_in);
  for (const llm::PriceProvider& each : built_in->providers())
    if (!each.models.empty() && !table.provider(each.id))
      return fail(Code::bad_config,
                  fmt::format("{}: there are no prices of \"{}\" in it; a whole table is wanted",
                              from.string(), each.id));
  return {};
}

Result<llm::PriceTable> whole_table_in(const std::string& text, const std::filesystem::path& from) {
  auto table = table_in(text, from);
  if (!table) return table;
  if (auto whole = check_whole(*table, from); !whole) return pass(whole);
  return table;
}

}  // namespace

Result<std::filesystem::path> price_file() {
  auto root = config::data_root();
  if (!root) return pass(root);
  return std::filesystem::path(*root) / "prices.json";
}

Result<llm::PriceTable> load_prices() {
  auto path = price_file();
  if (!path) return pass(path);
  auto text = tls::read_file(*path, kMostBytes);
  if (text) return table_in(*text, *path);
  if (text.error().code() != Code::not_found) return pass(text);
  return llm::PriceTable::parse(llm::price_data());
}

Result<llm::PriceTable> read_prices(const std::filesystem::path& from) {
  auto text = tls::read_file(from, kMostBytes);
  if (!text) return pass(text);
  return whole_table_in(*text, from);
}

Result<llm::PriceTable> update_prices(const std::filesystem::path& from) {
  auto path = price_file();
  if (!path) return pass(path);
  auto text = tls::read_file(from, kMostBytes);
  if (!text) return pass(text);
  auto table = whole_table_in(*text, from);
  if (!table) return table;
  if (auto made = config::make_private_dirs(path->parent_path()); !made) return pass(made);
  if (auto written = tls::write_atomically(*path, *text, kPrivate); !written) return pass(written);
  return table;
}

}  // namespace weir::app
