#include "http/h1/field_line.h"

#include "http/syntax.h"

namespace weir::http::h1 {

std::expected<Fields::View, const char*> split_field_line(std::string_view line, Side side) {
  std::size_t name_end = 0;
  while (name_end < line.size() && is_token_byte(line[name_end])) ++name_end;
  std::size_t colon = name_end;
  while (side == Side::upstream && name_end > 0 && colon < line.size() &&
         (line[colon] == ' ' || line[colon] == '\t'))
    ++colon;
  if (name_end > 0 && colon < line.size() && line[colon] == ':')
    return Fields::View{line.substr(0, name_end), trim_ows(line.substr(colon + 1))};
  if (line.starts_with(' ') || line.starts_with('\t'))
    return std::unexpected("a folded line (RFC 9112 section 5.2)");
  if (name_end == line.size()) return std::unexpected("no colon (RFC 9112 section 5)");
  if (line[name_end] == ' ' || line[name_end] == '\t')
    return std::unexpected("space before the colon (RFC 9112 section 5.1)");
  if (name_end == 0 && line[0] == ':') return std::unexpected("an empty name (RFC 9110 section 5.1)");
  return std::unexpected("a name that is no token (RFC 9110 section 5.1)");
}

}  // namespace weir::http::h1
