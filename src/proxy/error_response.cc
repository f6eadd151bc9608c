#include "proxy/error_response.h"

#include <fmt/format.h>

#include "base/json.h"
#include "flow/text.h"

namespace weir::proxy {
namespace {

enum class Form { text, json, html };

// "application/json;q=0": the client says no.
bool refused(std::string_view element) {
  std::size_t at = element.find(";q=0");
  if (at == std::string_view::npos) return false;
  std::string_view rest = element.substr(at + 4);
  return rest.find_first_not_of(".0 ") == std::string_view::npos;
}

Form preferred_form(const http::Fields& fields) {
  Form form = Form::text;
  bool decided = false;
  for (auto field : fields) {
    if (!iequals(field.name, "accept")) continue;
    for_each_element(field.value, [&](std::string_view element) {
      std::string_view type = trim_ows(element.substr(0, element.find(';')));
      if (decided || refused(element)) return;
      if (iequals(type, "application/json") ||
          (type.size() > 5 && iequals(type.substr(type.size() - 5), "+json"))) {
        form = Form::json;
        decided = true;
      } else if (iequals(type, "text/html")) {
        form = Form::html;
        decided = true;
      }
    });
  }
  return form;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string as_json(const Error& error, const CodeInfo& about, std::uint64_t flow) {
  std::string out;
  JsonWriter json(out, 2);
  json.begin_object().key("error").begin_object();
  json.field("code", about.name)
      .field("phase", name(about.phase))
      .field("status", static_cast<unsigned>(about.status));
  json.field("title", about.title)
      .field("detail", std::string_view(error.context()))
      .field("mend", about.mend);
  json.field("flow", flow).field("proxy", "weir");
  json.end_object().end_object();
  return out + "\n";
}

std::string as_text(const Error& error, const CodeInfo& about, std::uint64_t flow) {
  std::string out = fmt::format("Weir: {}\n", about.title);
  if (!error.context().empty()) out += fmt::format("  {}\n", flow::printable(error.context()));
  if (!about.mend.empty()) out += fmt::format("  {}\n", about.mend);
  return out + fmt::format("  code {}, phase {}, flow {}\n", about.name, name(about.phase), flow);
}

std::string as_html(const Error& error, const CodeInfo& about, std::uint64_t flow) {
  return fmt::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0} {1}</title>"
      "<body style=\"font:16px system-ui,sans-serif;max-width:42em;margin:4em auto;padding:0 1em\">"
      "<h1 style=\"font-size:1.3em\">Weir: {2}</h1><p><code>{3}</code></p><p>{4}</p>"
      "<p style=\"color:#777\">code <code>{5}</code>, phase {6}, flow {7}</p></body></html>\n",
      about.status, http::reason_phrase(about.status), escape_html(about.title),
      escape_html(flow::printable(error.context())), escape_html(about.mend), about.name, name(about.phase),
      flow);
}

bool is_grpc(const http::Fields& fields) {
  std::string_view type = fields.get("content-type").value_or("");
  return type == "application/grpc" || type.starts_with("application/grpc+") ||
         type.starts_with("application/grpc;");
}

// google.rpc.Code, as gRPC's own table maps HTTP's status, but for what has a closer word.
std::string_view grpc_status(const CodeInfo& about) {
  switch (about.status) {
    case 400:
    case 431: return "13";  // INTERNAL
    case 401:
    case 407: return "16";  // UNAUTHENTICATED
    case 403: return "7";   // PERMISSION_DENIED
    case 413:
    case 429: return "8";  // RESOURCE_EXHAUSTED
    case 408:
    case 504: return "4";  // DEADLINE_EXCEEDED
    case 421:
    case 508: return "9";  // FAILED_PRECONDITION
    default: return "14";  // UNAVAILABLE
  }
}

// Percent-encoded as the gRPC protocol has it for grpc-message.
std::string grpc_message(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// Its clients read nothing but the status and the message, wherever HTTP's own would tell more.
ErrorResponse grpc_response(const Error& error, const CodeInfo& about) {
  ErrorResponse out;
  out.head.status = 200;
  out.head.reason = http::reason_phrase(200);
  out.head.fields.add("Content-Type", "application/grpc");
  out.head.fields.add("grpc-status", grpc_status(about));
  std::string text = fmt::format("Weir: {}", about.title);
  if (!error.context().empty()) text += fmt::format(": {}", error.context());
  out.head.fields.add("grpc-message", grpc_message(text));
  return out;
}

}  // namespace

ErrorResponse error_response(const Error& error, const http::RequestHead& request, std::uint64_t flow) {
  const CodeInfo& about = info(error.code());
  ErrorResponse out;
  if (is_grpc(request.fields)) {
    out = grpc_response(error, about);
    out.head.fields.add("X-Weir-Error", about.name);
    out.head.fields.add("X-Weir-Flow", std::to_string(flow));
    return out;
  }
  out.head.status = about.status >= 400 && about.status != 499 ? about.status : 502;
  out.head.reason = http::reason_phrase(out.head.status);
  std::string_view type;
  switch (preferred_form(request.fields)) {
    case Form::json:
      out.body = as_json(error, about, flow);
      type = "application/json";
      break;
    case Form::html:
      out.body = as_html(error, about, flow);
      type = "text/html; charset=utf-8";
      break;
    case Form::text: out.body = as_text(error, about, flow); type = "text/plain; charset=utf-8";
  }
  out.head.fields.add("Content-Type", type);
  out.head.fields.add("Cache-Control", "no-store");
  out.head.fields.add("X-Weir-Error", about.name);
  out.head.fields.add("X-Weir-Flow", std::to_string(flow));
  return out;
}

}  // namespace weir::proxy
