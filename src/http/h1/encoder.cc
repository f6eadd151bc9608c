// Heads are measured first and then written with plain copies into room made once.
#include "http/h1/encoder.h"

#include <cassert>
#include <charconv>
#include <cstring>
#include <initializer_list>

#include "http/syntax.h"

namespace weir::http::h1 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kColon = ": ";

char* put(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

std::size_t fields_size(const Fields& fields) {
  std::size_t size = kLineEnd.size();
  for (Fields::View field : fields)
    size += field.name.size() + kColon.size() + field.value.size() + kLineEnd.size();
  return size;
}

char* put_fields(char* to, const Fields& fields) {
  for (Fields::View field : fields) {
    assert(valid_field(field.name, field.value));
    to = put(put(put(put(to, field.name), kColon), field.value), kLineEnd);
  }
  return put(to, kLineEnd);
}

// The pieces of a start line (its CRLF included), the fields and the empty line.
void append_head(std::string& out, std::initializer_list<std::string_view> start_line, const Fields& fields) {
  std::size_t size = out.size() + fields_size(fields);
  for (std::string_view piece : start_line) size += piece.size();
  std::size_t old_size = out.size();
  out.resize_and_overwrite(size, [&](char* data, std::size_t) {
    char* to = data + old_size;
    for (std::string_view piece : start_line) to = put(to, piece);
    put_fields(to, fields);
    return size;
  });
}

}  // namespace

void append_request_head(std::string& out, const RequestHead& head, bool absolute_form) {
  constexpr std::string_view kEnd = " HTTP/1.1\r\n";
  assert(is_token(head.method));
  if (head.is("CONNECT"))
    return append_head(out, {head.method, " ", head.origin.place.str(), kEnd}, head.fields);
  if (!absolute_form) return append_head(out, {head.method, " ", head.target, kEnd}, head.fields);
  std::string_view path = head.target == "*" ? std::string_view() : head.target;  // RFC 9112 section 3.2.4
  append_head(out, {head.method, " ", head.origin.str(), path, kEnd}, head.fields);
}

void append_response_head(std::string& out, const ResponseHead& head) {
  assert(head.status >= 100 && head.status <= 999);
  char digits[3];
  std::to_chars(digits, digits + sizeof digits, head.status);
  std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : std::string_view(head.reason);
  append_head(out, {"HTTP/1.1 ", {digits, sizeof digits}, " ", reason, kLineEnd}, head.fields);
}

std::string_view chunk_line(std::array<char, 20>& buffer, std::size_t size) {
  assert(size > 0);
  char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), size, 16).ptr;
  end = put(end, kLineEnd);
  return {buffer.data(), end};
}

void append_last_chunk(std::string& out, const Fields& trailers) { append_head(out, {"0\r\n"}, trailers); }

bool valid_field(std::string_view name, std::string_view value) {
  return is_token(name) && find_control(value) == value.size();
}

}  // namespace weir::http::h1
