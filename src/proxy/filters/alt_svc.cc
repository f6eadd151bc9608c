#include "proxy/filters/alt_svc.h"

#include <charconv>

#include "http/syntax.h"

namespace weir::proxy {
namespace {

constexpr std::string_view kAltSvc = "Alt-Svc";

// Takes the parts of an Alt-Svc value from its front. Each take is false where that part does not come next.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }
  std::size_t at() const { return at_; }
  void skip_space() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    bool there = !at_end() && text_[at_] == c;
    at_ += there;
    return there;
  }
  bool take_token() {
    std::size_t start = at_;
    while (!at_end() && http::is_token_byte(text_[at_])) ++at_;
    return at_ > start;
  }
  bool take_quoted() {
    if (!take('"')) return false;
    while (!at_end() && text_[at_] != '"') at_ += text_[at_] == '\\' && at_ + 1 < text_.size() ? 2 : 1;
    return take('"');
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// alt-value, with the space that may follow it.
bool take_alternative(Reader& in) {
  if (!in.take_token() || !in.take('=') || !in.take_quoted()) return false;
  for (in.skip_space(); in.take(';'); in.skip_space()) {
    in.skip_space();
    if (!in.take_token() || !in.take('=') || !(in.take_quoted() || in.take_token())) return false;
  }
  return true;
}

// A protocol-id with its percent-encoding undone.
std::string decoded(std::string_view id) {
  std::string out;
  for (std::size_t i = 0; i < id.size(); ++i) {
    unsigned value = 0;
    const char* digits = id.data() + i + 1;
    bool encoded =
        id[i] == '%' && i + 2 < id.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2;
    out += encoded ? static_cast<char>(value) : id[i];
    if (encoded) i += 2;
  }
  return out;
}

bool speaks_quic(std::string_view alternative) {
  std::string id = lower(decoded(alternative.substr(0, alternative.find('='))));
  return id.starts_with("h3") || id.starts_with("hq") || id.starts_with("quic");
}

// What may stay of the Alt-Svc lines together, and whether that is all of them.
struct Kept {
  std::string list;
  bool all = true;

  void add(std::string_view part) { list.append(list.empty() ? "" : ", ").append(part); }
};

void sort_line(std::string_view value, Kept& kept) {
  if (trim_ows(value) == "clear") return kept.add("clear");
  std::vector<std::string_view> good;
  Reader in(value);
  for (in.skip_space(); !in.at_end(); in.skip_space()) {
    if (in.take(',')) continue;
    std::size_t start = in.at();
    bool whole = take_alternative(in);
    std::string_view alternative = trim_ows(value.substr(start, in.at() - start));
    if (!whole || !(in.at_end() || in.take(','))) {
      kept.all = false;
      return;
    }
    if (speaks_quic(alternative)) {
      kept.all = false;
    } else {
      good.push_back(alternative);
    }
  }
  for (std::string_view alternative : good) kept.add(alternative);
}

}  // namespace

bool remove_quic_alternatives(http::Fields& fields) {
  Kept kept;
  for (http::Fields::View field : fields)
    if (iequals(field.name, kAltSvc)) sort_line(field.value, kept);
  if (kept.all) return false;
  if (kept.list.empty()) {
    fields.remove(kAltSvc);
  } else {
    fields.set(kAltSvc, kept.list);
  }
  return true;
}

async::Task<Result<void>> AltSvc::on_response(Exchange& exchange) {
  bool intercepted = exchange.client().interception == flow::Interception::intercepted;
  if (intercepted && remove_quic_alternatives(exchange.response().fields))
    exchange.recording().mark("alt_svc_h3_removed");
  co_return Result<void>();
}

}  // namespace weir::proxy
