#include "flow/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/redactor.h"

namespace weir::flow {
namespace {

using Arguments = std::vector<std::string>;

std::string line_of(Arguments arguments) { return command_line({.arguments = std::move(arguments)}); }

Arguments redacted_arguments(Arguments arguments, const CredentialNames& more = {}) {
  auto process = std::make_shared<const Process>(Process{.pid = 1, .arguments = std::move(arguments)});
  auto once = redacted(process, more);
  EXPECT_EQ(redacted(once, more)->arguments, once->arguments) << "once is enough";
  return once->arguments;
}

TEST(ProcessLabel, IsTheNameAndThePid) {
  Flow flow;
  EXPECT_EQ(process_label(flow), "");
  flow.process = "node";
  EXPECT_EQ(process_label(flow), "node");
  set_sender(flow, std::make_shared<const Process>(Process{.pid = 12, .name = "curl"}));
  EXPECT_EQ(process_label(flow), "curl[12]");
  set_sender(flow, nullptr);
  EXPECT_EQ(process_label(flow), "curl[12]");
  set_sender(flow, std::make_shared<const Process>(Process{.unknown = "why"}));
  EXPECT_EQ(process_label(flow), "");
}

TEST(CommandLine, IsQuotedAsAShellWouldReadIt) {
  EXPECT_EQ(line_of({"curl", "-s", "https://a.example/x_y"}), "curl -s https://a.example/x_y");
  EXPECT_EQ(line_of({"a b", "", "it's", "$HOME", "\x1b"}), "'a b' '' 'it'\\''s' '$HOME' '\x1b'");
  EXPECT_EQ(line_of({}), "");
}

TEST(CommandLine, ComesApartAgain) {
  for (const Arguments& arguments :
       {Arguments{}, Arguments{""}, Arguments{"", "", "a"},
        Arguments{"it's", "'", "''", "\\", "a\\'b", " ", "\n\t"}, Arguments{"\xff\xfe", "\"x\"", "a=b c"}})
    EXPECT_EQ(split_command_line(line_of(arguments)), arguments) << line_of(arguments);
  EXPECT_EQ(split_command_line("  a  'b"), (Arguments{"a", "b"}));
}

TEST(RedactedProcess, CredentialsOnACommandLine) {
  struct Row {
    Arguments given, expected;
  };
  const Row rows[] = {
      {{"curl", "-H", "Authorization: Bearer abc"}, {"curl", "-H", "Authorization: Bearer [REDACTED]"}},
      {{"curl", "-HX-Api-Key: abc"}, {"curl", "-HX-Api-Key: [REDACTED]"}},
      {{"http", "--header=Cookie: a=1; b=2"}, {"http", "--header=Cookie: a=[REDACTED]; b=[REDACTED]"}},
      {{"curl", "-u", "me:pass:word"}, {"curl", "-u", "me:[REDACTED]"}},
      {{"curl", "--user", "me"}, {"curl", "--user", "me"}},
      {{"curl", "--proxy-user", "me:p", "x"}, {"curl", "--proxy-user", "me:[REDACTED]", "x"}},
      {{"tool", "--token", "abc", "--verbose"}, {"tool", "--token", "[REDACTED]", "--verbose"}},
      {{"tool", "--api-key=abc"}, {"tool", "--api-key=[REDACTED]"}},
      {{"tool", "--password", "--verbose", "x"}, {"tool", "--password", "--verbose", "x"}},
      {{"tool", "--password", "-secret"}, {"tool", "--password", "[REDACTED]"}},
      {{"env", "GITHUB_TOKEN=abc", "MODE=x", "gh"}, {"env", "GITHUB_TOKEN=[REDACTED]", "MODE=x", "gh"}},
      {{"git", "clone", "https://me:tok@a.example/r"}, {"git", "clone", "https://a.example/r"}},
      {{"git", "-c", "http.extraHeader=x"}, {"git", "-c", "http.extraHeader=x"}},
      {{"wget", "https://a.example/?sig=ab&x=1"}, {"wget", "https://a.example/?sig=[REDACTED]&x=1"}},
      {{"curl", "-d", "a=1&password=x"}, {"curl", "-d", "a=1&password=[REDACTED]"}},
      {{"sh", "-c", "curl -H 'Authorization: Bearer abc' --token \"a b\" https://u:p@h/ | cat"},
       {"sh", "-c", "curl -H 'Authorization: Bearer [REDACTED]' --token \"[REDACTED]\" https://h/ | cat"}},
      {{"sh", "-c", "API_KEY='a b' run it"}, {"sh", "-c", "API_KEY=[REDACTED]"}},
      {{"sh", "-c", "cd x; API_KEY='a b' run it"}, {"sh", "-c", "cd x; API_KEY='[REDACTED]' run it"}},
      {{"echo", "it's 10:30; don't"}, {"echo", "it's 10:30; don't"}},
      {{"ssh", "host", "-p", "22", "a=b", "-", "--", ""}, {"ssh", "host", "-p", "22", "a=b", "-", "--", ""}},
  };
  for (const Row& row : rows) EXPECT_EQ(redacted_arguments(row.given), row.expected) << line_of(row.given);
  EXPECT_EQ(redacted_arguments({"tool", "--house-key", "x", "X-Mine: y"}, {{"x-mine", "house-key"}, {}}),
            (Arguments{"tool", "--house-key", "[REDACTED]", "X-Mine: [REDACTED]"}));
}

TEST(RedactedProcess, IsTheVerySameWhereThereIsNothing) {
  auto process = std::make_shared<const Process>(Process{.pid = 1, .arguments = {"ls", "-l"}});
  EXPECT_EQ(redacted(process), process);
  EXPECT_EQ(redacted(nullptr), nullptr);
}

TEST(RedactedProcess, TheUsersOwnSecretsAreFoundInAllOfIt) {
  auto redactor = *Redactor::compile(
      {.rules = {{.name = "mine", .value = "s3cr3t!"}, {.name = "pair", .pattern = "--pin [0-9]+"}}});
  Flow flow;
  set_sender(flow, std::make_shared<const Process>(Process{.pid = 1,
                                                           .name = "xs3cr3t!",
                                                           .executable = "/opt/s3cr3t!/x",
                                                           .arguments = {"x", "a=s3cr3t!", "s3cr3t%21"},
                                                           .parents = {{2, "s3cr3t!"}},
                                                           .unknown = "s3cr3t!"}));
  auto before = flow.sender;
  redactor->redact(flow);
  EXPECT_TRUE(has_mark(flow, "redacted"));
  EXPECT_EQ(flow.process, "x[REDACTED:mine]");
  EXPECT_EQ(*flow.sender, (Process{.pid = 1,
                                   .name = "x[REDACTED:mine]",
                                   .executable = "/opt/[REDACTED:mine]/x",
                                   .arguments = {"x", "a=[REDACTED:mine]", "[REDACTED:mine]"},
                                   .parents = {{2, "[REDACTED:mine]"}},
                                   .unknown = "[REDACTED:mine]"}));
  EXPECT_EQ(before->executable, "/opt/s3cr3t!/x") << "others have it, too";

  flow = {};
  set_sender(flow, std::make_shared<const Process>(Process{.pid = 1, .arguments = {"x", "--pin", "1234"}}));
  redactor->redact(flow);
  EXPECT_FALSE(command_line(*flow.sender).contains("1234")) << "an option and its value are two arguments";

  flow = {};
  set_sender(flow, std::make_shared<const Process>(
                       Process{.pid = 1, .arguments = {"x", "--pin=77 s3cr"}, .arguments_cut = true}));
  redactor->redact(flow);
  EXPECT_FALSE(command_line(*flow.sender).contains("s3cr")) << "where it was cut a secret may begin";

  flow = {};
  auto clean = std::make_shared<const Process>(Process{.pid = 1, .arguments = {"x"}});
  set_sender(flow, clean);
  redactor->redact(flow);
  EXPECT_EQ(flow.sender, clean);
  EXPECT_FALSE(has_mark(flow, "redacted"));
}

}  // namespace
}  // namespace weir::flow
