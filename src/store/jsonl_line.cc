#include "store/jsonl_line.h"

#include "base/json.h"
#include "flow/redaction.h"
#include "flow/view.h"

namespace weir::store {
namespace {

std::size_t append(std::string& out, const flow::Flow& flow, std::string_view session) {
  std::size_t begin = out.size();
  std::string id = short_id(flow, session);
  JsonWriter json(out);
  flow::write_entry(json, {.flow = flow,
                           .id = id,
                           .session = session,
                           .request_body = flow.request_body.bytes,
                           .response_body = flow.response_body.bytes});
  return out.size() - begin;
}

void drop_bodies(flow::Flow& flow) {
  for (flow::Captured* body : {&flow.request_body, &flow.response_body}) {
    body->truncated |= !body->bytes.empty();
    body->bytes.clear();
  }
  flow.marks.append(flow.marks.empty() ? "" : ",").append("body_too_long");
}

}  // namespace

std::string short_id(const flow::Flow& flow, std::string_view session) {
  std::string id(session.substr(session.size() - std::min<std::size_t>(session.size(), 4)));
  if (!id.empty()) id += '-';
  return id + std::to_string(flow.id);
}

bool append_jsonl(std::string& out, const flow::Flow& flow, std::string_view session) {
  std::size_t begin = out.size();
  flow::Flow safe = flow;
  flow::redact(safe);
  std::size_t length = append(out, safe, session);
  if (length > kLongestLine) {
    out.resize(begin);
    drop_bodies(safe);
    length = append(out, safe, session);
  }
  if (length > kLongestLine) {
    out.resize(begin);
    return false;
  }
  out += '\n';
  return true;
}

}  // namespace weir::store
