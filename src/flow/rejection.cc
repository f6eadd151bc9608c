#include "flow/rejection.h"

namespace weir::flow {

void write_rejection(JsonWriter& json, const Rejection& rejection) {
  json.begin_object();
  if (!rejection.alert.empty()) json.field("alert", rejection.alert);
  if (!rejection.library.empty()) json.field("library", rejection.library);
  if (!rejection.mend.empty()) json.field("mend", rejection.mend);
  json.end_object();
}

std::shared_ptr<const Rejection> read_rejection(JsonValue object) {
  if (!object.is_object()) return nullptr;
  auto text = [&](const char* name) { return std::string(object[name].string().value_or("")); };
  return std::make_shared<const Rejection>(Rejection{text("alert"), text("library"), text("mend")});
}

std::string rejection_note(const Rejection& rejection) {
  std::string out = "certificate refused: " + (rejection.alert.empty() ? "no alert" : rejection.alert);
  return rejection.library.empty() ? out : out + ", " + rejection.library;
}

}  // namespace weir::flow
