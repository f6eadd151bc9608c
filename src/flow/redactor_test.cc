#include "flow/redactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/hash.h"
#include "tests/support/codings.h"

namespace weir::flow {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kCanary = "Canary-7Qz/+?\" \\9x";  // has what each spelling must escape

std::shared_ptr<const Redactor> redactor_of(std::vector<RedactionRule> rules, CredentialNames names = {},
                                            std::uint64_t max_scan_bytes = 10 << 20) {
  auto out = Redactor::compile({std::move(rules), std::move(names), max_scan_bytes});
  EXPECT_TRUE(out) << out.error().message();
  return out.value_or(nullptr);
}

std::shared_ptr<const Redactor> canary_redactor(std::uint64_t max_scan_bytes = 10 << 20) {
  return redactor_of({{.name = "canary", .value = kCanary}}, {}, max_scan_bytes);
}

std::string percent(std::string_view text, bool upper, std::string_view keep = "") {
  std::string out;
  for (char c : text) {
    char digits[4];
    std::snprintf(digits, sizeof digits, upper ? "%%%02X" : "%%%02x", static_cast<unsigned char>(c));
    out += keep.contains(c) ? std::string(1, c) : digits;
  }
  return out;
}

std::string json_units(std::string_view text) {
  std::string out;
  for (char c : text) {
    char unit[7];
    std::snprintf(unit, sizeof unit, "\\u%04x", static_cast<unsigned char>(c));
    out += unit;
  }
  return out;
}

std::string json(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\' || c == '/') out += '\\';
    out += c;
  }
  return out;
}

/// Everything `value` may look like.
std::vector<std::string> spellings(const std::string& value) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  std::vector<std::string> out = {value,
                                  percent(value, true),
                                  percent(value, false),
                                  percent(value, true, kPlain),
                                  json(value),
                                  json_units(value),
                                  json(json(value)),
                                  percent(percent(value, true, kPlain), true, kPlain),
                                  percent(json(value), true, kPlain),
                                  json(percent(value, true)),
                                  hex(value),
                                  percent(base64(value), true, kPlain),
                                  json(base64("user:" + value))};
  for (int before = 0; before < 3; ++before) {
    std::string coded = base64(std::string(static_cast<std::size_t>(before), 'u') + value + "!");
    out.push_back(coded);
    for (char& c : coded) c = c == '+' ? '-' : c == '/' ? '_' : c;
    out.push_back(coded);
  }
  return out;
}

TEST(Redactor, FindsAValueHoweverItIsWritten) {
  auto redactor = canary_redactor();
  for (const std::string& spelling : spellings(kCanary)) {
    std::string text = redactor->text("before=" + spelling + "&after");
    EXPECT_THAT(text, HasSubstr("before=")) << spelling;
    EXPECT_THAT(text, HasSubstr("[REDACTED:canary]")) << spelling;
    EXPECT_THAT(text, HasSubstr("&after")) << spelling;
    EXPECT_THAT(text, Not(HasSubstr(spelling)));
    EXPECT_LT(text.size(), std::string("before=[REDACTED:canary]&after").size() + 9) << text;
  }
  EXPECT_EQ(redactor->text("no secret here"), "no secret here");
}

TEST(Redactor, FormsWithPlusForSpaces) {
  auto redactor = redactor_of({{.name = "phrase", .value = "correct horse & staple"}});
  EXPECT_EQ(redactor->text("p=correct+horse+%26+staple&q"), "p=[REDACTED:phrase]&q");
  EXPECT_EQ(redactor->text("p=correct%20horse%20%26%20staple&q"), "p=[REDACTED:phrase]&q");
}

TEST(Redactor, Patterns) {
  auto redactor = redactor_of({{.name = "github", .pattern = "ghp_[A-Za-z0-9]{6}"},
                               {.name = "card", .pattern = "[0-9]{4}/[0-9]{4}"},
                               {.name = "marks", .pattern = "[A-Z]{8}"}});
  EXPECT_EQ(redactor->text("a ghp_abc123 b ghp_abc1234"), "a [REDACTED:github] b [REDACTED:github]4");
  EXPECT_EQ(redactor->text("a=1234%2F5678&b"), "a=[REDACTED:card]&b");
  EXPECT_EQ(redactor->text(R"({"a":"1234\/5678"})"), R"({"a":"[REDACTED:card]"})");
  EXPECT_EQ(redactor->text("ghp_abc123 QWERTZUI"), "[REDACTED:github] [REDACTED:marks]")
      << "what a mark says is nobody's secret";
}

TEST(Redactor, NothingIsLeftBesideAMark) {
  auto redactor = redactor_of({{.name = "one", .value = "ab[R"}, {.name = "two", .value = "zzzz"}});
  EXPECT_EQ(redactor->text("abzzzz"), "[REDACTED:one]EDACTED:two]");
  // Each mark makes the next: in the end the whole text goes.
  auto endless = redactor_of({{.name = "e", .value = "xxxx[REDA"}, {.name = "f", .value = "yyyyy"}});
  std::string text = endless->text("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyyy");
  EXPECT_THAT(text, Not(HasSubstr("xxxx[REDA")));
}

TEST(Redactor, LinesMayEndOtherwiseThanInTheValue) {
  auto file = redactor_of({{.name = "key", .value = "-----BEGIN KEY-----\nMIIE\nAb+1\n-----END KEY-----"}});
  for (std::string text : {"-----BEGIN KEY-----\r\nMIIE\r\nAb+1\r\n-----END KEY-----",
                           "-----BEGIN+KEY-----%0D%0AMIIE%0D%0AAb%2B1%0D%0A-----END+KEY-----",
                           "-----BEGIN KEY-----\\r\\nMIIE\\r\\nAb+1\\r\\n-----END KEY-----"})
    EXPECT_EQ(file->text("k=" + text + "&"), "k=[REDACTED:key]&");
  auto dos = redactor_of({{.name = "key", .value = "first\r\nlast"}});
  EXPECT_EQ(dos->text("first\nlast first\r\nlast"), "[REDACTED:key] [REDACTED:key]");
}

TEST(Redactor, ASecretMayReachFromTheOriginIntoTheTarget) {
  auto parts_of = [](const Redactor& redactor, HostPort place, std::string target) {
    Flow flow;
    flow.request.origin = {http::Scheme::https, std::move(place)};
    flow.request.target = std::move(target);
    redactor.redact(flow);
    return flow.request.origin.place.host + " " + flow.request.target +
           (has_mark(flow, "redacted") ? " redacted" : "");
  };
  auto hook = redactor_of({{.name = "hook", .value = "https://hooks.example/services/T0/B0/x+y"},
                           {.name = "part", .value = "/services/T0"}});
  EXPECT_EQ(parts_of(*hook, {"hooks.example", 443}, "/services/T0/B0/x+y?a=1"),
            "[REDACTED:hook] /[REDACTED:hook]?a=1 redacted");
  EXPECT_EQ(parts_of(*hook, {"hooks.example", 443}, "/services/T0/B0/x%2By"),
            "[REDACTED:hook] /[REDACTED:hook] redacted");
  EXPECT_EQ(parts_of(*hook, {"hooks.example", 443}, "/services/T1"), "hooks.example /services/T1");
  EXPECT_EQ(parts_of(*hook, {"hooks.example", 444}, "/services/T0/B0/x+y"),
            "hooks.example [REDACTED:part]/B0/x+y redacted")
      << "another URL";

  auto pattern = redactor_of({{.name = "p", .pattern = "example(:[0-9]+)?/hook/[a-z0-9]+"}});
  EXPECT_EQ(parts_of(*pattern, {"a.example", 443}, "/hook/abc1/2"),
            "a.[REDACTED:p] /[REDACTED:p]/2 redacted");
  EXPECT_EQ(parts_of(*pattern, {"a.example", 8443}, "/hook/abc1"), "a.[REDACTED:p] /[REDACTED:p] redacted");
  auto port = redactor_of({{.name = "p", .value = "::1]:81/x"}});
  EXPECT_EQ(parts_of(*port, {"::1", 81}, "/xy"), "[REDACTED:p] /[REDACTED:p]y redacted");
  auto slash = redactor_of({{.name = "s", .value = "https://http/"}});
  EXPECT_EQ(parts_of(*slash, {"http", 443}, "/"), "[REDACTED:s] /[REDACTED:s] redacted");
}

std::shared_ptr<const SecretFinder> finder_of(const std::vector<std::string>& values) {
  auto out = std::make_shared<SecretFinder>();
  for (std::uint32_t i = 0; i < values.size(); ++i)
    if (!values[i].empty()) out->add_value(values[i], i);
  out->compile();
  return out;
}

TEST(LiveSecrets, AreFoundFromTheMomentOnThatTheyAreKnown) {
  auto live = std::make_shared<LiveSecrets>(std::vector<std::string>{"github", "corp"});
  auto redactor =
      Redactor::compile({.rules = {{.name = "rule", .value = "rule-value"}}, .live = live}).value();
  EXPECT_EQ(redactor->text("first-secret rule-value"), "first-secret [REDACTED:rule]");
  live->replace(finder_of({"first-secret", "of-the-corp"}));
  EXPECT_EQ(redactor->text("first-secret rule-value of-the-corp"),
            "[REDACTED:github] [REDACTED:rule] [REDACTED:corp]");
  for (const std::string& spelling : spellings("first-secret"))
    EXPECT_THAT(redactor->text("<< " + spelling + " >>"), HasSubstr("[REDACTED:github]")) << spelling;
  live->replace(finder_of({"next-secret", "of-the-corp"}));
  EXPECT_EQ(redactor->text("first-secret next-secret"), "first-secret [REDACTED:github]");
  live->replace(nullptr);
  EXPECT_EQ(redactor->text("next-secret rule-value"), "next-secret [REDACTED:rule]");
}

TEST(LiveSecrets, AreFoundWhereThereAreNoRules) {
  auto live = std::make_shared<LiveSecrets>(std::vector<std::string>{"github"});
  auto redactor = Redactor::compile({.rules = {}, .live = live}).value();
  live->replace(finder_of({"first-secret"}));
  Flow flow;
  flow.request.target = "/?q=first-secret";
  flow.response.fields.add("Set-Cookie", "a=first-secret");
  flow.response_body.bytes = R"({"echo": "Bearer first\u002dsecret"})";
  redactor->redact(flow);
  EXPECT_EQ(flow.request.target, "/?q=[REDACTED:github]");
  EXPECT_EQ(flow.response.fields.get("set-cookie"), "a=[REDACTED:github]");
  EXPECT_EQ(flow.response_body.bytes, R"({"echo": "Bearer [REDACTED:github]"})");
  Message message;
  message.content.bytes = "first-secret";
  redactor->redact(message);
  EXPECT_EQ(message.content.bytes, "[REDACTED:github]");
}

TEST(LiveSecrets, ABodyThatWasCutEndsBeforeWhatMayBeOne) {
  auto live = std::make_shared<LiveSecrets>(std::vector<std::string>{"github"});
  auto redactor = Redactor::compile({.rules = {}, .live = live}).value();
  live->replace(finder_of({"first-secret"}));
  for (const auto& [bytes, left] : {std::pair<std::string, std::string>{"text first-se", "text "},
                                    {"text %66irst-se", "text "},
                                    {"text %6", "text "},
                                    {"text first-secret and", "text [REDACTED:github] and"}}) {
    Flow flow;
    flow.response_body.bytes = bytes;
    flow.response_body.truncated = true;
    redactor->redact(flow);
    EXPECT_EQ(flow.response_body.bytes, left) << bytes;
  }
}

TEST(LiveSecrets, AreReplacedWhileOthersLook) {
  auto live = std::make_shared<LiveSecrets>(std::vector<std::string>{"one", "two"});
  auto redactor = Redactor::compile({.rules = {}, .live = live}).value();
  const std::vector<std::string> values = {"secret-number-one", "secret-number-two"};
  live->replace(finder_of(values));
  std::atomic<bool> over = false;
  std::thread changing([&] {
    for (int i = 0; i < 200; ++i)
      live->replace(i % 2 == 0 ? finder_of({values[0]}) : finder_of({"", values[1]}));
    live->replace(finder_of({values[0]}));
    over = true;
  });
  std::size_t either = 0, looks = 0;
  while (!over) {
    std::string text = redactor->text("a secret-number-one b secret-number-two c");
    ++looks;
    either += text == "a [REDACTED:one] b secret-number-two c" ||
              text == "a secret-number-one b [REDACTED:two] c" ||
              text == "a [REDACTED:one] b [REDACTED:two] c";
  }
  changing.join();
  EXPECT_EQ(either, looks) << "never a part of a state";
  EXPECT_EQ(redactor->text("secret-number-one"), "[REDACTED:one]");
}

TEST(Redactor, RulesThatCannotBeUsed) {
  auto why = [](std::vector<RedactionRule> rules) {
    auto out = Redactor::compile({std::move(rules), {}, 1 << 20});
    return out ? std::string() : out.error().context();
  };
  EXPECT_THAT(why({{.name = "a", .pattern = "(", .source = "x.toml:3"}}),
              HasSubstr("x.toml:3: redaction rule \"a\": the pattern is no regular expression (RE2)"));
  EXPECT_THAT(why({{.name = "a", .pattern = "x*"}}), HasSubstr("matches an empty text"));
  EXPECT_THAT(why({{.name = "a", .value = "abc"}}),
              HasSubstr("redaction rule \"a\": its value has fewer than 4"));
  EXPECT_THAT(
      why({{.name = "key", .value = "abcdef"}, {.name = "my-password", .value = "pass"}}),
      HasSubstr("redaction rule \"my-password\": its value is found in the mark [REDACTED:my-password]"));
  EXPECT_THAT(why({{.name = "a", .value = "EDACT"}}), HasSubstr("is found in the mark"));
  EXPECT_THAT(why({{.name = "deadbeef", .value = "\xDE\xAD\xBE\xEF"}}), HasSubstr("is found in the mark"));
}

// -- whole accounts

http::Fields fields_of(std::initializer_list<std::pair<std::string, std::string>> list) {
  http::Fields out;
  for (const auto& [name, value] : list) out.add(name, value);
  return out;
}

std::string all_texts(const http::Fields& fields) {
  std::string out;
  for (http::Fields::View field : fields)
    out.append(field.name).append(": ").append(field.value).append("\n");
  return out;
}

std::string all_texts(const Flow& flow) {
  std::string out;
  for (const std::string* text :
       {&flow.request.method, &flow.request.origin.place.host, &flow.request.target, &flow.request.upgrade,
        &flow.request_body.bytes, &flow.response.reason, &flow.response_body.bytes, &flow.filter_action,
        &flow.filter_reason, &flow.process, &flow.device, &flow.model, &flow.error_detail, &flow.marks})
    out.append(*text).append("\n");
  for (const http::Fields* fields :
       {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers})
    out.append(all_texts(*fields));
  return out;
}

Flow flow_with(const std::string& secret) {
  Flow flow;
  flow.request.method = "X" + secret;
  flow.request.origin.place = {"a." + lower(secret) + ".test", 443};
  flow.request.target = "/path/" + secret + "?q=" + percent(secret, true);
  flow.request.upgrade = secret;
  flow.request.fields =
      fields_of({{"Host", lower(secret)}, {"X-" + secret, "1"}, {"X-Auth", base64("u:" + secret)}});
  flow.request_trailers = fields_of({{"x-" + lower(secret), secret}});
  flow.request_body = {.bytes = "<" + secret + ">", .size = 20, .complete = true};
  flow.has_response = true;
  flow.response.reason = secret;
  flow.response.fields = fields_of({{"Location", "/" + secret}});
  flow.response_trailers = fields_of({{"X-Sum", secret}});
  flow.response_body = {.bytes = json_units(secret), .size = 20, .complete = true};
  flow.filter_reason = "rule *." + secret;
  flow.process = flow.device = flow.model = secret;
  flow.error_detail = "cannot resolve " + secret;
  return flow;
}

TEST(Redactor, NoTextOfAFlowIsForgotten) {
  const std::string secret = "Canary7Qz9x";
  auto redactor = redactor_of({{.name = "canary", .value = secret}});
  Flow flow = flow_with(secret);
  redactor->redact(flow);
  std::string texts = all_texts(flow);
  for (const std::string& spelling : spellings(secret)) EXPECT_THAT(texts, Not(HasSubstr(spelling)));
  EXPECT_THAT(texts, Not(HasSubstr(lower(secret))));
  EXPECT_EQ(flow.request.origin.place.host, "a.[REDACTED:canary].test");
  EXPECT_EQ(flow.request.target, "/path/[REDACTED:canary]?q=[REDACTED:canary]");
  EXPECT_EQ(all_texts(flow.request_trailers), "x-[REDACTED:canary]: [REDACTED:canary]\n");
  EXPECT_EQ(flow.request_body.bytes, "<[REDACTED:canary]>");
  EXPECT_EQ(flow.request_body.size, 20u);
  EXPECT_FALSE(flow.request_body.truncated);
  EXPECT_EQ(flow.marks, "redacted");
}

TEST(Redactor, AFlowWithoutSecretsStaysAsItIs) {
  Flow flow = flow_with("harmless");
  flow.marks = "retried";
  std::string before = all_texts(flow);
  canary_redactor()->redact(flow);
  EXPECT_EQ(all_texts(flow), before);
}

TEST(Redactor, MoreNamesOfCredentials) {
  auto redactor = redactor_of({}, {{"X-Corp-Id"}, {"tenant"}});
  Flow flow;
  flow.request.target = "/x?Tenant=1&token=2&page=3";
  flow.request.fields = fields_of({{"x-corp-id", "17"}, {"Referer", "https://a.test/?tenant=5"}});
  flow.error_detail = "asked https://a.test/?x=1 and then /y?tenant=9";
  flow.request_body.bytes = "tenant=5";
  redactor->redact(flow);
  EXPECT_EQ(flow.request.target, "/x?Tenant=[REDACTED]&token=[REDACTED]&page=3");
  EXPECT_EQ(all_texts(flow.request.fields),
            "x-corp-id: [REDACTED]\nReferer: https://a.test/?tenant=[REDACTED]\n");
  EXPECT_EQ(flow.error_detail, "asked https://a.test/?x=1 and then /y?tenant=[REDACTED]");
  EXPECT_EQ(flow.request_body.bytes, "tenant=5");
  EXPECT_EQ(redactor->text("may GET /x?tenant=5 pass?"), "may GET /x?tenant=[REDACTED] pass?");
}

TEST(Redactor, Connections) {
  Connection connection;
  for (std::string* text :
       {&connection.host, &connection.via, &connection.sni, &connection.certificate_subject,
        &connection.certificate_issuer, &connection.error_detail})
    *text = "a" + lower(kCanary);
  canary_redactor()->redact(connection);
  for (const std::string* text :
       {&connection.host, &connection.via, &connection.sni, &connection.certificate_subject,
        &connection.certificate_issuer, &connection.error_detail})
    EXPECT_EQ(*text, "a[REDACTED:canary]");
}

// -- bodies

struct Body {
  std::string bytes;
  std::string coding = "";
  bool truncated = false;
  bool complete = true;
  std::string also = "";  ///< a field
};

Flow redacted_response(const Body& body, const Redactor& redactor) {
  Flow flow;
  flow.has_response = true;
  flow.response_body = {.bytes = body.bytes,
                        .size = body.bytes.size() + (body.truncated ? 1000 : 0),
                        .truncated = body.truncated,
                        .complete = body.complete};
  if (!body.coding.empty()) flow.response.fields.add("Content-Encoding", body.coding);
  if (!body.also.empty()) flow.response.fields.add(body.also, "gzip");
  redactor.redact(flow);
  return flow;
}

TEST(RedactedBody, IsDecodedWhenASecretIsInIt) {
  auto redactor = canary_redactor();
  std::string text = "first " + kCanary + " last";
  for (auto [coding, bytes] : {std::pair("gzip", test::gzip(text)), std::pair("deflate", test::zlib(text)),
                               std::pair("br", test::brotli(text)), std::pair("zstd", test::zstd(text)),
                               std::pair("gzip, br", test::brotli(test::gzip(text)))}) {
    Flow flow = redacted_response({bytes, coding}, *redactor);
    EXPECT_EQ(flow.response_body.bytes, "first [REDACTED:canary] last") << coding;
    EXPECT_TRUE(flow.response_body.decoded);
    EXPECT_FALSE(flow.response_body.truncated);
    EXPECT_EQ(flow.marks, "resp_decoded,redacted");
    EXPECT_EQ(flow.response.fields.get("content-encoding"), coding);
  }
}

TEST(RedactedBody, StaysCodedWhenNoSecretIsInIt) {
  for (auto [coding, bytes] :
       {std::pair("gzip", test::gzip("harmless")), std::pair("br", test::brotli("harmless")),
        std::pair("identity", std::string("harmless"))}) {
    Flow flow = redacted_response({bytes, coding}, *canary_redactor());
    EXPECT_EQ(flow.response_body.bytes, bytes);
    EXPECT_FALSE(flow.response_body.decoded);
    EXPECT_EQ(flow.marks, "");
  }
}

TEST(RedactedBody, IsWithheldWhenNobodyCanLookIntoIt) {
  auto redactor = canary_redactor(1000);
  std::string zeros(5000, '0');
  std::string broken = test::gzip("begins well");
  broken[broken.size() - 6] ^= 1;  // its checksum
  for (const Body& body :
       {Body{"anything", "compress"}, Body{"no gzip at all", "gzip"}, Body{broken, "gzip"},
        Body{test::gzip(zeros), "gzip"}, Body{zeros}, Body{test::gzip("x"), "gzip,gzip,gzip,gzip,gzip"},
        Body{"\x01....", "", false, true, "grpc-encoding"},
        Body{"....", "", false, true, "Connect-Content-Encoding"}}) {
    Flow flow = redacted_response(body, *redactor);
    EXPECT_EQ(flow.response_body.bytes, "") << body.coding;
    EXPECT_TRUE(flow.response_body.truncated);
    EXPECT_EQ(flow.response_body.size, body.bytes.size());
    EXPECT_EQ(flow.marks, "resp_withheld") << body.coding;
  }
}

TEST(RedactedBody, AFileThatIsPackedByItselfStaysOrGoes) {
  auto redactor = canary_redactor(1000);
  for (auto pack : {+[](std::string_view text) { return test::gzip(text); },
                    +[](std::string_view text) { return test::zstd(text); }}) {
    for (const std::string& secret : {"a " + kCanary, std::string(5000, '0')}) {
      Flow flow = redacted_response({pack(secret)}, *redactor);
      EXPECT_EQ(flow.response_body.bytes, "");
      EXPECT_EQ(flow.marks, "resp_withheld");
      flow = redacted_response({test::gzip(pack(secret)), "gzip"}, *redactor);
      EXPECT_EQ(flow.marks, "resp_withheld");
    }
    Flow flow = redacted_response({pack("harmless")}, *redactor);
    EXPECT_EQ(flow.response_body.bytes, pack("harmless"));
    EXPECT_EQ(flow.marks, "");
    std::string half = pack(std::string(300, 'x') + kCanary);
    flow = redacted_response({half.substr(0, half.size() - 4), "", true, true}, *redactor);
    EXPECT_EQ(flow.response_body.bytes, "");
  }
  std::string begun = test::deflated("nothing but Canary-", 15 + 16, 0);
  EXPECT_EQ(redacted_response({begun, "", true, true}, *redactor).marks, "resp_withheld");
  EXPECT_EQ(redacted_response({begun, "", false, true}, *redactor).marks, "");
  Flow flow = redacted_response({"\x1f\x8b\x08 and no more"}, *redactor);
  EXPECT_EQ(flow.response_body.bytes, "\x1f\x8b\x08 and no more");
}

TEST(RedactedBody, NotesOfACodingAreLookedInto) {
  // The name of a file in the header of gzip, and what stands behind its end.
  std::string plain = test::gzip("harmless");
  std::string named = plain;
  named[3] = 8;
  named.insert(10, kCanary + '\0');
  for (const std::string& bytes : {named, plain + kCanary}) {
    Flow flow = redacted_response({bytes, "gzip"}, *canary_redactor());
    EXPECT_EQ(flow.response_body.bytes, "harmless");
    EXPECT_TRUE(flow.response_body.decoded);
  }
}

TEST(RedactedBody, ABodyThatWasCutEndsBeforeWhatMayBeASecret) {
  auto redactor = canary_redactor();
  for (const std::string& spelling : spellings(kCanary)) {
    for (std::size_t length = 1; length <= spelling.size(); ++length) {
      for (const Body& body : {Body{"text: " + spelling.substr(0, length), "", true, true},
                               Body{"text: " + spelling.substr(0, length), "", false, false}}) {
        Flow flow = redacted_response(body, *redactor);
        std::string kept = flow.response_body.bytes;
        if (std::size_t mark = kept.find("[REDACTED:canary]"); mark != kept.npos) kept.resize(mark);
        // An escape that is cut, and in base64 the bytes before a value, say nothing of it.
        EXPECT_LE(kept.size(), 6u + 7u) << spelling.substr(0, length) << " -> " << flow.response_body.bytes;
        EXPECT_THAT(kept, Not(HasSubstr("anary")));
      }
    }
  }
  Flow harmless = redacted_response({"text: xyz", "", true, true}, *redactor);
  EXPECT_EQ(harmless.response_body.bytes, "text: xyz");
  Flow whole = redacted_response({"text: Canary", "", false, true}, *redactor);
  EXPECT_EQ(whole.response_body.bytes, "text: Canary");
}

TEST(RedactedBody, ACodedBodyThatWasCutIsKeptDecoded) {
  auto redactor = canary_redactor();
  std::string text(3000, '.');
  for (unsigned i = 0, seed = 1; i < text.size(); ++i)
    text[i] = static_cast<char>((seed = seed * 69069 + 1) >> 25 | 64);
  text.insert(1500, kCanary);
  std::string coded = test::gzip(text);
  for (std::size_t length = 20; length < coded.size(); length += 7) {
    Flow flow = redacted_response({coded.substr(0, length), "gzip", true, true}, *redactor);
    EXPECT_TRUE(flow.response_body.decoded || flow.response_body.bytes.empty()) << length;
    EXPECT_THAT(flow.response_body.bytes, Not(HasSubstr("Canary-7Qz")));
    std::string clean = text;
    clean.replace(1500, kCanary.size(), "[REDACTED:canary]");
    EXPECT_TRUE(clean.starts_with(flow.response_body.bytes)) << length;
  }
}

TEST(RedactedBody, TheEndOfACutBodyGoesWherePatternsAreLookedFor) {
  auto redactor = redactor_of({{.name = "github", .pattern = "ghp_[a-z]{6}"}});
  std::string text = std::string(5000, '.') + "ghp_abc";
  Flow flow = redacted_response({text, "", true, true}, *redactor);
  EXPECT_EQ(flow.response_body.bytes, text.substr(0, text.size() - SecretFinder::kPatternEnd));
  text = std::string(905, '.') + "ghp_abcdef" + std::string(4091, '.');  // the cut would fall into it
  flow = redacted_response({text, "", true, true}, *redactor);
  EXPECT_EQ(flow.response_body.bytes, std::string(905, '.') + "[REDACTED:github]");
  flow = redacted_response({text, "", false, true}, *redactor);
  EXPECT_THAT(flow.response_body.bytes, HasSubstr("[REDACTED:github]..."));
}

// -- messages

TEST(RedactedMessage, EachByItself) {
  using http::ws::Problem;
  auto redactor = canary_redactor();
  auto redacted = [&](http::ws::Message content) {
    Message message{.flow = 1, .number = 1, .content = std::move(content)};
    redactor->redact(message);
    return std::pair(message.content.bytes, message.content.truncated);
  };
  using Kept = std::pair<std::string, bool>;
  EXPECT_EQ(redacted({.bytes = "a " + kCanary + " b"}), Kept("a [REDACTED:canary] b", false));
  EXPECT_EQ(redacted({.bytes = "a Canary-"}), Kept("a Canary-", false));
  EXPECT_EQ(redacted({.bytes = "a Canary-", .truncated = true}), Kept("a ", true));
  for (Problem problem : {Problem::incomplete, Problem::bad_compression, Problem::compression_bomb})
    EXPECT_EQ(redacted({.bytes = "a Canary-", .problem = problem}), Kept("a ", true));
  for (Problem problem : {Problem::not_inflated, Problem::unknown_extension})
    EXPECT_EQ(redacted({.bytes = "anything", .problem = problem}), Kept("", true));
  EXPECT_EQ(redacted({.bytes = "a", .problem = Problem::invalid_utf8}), Kept("a", false));
}

}  // namespace
}  // namespace weir::flow
