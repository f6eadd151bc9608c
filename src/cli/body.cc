#include "cli/body.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/text.h"
#include "http/content/decoder.h"

namespace weir::cli {
namespace {

// Enough for kPreviewWidth columns of any script, escapes included.
constexpr std::size_t kPreviewBytes = 1024;

const flow::Captured& captured(const store::Row& row, Part part) {
  return part == Part::request ? row.flow.request_body : row.flow.response_body;
}

const http::Fields& fields_of(const store::Row& row, Part part) {
  return part == Part::request ? row.flow.request.fields : row.flow.response.fields;
}

std::string list_value(const http::Fields& fields, std::string_view name) {
  std::string list;
  for (http::Fields::View field : fields) {
    if (!iequals(field.name, name)) continue;
    if (!list.empty()) list += ',';
    list += field.value;
  }
  return list;
}

std::string description(const store::Row& row, Part part, std::string_view what) {
  std::string type =
      fields_of(row, part).get("content-type").transform([](auto v) { return std::string(v); }).value_or("");
  std::string size = flow::size_text(captured(row, part).size);
  if (type.empty()) return fmt::format("({}, {})", what, size);
  return fmt::format("({}, {}, {})", what, flow::printable(type), size);
}

// Lays JSON out token by token; see laid_out_json().
class Layout {
 public:
  explicit Layout(std::string_view json) : json_(json) {}

  std::string run() {
    while (at_ < json_.size()) step(json_[at_]);
    return std::move(out_);
  }

 private:
  void step(char c) {
    switch (c) {
      case '"': string(); return;
      case '{':
      case '[': open(c); break;
      case '}':
      case ']': close(c); break;
      case ',':
        out_ += c;
        new_line();
        break;
      case ':': out_ += ": "; break;
      case ' ':
      case '\t':
      case '\r':
      case '\n': break;
      default: out_ += c;
    }
    ++at_;
  }

  void string() {
    std::size_t end = at_ + 1;
    while (end < json_.size() && json_[end] != '"') end += json_[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, json_.size());
    out_ += json_.substr(at_, end - at_);
    at_ = end;
  }

  void open(char bracket) {
    out_ += bracket;
    std::size_t next = json_.find_first_not_of(" \t\r\n", at_ + 1);
    if (next != std::string_view::npos && (json_[next] == '}' || json_[next] == ']')) {
      out_ += json_[next];
      at_ = next;
      return;
    }
    ++depth_;
    new_line();
  }

  void close(char bracket) {
    if (depth_ > 0) --depth_;
    new_line();
    out_ += bracket;
  }

  void new_line() {
    constexpr std::size_t kDeepest = 64;
    out_ += '\n';
    out_.append(2 * std::min(depth_, kDeepest), ' ');
  }

  std::string_view json_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::string out_;
};

bool looks_like_json(std::string_view text) {
  std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

Result<std::string> wire_body(store::Query& query, const store::Row& row, Part part) {
  store::BodyId id = part == Part::request ? row.request_body : row.response_body;
  if (id == 0) return std::string();
  return query.load_body(row, id);
}

std::string decoded_body(const store::Row& row, Part part, std::string bytes, std::size_t max) {
  // A body that had to be changed was decoded before it was stored.
  std::string codings =
      captured(row, part).decoded ? "" : list_value(fields_of(row, part), "content-encoding");
  auto decoded = http::content::decode(codings, bytes, max);
  if (decoded) return std::move(decoded->text);
  bytes.resize(std::min(bytes.size(), max));
  return bytes;
}

Result<std::string> body_preview(store::Query& query, const store::Row& row, Part part) {
  auto bytes = wire_body(query, row, part);
  if (!bytes) return bytes;
  if (bytes->empty())
    return captured(row, part).size == 0 ? std::string() : description(row, part, "not kept");
  std::string text = decoded_body(row, part, std::move(*bytes), kPreviewBytes);
  if (!flow::is_text(text)) return description(row, part, "binary");
  return flow::fitted(flow::printable(text), kPreviewWidth);
}

std::string laid_out_json(std::string_view json) { return Layout(json).run(); }

std::string readable_body(const store::Row& row, Part part, std::string_view bytes) {
  std::string out;
  if (!flow::is_text(bytes)) {
    out = description(row, part, "binary");
  } else {
    out = flow::printable_lines(looks_like_json(bytes) ? laid_out_json(bytes) : std::string(bytes));
  }
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

}  // namespace weir::cli
