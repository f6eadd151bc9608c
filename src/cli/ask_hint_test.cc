#include "cli/ask_hint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "config/paths.h"

namespace weir::cli {
namespace {

using policy::Action;
using ::testing::HasSubstr;

std::string own() {
  return config::find_project_data_dir(std::filesystem::current_path().native()).value_or("?");
}

TEST(AskHint, is_given_where_something_asks) {
  config::FilterSettings filter;
  EXPECT_EQ(ask_hint(filter, own() + "/sessions/s/ask.sock"), "");
  filter.layers[2].default_action = Action::ask;
  EXPECT_EQ(ask_hint(filter, own() + "/sessions/s/ask.sock"),
            "Filter: ask mode (default action for unmatched requests)\n\n"
            "Run in another terminal to approve/deny requests:\n  weir monitor\n\n"
            "Requests without response within 30s will be rejected.\n");
  filter.layers[0].default_action = Action::block;
  EXPECT_EQ(ask_hint(filter, own() + "/sessions/s/ask.sock"), "") << "corp's default counts";
}

TEST(AskHint, any_rule_will_do) {
  config::FilterSettings rules, read, write, paths, others;
  rules.layers[1].rules = {{.pattern = "a.test", .action = Action::ask}};
  read.layers[2].domains = {{.pattern = "a.test", .read = Action::ask}};
  write.layers[2].domains = {{.pattern = "a.test", .write = Action::ask}};
  paths.layers[3].domains = {
      {.pattern = "a.test", .read = Action::allow, .paths = {{.path = "/x", .action = Action::ask}}}};
  others.layers[3].domains = {{.pattern = "a.test", .read = Action::allow, .other_paths = Action::ask}};
  for (const auto& filter : {rules, read, write, paths, others})
    EXPECT_THAT(ask_hint(filter, own() + "/sessions/s/ask.sock"), HasSubstr("for what some rules match"));
}

TEST(AskHint, names_the_socket_where_it_would_not_be_found) {
  config::FilterSettings filter;
  filter.layers[2].default_action = Action::ask;
  filter.ask_timeout = std::chrono::milliseconds(1500);
  std::string hint = ask_hint(filter, "/else/where/it's/ask.sock");
  EXPECT_THAT(hint, HasSubstr("weir monitor '/else/where/it'"));
  EXPECT_THAT(hint, HasSubstr("within 1.5s"));
}

}  // namespace
}  // namespace weir::cli
