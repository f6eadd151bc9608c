#include "control/metrics_text.h"

namespace weir::control {
namespace {

// Of help texts a quote stays as it is.
void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quotes)
      out += "\\\"";
    else
      out += c;
  }
}

}  // namespace

MetricsText& MetricsText::family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(out_, help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  return *this;
}

MetricsText& MetricsText::sample(std::uint64_t value, Labels labels) {
  out_ += name_;
  char before = '{';
  for (auto [label, text] : labels) {
    out_.append(1, std::exchange(before, ',')).append(label).append("=\"");
    append_escaped(out_, text, true);
    out_ += '"';
  }
  if (labels.size() > 0) out_ += '}';
  out_.append(" ").append(std::to_string(value)).append("\n");
  return *this;
}

}  // namespace weir::control
