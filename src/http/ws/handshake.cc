#include "http/ws/handshake.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/hash.h"

namespace weir::http::ws {
namespace {

constexpr std::string_view kKeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyDigits = 22;  // of 16 bytes, before the padding

bool is_base64_digit(char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; }

// Takes "name" or "name=value" off the front of a ";" list; quotes around a value are dropped, for RFC 6455
// section 9.1 allows no others in it than around a token.
struct Parameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

Parameter take_parameter(std::string_view& list) {
  std::size_t end = std::min(list.find(';'), list.size());
  std::string_view text = trim_ows(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, std::nullopt};
  std::string_view value = trim_ows(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value.remove_prefix(1);
    value.remove_suffix(1);
  }
  return {trim_ows(text.substr(0, equals)), value};
}

// RFC 7692 section 7.1.2: 8 to 15, without leading zeros.
std::optional<int> window_bits(const Parameter& parameter) {
  if (!parameter.value || parameter.value->starts_with('0')) return std::nullopt;
  auto bits = parse_decimal(*parameter.value);
  if (!bits || *bits < 8 || *bits > 15) return std::nullopt;
  return static_cast<int>(*bits);
}

class DeflateReader {
 public:
  std::optional<DeflateParameters> read(std::string_view list) {
    while (!list.empty())
      if (!take(take_parameter(list))) return std::nullopt;
    return out_;
  }

 private:
  bool take(const Parameter& parameter) {
    if (iequals(parameter.name, "server_no_context_takeover"))
      return flag(parameter, out_.server_no_context_takeover);
    if (iequals(parameter.name, "client_no_context_takeover"))
      return flag(parameter, out_.client_no_context_takeover);
    if (iequals(parameter.name, "server_max_window_bits"))
      return bits(parameter, out_.server_max_window_bits, server_bits_seen_);
    if (iequals(parameter.name, "client_max_window_bits"))
      return bits(parameter, out_.client_max_window_bits, client_bits_seen_);
    return false;
  }

  static bool flag(const Parameter& parameter, bool& out) {
    bool repeated = out;
    out = true;
    return !repeated && !parameter.value;
  }

  static bool bits(const Parameter& parameter, int& out, bool& seen) {
    bool repeated = seen;
    seen = true;
    auto value = window_bits(parameter);
    if (value) out = *value;
    return !repeated && value;
  }

  DeflateParameters out_;
  bool server_bits_seen_ = false;
  bool client_bits_seen_ = false;
};

void add_extension(Extensions& agreed, std::string_view extension) {
  std::string_view parameters = extension;
  std::string_view name = take_parameter(parameters).name;
  std::optional<DeflateParameters> deflate;
  if (iequals(name, "permessage-deflate") && !agreed.deflate) deflate = DeflateReader().read(parameters);
  if (deflate) {
    agreed.deflate = deflate;
  } else {
    agreed.unknown = true;
  }
}

}  // namespace

std::string accept_key(std::string_view key) {
  Sha1 hash = sha1(std::string(key).append(kKeySuffix));
  return base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

bool valid_key(std::string_view key) {
  return key.size() == kKeyDigits + 2 && key.ends_with("==") &&
         std::ranges::all_of(key.substr(0, kKeyDigits), is_base64_digit);
}

Compression compression_of(Side from, const Extensions& extensions) {
  if (!extensions.deflate) return {};
  const DeflateParameters& agreed = *extensions.deflate;
  if (from == Side::client) return {agreed.client_max_window_bits, !agreed.client_no_context_takeover};
  return {agreed.server_max_window_bits, !agreed.server_no_context_takeover};
}

Extensions negotiated_extensions(const Fields& response) {
  Extensions agreed;
  for (Fields::View field : response)
    if (iequals(field.name, "Sec-WebSocket-Extensions"))
      for_each_element(field.value, [&](std::string_view extension) { add_extension(agreed, extension); });
  return agreed;
}

}  // namespace weir::http::ws
