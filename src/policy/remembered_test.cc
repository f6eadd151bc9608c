#include "policy/remembered.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

constexpr AnswerScope kUrl = AnswerScope::url, kPath = AnswerScope::path, kMethod = AnswerScope::method,
                      kHost = AnswerScope::host, kDomain = AnswerScope::domain;

/// "GET https://host:port/path"; CONNECT is a tunnel that nobody looks into.
struct Asked {
  http::Origin origin;
  std::string method;
  std::string target;

  explicit Asked(std::string_view text) {
    std::size_t space = text.find(' ');
    method = text.substr(0, space);
    text.remove_prefix(space + 1);
    origin.scheme = text.starts_with("https") ? http::Scheme::https : http::Scheme::http;
    text.remove_prefix(text.find("://") + 3);
    std::size_t slash = std::min(text.find('/'), text.size());
    origin.place = *parse_host_port(text.substr(0, slash), origin.scheme == http::Scheme::https ? 443 : 80);
    target = text.substr(slash);
  }
  Question question() const { return {origin, method, target, method == "CONNECT"}; }
};

std::optional<Coverage> coverage(std::string_view asked, AnswerScope scope) {
  return Coverage::of(Asked(asked).question(), scope);
}

bool covers(std::string_view asked, AnswerScope scope, std::string_view other) {
  auto found = coverage(asked, scope);
  return found && found->covers(Asked(other).question());
}

TEST(Coverage, each_scope_covers_what_it_says_and_no_more) {
  struct Row {
    AnswerScope scope;
    const char* asked;
    const char* other;
    bool covered;
  };
  constexpr const char* kAsked = "GET https://api.example.com/v1/users?page=2";
  const Row rows[] = {
      {kUrl, kAsked, "GET https://api.example.com/v1/users?page=2", true},
      {kUrl, kAsked, "GET https://api.example.com/v1/us%65rs?page=%32", true},
      {kUrl, kAsked, "GET https://api.example.com/v1/./x/../users?page=2", false},
      {kUrl, kAsked, "GET https://api.example.com/v1/users?page=3", false},
      {kUrl, kAsked, "GET https://api.example.com/v1/users", false},
      {kUrl, kAsked, "HEAD https://api.example.com/v1/users?page=2", false},
      {kUrl, kAsked, "GET http://api.example.com:443/v1/users?page=2", false},
      {kPath, kAsked, "GET https://api.example.com/v1/users/7", true},
      {kPath, kAsked, "HEAD https://api.example.com/v1/", true},
      {kPath, kAsked, "POST https://api.example.com/v1/users", false},
      {kPath, kAsked, "GET https://api.example.com/v1", false},
      {kPath, kAsked, "GET https://api.example.com/v10/users", false},
      {kPath, kAsked, "GET https://api.example.com/v1/../admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/%2e%2e/admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/..%2fadmin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/..%5Cadmin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/..\\admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/..%2f/../admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/%5c..%5c/../admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/..;/admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/%2e%2E;x=1/admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/.;/../admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/%252e%252e/admin", false},
      {kPath, kAsked, "GET https://api.example.com/v1/a;v=1/b..;c", true},
      {kPath, kAsked, "GET https://api.example.com/v1/a?b=%2f", true},
      {kPath, kAsked, "GET http://api.example.com:443/v1/users", false},
      {kMethod, kAsked, "OPTIONS https://api.example.com/other", true},
      {kMethod, kAsked, "POST https://api.example.com/v1/users", false},
      {kMethod, "PUT https://a.test/", "DELETE https://a.test/x", true},
      {kHost, kAsked, "POST https://api.example.com/", true},
      {kHost, kAsked, "GET http://api.example.com:443/", true},
      {kHost, kAsked, "CONNECT https://api.example.com", true},
      {kHost, kAsked, "GET https://api.example.com:8443/", false},
      {kHost, kAsked, "GET https://www.example.com/", false},
      {kHost, "GET http://127.0.0.1/", "GET http://[::ffff:127.0.0.1]/", true},
      {kDomain, kAsked, "POST https://www.example.com/", true},
      {kDomain, kAsked, "GET https://example.com/", true},
      {kDomain, kAsked, "CONNECT https://a.b.example.com", true},
      {kDomain, kAsked, "GET https://notexample.com/", false},
      {kDomain, kAsked, "GET https://example.com:8443/", false},
      {kDomain, "GET https://a.foo.co.uk/", "GET https://bar.co.uk/", false},
      {kUrl, "GET https://a.test/v1/admin", "GET https://a.test/v1/..%2f/../admin", false},
      {kUrl, "GET https://a.test/v1/admin", "GET https://a.test/v1/.;/../admin", false},
      {kUrl, "GET https://a.test/@types%2fnode", "GET https://a.test/@types%2Fn%6fde", true},
      {kUrl, "GET https://a.test/@types%2fnode", "GET https://a.test/x/../@types%2Fnode", false},
      {kUrl, kAsked, "CONNECT https://api.example.com", false},
      {kPath, kAsked, "CONNECT https://api.example.com", false},
      {kMethod, kAsked, "CONNECT https://api.example.com", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(covers(row.asked, row.scope, row.other), row.covered)
        << name(row.scope) << " of " << row.asked << ": " << row.other;
}

TEST(Coverage, some_questions_lack_some_scopes) {
  EXPECT_FALSE(coverage("CONNECT https://a.test", kUrl));
  EXPECT_FALSE(coverage("CONNECT https://a.test", kPath));
  EXPECT_FALSE(coverage("CONNECT https://a.test", kMethod));
  EXPECT_TRUE(coverage("CONNECT https://a.test", kHost));
  EXPECT_FALSE(coverage("GET https://a.test/", kPath));
  EXPECT_FALSE(coverage("GET https://a.test/users", kPath));
  EXPECT_FALSE(coverage("GET https://a.test/a%2f/b", kPath));
  EXPECT_FALSE(coverage("GET https://a.test/a/b%2fc", kPath)) << "it would not cover its own question";
  EXPECT_FALSE(coverage("GET https://127.0.0.1/", kDomain));
  EXPECT_FALSE(coverage("GET https://localhost/", kDomain));
  EXPECT_FALSE(coverage("GET https://co.uk/", kDomain));
}

TEST(Coverage, describes_itself) {
  auto text = [](std::string_view asked, AnswerScope scope) { return coverage(asked, scope)->describe(); };
  constexpr const char* kAsked = "GET https://api.example.com/v1/users?page=2";
  EXPECT_EQ(text(kAsked, kUrl), "GET https://api.example.com/v1/users?page=2");
  EXPECT_EQ(text("GET https://a.test/v1/..%2f/../x", kUrl), "GET https://a.test/v1/..%2F/../x");
  EXPECT_EQ(text(kAsked, kPath), "reading below https://api.example.com/v1/");
  EXPECT_EQ(text(kAsked, kMethod), "reading from api.example.com");
  EXPECT_EQ(text("POST http://a.test:8080/", kMethod), "writing to a.test:8080");
  EXPECT_EQ(text(kAsked, kHost), "everything at api.example.com");
  EXPECT_EQ(text(kAsked, kDomain), "everything at and below example.com");
}

TEST(Coverage, scopes_have_names) {
  for (AnswerScope scope : kAnswerScopes) EXPECT_EQ(answer_scope(name(scope)), scope);
  EXPECT_FALSE(answer_scope("Host"));
}

constexpr Verdict kFallback{.action = Action::ask, .basis = Basis::fallback};

class Remembered : public ::testing::Test {
 protected:
  bool add(std::string_view asked, AnswerScope scope, Action action, const Asker& asker = {}) {
    return answers.add(*coverage(asked, scope), asker, action);
  }
  std::optional<Action> find(std::string_view asked, const Verdict& verdict = kFallback) {
    return answers.find(Asked(asked).question(), verdict);
  }
  RememberedAnswers answers;
};

TEST_F(Remembered, the_narrowest_answer_counts) {
  add("GET https://a.example.com/", kDomain, Action::block);
  add("GET https://a.example.com/v1/x", kPath, Action::block);
  add("GET https://a.example.com/", kHost, Action::allow);
  add("GET https://a.example.com/v1/public/x", kPath, Action::allow);
  add("GET https://a.example.com/v1/public/no", kUrl, Action::block);
  EXPECT_EQ(find("GET https://b.example.com/"), Action::block);
  EXPECT_EQ(find("GET https://a.example.com/"), Action::allow);
  EXPECT_EQ(find("GET https://a.example.com/v1/y"), Action::block);
  EXPECT_EQ(find("POST https://a.example.com/v1/y"), Action::allow);
  EXPECT_EQ(find("GET https://a.example.com/v1/public/y"), Action::allow);
  EXPECT_EQ(find("GET https://a.example.com/v1/public/no"), Action::block);
  EXPECT_EQ(find("GET https://other.test/"), std::nullopt);
}

TEST_F(Remembered, what_may_be_below_a_blocked_folder_is_asked_about) {
  add("GET https://a.example.com/admin/x", kPath, Action::block);
  add("GET https://a.example.com/", kHost, Action::allow);
  add("GET https://b.example.com/", kDomain, Action::allow);
  EXPECT_EQ(find("GET https://a.example.com/admin/y"), Action::block);
  EXPECT_EQ(find("GET https://a.example.com/other"), Action::allow);
  for (const char* target :
       {"/admin/y%2fz", "/admin/..;/y", "/x/..%5cadmin/y", "/%252e/admin/", "/admin;v=1/y", "/%2561dmin/y"})
    EXPECT_EQ(find("GET https://a.example.com" + std::string(target)), std::nullopt) << target;
  EXPECT_EQ(find("POST https://a.example.com/admin/y%2fz"), Action::allow) << "reading was blocked";
  EXPECT_EQ(find("GET https://b.example.com/admin/y%2fz"), Action::allow) << "another host";
  add("GET https://b.example.com/admin/x", kPath, Action::block);
  add("GET https://b.example.com/", kHost, Action::block);
  EXPECT_EQ(find("GET https://b.example.com/admin/y%2fz"), Action::block) << "it is blocked either way";
  add("GET https://a.example.com/admin/y%2fz", kUrl, Action::allow);
  EXPECT_EQ(find("GET https://a.example.com/admin/y%2fz"), Action::allow) << "said of this very URL";
}

TEST_F(Remembered, the_last_answer_of_a_kind_counts) {
  add("GET https://a.test/", kHost, Action::allow);
  add("POST https://a.test/x", kHost, Action::block);
  EXPECT_EQ(answers.size(), 1u);
  EXPECT_EQ(find("GET https://a.test/"), Action::block);
}

TEST_F(Remembered, answers_count_for_the_question_they_were_given_to) {
  Verdict rule{.action = Action::ask,
               .basis = Basis::rule,
               .layer = Layer::user,
               .pattern = "a.test",
               .reason = "",
               .source = "f:1"};
  Verdict other = rule;
  other.source = "f:2";
  Verdict allowing = rule;
  allowing.action = Action::allow;
  Verdict defaults{.action = Action::allow, .basis = Basis::fallback, .layer = Layer::corp};
  add("GET https://a.test/", kHost, Action::allow);
  EXPECT_EQ(find("GET https://a.test/", rule), std::nullopt);
  EXPECT_EQ(find("GET https://a.test/", defaults), Action::allow);
  add("GET https://a.test/", kHost, Action::block, Asker(rule));
  EXPECT_EQ(find("GET https://a.test/", rule), Action::block);
  EXPECT_EQ(find("GET https://a.test/", other), std::nullopt);
  EXPECT_EQ(find("GET https://a.test/", allowing), std::nullopt);
  EXPECT_EQ(find("GET https://a.test/"), Action::allow);
}

TEST_F(Remembered, knows_the_hosts_it_is_about) {
  add("GET https://a.test/x/y", kUrl, Action::block);
  add("GET https://b.example.com/", kDomain, Action::block);
  EXPECT_TRUE(answers.concerns({http::Scheme::https, {"a.test", 443}}));
  EXPECT_TRUE(answers.concerns({http::Scheme::https, {"c.example.com", 443}}));
  EXPECT_FALSE(answers.concerns({http::Scheme::https, {"b.test", 443}}));
}

TEST_F(Remembered, is_bounded) {
  for (std::size_t i = 0; i < RememberedAnswers::kMost; ++i)
    ASSERT_TRUE(add("GET https://h" + std::to_string(i) + ".test/", kHost, Action::allow));
  EXPECT_FALSE(add("GET https://one-more.test/", kHost, Action::allow));
  EXPECT_FALSE(add("GET https://h0.test/x", kUrl, Action::allow));
  EXPECT_TRUE(add("GET https://h0.test/", kHost, Action::block));
  EXPECT_FALSE(answers.concerns({http::Scheme::https, {"one-more.test", 443}}));
}

TEST(RememberedAnswers, one_that_has_run_out_counts_no_more) {
  RememberedAnswers answers;
  Asker by_default;
  Asked kept("GET https://a.test/x");
  Coverage url = *Coverage::of(kept.question(), kUrl);
  Coverage host = *Coverage::of(kept.question(), kHost);
  ASSERT_TRUE(answers.add(host, by_default, Action::allow, steady_now() + std::chrono::hours(1)));
  ASSERT_TRUE(answers.add(url, by_default, Action::block, steady_now() - std::chrono::seconds(1)));
  EXPECT_EQ(answers.find(kept.question(), by_default), Action::allow) << "the narrower one is over";
  ASSERT_TRUE(answers.add(url, by_default, Action::block));
  EXPECT_EQ(answers.size(), 2u) << "and makes room";
  EXPECT_EQ(answers.find(kept.question(), by_default), Action::block);
  ASSERT_TRUE(answers.add(url, by_default, Action::block, steady_now() - std::chrono::seconds(1)));
  EXPECT_EQ(answers.find(kept.question(), by_default), Action::allow)
      << "said again, for a time that is over";
}

}  // namespace
}  // namespace weir::policy
