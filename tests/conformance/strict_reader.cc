#include "tests/conformance/strict_reader.h"

#include <optional>
#include <stdexcept>

namespace weir::testing {
namespace {

using Request = StrictReader::Request;

struct Offence : std::runtime_error {
  using runtime_error::runtime_error;
};
struct Incomplete {};

void must(bool holds, const char* offence) {
  if (!holds) throw Offence(offence);
}

bool is_alnum(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_name(std::string_view text) {
  for (char c : text)
    if (!is_alnum(static_cast<unsigned char>(c)) &&
        std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
      return false;
  return !text.empty();
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  std::size_t at() const { return at_; }

  std::string_view line() {
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != '\r') {
      unsigned char c = static_cast<unsigned char>(text_[end]);
      must((c >= 0x20 && c != 0x7F) || c == '\t', "a control byte or a bare LF");
      ++end;
    }
    if (end + 1 >= text_.size()) throw Incomplete();
    must(text_[end + 1] == '\n', "a bare CR");
    std::string_view out = text_.substr(at_, end - at_);
    at_ = end + 2;
    return out;
  }
  std::string_view bytes(std::size_t count) {
    if (text_.size() - at_ < count) throw Incomplete();
    at_ += count;
    return text_.substr(at_ - count, count);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

void read_request_line(std::string_view line, Request& out) {
  std::size_t first = line.find(' ');
  must(first != std::string_view::npos, "a request line without spaces");
  std::size_t second = line.find(' ', first + 1);
  must(second != std::string_view::npos && line.substr(second + 1) == "HTTP/1.1", "a request line's end");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, second - first - 1);
  must(is_name(out.method), "a method that is no token");
  must(out.method != "CONNECT", "a CONNECT to an origin");
  must(out.target.starts_with('/') || (out.target == "*" && out.method == "OPTIONS"), "a target's form");
  for (char c : out.target) must(c > ' ' && c < 0x7F && c != '#', "a byte in the target");
}

std::pair<std::string, std::string> read_field(std::string_view line) {
  std::size_t colon = line.find(':');
  must(colon != std::string_view::npos && is_name(line.substr(0, colon)), "a field's name");
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  must(value.empty() || (value.back() != ' ' && value.back() != '\t'), "space behind a value");
  return {std::string(line.substr(0, colon)), std::string(value)};
}

std::size_t read_length(std::string_view text) {
  must(!text.empty() && text.size() <= 19, "a length's size");
  must(text == "0" || text.front() != '0', "a length with leading zeros");
  std::size_t out = 0;
  for (char c : text) {
    must(c >= '0' && c <= '9', "a length that is no number");
    out = out * 10 + static_cast<std::size_t>(c - '0');
  }
  must(out >> 63 == 0, "a length over 2^63 - 1");
  return out;
}

std::size_t read_chunk_size(std::string_view line) {
  must(!line.empty() && line.size() <= 15, "a chunk size's size");
  must(line == "0" || line.front() != '0', "a chunk size with leading zeros");
  std::size_t out = 0;
  for (char c : line) {
    std::size_t digit = std::string_view("0123456789abcdef").find(c);
    must(digit != std::string_view::npos, "a chunk line that is no plain size");
    out = out * 16 + digit;
  }
  return out;
}

// Fields that end at Weir, and those that a trailer must not be.
void judge_field(const std::string& name, const std::string& value, bool trailer) {
  for (const char* hop :
       {"keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "http2-settings"})
    must(name != hop, "a field of the other connection");
  if (name == "te") must(value == "trailers", "a TE that asks for codings");
  if (name == "connection")
    must(value == "TE" || value == "Upgrade" || value == "Upgrade, TE",
         "a Connection field of the other side");
  if (!trailer) return;
  for (const char* framing :
       {"content-length", "transfer-encoding", "host", "connection", "te", "trailer", "upgrade"})
    must(name != framing, "a trailer that frames or routes");
}

void read_chunks(Cursor& in, Request& out) {
  while (std::size_t size = read_chunk_size(in.line())) {
    out.body += in.bytes(size);
    must(in.bytes(2) == "\r\n", "a chunk's end");
  }
  for (std::string_view line = in.line(); !line.empty(); line = in.line()) {
    auto [name, value] = read_field(line);
    judge_field(lowered(name), value, true);
  }
}

std::size_t read_request(std::string_view text, Request& out) {
  Cursor in(text);
  read_request_line(in.line(), out);
  std::optional<std::size_t> length;
  bool chunked = false;
  int hosts = 0;
  for (std::string_view line = in.line(); !line.empty(); line = in.line()) {
    auto [name, value] = read_field(line);
    std::string known = lowered(name);
    judge_field(known, value, false);
    if (known == "host") {
      ++hosts;
      out.host = value;
    } else if (known == "content-length") {
      must(!length, "two lengths");
      length = read_length(value);
    } else if (known == "transfer-encoding") {
      must(!chunked && value == "chunked", "a coding but chunked");
      chunked = true;
    }
    out.fields.emplace_back(name, value);
  }
  must(hosts == 1, "not one Host");
  must(!(length && chunked), "a length and a coding");
  if (chunked) read_chunks(in, out);
  if (length) out.body = in.bytes(*length);
  return in.at();
}

}  // namespace

void StrictReader::feed(std::string_view bytes) {
  rest_.append(bytes);
  try {
    while (error.empty() && !rest_.empty()) {
      Request request;
      rest_.erase(0, read_request(rest_, request));
      requests.push_back(std::move(request));
    }
  } catch (const Offence& offence) {
    error = offence.what();
  } catch (const Incomplete&) {
    // what has come so far is in order
  }
}

}  // namespace weir::testing
