// Redactor: whatever surrounds a secret and however it is written, it is nowhere in what comes out, in no
// spelling; and a text without it comes out as it went in.
#include <optional>
#include <string>

#include "base/hash.h"
#include "flow/redactor.h"
#include "harness.h"

namespace weir::fuzz {
namespace {

std::string percent(std::string_view text) {
  std::string out;
  for (char c : text) out.append("%").append(hex(std::string_view(&c, 1)));
  return out;
}

std::string json(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\' || c == '/') out += '\\';
    out += c;
  }
  return out;
}

std::string json_units(std::string_view text) {
  std::string out;
  for (char c : text) out.append("\\u00").append(hex(std::string_view(&c, 1)));
  return out;
}

std::string url_safe(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

/// Base64 of a text that the secret stands in, `behind` bytes after its beginning.
std::string coded(std::string_view secret, std::size_t behind) {
  return base64(std::string(behind, 'u').append(secret).append("v"));
}

std::string spelled(std::string_view secret, unsigned how) {
  switch (how % 11) {
    case 0: return std::string(secret);
    case 1: return percent(secret);
    case 2: return json(secret);
    case 3: return json_units(secret);
    case 4: return hex(secret);
    case 5: return percent(percent(secret));
    case 6: return json(json(secret));
    case 7: return percent(json(secret));
    case 8: return json(percent(secret));
    case 9: return coded(secret, how % 3);
    default: return url_safe(coded(secret, how % 3));
  }
}

/// The characters of base64 that hold nothing but bits of the secret.
std::string core(std::string_view secret, std::size_t behind) {
  std::size_t begin = (8 * behind + 5) / 6, end = 8 * (behind + secret.size()) / 6;
  return coded(secret, behind).substr(begin, end - begin);
}

/// Written another way than flow/spellings.cc does it.
std::string percent_decoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t high = i + 2 < text.size() ? kDigits.find(text[i + 1]) : kDigits.npos;
    std::size_t low = i + 2 < text.size() ? kDigits.find(text[i + 2]) : kDigits.npos;
    bool escape = text[i] == '%' && high != kDigits.npos && low != kDigits.npos;
    out += escape ? static_cast<char>(high % 16 * 16 + low % 16) : text[i];
    if (escape) i += 2;
  }
  return out;
}

void require_clean(std::string_view text, std::string_view secret) {
  require(text.find(secret) == text.npos, "a secret is left");
  require(percent_decoded(text).find(secret) == std::string::npos, "a secret is left, percent-encoded");
  for (unsigned how : {1u, 2u, 3u, 4u})
    require(text.find(spelled(secret, how)) == text.npos, "a secret is left, spelled otherwise");
  for (std::size_t behind : {0u, 1u, 2u}) {
    require(text.find(core(secret, behind)) == text.npos, "a secret is left in base64");
    require(text.find(url_safe(core(secret, behind))) == text.npos, "a secret is left in URL-safe base64");
  }
}

bool is_ascii(std::string_view text) {
  for (char c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

/// How many bytes at the end of `text` the secret begins with.
std::size_t begun(std::string_view text, std::string_view secret) {
  std::size_t length = std::min(text.size(), secret.size() - 1);
  while (!text.ends_with(secret.substr(0, length))) --length;
  return length;
}

void check_cut(const flow::Redactor& redactor, std::string_view text, std::string_view secret) {
  flow::Flow flow;
  flow.response_body = {.bytes = std::string(text), .size = text.size() + 1, .truncated = true};
  redactor.redact(flow);
  const std::string& kept = flow.response_body.bytes;
  require_clean(kept, secret);
  if (redactor.text(text) != text) return;
  require(text.starts_with(kept), "what is kept is the beginning");
  require(kept.size() + begun(text, secret) <= text.size(), "the beginning of a secret is not kept");
}

/// Bytes: how the secret is spelled, its length, where it goes; then the secret, then the text around it.
void check(std::string_view input) {
  if (input.size() < 3) return;
  auto number = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  unsigned how = number(0);
  std::size_t length = 4 + number(1) % 29, at = number(2);
  input.remove_prefix(3);
  std::string_view secret = input.substr(0, length);
  if (secret.size() < 4) return;
  if (how % 11 == 3 && !is_ascii(secret)) how = 0;  // an escape of JSON is a character, not a byte
  std::string_view around = input.substr(secret.size());
  auto redactor = flow::Redactor::compile({{{.name = "x", .value = std::string(secret)}}, {}, 1 << 20});
  if (!redactor) return;  // a piece of the mark itself
  std::string text(around);
  text.insert(std::min(at, text.size()), " " + spelled(secret, how) + " ");
  std::string clean = (*redactor)->text(text);
  require_clean(clean, secret);
  require(clean != text, "it was found");
  require_clean((*redactor)->text(around), secret);
  require((*redactor)->text(clean) == clean, "there is nothing more to find");
  for (std::size_t cut = 0; cut <= text.size(); cut += text.size() / 16 + 1)
    check_cut(**redactor, std::string_view(text).substr(0, cut), secret);
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2048) return 0;
  weir::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
