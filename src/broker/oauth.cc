#include "broker/oauth.h"

#include <string.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/json_reader.h"

namespace weir::broker {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMostToken = 64 << 10;
constexpr std::size_t kMostCode = 64;
constexpr std::size_t kMostDescription = 200;

Failure failed(std::string why) { return fail(Code::credential_failed, std::move(why)); }

// application/x-www-form-urlencoded, as RFC 6749 appendix B has it.
void append_form(SecretBytes& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    const char encoded[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    if (is_alpha(c) || is_digit(c) || std::string_view("-._*").contains(c))
      out.append(std::string_view(&c, 1));
    else
      out.append(c == ' ' ? std::string_view("+") : std::string_view(encoded, 3));
  }
}

void append_parameter(SecretBytes& body, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!body.empty()) body.append("&");
  body.append(name);
  body.append("=");
  append_form(body, value);
}

Result<> add_basic(http::Fields& fields, const OAuthOptions& options) {
  auto pair = SecretBytes::make(3 * (options.client_id.size() + options.client_secret.size()) + 1);
  if (!pair) return pass(pair);
  append_form(*pair, options.client_id);
  pair->append(":");
  append_form(*pair, options.client_secret);
  std::string encoded = base64(pair->reveal());
  auto value = SecretBytes::make(encoded.size() + 6);
  if (value) {
    value->append("Basic ");
    value->append(encoded);
  }
  zero(encoded);
  if (!value) return pass(value);
  fields.add_secret("Authorization", value->reveal());
  return {};
}

// A document holds the tokens in its memory, which is not const for its owner.
class Scrubbed {
 public:
  explicit Scrubbed(JsonDocument document) : document_(std::move(document)) {}
  Scrubbed(const Scrubbed&) = delete;
  Scrubbed& operator=(const Scrubbed&) = delete;
  ~Scrubbed() { scrub(document_.root()); }
  JsonValue root() const { return document_.root(); }

 private:
  static void scrub(JsonValue value) {  // as deep as the limit allows
    if (auto text = value.string()) ::explicit_bzero(const_cast<char*>(text->data()), text->size());
    for (JsonValue inner : value) scrub(inner);
  }
  JsonDocument document_;
};

// What the endpoint says, for people: printable, short, and without what it must not say.
std::string shown(std::string_view text, std::size_t most, std::span<const std::string_view> secrets) {
  for (std::string_view secret : secrets)
    if (!secret.empty() && text.contains(secret)) return "(left out: it holds a secret)";
  std::string out(text.substr(0, most));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

std::string words_of(JsonValue root, std::span<const std::string_view> secrets) {
  std::vector<std::string_view> silent(secrets.begin(), secrets.end());
  for (std::string_view name : {"access_token", "refresh_token", "id_token"})
    if (auto token = root[name].string()) silent.push_back(*token);
  std::string out;
  if (auto code = root["error"].string()) out = shown(*code, kMostCode, silent);
  if (auto description = root["error_description"].string(); description && !description->empty())
    out += ": " + shown(*description, kMostDescription, silent);
  return out;
}

struct Lifetime {
  seconds value = kAssumedLifetime;
  bool assumed = true;
};

// RFC 6749 has a number; some endpoints send it as a string.
Result<Lifetime> lifetime_of(JsonValue said) {
  if (!said || said.is_null()) return Lifetime();
  std::optional<double> count = said.number();
  if (auto text = said.string()) count = parse_fraction(*text);
  if (!count || !std::isfinite(*count) || *count < 0)
    return failed("the token endpoint's expires_in is no count of seconds");
  double most = static_cast<double>(seconds(kLongestLifetime).count());
  return Lifetime{seconds(static_cast<std::int64_t>(std::min(*count, most))), false};
}

Result<SecretBytes> secret_of(JsonValue value, std::string_view name) {
  auto text = value.string();
  auto visible = [](char c) { return c >= ' ' && c <= '~'; };
  if (!text || text->empty()) return failed("the token endpoint sent no " + std::string(name));
  if (text->size() > kMostToken || !std::ranges::all_of(*text, visible))
    return failed("the token endpoint's " + std::string(name) + " is too long, or not in printable ASCII");
  auto out = SecretBytes::make(text->size());
  if (out) out->append(*text);
  return out;
}

Result<AccessToken> take(JsonValue root) {
  auto type = root["token_type"].string();
  if (!type || !iequals(*type, "bearer"))
    return failed("the token endpoint sent no token of type Bearer, which is the only one that is known");
  auto lifetime = lifetime_of(root["expires_in"]);
  if (!lifetime) return pass(lifetime);
  auto token = secret_of(root["access_token"], "access_token");
  if (!token) return pass(token);
  AccessToken out;
  out.token = std::move(*token);
  out.lifetime = lifetime->value;
  out.lifetime_assumed = lifetime->assumed;
  JsonValue rotated = root["refresh_token"];
  if (!rotated || rotated.is_null()) return out;
  auto refresh = secret_of(rotated, "refresh_token");
  if (!refresh) return pass(refresh);
  out.refresh_token = std::move(*refresh);
  return out;
}

}  // namespace

Result<TokenRequest> token_request(const OAuthOptions& options, std::string_view refresh_token) {
  bool refreshes = options.grant == OAuthOptions::Grant::refresh_token;
  if (refreshes && refresh_token.empty()) return failed("the refresh token is empty");
  if (!refreshes && (options.client_id.empty() || options.client_secret.empty()))
    return failed("the grant client_credentials needs a client id and a client secret");
  bool basic = options.client == OAuthOptions::Client::basic && !options.client_secret.empty();
  auto body = SecretBytes::make(128 + 3 * (refresh_token.size() + options.client_id.size() +
                                           options.client_secret.size() + options.scope.size()));
  if (!body) return pass(body);
  TokenRequest out;
  out.body = std::move(*body);
  append_parameter(out.body, "grant_type", refreshes ? "refresh_token" : "client_credentials");
  if (refreshes) append_parameter(out.body, "refresh_token", refresh_token);
  if (!basic) append_parameter(out.body, "client_id", options.client_id);
  if (!basic) append_parameter(out.body, "client_secret", options.client_secret);
  append_parameter(out.body, "scope", options.scope);
  out.fields.add("Content-Type", "application/x-www-form-urlencoded");
  out.fields.add("Accept", "application/json");
  if (!basic) return out;
  if (auto added = add_basic(out.fields, options); !added) return pass(added);
  return out;
}

Result<AccessToken> read_token_response(std::uint16_t status, std::string_view body,
                                        std::span<const std::string_view> secrets) {
  std::string told = "the token endpoint answered " + std::to_string(status);
  auto parsed = JsonDocument::parse(body, {.bytes = kMostTokenResponse, .depth = 8, .values = 1024});
  if (!parsed)
    return failed(told + " with a body that is no JSON: " + std::string(parsed.error().what) + " at byte " +
                  std::to_string(parsed.error().offset));
  Scrubbed document(std::move(*parsed));
  // Some endpoints answer 200 all the same.
  bool refused = static_cast<bool>(document.root()["error"]);
  if (refused || status < 200 || status > 299) {
    std::string words = words_of(document.root(), secrets);
    return failed(words.empty() ? told : told + ": " + words);
  }
  return take(document.root());
}

}  // namespace weir::broker
