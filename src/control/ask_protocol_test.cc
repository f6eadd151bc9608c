#include "control/ask_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace weir::control {
namespace {

using policy::Action;
using policy::AnswerScope;
using proxy::Decision;
using ::testing::HasSubstr;
using ::testing::Not;

Asked asked(std::string target = "/v1/users?token=s3cret") {
  Asked out;
  out.id = 7;
  out.inquiry = {.origin = {http::Scheme::https, {"api.example.com", 443}},
                 .method = "POST",
                 .target = std::move(target),
                 .why = "no rule matched, using default action: ask"};
  out.inquiry.fields.add("Authorization", "[REDACTED]");
  out.deadline = TimePoint() + std::chrono::seconds(100);
  out.patience = std::chrono::seconds(30);
  return out;
}

std::string line_of(const Asked& question, TimePoint now = {}, const flow::Redactor* redactor = nullptr) {
  return question_line(question, without_secrets(question.inquiry, redactor), now, true);
}

JsonDocument read(const std::string& line) {
  auto parsed = JsonDocument::parse(line);
  EXPECT_TRUE(parsed) << line;
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  return parsed ? std::move(*parsed) : *JsonDocument::parse("null");
}

TEST(AskProtocol, a_question_says_what_helps_to_decide) {
  std::string line = line_of(asked(), TimePoint() + std::chrono::milliseconds(80'500));
  EXPECT_EQ(
      line,
      R"({"type":"question","id":"7","method":"POST",)"
      R"("url":"https://api.example.com/v1/users?token=[REDACTED]","host":"api.example.com","port":443,)"
      R"("path":"/v1/users?token=[REDACTED]","headers":{"Authorization":"[REDACTED]"},"tunnel":false,)"
      R"("reason":"no rule matched, using default action: ask","timeout":20,"may_remember":true,"scopes":[)"
      R"({"scope":"url","covers":"POST https://api.example.com/v1/users?token=[REDACTED]"},)"
      R"({"scope":"path","covers":"writing below https://api.example.com/v1/"},)"
      R"({"scope":"method","covers":"writing to api.example.com"},)"
      R"({"scope":"host","covers":"everything at api.example.com"},)"
      R"({"scope":"domain","covers":"everything at and below example.com"}]})");
}

TEST(AskProtocol, a_question_for_once_has_no_scopes) {
  Asked question = asked("/");
  question.inquiry.once = true;
  EXPECT_THAT(line_of(question), HasSubstr(R"("may_remember":false,"scopes":[]})"));
}

TEST(AskProtocol, a_question_of_a_rule_names_it) {
  Asked question = asked("/");
  question.inquiry.asker.pattern = "*.example.com";
  question.inquiry.asker.source = "config.toml:7";
  auto document = read(line_of(question));
  EXPECT_EQ(document.root()["rule"].string(), "*.example.com");
  EXPECT_EQ(document.root()["source"].string(), "config.toml:7");
}

TEST(AskProtocol, a_question_holds_none_of_the_users_secrets) {
  auto redactor =
      flow::Redactor::compile({.rules = {{.name = "mine", .value = "hunter2hunter2"}}, .names = {}});
  ASSERT_TRUE(redactor);
  Asked question = asked("/hunter2hunter2/x");
  question.inquiry.fields.add("User-Agent", "hunter2hunter2");
  std::string line = line_of(question, {}, redactor->get());
  EXPECT_THAT(line, Not(HasSubstr("hunter2")));
  EXPECT_EQ(read(line).root()["path"].string(), "/[REDACTED:mine]/x");
}

TEST(AskProtocol, a_url_that_is_a_secret_as_a_whole_is_none_in_its_parts) {
  Asked question = asked("/services/T0/B1");
  std::string hook = question.inquiry.origin.str() + "/services/T0/B1";
  auto redactor = flow::Redactor::compile({.rules = {{.name = "hook", .value = hook}}, .names = {}});
  ASSERT_TRUE(redactor);
  EXPECT_THAT(line_of(question, {}, redactor->get()), Not(HasSubstr("T0/B1")));
}

TEST(AskProtocol, whatever_came_over_the_wire_a_question_is_one_line_of_bounded_size) {
  Asked question = asked("/\r\n\x1b[2J\xff" + std::string(100'000, 'x'));
  question.inquiry.method = std::string(5'000, 'M');
  question.inquiry.fields.add("User-Agent", std::string(50'000, '\x01'));
  std::string line = line_of(question);
  EXPECT_LT(line.size(), 80'000u);
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  auto document = read(line);
  EXPECT_EQ(document.root()["truncated"].boolean(), true);
  EXPECT_EQ(document.root()["url"].string()->size(), (8u << 10) + 2);  // one byte was no UTF-8
}

TEST(AskProtocol, what_becomes_of_a_question) {
  EXPECT_EQ(ended_line(7, {Decision::By::time, Action::block}, std::chrono::seconds(30)),
            R"({"type":"ended","id":"7","action":"block","by":"timeout",)"
            R"("reason":"unanswered: request timed out (30s) waiting for user response"})");
  EXPECT_EQ(answered_line(7, Action::allow, AnswerScope::host),
            R"({"type":"answered","id":"7","action":"allow","remembered":true,"scope":"host"})");
  EXPECT_EQ(answered_line(7, Action::allow, {}),
            R"({"type":"answered","id":"7","action":"allow","remembered":false})");
  EXPECT_EQ(error_line("late", "x", "7"), R"({"type":"error","error":"late","message":"x","id":"7"})");
  EXPECT_EQ(end_line(3), R"({"type":"end","open":3})");
}

TEST(AskProtocol, history) {
  History history;
  history.complete = false;
  history.scopes[0] = PastMatches{};
  history.scopes[3] = PastMatches{12, 1, 1'705'314'605'000'000'000};
  EXPECT_EQ(history_line(7, history),
            R"({"type":"history","id":"7","complete":false,"scopes":{"url":{"requests":0,"hosts":0},)"
            R"("host":{"requests":12,"hosts":1,"last":"2024-01-15T10:30:05.000Z"}}})");
}

TEST(AskProtocol, reads_what_clients_say) {
  auto plain = parse_command(R"({"id":"7","action":"allow","remember":false,"permanent":false})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->kind, Command::Kind::answer);
  EXPECT_EQ(plain->id, 7u);
  EXPECT_EQ(plain->action, Action::allow);
  EXPECT_FALSE(plain->scope);
  EXPECT_EQ(parse_command(R"({"id":7,"action":"block","remember":true})")->scope, AnswerScope::host);
  EXPECT_EQ(
      parse_command(R"({"type":"answer","id":"7","action":"block","remember":true,"scope":"url"})")->scope,
      AnswerScope::url);
  EXPECT_FALSE(parse_command(R"({"id":"7","action":"block","scope":"url"})")->scope)
      << "not to be remembered";
  EXPECT_EQ(parse_command(R"({"id":"7","action":"allow","remember":true,"for":900})")->keep,
            std::chrono::minutes(15));
  EXPECT_EQ(parse_command(R"({"id":"x7","action":"block"})")->id, 0u);
  EXPECT_EQ(parse_command(R"({"type":"list"})")->kind, Command::Kind::list);
  EXPECT_EQ(parse_command(R"({"type":"monitor"})")->kind, Command::Kind::monitor);
  EXPECT_EQ(parse_command(R"({"type":"visit"})")->kind, Command::Kind::visit);
}

TEST(AskProtocol, says_what_is_wrong_with_a_line) {
  const std::pair<const char*, const char*> rows[] = {
      {"allow", "no JSON"},
      {"[1]", "no JSON object"},
      {R"({"type":"shout"})", "\"type\" must be"},
      {R"({"type":7})", "\"type\" must be"},
      {R"({"action":"allow"})", "\"id\" is missing"},
      {R"({"id":"7"})", "\"action\" must be"},
      {R"({"id":"7","action":"ALLOW"})", "\"action\" must be"},
      {R"({"id":"7","action":"allow","remember":"yes"})", "\"remember\" must be"},
      {R"({"id":"7","action":"allow","scope":"world"})", "\"scope\" must be"},
      {R"({"id":"7","action":"allow","scope":5})", "\"scope\" must be"},
      {R"({"id":"7","action":"allow","remember":true,"for":0})", "\"for\" must be"},
      {R"({"id":"7","action":"allow","remember":true,"for":"1h"})", "\"for\" must be"},
      {R"({"id":"7","action":"allow","remember":true,"for":31536001})", "\"for\" must be"},
  };
  for (const auto& [line, text] : rows) {
    auto command = parse_command(line);
    ASSERT_FALSE(command) << line;
    EXPECT_THAT(command.error().context(), HasSubstr(text)) << line;
  }
}

}  // namespace
}  // namespace weir::control
