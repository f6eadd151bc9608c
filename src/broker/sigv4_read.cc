// Reading a signature; sigv4.cc makes them.
#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "broker/sigv4.h"
#include "broker/sigv4_canonical.h"
#include "http/syntax.h"

namespace weir::broker {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kMostFields = 256;

Failure bad(std::string why) { return fail(Code::bad_request, "AWS signature: " + std::move(why)); }

// A name from the request for an error text, short and printable.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, 64));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return "'" + out + (text.size() > 64 ? "...'" : "'");
}

bool is_hex(std::string_view text, std::size_t size) {
  auto digit = [](char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); };
  return text.size() == size && std::ranges::all_of(text, digit);
}

// What scopes and key ids are made of: no white space, and nothing that ends them where they stand.
bool is_name(std::string_view text, std::size_t most) {
  auto fits = [](char c) { return is_alpha(c) || is_digit(c) || std::string_view("-_.:@+=~").contains(c); };
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, fits);
}

bool is_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return false;
  return std::ranges::all_of(text.substr(0, 8), is_digit) && std::ranges::all_of(text.substr(9, 6), is_digit);
}

// What either place says. Views into the head, or into `decoded`.
struct Words {
  std::optional<std::string_view> algorithm, credential, signed_fields, signature, time, payload;
  std::array<std::string, 6> decoded;
};

Result<> check_algorithm(std::string_view algorithm) {
  if (algorithm == kAlgorithm) return {};
  if (algorithm.starts_with("AWS4-ECDSA"))
    return fail(Code::placeholder_leak,
                "signed by " + shown(algorithm) +
                    " (Signature Version 4a), which cannot be signed again; let the client use Signature "
                    "Version 4, with an endpoint of one region instead of one of many");
  return bad("algorithm " + shown(algorithm) + ", not " + std::string(kAlgorithm));
}

// "AKIA.../20130524/us-east-1/s3/aws4_request", read from its end.
Result<> take_credential(std::string_view credential, AwsSignature& out) {
  std::array<std::string_view, 4> scope;
  std::string_view rest = credential;
  for (std::size_t i = scope.size(); i-- > 0;) {
    std::size_t slash = rest.rfind('/');
    if (slash == std::string_view::npos)
      return bad("Credential is not an access key id and a scope of four parts");
    scope[i] = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  if (!is_name(rest, 128)) return bad("no valid access key id in Credential");
  if (scope[3] != "aws4_request") return bad("the scope ends in " + shown(scope[3]) + ", not aws4_request");
  if (!is_name(scope[1], 64) || !is_name(scope[2], 64))
    return bad("no valid region and service in the scope");
  if (scope[0].size() != 8 || !out.time.starts_with(scope[0]))
    return bad("the day of the scope, " + shown(scope[0]) + ", is not that of the date, " + out.time);
  out.access_key_id = rest;
  out.region = scope[1];
  out.service = scope[2];
  return {};
}

// AWS's own libraries sign ":authority" for HTTP/2. The origin may get HTTP/1.1, and takes Host for it.
constexpr std::string_view kHostOfHttp2 = ":authority";

Result<> take_signed_fields(std::string_view list, AwsSignature& out) {
  bool host = false;
  while (true) {
    std::size_t end = list.find(';');
    std::string_view name = list.substr(0, end);
    host |= name == kHostOfHttp2 || name == "host";
    if (name != kHostOfHttp2 && (!http::is_token(name) || lower(name) != name))
      return bad("SignedHeaders holds " + shown(name) + ", which is no lower-case name of a field");
    if (name == "authorization") return bad("SignedHeaders names authorization, which holds the signature");
    if (out.signed_fields.size() == kMostFields)
      return bad("SignedHeaders has more than " + std::to_string(kMostFields) + " names");
    out.signed_fields.emplace_back(name);
    if (end == std::string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  std::erase(out.signed_fields, kHostOfHttp2);
  if (host && std::ranges::find(out.signed_fields, "host") == out.signed_fields.end())
    out.signed_fields.emplace_back("host");
  std::ranges::sort(out.signed_fields);
  if (auto twice = std::ranges::adjacent_find(out.signed_fields); twice != out.signed_fields.end())
    return bad("SignedHeaders names " + shown(*twice) + " twice");
  if (!host) return bad("Host is not in SignedHeaders");
  return {};
}

Result<> take_payload(std::optional<std::string_view> said, AwsSignature& out) {
  using enum AwsSignature::Payload;
  if (!said && out.place == AwsSignature::Place::query && out.is_s3()) said = "UNSIGNED-PAYLOAD";
  if (!said) {
    out.payload = needed;
    return {};
  }
  out.payload_hash = *said;
  out.payload = stated;
  if (is_hex(*said, 64) || *said == "UNSIGNED-PAYLOAD" || *said == "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    return {};
  out.payload = *said == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"           ? chunks
                : *said == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" ? chunks_and_trailer
                                                                        : stated;
  if (out.payload != stated) return {};
  if (said->starts_with("STREAMING-"))
    return fail(Code::placeholder_leak, "the body is signed by " + shown(*said) +
                                            ", which cannot be signed again; let the client sign it as a "
                                            "whole, or leave it unsigned (UNSIGNED-PAYLOAD)");
  return bad("x-amz-content-sha256 is " + shown(*said) + ", neither a hash nor a kind of body");
}

Result<AwsSignature> take(const Words& words, AwsSignature::Place place) {
  AwsSignature out;
  out.place = place;
  if (!words.credential || !words.signed_fields || !words.signature)
    return bad("Credential, SignedHeaders and Signature are not all there");
  if (!words.time) return bad("there is no x-amz-date");
  if (!is_time(*words.time))
    return bad("x-amz-date is " + shown(*words.time) + ", not like 20130524T000000Z");
  out.time = *words.time;
  if (auto taken = take_credential(*words.credential, out); !taken) return pass(taken);
  if (auto taken = take_signed_fields(*words.signed_fields, out); !taken) return pass(taken);
  if (!is_hex(*words.signature, 64)) return bad("Signature is not 64 hexadecimal digits");
  out.signature = *words.signature;
  if (auto taken = take_payload(words.payload, out); !taken) return pass(taken);
  return out;
}

// The value of a field that must not be there twice.
Result<> take_single(const http::Fields& fields, std::string_view name,
                     std::optional<std::string_view>& out) {
  if (fields.count(name) > 1) return bad("more than one field " + std::string(name));
  if (auto value = fields.get(name)) out = trim_ows(*value);
  return {};
}

Result<> read_authorization(std::string_view value, Words& words) {
  std::size_t space = std::min(value.find(' '), value.size());
  words.algorithm = value.substr(0, space);
  if (auto known = check_algorithm(*words.algorithm); !known) return known;
  for (std::string_view rest = value.substr(space); !rest.empty();) {
    std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view part = trim_ows(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    std::string_view name = part.substr(0, part.find('='));
    auto* word = name == "Credential"      ? &words.credential
                 : name == "SignedHeaders" ? &words.signed_fields
                 : name == "Signature"     ? &words.signature
                                           : nullptr;
    if (!word || name.size() == part.size()) return bad("Authorization holds " + shown(name));
    if (*word) return bad("Authorization holds " + shown(name) + " twice");
    *word = part.substr(name.size() + 1);
  }
  return {};
}

Result<> read_query(std::string_view query, Words& words) {
  constexpr std::array<std::string_view, 6> kNames = {"X-Amz-Algorithm",     "X-Amz-Credential",
                                                      "X-Amz-SignedHeaders", "X-Amz-Signature",
                                                      "X-Amz-Date",          "X-Amz-Content-Sha256"};
  const std::array places = {&words.algorithm, &words.credential, &words.signed_fields,
                             &words.signature, &words.time,       &words.payload};
  Result<> read;
  for_each_parameter(query, [&](const Parameter& parameter) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (!parameter.is(kNames[i])) continue;
      if (*places[i]) read = bad(std::string(kNames[i]) + " is in the query twice");
      words.decoded[i] = decode_parameter(parameter.value);
      *places[i] = words.decoded[i];
    }
  });
  return read;
}

bool is_aws(std::string_view authorization) { return authorization.starts_with("AWS4-"); }

}  // namespace

Result<std::optional<AwsSignature>> read_aws_signature(const http::RequestHead& head) {
  Words words;
  std::string_view query = split_target(head.target).query;
  bool in_query = false, in_field = false;
  for_each_parameter(query, [&](const Parameter& p) { in_query = in_query || p.is("X-Amz-Algorithm"); });
  for (http::Fields::View field : head.fields)
    in_field = in_field || (iequals(field.name, "authorization") && is_aws(trim_ows(field.value)));
  if (!in_query && !in_field) return std::nullopt;
  if (in_query && head.fields.has("authorization"))
    return bad("the query is signed, and there is an Authorization field, too");

  if (in_query) {
    if (auto read = read_query(query, words); !read) return pass(read);
    if (auto known = check_algorithm(*words.algorithm); !known) return pass(known);
  } else {
    std::optional<std::string_view> value;
    if (auto single = take_single(head.fields, "authorization", value); !single) return pass(single);
    if (auto read = read_authorization(*value, words); !read) return pass(read);
    if (auto single = take_single(head.fields, "x-amz-date", words.time); !single) return pass(single);
  }
  if (auto single = take_single(head.fields, "x-amz-content-sha256", words.payload); !single)
    return pass(single);
  auto out = take(words, in_query ? AwsSignature::Place::query : AwsSignature::Place::field);
  if (!out) return pass(out);
  return std::optional<AwsSignature>(std::move(*out));
}

std::string AwsSignature::scope() const {
  return time.substr(0, 8) + "/" + region + "/" + service + "/aws4_request";
}

bool AwsSignature::is_s3() const {
  constexpr std::array<std::string_view, 4> kServices = {"s3", "s3-object-lambda", "s3-outposts",
                                                         "s3express"};
  return std::ranges::find(kServices, service) != kServices.end();
}

}  // namespace weir::broker
