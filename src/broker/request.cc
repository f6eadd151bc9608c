#include "broker/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/hash.h"
#include "broker/place.h"
#include "broker/sigv4_canonical.h"
#include "http/syntax.h"
#include "policy/canonical.h"

namespace weir::broker {
namespace {

constexpr std::string_view kBasic = "Basic ";

/// Owns a text with a secret in it.
class Wiped {
 public:
  explicit Wiped(std::string text) : text(std::move(text)) {}
  Wiped(const Wiped&) = delete;
  ~Wiped() { zero(text); }
  std::string text;
};

/// Texts with secrets are never in the few bytes that a string has of its own, which moving it leaves behind.
constexpr std::size_t kElsewhere = 64;

std::size_t count(std::string_view text, std::string_view wanted) {
  std::size_t out = 0;
  for (std::size_t at = 0; (at = text.find(wanted, at)) != std::string_view::npos; at += wanted.size()) ++out;
  return out;
}

/// `text` with every `from` as `to`, in memory that is taken once; nothing when there is none.
std::optional<std::string> replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  if (at == std::string_view::npos) return std::nullopt;
  std::string out;
  out.reserve(text.size() + count(text, from) * to.size() + kElsewhere);
  for (; at != std::string_view::npos; at = text.find(from)) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  out.append(text);
  return out;
}

bool is_basic(std::string_view value) {
  return value.size() > kBasic.size() && iequals(value.substr(0, kBasic.size()), kBasic);
}

/// Of a field: as it is, or in what Basic credentials encode (RFC 7617 section 2).
std::optional<std::string> in_field(std::string_view value, std::string_view from, std::string_view to) {
  if (auto out = replaced(value, from, to)) return out;
  if (!is_basic(value)) return std::nullopt;
  auto decoded = from_base64(value.substr(kBasic.size()));
  if (!decoded) return std::nullopt;
  Wiped plain(std::move(*decoded));  // another secret may be in it already
  auto pair = replaced(plain.text, from, to);
  if (!pair) return std::nullopt;
  Wiped secret(std::move(*pair));
  Wiped encoded(base64(secret.text));
  std::string out;
  out.reserve(kBasic.size() + encoded.text.size() + kElsewhere);
  out.append(value.substr(0, kBasic.size())).append(encoded.text);
  return out;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(3 * text.size() + kElsewhere);
  for (unsigned char c : text) {
    bool plain = is_alpha(static_cast<char>(c)) || is_digit(static_cast<char>(c)) || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain)
      out += static_cast<char>(c);
    else
      (out += '%').append({kDigits[c >> 4], kDigits[c & 15]});
  }
  return out;
}

/// Of the query: in the values of the parameters that the binding takes.
std::optional<std::string> in_query(std::string_view target, const Binding& binding, std::string_view to) {
  std::size_t at = policy::path_length(target);
  if (binding.parameters.empty() || at == target.size()) return std::nullopt;
  Wiped encoded(percent_encoded(to));
  std::string out;
  out.reserve(target.size() + count(target, binding.placeholder) * encoded.text.size() + kElsewhere);
  out.append(target.substr(0, at));
  bool any = false;
  while (at < target.size()) {
    std::size_t end = std::min(target.find('&', at + 1), target.size());
    std::string_view part = target.substr(at + 1, end - at - 1);
    std::size_t equals = std::min(part.find('='), part.size());
    auto changed = binding.takes_parameter(part.substr(0, equals))
                       ? replaced(part.substr(equals), binding.placeholder, encoded.text)
                       : std::nullopt;
    out += target[at];
    out.append(part.substr(0, equals));
    if (changed) {
      Wiped value(std::move(*changed));
      out.append(value.text);
      any = true;
    } else {
      out.append(part.substr(equals));
    }
    at = end;
  }
  if (any) return out;
  zero(out);
  return std::nullopt;
}

bool serves(const Binding& binding, const http::Origin& origin, std::string_view target) {
  return binding.active && binding.binds(origin) && binding.covers(target);
}

bool names_keys(const Binding& binding, const http::RequestHead& head) {
  return head.fields.get("authorization").value_or("").contains(binding.placeholder) ||
         head.target.contains(binding.placeholder);
}

Result<std::optional<AwsPlan>> signed_with(std::size_t number, const Binding& binding,
                                           const http::RequestHead& head) {
  if (!names_keys(binding, head)) return std::nullopt;
  auto signature = read_aws_signature(head);
  if (!signature) return pass(signature);
  if (!*signature || (*signature)->access_key_id != binding.placeholder) return std::nullopt;
  return AwsPlan{number, std::move(**signature)};
}

/// The access key id goes where the signature does.
void forget_key(http::RequestHead& head, const AwsPlan& plan) {
  const std::string& id = plan.signature.access_key_id;
  if (plan.signature.place == AwsSignature::Place::field) {
    std::string value(head.fields.get("authorization").value_or(""));
    head.fields.set("Authorization", replaced(value, "Credential=" + id, "").value_or(value));
    return;
  }
  std::size_t at = std::string::npos;
  for_each_parameter(split_target(head.target).query, [&](const Parameter& parameter) {
    if (parameter.is("X-Amz-Credential") && parameter.value.starts_with(id))
      at = static_cast<std::size_t>(parameter.value.data() - head.target.data());
  });
  if (at != std::string::npos) head.target.erase(at, id.size());
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    out.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
  return out;
}

std::string belongs(const Binding& binding) {
  std::string where = listed(binding.fields);
  if (!binding.parameters.empty())
    where.append(where.empty() ? "" : " or ").append("the parameter ").append(listed(binding.parameters));
  if (binding.use == Use::aws_signature) where = "the signature";
  if (where.empty()) where = "a field of the header";
  std::string path = binding.path == "/" ? "" : " below " + binding.path;
  return fmt::format("it belongs in {} of requests to {}{}, over https", where, listed(binding.host_texts),
                     path);
}

/// The head as it would be without the placeholders that may stand where they stand.
http::RequestHead remainder(const http::RequestHead& head, const Bindings& bindings, const Plan& plan) {
  http::RequestHead out = with_secrets(head, bindings, plan, [](std::size_t) { return std::string_view(); });
  if (plan.aws) forget_key(out, *plan.aws);
  return out;
}

Result<> check_head(const Bindings& bindings, const Guard& guard, const Plan& plan,
                    const http::RequestHead& head, const http::Origin& origin) {
  http::RequestHead rest = remainder(head, bindings, plan);
  auto look = [&](std::string_view text, auto where) -> Result<> {
    auto thing = guard.find(text, plan.allowed);
    if (!thing) return {};
    return std::unexpected(leak(bindings, *thing, where(), origin, head.target));
  };
  for (const HostPort* place : {&origin.place, &head.origin.place})
    if (auto thing = find_in_host(guard, place->host, plan.allowed))
      return std::unexpected(leak(bindings, *thing, "the host",
                                  {origin.scheme, {"(not shown)", origin.place.port}}, head.target));
  if (auto done = look(rest.target, [] { return "the URL"; }); !done) return done;
  if (auto done = look(rest.method, [] { return "the method"; }); !done) return done;
  if (auto done = look(rest.upgrade, [] { return "the field Upgrade"; }); !done) return done;
  for (http::Fields::View field : rest.fields) {
    if (auto done = look(field.name, [] { return "the name of a field"; }); !done) return done;
    if (auto done = look(field.value, [&] { return "the field " + std::string(field.name); }); !done)
      return done;
  }
  return {};
}

/// Which bindings the head shows the placeholder of, in a place of theirs.
bool shows(const Binding& binding, const http::RequestHead& head) {
  for (http::Fields::View field : head.fields)
    if (binding.takes_field(field.name) && in_field(field.value, binding.placeholder, "")) return true;
  return in_query(head.target, binding, "").has_value();
}

/// It gets the secret though it does not show the placeholder.
bool injects(const Binding& binding, const http::RequestHead& head) {
  bool lacks =
      !binding.injected.empty() && !binding.fields.empty() && !head.fields.has(binding.fields.front());
  return lacks && !shows(binding, head);
}

/// One secret is enough for a field that the request lacks: that of the longest path, and of those the first
/// by name.
bool goes_before(const Binding& one, const Binding& other) {
  if (one.path.size() != other.path.size()) return one.path.size() > other.path.size();
  return one.name < other.name;
}

/// Another puts its secret into the field of `binding`, which injects as well.
bool is_outdone(const Binding& binding, const Bindings& bindings, const http::RequestHead& head,
                const http::Origin& origin) {
  return std::ranges::any_of(bindings, [&](const Binding& other) {
    return goes_before(other, binding) && other.use == Use::spoken && serves(other, origin, head.target) &&
           injects(other, head) && iequals(other.fields.front(), binding.fields.front());
  });
}

/// "Bearer {secret}" or "Basic {user:secret}" with the secret.
std::string filled(const Binding& binding, std::string_view secret) {
  constexpr std::string_view kPair = "{user:secret}";
  if (!binding.injected.contains(kPair)) return replaced(binding.injected, "{secret}", secret).value_or("");
  Wiped pair{std::string()};
  pair.text.reserve(binding.user.size() + secret.size() + kElsewhere);
  pair.text.append(binding.user).append(":").append(secret);
  Wiped encoded(base64(pair.text));
  return replaced(binding.injected, kPair, encoded.text).value_or("");
}

}  // namespace

Result<Plan> judge(const Bindings& bindings, const Guard& guard, const http::RequestHead& head,
                   const http::Origin& origin) {
  Plan plan;
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    const Binding& binding = bindings[i];
    if (!serves(binding, origin, head.target)) continue;
    plan.allowed.add({i, Guarded::What::secret});  // a client that has the secret itself may use it there
    if (binding.use == Use::aws_signature) {
      auto keys = signed_with(i, binding, head);
      if (!keys) return pass(keys);
      if (*keys) plan.aws = std::move(*keys);
    } else if (shows(binding, head) ||
               (injects(binding, head) && !is_outdone(binding, bindings, head, origin))) {
      plan.used.push_back(i);
    }
  }
  if (auto done = check_head(bindings, guard, plan, head, origin); !done) return pass(done);
  return plan;
}

Error leak(const Bindings& bindings, Guarded thing, std::string_view where, const http::Origin& origin,
           std::string_view target) {
  const Binding& binding = bindings[thing.binding];
  if (thing.what == Guarded::What::secret)
    return Error(Code::secret_leak, fmt::format("the secret of \"{}\" in {} of a request to {}; {}",
                                                binding.name, where, origin.str(), belongs(binding)));
  std::string why;
  if (!binding.active)
    why = fmt::format("the secret was not asked for here: --secret {}", binding.name);
  else if (origin.scheme != http::Scheme::https && binding.hosts.matches(origin.place))
    why = "secrets go over https alone";
  else if (binding.binds(origin) && !binding.covers(target))
    why = fmt::format("the path is not {} and nothing below it, or can be read as another", binding.path);
  else
    why = belongs(binding);
  return Error(Code::placeholder_leak, fmt::format("the placeholder of \"{}\" in {} of a request to {}; {}",
                                                   binding.name, where, origin.str(), why));
}

http::RequestHead with_secrets(const http::RequestHead& head, const Bindings& bindings, const Plan& plan,
                               const Reveal& reveal) {
  http::RequestHead out{.method = head.method,
                        .origin = head.origin,
                        .target = {},
                        .version = head.version,
                        .fields = {},
                        .upgrade = head.upgrade};
  out.fields.reserve(head.fields.size() + plan.used.size(), head.fields.memory());
  for (http::Fields::View field : head.fields) {
    std::optional<Wiped> value;
    for (std::size_t i : plan.used) {
      if (!bindings[i].takes_field(field.name)) continue;
      auto changed =
          in_field(value ? std::string_view(value->text) : field.value, bindings[i].placeholder, reveal(i));
      if (changed) value.emplace(std::move(*changed));
    }
    if (value)
      out.fields.add_secret(field.name, value->text);
    else
      out.fields.add(field.name, field.value);
  }
  std::optional<Wiped> target;
  for (std::size_t i : plan.used) {
    auto changed = in_query(target ? std::string_view(target->text) : head.target, bindings[i], reveal(i));
    if (changed) target.emplace(std::move(*changed));
    if (!injects(bindings[i], head)) continue;
    Wiped value(filled(bindings[i], reveal(i)));
    out.fields.add_secret(bindings[i].fields.front(), value.text);
  }
  out.secret_target = target.has_value();
  if (target) out.target.reserve(target->text.size() + kElsewhere);
  out.target.assign(target ? target->text : head.target);
  return out;
}

Result<> check_speakable(std::string_view secret) {
  if (secret.empty()) return fail(Code::credential_failed, "it is empty");
  if (http::find_control(secret) != secret.size())
    return fail(Code::credential_failed, "it has a line feed or another control character in it");
  return {};
}

}  // namespace weir::broker
