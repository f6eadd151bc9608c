#include "broker/sigv4.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "broker/sigv4_canonical.h"

namespace weir::broker {
namespace {

using Place = AwsSignature::Place;
using Payload = AwsSignature::Payload;
using Names = std::vector<std::string>;

constexpr std::string_view kToken = "x-amz-security-token";

// Fields that belong to one connection, or that Weir may answer itself: what the origin gets is not what the
// client sent.
bool is_of_connection(std::string_view name) {
  constexpr std::array<std::string_view, 9> kNames = {
      "connection",       "expect", "http2-settings",    "keep-alive", "proxy-authorization",
      "proxy-connection", "te",     "transfer-encoding", "upgrade"};
  return std::ranges::binary_search(kNames, name);
}

Failure unusable(const char* why) { return fail(Code::credential_failed, why); }

Result<> check(const AwsKeys& keys) {
  auto visible = [](char c) { return c > ' ' && c < 0x7F; };
  auto fits = [&](char c) { return visible(c) && c != '/' && c != ',' && c != ';'; };
  if (keys.access_key_id.empty() || !std::ranges::all_of(keys.access_key_id, fits))
    return unusable("the AWS access key id is empty, or holds what no access key id does");
  if (keys.secret.empty() || !std::ranges::all_of(keys.secret, visible))
    return unusable("the AWS secret access key is empty, or holds what no secret access key does");
  if (!std::ranges::all_of(keys.session_token, visible))
    return unusable("the AWS session token holds what no field of a header can");
  return {};
}

Result<std::string_view> payload_line(const AwsSignature& how, std::string_view body_hash) {
  if (how.payload != Payload::needed) return std::string_view(how.payload_hash);
  if (body_hash.size() != 64)
    return fail(Code::internal, "AWS signature: the hash of the body is needed and was not given");
  return body_hash;
}

bool has_field(const http::RequestHead& head, std::string_view name) {
  return name == "host" || head.fields.has(name);
}

// What is signed again: what the client signed, and the token of the real keys.
Result<Names> names_to_sign(const http::RequestHead& head, const AwsSignature& how, const AwsKeys& keys) {
  Names names;
  for (const std::string& name : how.signed_fields) {
    if (is_of_connection(name) || name == kToken) continue;
    if (!has_field(head, name))
      return fail(Code::bad_request,
                  "AWS signature: SignedHeaders names '" + name + "', which the request lacks");
    names.push_back(name);
  }
  if (!keys.session_token.empty() && how.place == Place::field)
    names.insert(std::ranges::lower_bound(names, kToken), std::string(kToken));
  return names;
}

void add_names(SecretText& out, const Names& names) {
  for (const std::string& name : names) {
    if (&name != &names.front()) out.add(';');
    out.add(name);
  }
}

// The signature of a head whose signature, if there is one in the query, counts for nothing.
std::string signature_of(const http::RequestHead& head, const AwsSignature& how, const Names& names,
                         std::string_view payload, const AwsSigningKey& key) {
  Target target = split_target(head.target);
  SecretText request(4 * head.target.size() + 2048);
  request.add(head.method).add('\n');
  add_canonical_path(request, target.path, how.is_s3());
  request.add('\n');
  add_canonical_query(request, target.query, how.place == Place::query ? "X-Amz-Signature" : "");
  request.add('\n');
  add_canonical_fields(request, head, names);
  request.add('\n');
  add_names(request, names);
  request.add('\n').add(payload);
  return key.sign("AWS4-HMAC-SHA256\n" + how.time + "\n" + how.scope() + "\n" + hex_sha256(request.view()));
}

// The target with the parameters of the new signature, but without that itself.
void put_in_query(http::RequestHead& head, const AwsSignature& how, const AwsKeys& keys, const Names& names) {
  Target target = split_target(head.target);
  SecretText out(head.target.size() + 3 * keys.session_token.size() + 512);
  out.add(target.path);
  char before = '?';
  auto next = [&]() -> SecretText& {
    out.add(before);
    before = '&';
    return out;
  };
  for_each_parameter(target.query, [&](const Parameter& parameter) {
    if (parameter.is("X-Amz-Signature") || parameter.is("X-Amz-Security-Token")) return;
    if (parameter.is("X-Amz-Credential")) {
      next().add("X-Amz-Credential=");
      add_encoded(out, keys.access_key_id);
      out.add("%2F");
      add_encoded(out, how.scope());
    } else if (parameter.is("X-Amz-SignedHeaders")) {
      SecretText list;
      add_names(list, names);
      next().add("X-Amz-SignedHeaders=");
      add_encoded(out, list.view());
    } else {
      next().add(parameter.whole);
    }
  });
  if (!keys.session_token.empty()) {
    next().add("X-Amz-Security-Token=");
    add_encoded(out, keys.session_token);
  }
  zero(head.target);
  head.target = out.take();
  head.secret_target = true;
}

void put_in_fields(http::RequestHead& head, const AwsSignature& how, const AwsKeys& keys, const Names& names,
                   std::string_view signature) {
  SecretText value(512);
  value.add("AWS4-HMAC-SHA256 Credential=").add(keys.access_key_id).add('/').add(how.scope());
  value.add(", SignedHeaders=");
  add_names(value, names);
  value.add(", Signature=").add(signature);
  head.fields.remove("authorization");
  head.fields.add_secret("Authorization", value.view());
}

}  // namespace

Result<AwsSeed> sign_again(http::RequestHead& head, const AwsSignature& how, const AwsKeys& keys,
                           std::string_view body_hash) {
  if (auto checked = check(keys); !checked) return pass(checked);
  auto payload = payload_line(how, body_hash);
  if (!payload) return pass(payload);
  auto names = names_to_sign(head, how, keys);
  if (!names) return pass(names);

  head.fields.remove(kToken);
  if (how.place == Place::query)
    put_in_query(head, how, keys, *names);
  else if (!keys.session_token.empty())
    head.fields.add_secret("X-Amz-Security-Token", keys.session_token);

  AwsSigningKey key(keys.secret, std::string_view(how.time).substr(0, 8), how.region, how.service);
  std::string signature = signature_of(head, how, *names, *payload, key);
  if (how.place == Place::query) {
    SecretText target(head.target.size() + 128);
    target.add(head.target).add("&X-Amz-Signature=").add(signature);
    zero(head.target);
    head.target = target.take();
  } else {
    put_in_fields(head, how, keys, *names, signature);
  }
  return AwsSeed{std::move(key), how.time, how.scope(), std::move(signature)};
}

Result<bool> verify(const http::RequestHead& head, const AwsSignature& how, std::string_view secret,
                    std::string_view body_hash) {
  auto payload = payload_line(how, body_hash);
  if (!payload) return pass(payload);
  for (const std::string& name : how.signed_fields)
    if (!has_field(head, name)) return false;
  AwsSigningKey key(secret, std::string_view(how.time).substr(0, 8), how.region, how.service);
  return same_secret(signature_of(head, how, how.signed_fields, *payload, key), how.signature);
}

}  // namespace weir::broker
