#include "store/remote_entry.h"

#include <algorithm>

#include "flow/redaction.h"
#include "flow/text.h"
#include "flow/view.h"
#include "store/jsonl_line.h"

namespace weir::store {
namespace {

// Blocked, and 4xx: somebody may want to look. An upstream's 5xx is an answer, too.
RemoteSeverity severity_of(const flow::Flow& flow) {
  if (flow::failed(flow)) return RemoteSeverity::error;
  bool refused = flow.has_response && flow.response.status >= 400;
  return refused || flow.error != Code::none || flow.filter_action == "block" ? RemoteSeverity::warn
                                                                              : RemoteSeverity::info;
}

std::string line_of(const RemoteEntry& entry) {
  std::string out = entry.method + " " + entry.url;
  if (entry.status != 0) out.append(" ").append(std::to_string(entry.status));
  if (entry.duration_us >= 0) out.append(" ").append(flow::duration_text(entry.duration_us));
  if (entry.filter_action == "block") out.append(" blocked: ").append(entry.filter_reason);
  if (!entry.error.empty()) out.append(" (").append(entry.error).append(")");
  return out;
}

}  // namespace

RemoteEntry remote_entry(const flow::Flow& flow, std::string_view session) {
  RemoteEntry out;
  if (append_jsonl(out.json, flow, session)) out.json.pop_back();
  flow::RedactedTexts texts = flow::redacted_texts(flow);
  http::RequestHead head;
  head.method = flow.request.method;
  head.origin = flow.request.origin;
  head.target = texts.target;
  out.started = flow.started;
  out.ended = flow.started + std::max<std::int64_t>(flow.duration_us, 0) * 1000;
  out.severity = severity_of(flow);
  out.id = short_id(flow, session);
  out.method = flow::printable(flow.request.method);
  out.url = flow::printable(head.url());
  out.host = flow::printable(flow.request.origin.place.host);
  out.port = flow.request.origin.place.port;
  out.status = flow.has_response ? flow.response.status : 0;
  out.error = flow.error == Code::none ? "" : std::string(info(flow.error).name);
  out.filter_action = flow::printable(flow.filter_action);
  out.filter_reason = flow::printable(texts.filter_reason);
  out.interception = name(flow.interception);
  out.duration_us = flow.duration_us;
  out.request_bytes = flow.request_body.size;
  out.response_bytes = flow.response_body.size;
  out.line = line_of(out);
  return out;
}

}  // namespace weir::store
