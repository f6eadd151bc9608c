#include "config/toml_file.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <sstream>

namespace weir::config {
namespace {

std::string kind_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time: return "a date or time";
    case toml::node_type::array: return "a list in a list";
    default: return "a table";
  }
}

void set_place(const toml::source_position& place, Value& out) {
  out.line = place.line;
  out.column = place.column;
}

Value value_of(const toml::node& node);

Scalar scalar_of(const toml::node& node) {
  Scalar out{Scalar::Type::other, "", node.source().begin.line, node.source().begin.column};
  if (const auto* text = node.as_string()) {
    out.type = Scalar::Type::string;
    out.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    out.type = Scalar::Type::integer;
    out.text = std::to_string(number->get());
  } else if (const auto* on = node.as_boolean()) {
    out.type = Scalar::Type::boolean;
    out.text = on->get() ? "true" : "false";
  } else if (const toml::table* table = node.as_table()) {
    out.type = Scalar::Type::table;
    for (const auto& [key, member] : *table) {
      out.members.push_back({std::string(key.str()), value_of(member)});
      set_place(key.source().begin, out.members.back().value);
    }
  } else {
    out.text = kind_name(node);
  }
  return out;
}

Value value_of(const toml::node& node) {
  Value out;
  set_place(node.source().begin, out);
  if (const toml::array* list = node.as_array()) {
    out.list = true;
    for (const toml::node& item : *list) out.items.push_back(scalar_of(item));
  } else {
    out.items.push_back(scalar_of(node));
  }
  return out;
}

// [credentials.NAME] is a table of a list, with a name.
constexpr std::string_view kNamedTables = "credentials";

Value named_tables(const toml::table& tables) {
  Value out;
  out.list = true;
  for (const auto& [name, node] : tables) {
    Scalar& table = out.items.emplace_back(scalar_of(node));
    Value named = Value::string(std::string(name.str()));
    set_place(name.source().begin, named);
    table.line = named.line;
    table.column = named.column;
    table.members.insert(table.members.begin(), {"name", std::move(named)});
  }
  return out;
}

void flatten(const toml::table& table, const std::string& prefix, std::vector<Entry>& out) {
  for (const auto& [key, node] : table) {
    if (prefix.empty() && key.str() == kNamedTables && node.is_table()) {
      Entry& entry = out.emplace_back(std::string(key.str()), named_tables(*node.as_table()));
      set_place(node.source().begin, entry.value);
      continue;
    }
    Entry& entry = out.emplace_back(prefix + std::string(key.str()), Value(), node.is_table());
    // A table made by a header has the header's place; for a plain key the key's is the better one to show.
    if (!entry.table) entry.value = value_of(node);
    set_place(entry.table ? node.source().begin : key.source().begin, entry.value);
    if (const toml::table* inner = node.as_table()) flatten(*inner, std::string(entry.key) + ".", out);
  }
}

}  // namespace

Document parse_toml(const std::string& text) {
  Document out;
  toml::parse_result parsed = toml::parse(text);
  if (parsed) {
    flatten(parsed.table(), "", out.entries);
    return out;
  }
  out.syntax_error = parsed.error().description();
  out.line = parsed.error().source().begin.line;
  out.column = parsed.error().source().begin.column;
  return out;
}

}  // namespace weir::config
