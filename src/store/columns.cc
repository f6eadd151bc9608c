#include "store/columns.h"

#include <fmt/format.h>

namespace weir::store {

std::string insert_into(std::string_view table, std::string_view columns) {
  std::string parameters = "?";
  for (char c : columns)
    if (c == ',') parameters += ", ?";
  return fmt::format("INSERT INTO {}({}) VALUES ({})", table, columns, parameters);
}

}  // namespace weir::store
