#include "flow/known_secrets.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::flow {
namespace {

std::string many(char c, std::size_t count) { return std::string(count, c); }

std::string redacted(std::string_view text) {
  static const auto redactor = *Redactor::compile({.rules = known_secrets(), .names = {}});
  return redactor->text(text);
}

struct Example {
  std::string secret, mark;
};

// Put together here: a repository with keys in it is stopped by every scanner.
std::vector<Example> examples() {
  return {
      {"sk-" + ("ant-api03-" + many('x', 40)), "anthropic-key"},
      {"sk-" + ("proj-" + many('a', 30)), "openai-key"},
      {"sk-" + ("or-v1-" + many('0', 64)), "openrouter-key"},
      {"sk-" + many('Z', 48), "secret-key"},
      {"gsk_" + many('q', 52), "groq-key"},
      {"xai-" + many('q', 80), "xai-key"},
      {"hf_" + many('h', 34), "huggingface-token"},
      {"AKIA" + many('7', 16), "aws-key-id"},
      {"aws_secret_access_key = \"" + many('s', 40), "aws-secret-key"},
      {"ghp_" + many('g', 36), "github-token"},
      {"github_pat_" + many('g', 30), "github-token"},
      {"glpat-" + many('l', 20), "gitlab-token"},
      {"xoxb-" + many('1', 24), "slack-token"},
      {"AIza" + many('y', 35), "google-key"},
      {"ya29." + many('y', 60), "google-token"},
      {"sk_live_" + many('3', 24), "stripe-key"},
      {"npm_" + many('n', 36), "npm-token"},
      {"pypi-AgE" + many('p', 60), "pypi-token"},
      {"eyJ" + many('h', 20) + ".eyJ" + many('p', 40) + "." + many('s', 43), "jwt"},
      {"Bearer " + many('t', 32), "bearer-token"},
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIE" + many('k', 200) + "\n-----END RSA PRIVATE KEY-----",
       "private-key"},
      {"-----BEGIN PRIVATE KEY-----\\nMIIE" + many('k', 200), "private-key"},
  };
}

TEST(KnownSecrets, AreReplacedWhereverTheyStand) {
  for (const Example& each : examples()) {
    std::string mark = "[REDACTED:" + each.mark + "]";
    EXPECT_EQ(redacted(each.secret), mark);
    EXPECT_EQ(redacted("the key is " + each.secret), "the key is " + mark);
    if (!each.secret.contains('"') && !each.mark.starts_with("private")) {
      EXPECT_EQ(redacted("{\"key\":\"" + each.secret + "\",\"n\":1}"), "{\"key\":\"" + mark + "\",\"n\":1}");
      EXPECT_EQ(redacted("export KEY=" + each.secret + "\n"), "export KEY=" + mark + "\n");
    }
  }
  EXPECT_EQ(redacted("psql postgres://me:hunter22@db.test/x"), "psql [REDACTED:url-password]db.test/x");
}

TEST(KnownSecrets, WhatOnlyResemblesOneStays) {
  for (std::string_view text :
       {"task-management-of-everything-in-the-whole-long-house", "sk-learn-estimators-and-their-parameters",
        "the bearer of bad news", "Bearer authentication", "AKIAH is no key", "https://host.test:8443/a@b",
        "git@host.test:team/project.git", "eyJhbGciOi", "-----BEGIN CERTIFICATE-----\nMIIE", "ghp_short",
        "0f8fad5b-d9cb-469f-a165-70867728950e", "[REDACTED:anthropic-key]", "mailto:a@b.test"})
    EXPECT_EQ(redacted(text), text);
}

// Cut anywhere, nothing of it stays but what tells its kind.
TEST(KnownSecrets, OfOneAtTheEndNothingStays) {
  for (const Example& each : examples()) {
    if (each.mark == "private-key") continue;
    std::size_t told = each.mark == "aws-secret-key" ? 28 : 12;  // with the name before it
    for (std::size_t kept = told; kept <= each.secret.size(); ++kept) {
      std::string text = redacted("say " + each.secret.substr(0, kept));
      text.resize(unfinished_secret(text));
      EXPECT_FALSE(text.contains(each.secret.substr(kept - 3, 3)))
          << each.mark << " " << kept << ": " << text;
    }
  }
  EXPECT_EQ(unfinished_secret("nothing here"), 12u);
  EXPECT_EQ(unfinished_secret("a sk-ant-x and more"), 19u);
  EXPECT_EQ(unfinished_secret("see https://me:pa"), 4u);
}

}  // namespace
}  // namespace weir::flow
