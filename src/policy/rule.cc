#include "policy/rule.h"

namespace weir::policy {

std::string_view name(Action action) {
  switch (action) {
    case Action::allow: return "allow";
    case Action::block: return "block";
    case Action::ask: return "ask";
  }
  return "";
}

std::string_view name(Scope scope) {
  switch (scope) {
    case Scope::host: return "host";
    case Scope::path: return "path";
    case Scope::url: return "url";
  }
  return "";
}

std::string_view name(PatternType type) {
  switch (type) {
    case PatternType::exact: return "exact";
    case PatternType::glob: return "glob";
    case PatternType::regex: return "regex";
  }
  return "";
}

std::string_view name(Layer layer) {
  switch (layer) {
    case Layer::corp: return "corp";
    case Layer::command_line: return "command line";
    case Layer::user: return "user";
    case Layer::project: return "project";
    case Layer::defaults: return "defaults";
  }
  return "";
}

}  // namespace weir::policy
