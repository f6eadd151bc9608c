#include "flow/redaction.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"
#include "flow/process.h"

namespace weir::flow {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";

enum class Shape : std::uint8_t { plain, secret, authorization, cookie, set_cookie, protocols, url };

constexpr char fold(char c) { return c == '_' ? '-' : to_lower(c); }

// The last two characters in one number: tells most names from most words at once.
constexpr std::uint16_t tail(std::string_view text) {
  auto at = [&](std::size_t back) { return static_cast<std::uint8_t>(fold(text[text.size() - back])); };
  return text.size() < 2 ? 0 : static_cast<std::uint16_t>(at(2) << 8 | at(1));
}

struct Word {
  constexpr Word(std::string_view word, Shape its_shape) : text(word), shape(its_shape), end(tail(word)) {}

  std::string_view text;
  Shape shape;
  std::uint16_t end;
};

// A field has the shape of the word its name is, or ends in after a hyphen: "token" covers Token and
// X-Vault-Token. The longer of two words that match comes first.
constexpr Word kFieldWords[] = {
    {"authorization", Shape::authorization},
    {"set-cookie", Shape::set_cookie},
    {"set-cookie2", Shape::set_cookie},
    {"cookie", Shape::cookie},
    {"cookie2", Shape::cookie},
    {"token", Shape::secret},
    {"secret", Shape::secret},
    {"password", Shape::secret},
    {"passwd", Shape::secret},
    {"passphrase", Shape::secret},
    {"api-key", Shape::secret},
    {"apikey", Shape::secret},
    {"auth-key", Shape::secret},
    {"access-key", Shape::secret},
    {"secret-key", Shape::secret},
    {"master-key", Shape::secret},
    {"private-key", Shape::secret},
    {"functions-key", Shape::secret},
    {"subscription-key", Shape::secret},
    {"application-key", Shape::secret},
    {"license-key", Shape::secret},
    {"encryption-key", Shape::secret},
    {"customer-key", Shape::secret},
    {"authorization-auxiliary", Shape::authorization},
    {"passcode", Shape::secret},
    {"otp", Shape::secret},
    {"honeycomb-team", Shape::secret},
    {"sec-websocket-protocol", Shape::protocols},
    {"credential", Shape::secret},
    {"credentials", Shape::secret},
    {"auth", Shape::secret},
    {"jwt", Shape::secret},
    {"jwt-assertion", Shape::secret},
    {"dpop", Shape::secret},
    {"location", Shape::url},
    {"referer", Shape::url},
    {"refresh", Shape::url},
    {"original-url", Shape::url},
    {"rewrite-url", Shape::url},
    {"original-uri", Shape::url},
    {"forwarded-uri", Shape::url},
};

// Schemes of RFC 9110 section 11 whose name may stay; anything else before a space may be a secret itself.
constexpr std::string_view kSchemes[] = {
    "basic",     "bearer",       "digest",          "negotiate", "ntlm",  "token", "apikey", "dpop",
    "hoba",      "mutual",       "oauth",           "hawk",      "vapid", "gnap",  "aws",    "sharedkey",
    "signature", "privatetoken", "aws4-hmac-sha256"};

constexpr std::string_view kCookieAttributes[] = {"path",     "domain",   "expires",     "max-age", "secure",
                                                  "httponly", "samesite", "partitioned", "priority"};

// Query parameters, lower case with '_' for '-', a space before and behind each.
constexpr std::string_view kParameters =
    " "
    "access_token accesstoken refresh_token refreshtoken id_token idtoken auth_token authtoken "
    "session_token sessiontoken token api_token apitoken oauth_token oauth_verifier csrf_token "
    "xsrf_token private_token bot_token security_token __token__ api_key apikey key app_key appkey "
    "application_key auth_key authkey license_key master_key subscription_key password passwd pwd "
    "pass passphrase passcode otp secret client_secret clientsecret signature sig hmac auth "
    "authorization jwt bearer access_key accesskey secret_key secretkey private_key assertion "
    "client_assertion samlresponse code_verifier device_code credential credentials session_id "
    "sessionid jsessionid phpsessid ticket awsaccesskeyid ossaccesskeyid x_amz_signature "
    "x_amz_security_token x_amz_credential x_goog_signature x_goog_credential ";
constexpr std::string_view kParameterEnds[] = {
    "_access_token", "_auth_token", "_refresh_token", "_session_token", "_security_token",
    "_id_token",     "_api_key",    "_apikey",        "_access_key",    "_secret_key",
    "_secret",       "_password",   "_passwd",        "_signature",     "_jwt"};

bool ends_in_word(std::string_view name, std::string_view word) {
  if (name.size() < word.size()) return false;
  std::size_t at = name.size() - word.size();
  if (at > 0 && fold(name[at - 1]) != '-') return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (fold(name[at + i]) != word[i]) return false;
  return true;
}

// Which tails occur at all, by five bits of each character: this runs on every field of every flow, and most
// names go no further.
constexpr std::size_t tail_slot(std::uint16_t tail) { return (tail >> 8 & 31) << 5 | (tail & 31); }
constexpr auto kTails = [] {
  std::array<bool, 1024> seen{};
  for (const Word& word : kFieldWords) seen[tail_slot(word.end)] = true;
  return seen;
}();

Shape shape_of(std::string_view name) {
  std::uint16_t end = tail(name);
  if (!kTails[tail_slot(end)]) return Shape::plain;
  for (const Word& word : kFieldWords)
    if (word.end == end && ends_in_word(name, word.text)) return word.shape;
  return Shape::plain;
}

bool same_name(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, fold, fold); }

bool among(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view each) { return same_name(each, name); });
}

Shape shape_of(std::string_view name, const CredentialNames& more) {
  Shape known = shape_of(name);
  bool open = known == Shape::plain || known == Shape::url;
  return open && among(more.fields, name) ? Shape::secret : known;
}

bool listed(std::string_view text, auto& list) {
  return std::ranges::any_of(list, [&](std::string_view entry) { return iequals(entry, text); });
}

std::string authorization(std::string_view value) {
  value = trim_ows(value);
  std::size_t space = value.find(' ');
  std::string_view scheme = value.substr(0, space);
  if (!listed(scheme, kSchemes)) return std::string(kRedacted);
  if (space == std::string_view::npos) return std::string(scheme);  // "Negotiate" alone says nothing secret
  return std::string(scheme).append(" ").append(kRedacted);
}

// "name=[REDACTED]"; a pair without a name is all value.
std::string nameless_value(std::string_view pair) {
  std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return std::string(kRedacted);
  return std::string(pair.substr(0, equals + 1)).append(kRedacted);
}

std::string cookies(std::string_view value, bool first_only) {
  std::string out;
  for (bool first = true; !value.empty(); first = false) {
    std::size_t end = value.find(';');
    std::string_view part = trim_ows(value.substr(0, end));
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
    if (part.empty()) continue;
    if (!out.empty()) out += "; ";
    std::size_t equals = part.find('=');
    bool attribute =
        first_only && !first && listed(part.substr(0, equals), kCookieAttributes) &&
        (equals == std::string_view::npos || part.find('=', equals + 1) == std::string_view::npos);
    attribute ? out.append(part) : out.append(nameless_value(part));
  }
  return out;
}

// Browsers cannot set fields on WebSockets, so services take keys as one of the protocols:
// "openai-insecure-api-key.sk-123", "base64url.bearer.authorization.k8s.io.dG9r". What follows such words
// goes.
std::string protocols(std::string_view value) {
  constexpr std::string_view kWords[] = {"key.", "token.", "bearer.", "auth.", "secret."};
  std::string out;
  bool found = false;
  for_each_element(value, [&](std::string_view element) {
    std::size_t end = std::string_view::npos;
    std::string folded = lower(element);
    for (std::string_view word : kWords)
      if (std::size_t at = folded.find(word); at != folded.npos) end = std::min(end, at + word.size());
    out.append(out.empty() ? "" : ", ").append(element.substr(0, end));
    if (end < element.size()) out.append(kRedacted);
    found |= end < element.size();
  });
  return found ? out : std::string(value);
}

// Percent-decoded, lower case, '_' for '-': in the spelling of kParameters.
std::string parameter_name(std::string_view text) {
  auto digit = [](char c) {
    return is_digit(c) ? c - '0' : is_alpha(c) && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10 : -1;
  };
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      c = static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    }
    name += c == '-' ? '_' : to_lower(c);
  }
  return name;
}

bool is_sensitive_parameter(std::string_view text, const CredentialNames& more) {
  std::string name = parameter_name(text);
  return kParameters.contains(" " + name + " ") || among(more.parameters, name) ||
         std::ranges::any_of(kParameterEnds, [&](std::string_view end) { return name.ends_with(end); });
}

// One "?a=b&c=d" or "#a=b" part, `text` without its first character.
void append_parameters(std::string& out, std::string_view text, const CredentialNames& more) {
  while (true) {
    std::size_t end = text.find_first_of("&;");
    std::string_view pair = text.substr(0, end);
    std::size_t equals = pair.find('=');
    bool has_value = equals != std::string_view::npos && equals + 1 < pair.size();
    if (has_value && is_sensitive_parameter(pair.substr(0, equals), more)) {
      end = text.find('&');  // most servers take ';' for a part of the value
      out.append(nameless_value(pair));
    } else {
      out.append(pair);
    }
    if (end == std::string_view::npos) return;
    out += text[end];
    text.remove_prefix(end + 1);
  }
}

// Of "user:password@host:443", as CONNECT may have it, "host:443"; of other words all.
std::string_view without_login(std::string_view word) {
  std::string_view authority = word.substr(0, word.find_first_of("/?#"));
  std::size_t at = authority.rfind('@');
  bool login = at != std::string_view::npos && authority.substr(0, at).contains(':');
  return login ? word.substr(at + 1) : word;
}

// The part before the query: "scheme://user:password@host/path" loses "user:password@".
void append_place(std::string& out, std::string_view text) {
  std::size_t slashes = text.find("//");
  if (slashes != std::string_view::npos && (slashes == 0 || text[slashes - 1] == ':')) {
    std::size_t begin = slashes + 2;
    std::string_view authority = text.substr(begin, text.find('/', begin) - begin);
    if (std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      out.append(text.substr(0, begin));
      text.remove_prefix(begin + at + 1);
    }
  }
  out.append(text);
}

}  // namespace

bool is_sensitive_field(std::string_view name, const CredentialNames& more) {
  Shape shape = shape_of(name, more);
  return shape != Shape::plain && shape != Shape::url && shape != Shape::protocols;
}

bool needs_redaction(std::string_view name, const CredentialNames& more) {
  return shape_of(name, more) != Shape::plain;
}

std::string redacted_value(std::string_view name, std::string_view value, const CredentialNames& more) {
  switch (shape_of(name, more)) {
    case Shape::plain: return std::string(value);
    case Shape::secret: return std::string(kRedacted);
    case Shape::authorization: return authorization(value);
    case Shape::cookie: return cookies(value, false);
    case Shape::set_cookie: return cookies(value, true);
    case Shape::protocols: return protocols(value);
    case Shape::url: return redacted_url(value, more);
  }
  return std::string(kRedacted);
}

http::Fields redacted(const http::Fields& fields, const CredentialNames& more) {
  http::Fields out;
  out.reserve(fields.size(), fields.memory());
  for (http::Fields::View field : fields) {
    if (needs_redaction(field.name, more)) {
      out.add(field.name, redacted_value(field.name, field.value, more));
    } else {
      out.add(field.name, field.value);
    }
  }
  return out;
}

std::string redacted_url(std::string_view url, const CredentialNames& more) {
  std::string out;
  out.reserve(url.size());
  std::size_t mark = std::min(url.find('?'), url.find('#'));
  append_place(out, url.substr(0, mark));
  while (mark != std::string_view::npos) {
    std::size_t next = url.find_first_of("?#", mark + 1);
    out += url[mark];
    std::size_t length = next == std::string_view::npos ? next : next - mark - 1;
    append_parameters(out, url.substr(mark + 1, length), more);
    mark = next;
  }
  return out;
}

std::string redacted_line(std::string_view line, const CredentialNames& more) {
  std::string out;
  while (!line.empty()) {
    std::size_t end = std::min(line.find(' '), line.size());
    out += redacted_url(without_login(line.substr(0, end)), more);
    if (end < line.size()) out += ' ';
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return out;
}

RedactedTexts redacted_texts(const Flow& flow, const CredentialNames& more) {
  return {redacted_url(flow.request.target, more), redacted_line(flow.error_detail, more),
          redacted_line(flow.filter_reason, more)};
}

void redact(Flow& flow, const CredentialNames& more) {
  auto [target, error_detail, filter_reason] = redacted_texts(flow, more);
  flow.request.target = std::move(target);
  flow.error_detail = std::move(error_detail);
  flow.filter_reason = std::move(filter_reason);
  for (http::Fields* fields :
       {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers})
    *fields = redacted(*fields, more);
  flow.sender = redacted(std::move(flow.sender), more);
}

}  // namespace weir::flow
