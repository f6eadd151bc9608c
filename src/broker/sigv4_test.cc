#include "broker/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/hash.h"
#include "base/json_reader.h"
#include "broker/sigv4_canonical.h"

namespace weir::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Payload = AwsSignature::Payload;
using Place = AwsSignature::Place;

constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr AwsKeys kExampleKeys = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {}};
const std::string kNoSignature(64, '0');

using FieldList = std::vector<std::pair<std::string, std::string>>;

http::RequestHead request(std::string method, std::string target, const FieldList& fields) {
  http::RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.origin = {http::Scheme::https, {"origin.test", 443}};
  for (const auto& [name, value] : fields) head.fields.add(name, value);
  return head;
}

// As a client with a placeholder signs it, but for the signature, which does not matter.
std::string authorization(const std::string& signed_fields, const std::string& scope) {
  return "AWS4-HMAC-SHA256 Credential=AKIAPLACEHOLDER/" + scope + ",SignedHeaders=" + signed_fields +
         ",Signature=" + kNoSignature;
}

AwsSignature read(const http::RequestHead& head) {
  auto how = read_aws_signature(head);
  EXPECT_TRUE(how && *how) << (how ? "not signed" : how.error().message());
  return how && *how ? **how : AwsSignature();
}

std::string refusal(const http::RequestHead& head) {
  auto how = read_aws_signature(head);
  return how ? *how ? "taken" : "not signed" : how.error().message();
}

std::string list(const http::Fields& fields) {
  std::string out;
  std::vector<std::string> lines;
  for (http::Fields::View field : fields)
    lines.push_back(lower(field.name) + ": " + std::string(field.value) + "\n");
  std::ranges::sort(lines);
  for (const std::string& line : lines) out += line;
  return out;
}

// --- what the documentation of S3 has worked out

constexpr std::string_view kS3Day = "20130524/us-east-1/s3/aws4_request";

std::string s3_signature(std::string method, std::string target, FieldList fields) {
  std::string names;
  for (const auto& [name, value] : fields) names += (names.empty() ? "" : ";") + name;
  fields.emplace_back("Authorization", authorization(names, std::string(kS3Day)));
  http::RequestHead head = request(std::move(method), std::move(target), fields);
  auto seed = sign_again(head, read(head), kExampleKeys);
  if (!seed) return seed.error().message();
  EXPECT_EQ(head.fields.get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/" +
                                                  std::string(kS3Day) + ", SignedHeaders=" + names +
                                                  ", Signature=" + seed->signature);
  EXPECT_TRUE(head.secret());
  return seed->signature;
}

TEST(SigV4, SignsTheExamplesOfS3) {
  const std::string host = "examplebucket.s3.amazonaws.com", time = "20130524T000000Z", empty(kEmptyHash);
  EXPECT_EQ(
      s3_signature(
          "GET", "/test.txt",
          {{"host", host}, {"range", "bytes=0-9"}, {"x-amz-content-sha256", empty}, {"x-amz-date", time}}),
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(s3_signature("PUT", "/test$file.text",
                         {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                          {"host", host},
                          {"x-amz-content-sha256", hex_sha256("Welcome to Amazon S3.")},
                          {"x-amz-date", time},
                          {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(s3_signature("GET", "/?lifecycle",
                         {{"host", host}, {"x-amz-content-sha256", empty}, {"x-amz-date", time}}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(s3_signature("GET", "/?max-keys=2&prefix=J",
                         {{"host", host}, {"x-amz-content-sha256", empty}, {"x-amz-date", time}}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(SigV4, SignsThePresignedExampleOfS3) {
  const std::string parameters =
      "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=";
  const std::string scope = "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request";
  http::RequestHead head =
      request("GET",
              "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAPLACEHOLDER" + scope +
                  parameters + kNoSignature,
              {{"Host", "examplebucket.s3.amazonaws.com"}});
  AwsSignature how = read(head);
  EXPECT_EQ(how.place, Place::query);
  EXPECT_EQ(how.payload_hash, "UNSIGNED-PAYLOAD");
  ASSERT_TRUE(sign_again(head, how, kExampleKeys));
  EXPECT_EQ(head.target, "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE" +
                             scope + parameters +
                             "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  EXPECT_TRUE(head.secret_target);
  EXPECT_FALSE(head.fields.has("Authorization"));
}

// --- what another implementation signs (tests/fixtures/aws/make_requests)

http::RequestHead head_of(JsonValue described, std::string_view method) {
  http::RequestHead head = request(std::string(method), std::string(*described["target"].string()), {});
  for (JsonValue field : described["fields"]) {
    auto part = field.begin();
    std::string_view name = *(*part).string();
    ++part;
    head.fields.add(name, *(*part).string());
  }
  return head;
}

// Every parameter, whatever the order.
std::vector<std::string> parts_of(std::string_view target) {
  Target split = split_target(target);
  std::vector<std::string> parts;
  for_each_parameter(split.query, [&](const Parameter& parameter) { parts.emplace_back(parameter.whole); });
  std::ranges::sort(parts);
  parts.emplace(parts.begin(), split.path);
  return parts;
}

void expect_same(JsonValue row) {
  SCOPED_TRACE(*row["name"].string());
  std::string_view method = *row["method"].string(), body_hash = *row["body_hash"].string();
  http::RequestHead head = head_of(row["client"], method), wanted = head_of(row["wanted"], method);
  AwsSignature how = read(head);
  auto genuine = verify(head, how, *row["client_secret"].string(), body_hash);
  EXPECT_TRUE(genuine && *genuine) << "the client's own signature";
  auto false_secret = verify(head, how, *row["secret"].string(), body_hash);
  EXPECT_TRUE(false_secret && !*false_secret);

  AwsKeys keys{*row["access_key_id"].string(), *row["secret"].string(), *row["token"].string()};
  auto seed = sign_again(head, how, keys, body_hash);
  ASSERT_TRUE(seed) << seed.error().message();
  EXPECT_EQ(list(head.fields), list(wanted.fields));
  EXPECT_EQ(parts_of(head.target), parts_of(wanted.target));
  EXPECT_EQ(head.secret_target, how.place == Place::query);
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    std::string name = lower(head.fields[i].name);
    EXPECT_EQ(head.fields.secret(i), name == "authorization" || name == "x-amz-security-token") << name;
  }
}

TEST(SigV4, SignsWhatAnotherImplementationSigns) {
  std::ifstream in(WEIR_FIXTURES "/aws/requests.jsonl");
  std::size_t rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    auto document = JsonDocument::parse(line);
    ASSERT_TRUE(document) << line;
    expect_same(document->root());
  }
  EXPECT_GT(rows, 40u);
}

// --- reading

const std::string kScope = "20150830/eu-west-1/bedrock/aws4_request";

http::RequestHead signed_so(const std::string& value, FieldList more = {{"X-Amz-Date", "20150830T123600Z"}}) {
  FieldList fields = {{"Host", "bedrock-runtime.eu-west-1.amazonaws.com"}};
  fields.insert(fields.end(), more.begin(), more.end());
  fields.emplace_back("Authorization", value);
  return request("POST", "/model/m/invoke", fields);
}

TEST(SigV4, ReadsWhatAClientSays) {
  // The parts in any order, with any white space between them.
  AwsSignature how = read(signed_so("AWS4-HMAC-SHA256 Signature=" + kNoSignature + " ,\tCredential=ASIAX/" +
                                    kScope + ",  SignedHeaders=x-amz-date;host"));
  EXPECT_EQ(how.place, Place::field);
  EXPECT_EQ(how.payload, Payload::needed);
  EXPECT_EQ(how.access_key_id, "ASIAX");
  EXPECT_EQ(how.time, "20150830T123600Z");
  EXPECT_EQ(how.region, "eu-west-1");
  EXPECT_EQ(how.service, "bedrock");
  EXPECT_EQ(how.scope(), kScope);
  how = read(signed_so("AWS4-HMAC-SHA256 Signature=" + kNoSignature + ",Credential=ASIAX/" + kScope +
                       ",SignedHeaders=:authority;host;x-amz-date"));
  EXPECT_EQ(how.signed_fields, (std::vector<std::string>{"host", "x-amz-date"}));
  how = read(signed_so("AWS4-HMAC-SHA256 Signature=" + kNoSignature + ",Credential=ASIAX/" + kScope +
                       ",SignedHeaders=:authority;x-amz-date"));
  EXPECT_EQ(how.signed_fields, (std::vector<std::string>{"host", "x-amz-date"}));
  EXPECT_THAT(how.signed_fields, ElementsAre("host", "x-amz-date"));
  EXPECT_EQ(how.signature, kNoSignature);
}

TEST(SigV4, LeavesOtherRequestsAlone) {
  EXPECT_EQ(refusal(request("GET", "/", {{"Host", "a.test"}})), "not signed");
  EXPECT_EQ(refusal(signed_so("Bearer AWS4-HMAC-SHA256")), "not signed");
  EXPECT_EQ(refusal(signed_so("AWS AKID:signature")), "not signed");
  EXPECT_EQ(refusal(request("GET", "/?x=X-Amz-Algorithm&X-Amz-Signature=1", {})), "not signed");
}

TEST(SigV4, SaysWhatIsSignedOfTheBody) {
  auto payload = [](const std::string& said) {
    auto how = read_aws_signature(signed_so(
        authorization("host", kScope), {{"X-Amz-Date", "20150830T123600Z"}, {"X-Amz-Content-SHA256", said}}));
    return how ? std::optional((**how).payload) : std::nullopt;
  };
  EXPECT_EQ(payload(std::string(kEmptyHash)), Payload::stated);
  EXPECT_EQ(payload("UNSIGNED-PAYLOAD"), Payload::stated);
  EXPECT_EQ(payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), Payload::stated);
  EXPECT_EQ(payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Payload::chunks);
  EXPECT_EQ(payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), Payload::chunks_and_trailer);
  for (const char* other : {"", "x", "STREAMING-AWS4-HMAC-SHA256-EVENTS", "unsigned-payload",
                            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"})
    EXPECT_EQ(payload(other), std::nullopt) << other;
}

struct Refused {
  std::string authorization;
  std::string_view why;
};

TEST(SigV4, RefusesFieldsThatAreNoSignature) {
  const std::string good = authorization("host", kScope), start = "AWS4-HMAC-SHA256 ";
  const std::string rest = ", SignedHeaders=host, Signature=" + kNoSignature;
  auto credential = [&](const std::string& text) { return start + "Credential=" + text + rest; };
  const std::vector<Refused> rows = {
      {"AWS4-HMAC-SHA256", "not all there"},
      {"AWS4-HMAC-SHA256Credential=x", "algorithm"},
      {"AWS4-HMAC-SHA512 Credential=x", "algorithm 'AWS4-HMAC-SHA512'"},
      {"AWS4-ECDSA-P256-SHA256 Credential=x", "Signature Version 4a"},
      {good + ",", "taken"},
      {good + ",,Signature=x", "Authorization holds ''"},
      {good + ",Signature=" + kNoSignature, "'Signature' twice"},
      {good + ",More=x", "Authorization holds 'More'"},
      {start + "Credential,SignedHeaders=host", "Authorization holds 'Credential'"},
      {good.substr(0, good.size() - 1), "Signature is not 64"},
      {good + "0", "Signature is not 64"},
      {good.substr(0, good.size() - 1) + "g", "Signature is not 64"},
      {credential(""), "four parts"},
      {credential("20150830/eu-west-1/bedrock/aws4_request"), "four parts"},
      {credential("/" + kScope), "no valid access key id"},
      {credential("A B/" + kScope), "no valid access key id"},
      {credential(std::string(129, 'A') + "/" + kScope), "no valid access key id"},
      {credential("A/20150830/eu-west-1/bedrock/aws4"), "the scope ends in 'aws4'"},
      {credential("A/20150830//bedrock/aws4_request"), "no valid region"},
      {credential("A/20150830/eu-west-1//aws4_request"), "no valid region"},
      {credential("A/20150830/*/bedrock/aws4_request"), "no valid region"},
      {credential("A/20150831/eu-west-1/bedrock/aws4_request"), "is not that of the date"},
      {credential("A/2015083/eu-west-1/bedrock/aws4_request"), "is not that of the date"},
      {authorization("", kScope), "SignedHeaders holds ''"},
      {authorization("host;", kScope), "SignedHeaders holds ''"},
      {authorization("Host", kScope), "SignedHeaders holds 'Host'"},
      {authorization("host; range", kScope), "SignedHeaders holds ' range'"},
      {authorization("host;:path", kScope), "SignedHeaders holds ':path'"},
      {authorization("host;\x80\x01", kScope), "SignedHeaders holds '?"},
      {authorization("host;range;host", kScope), "names 'host' twice"},
      {authorization("authorization;host", kScope), "names authorization"},
      {authorization("range", kScope), "Host is not in SignedHeaders"},
  };
  for (const Refused& row : rows)
    EXPECT_THAT(refusal(signed_so(row.authorization)), HasSubstr(row.why)) << row.authorization;
  std::string many = "host";
  for (int i = 0; i < 256; ++i) many += ";a" + std::to_string(i);
  EXPECT_THAT(refusal(signed_so(authorization(many, kScope))), HasSubstr("more than 256"));
}

TEST(SigV4, RefusesHeadsThatDoNotFitTheirSignature) {
  const std::string good = authorization("host", kScope), time = "20150830T123600Z";
  EXPECT_THAT(refusal(signed_so(good, {})), HasSubstr("no x-amz-date"));
  for (const char* bad :
       {"", "20150830", "20150830 123600Z", "20150830T12360xZ", "Sun, 30 Aug 2015 12:36:00"})
    EXPECT_THAT(refusal(signed_so(good, {{"x-amz-date", bad}})), HasSubstr("not like 20130524T000000Z"));
  EXPECT_THAT(refusal(signed_so(good, {{"x-amz-date", time}, {"X-Amz-Date", time}})),
              HasSubstr("more than one field x-amz-date"));
  EXPECT_THAT(refusal(signed_so(good, {{"x-amz-date", time}, {"Authorization", "Bearer x"}})),
              HasSubstr("more than one field authorization"));
  EXPECT_THAT(refusal(signed_so(good, {{"x-amz-date", time},
                                       {"x-amz-content-sha256", std::string(kEmptyHash)},
                                       {"x-amz-content-sha256", std::string(kEmptyHash)}})),
              HasSubstr("more than one field x-amz-content-sha256"));
  http::RequestHead both = signed_so(good);
  both.target += "?X-Amz-Algorithm=AWS4-HMAC-SHA256";
  EXPECT_THAT(refusal(both), HasSubstr("the query is signed, and"));
}

TEST(SigV4, RefusesQueriesThatAreNoSignature) {
  const std::string good = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830%2Fr%2Fs3%2F" +
                           std::string("aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&") +
                           "X-Amz-Signature=" + kNoSignature;
  auto said = [](const std::string& target) { return refusal(request("GET", target, {{"Host", "a"}})); };
  EXPECT_EQ(said(good), "taken");
  EXPECT_THAT(said(good + "&X-Amz-Signature=1"), HasSubstr("X-Amz-Signature is in the query twice"));
  EXPECT_THAT(said(good + "&X%2DAmz%2DDate=1"), HasSubstr("X-Amz-Date is in the query twice"));
  EXPECT_THAT(said("/?X-Amz-Algorithm=AWS4-HMAC-SHA256"), HasSubstr("not all there"));
  EXPECT_THAT(said("/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"), HasSubstr("Signature Version 4a"));
  EXPECT_THAT(said("/?X-Amz-Algorithm="), HasSubstr("algorithm ''"));
  EXPECT_THAT(said(good + "&X-Amz-Content-Sha256=x"), HasSubstr("neither a hash nor"));
}

// --- signing

TEST(SigV4, NeedsTheHashOfABodyThatTheHeadDoesNotSay) {
  http::RequestHead head = signed_so(authorization("host;x-amz-date", kScope));
  const std::string before = list(head.fields);
  AwsSignature how = read(head);
  ASSERT_EQ(how.payload, Payload::needed);
  auto seed = sign_again(head, how, kExampleKeys);
  ASSERT_FALSE(seed);
  EXPECT_EQ(seed.error().code(), Code::internal);
  EXPECT_FALSE(verify(head, how, "x"));
  EXPECT_EQ(list(head.fields), before);
  EXPECT_TRUE(sign_again(head, how, kExampleKeys, kEmptyHash));
}

TEST(SigV4, RefusesToSignWhatIsNotThere) {
  http::RequestHead head = signed_so(authorization("content-type;host", kScope));
  const std::string before = list(head.fields);
  auto seed = sign_again(head, read(head), kExampleKeys, kEmptyHash);
  ASSERT_FALSE(seed);
  EXPECT_THAT(seed.error().message(), HasSubstr("'content-type', which the request lacks"));
  EXPECT_EQ(list(head.fields), before);
  auto genuine = verify(head, read(head), "x", kEmptyHash);
  EXPECT_TRUE(genuine && !*genuine);
}

TEST(SigV4, SignsNoFieldsOfOneConnection) {
  http::RequestHead head = signed_so(
      authorization("connection;expect;host;te;transfer-encoding;x-amz-security-token", kScope),
      {{"x-amz-date", "20150830T123600Z"}, {"expect", "100-continue"}, {"x-amz-security-token", "theirs"}});
  ASSERT_TRUE(sign_again(head, read(head), kExampleKeys, kEmptyHash));
  EXPECT_THAT(std::string(*head.fields.get("authorization")), HasSubstr("SignedHeaders=host, "));
  EXPECT_FALSE(head.fields.has("x-amz-security-token"));
  EXPECT_TRUE(head.fields.has("expect"));
}

TEST(SigV4, TakesTheHostOfTheOriginWhereTheHeadHasNone) {
  FieldList fields = {{"x-amz-date", "20150830T123600Z"},
                      {"authorization", authorization("host;x-amz-date", kScope)}};
  http::RequestHead without = request("GET", "/", fields);
  without.origin.place.port = 8443;
  fields.emplace_back("Host", "origin.test:8443");
  http::RequestHead with = request("GET", "/", fields);
  auto a = sign_again(without, read(without), kExampleKeys, kEmptyHash);
  auto b = sign_again(with, read(with), kExampleKeys, kEmptyHash);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->signature, b->signature);
}

TEST(SigV4, SignsAllOfTheQueryWhereTheSignatureIsAField) {
  auto signature = [](const std::string& target) {
    http::RequestHead head = signed_so(authorization("host", kScope));
    head.target = target;
    auto seed = sign_again(head, read(head), kExampleKeys, kEmptyHash);
    EXPECT_EQ(head.target, target);
    return seed ? seed->signature : "";
  };
  EXPECT_NE(signature("/?a=1&X-Amz-Signature=1"), signature("/?a=1"));
}

TEST(SigV4, RefusesKeysThatNoRequestCanHold) {
  const AwsKeys good = kExampleKeys;
  const std::vector<AwsKeys> rows = {{"", good.secret, {}},
                                     {"AK/ID", good.secret, {}},
                                     {"AK\r\nID", good.secret, {}},
                                     {good.access_key_id, "", {}},
                                     {good.access_key_id, "hush hush", {}},
                                     {good.access_key_id, good.secret, "hush\n"}};
  for (const AwsKeys& keys : rows) {
    http::RequestHead head = signed_so(authorization("host", kScope));
    auto seed = sign_again(head, read(head), keys, kEmptyHash);
    ASSERT_FALSE(seed);
    EXPECT_EQ(seed.error().code(), Code::credential_failed);
    EXPECT_THAT(seed.error().message(), Not(HasSubstr("hush")));
  }
}

TEST(SigV4, SignsASignedRequestOnceMore) {
  http::RequestHead head = signed_so(authorization("host", kScope));
  AwsKeys keys = kExampleKeys;
  keys.session_token = "a-token";
  ASSERT_TRUE(sign_again(head, read(head), keys, kEmptyHash));
  const std::string once = list(head.fields);
  auto genuine = verify(head, read(head), keys.secret, kEmptyHash);
  EXPECT_TRUE(genuine && *genuine);
  ASSERT_TRUE(sign_again(head, read(head), keys, kEmptyHash));
  EXPECT_EQ(list(head.fields), once);
}

// --- the canonical spelling

std::string path(std::string_view text, bool s3) {
  SecretText out;
  add_canonical_path(out, text, s3);
  return std::string(out.view());
}

TEST(SigV4Canonical, Paths) {
  struct Row {
    std::string_view path, s3, other;
  };
  const std::vector<Row> rows = {
      {"", "/", "/"},
      {"/", "/", "/"},
      {"/a b", "/a%20b", "/a%20b"},
      {"/a%20b", "/a%20b", "/a%2520b"},
      {"/%c3%a9", "/%C3%A9", "/%25c3%25a9"},
      {"/%41-%7e", "/A-~", "/%2541-%257e"},
      {"/a%2fb", "/a%2Fb", "/a%252fb"},
      {"/a+b", "/a%2Bb", "/a%2Bb"},
      {"/%", "/%25", "/%25"},
      {"/%4", "/%254", "/%254"},
      {"/%zz", "/%25zz", "/%25zz"},
      {"/\xC3\xA9", "/%C3%A9", "/%C3%A9"},
      {"//a//./b/../c/", "//a//./b/../c/", "/a/c/"},
      {"/../..", "/../..", "/"},
      {"*", "%2A", "/%2A"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(path(row.path, true), row.s3) << row.path;
    EXPECT_EQ(path(row.path, false), row.other) << row.path;
  }
}

TEST(SigV4Canonical, Queries) {
  auto query = [](std::string_view text, std::string_view left_out = "") {
    SecretText out;
    add_canonical_query(out, text, left_out);
    return std::string(out.view());
  };
  EXPECT_EQ(query(""), "");
  EXPECT_EQ(query("&&"), "");
  EXPECT_EQ(query("a"), "a=");
  EXPECT_EQ(query("=a"), "=a");
  EXPECT_EQ(query("b=2&a=1&"), "a=1&b=2");
  EXPECT_EQ(query("a=b&a=B&a=&a"), "a=&a=&a=B&a=b");
  EXPECT_EQ(query("a=1=2"), "a=1%3D2");
  EXPECT_EQ(query("a=x+y%2bz"), "a=x%20y%2Bz");
  EXPECT_EQ(query("%61=%7E%c3%A9&a-=1"), "a=~%C3%A9&a-=1");
  EXPECT_EQ(query("a=%&b=%4&c=%g0"), "a=%25&b=%254&c=%25g0");
  EXPECT_EQ(query("a=/?:@!$'()*,;"), "a=%2F%3F%3A%40%21%24%27%28%29%2A%2C%3B");
  EXPECT_EQ(query("ab=1&a=2&a%20=3"), "a=2&a%20=3&ab=1");
  EXPECT_EQ(query("X-Amz-Signature=1&a=2&X-Amz-Signature%65=3&X%2dAmz-Signature=4", "X-Amz-Signature"),
            "X-Amz-Signaturee=3&a=2");
}

TEST(SigV4Canonical, Fields) {
  http::RequestHead head =
      request("GET", "/", {{"A", " x \t  y  "}, {"a", "z"}, {"a", ""}, {"Empty", ""}, {"Host", "H"}});
  const std::vector<std::string> names = {"a", "empty", "host", "missing"};
  SecretText out;
  add_canonical_fields(out, head, names);
  EXPECT_EQ(out.view(), "a:x y,z,\nempty:\nhost:H\nmissing:\n");
}

TEST(SigV4Canonical, TextGrowsWithoutLeavingAnythingOut) {
  SecretText out;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    expected += std::to_string(i);
    out.add(std::to_string(i));
  }
  EXPECT_EQ(out.view(), expected);
}

}  // namespace
}  // namespace weir::broker
