#include "store/remote_syslog_text.h"

#include <gmock/gmock.h>

#include "base/utf8.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kSession = "20250131-235959-a1b2";

SyslogStyle style() {
  return {.facility = 16, .app_name = "weir", .host_name = "machine", .process_id = "42", .max_bytes = 2048};
}

std::string message(const flow::Flow& flow, const SyslogStyle& style) {
  return syslog_message(remote_entry(flow, kSession), style);
}

TEST(SyslogTextTest, AMessageHasEveryPart) {
  EXPECT_EQ(message(sample_flow(1), style()),
            "<134>1 2025-10-09T08:53:21.001500Z machine weir 42 flow "
            "[weir@32473 id=\"a1b2-1\" method=\"GET\" host=\"a.example\" port=\"443\" status=\"200\" "
            "duration_ms=\"1\" interception=\"intercepted\" resp_body_bytes=\"5\"] GET https://a.example/1 "
            "200 1ms");
}

TEST(SyslogTextTest, SeverityTellsWhatHappened) {
  struct Row {
    const char* what;
    void (*change)(flow::Flow&);
    const char* priority;
  };
  const Row rows[] = {
      {"an answer", [](flow::Flow&) {}, "<134>"},
      {"a client's mistake", [](flow::Flow& flow) { flow.response.status = 404; }, "<132>"},
      {"an origin's", [](flow::Flow& flow) { flow.response.status = 503; }, "<132>"},
      {"blocked",
       [](flow::Flow& flow) {
         flow.error = Code::blocked;
         flow.filter_action = "block";
       },
       "<132>"},
      {"failed", [](flow::Flow& flow) { flow.error = Code::dns_not_found; }, "<131>"},
  };
  for (const Row& row : rows) {
    flow::Flow flow = sample_flow(1);
    row.change(flow);
    EXPECT_THAT(message(flow, style()), StartsWith(row.priority)) << row.what;
  }
}

TEST(SyslogTextTest, WhatAPeerSaysForgesNothing) {
  flow::Flow flow = sample_flow(1);
  flow.request.method = "G\"]\\ET\n<0>1 - forged";
  flow.request.target = "/a\r\n\x1b[31m\xff";
  flow.filter_action = "block";
  flow.filter_reason = "no ] \"quotes\"";
  for (auto form : {SyslogStyle::Form::rfc5424, SyslogStyle::Form::local}) {
    SyslogStyle other = style();
    other.form = form;
    std::string text = message(flow, other);
    EXPECT_TRUE(is_utf8(text));
    for (char c : text) EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != 0x7f) << text;
  }
  EXPECT_THAT(message(flow, style()), HasSubstr("filter_reason=\"no \\] \\\"quotes\\\"\""));
  EXPECT_THAT(message(flow, style()), HasSubstr("method=\"G\\\"\\]\\\\ET"));
}

TEST(SyslogTextTest, WordsOfTheHeaderAreWords) {
  SyslogStyle odd = style();
  odd.host_name = "";
  odd.app_name = "my app";
  EXPECT_THAT(message(sample_flow(1), odd), HasSubstr("Z - my_app 42 flow ["));
}

TEST(SyslogTextTest, LengthIsBoundedAndNoCharacterIsCut) {
  flow::Flow flow = sample_flow(1);
  flow.request.origin.place.host = std::string(250, 'h');
  flow.filter_action = "block";
  for (int i = 0; i < 2000; ++i) flow.filter_reason += "\u00fc";
  for (std::size_t limit = kLeastSyslogBytes; limit < 3000; limit += 13) {
    SyslogStyle bounded = style();
    bounded.max_bytes = limit;
    std::string text = message(flow, bounded);
    ASSERT_LE(text.size(), limit);
    ASSERT_GE(text.size(), limit - 3);
    ASSERT_TRUE(is_utf8(text));
    ASSERT_THAT(text, HasSubstr("] GET https://hhh")) << limit;
  }
}

TEST(SyslogTextTest, TheLocalFormIsThatOfSyslog3) {
  SyslogStyle local = style();
  local.form = SyslogStyle::Form::local;
  EXPECT_THAT(message(sample_flow(1), local),
              testing::MatchesRegex("<134>Oct [ 0-9]+ [0-9:]+ weir.42.: GET https://a.example/1 200 1ms"));
}

TEST(SyslogTextTest, JsonGivesWayToTheLineWhereItHasNoRoom) {
  SyslogStyle json = style();
  json.text = RemoteText::json;
  EXPECT_THAT(message(sample_flow(1), json), EndsWith("}"));
  EXPECT_THAT(message(sample_flow(1), json), HasSubstr("] {\"ts\":\"2025-10-09T"));
  json.max_bytes = 480;
  EXPECT_THAT(message(sample_flow(1), json), EndsWith("GET https://a.example/1 200 1ms"));
}

TEST(SyslogTextTest, CredentialsAreRedacted) {
  flow::Flow flow = sample_flow(1);
  flow.request.target = "/?token=hide-me";
  flow.request.fields.add("Authorization", "Bearer hide-me");
  flow.error = Code::upstream_reset;
  flow.error_detail = "https://a.example/?token=hide-me";
  for (auto text : {RemoteText::line, RemoteText::json}) {
    SyslogStyle other = style();
    other.text = text;
    other.max_bytes = 60'000;
    EXPECT_THAT(message(flow, other), Not(HasSubstr("hide-me")));
  }
}

TEST(SyslogTextTest, Facilities) {
  EXPECT_EQ(syslog_facility("kern"), 0);
  EXPECT_EQ(syslog_facility("user"), 1);
  EXPECT_EQ(syslog_facility("local7"), 23);
  EXPECT_EQ(syslog_facility("local8"), std::nullopt);
}

}  // namespace
}  // namespace weir::store
