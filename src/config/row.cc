#include "config/row.h"

#include "base/edit_distance.h"
#include "http/syntax.h"

namespace weir::config {

bool Method::parse(const Scalar& scalar, const Place& place, std::string& out) {
  if (!http::is_token(scalar.text) || !Text::parse(scalar, place, out)) return false;
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  return true;
}

std::string source_of(const Scalar& table, const Place& place) {
  return table.line == 0 ? place.source : place.source + ":" + std::to_string(table.line);
}

std::string found(const Scalar& scalar) {
  return scalar.type == Scalar::Type::string || scalar.type == Scalar::Type::table ? scalar.toml()
                                                                                   : scalar.text;
}

bool Row::is_table(std::string_view example) {
  if (table_.type == Scalar::Type::table) return true;
  complain(found(table_) + " is not accepted; wanted is a table: " + std::string(example));
  return false;
}

const Value* Row::take(std::string_view member) {
  known_.push_back(member);
  auto at = std::ranges::find(table_.members, member, &Member::name);
  return at == table_.members.end() ? nullptr : &at->value;
}

bool Row::has(std::string_view member) const {
  return std::ranges::find(table_.members, member, &Member::name) != table_.members.end();
}

void Row::complain(const std::string& text, std::uint32_t line, std::uint32_t column) {
  bool own = line == 0;
  complaints_.push_back({prefix_ + text, own ? table_.line : line, own ? table_.column : column});
}

void Row::finish() {
  for (const auto& [name, value] : table_.members) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    std::string text = "unknown key " + name;
    auto nearest = std::ranges::min(known_, {}, [&](auto known) { return edit_distance(name, known); });
    if (edit_distance(name, nearest) < std::min<std::size_t>(3, nearest.size()))
      text.append("; did you mean ").append(nearest).append("?");
    complain(text, value.line, value.column);
  }
}

}  // namespace weir::config
