// The order of evaluation (mission D3): every small policy of two statements, against an evaluator that is
// written for being plainly right.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "policy/policy.h"

namespace weir::policy {
namespace {

using Layers = std::array<RuleSet, 5>;

struct Request {
  std::string host;
  std::string method;
  std::string target;

  http::Origin origin() const { return {http::Scheme::https, {host, 443}}; }
  std::string path() const { return target.substr(0, target.find('?')); }
};

const std::vector<Request>& requests() {
  static const std::vector<Request> all = [] {
    std::vector<Request> out;
    for (const char* host : {"a.x", "x"})
      for (const char* method : {"GET", "POST"})
        for (const char* target : {"/p", "/p?k", "/q"}) out.push_back({host, method, target});
    return out;
  }();
  return all;
}

// The patterns below are all that occur here.
bool plain_match(const std::string& pattern, const Request& request) {
  if (pattern == "*") return true;
  if (pattern == "a.x" || pattern == "x") return request.host == pattern;
  if (pattern == "*.x" || pattern == "^a\\.x$") return request.host == "a.x";
  if (pattern == "a?x") return request.host == "a.x";
  if (pattern == "/p") return request.path() == "/p";
  if (pattern == "https://a.x/p") return request.host == "a.x" && request.path() == "/p";
  ADD_FAILURE() << pattern;
  return false;
}

bool plain_methods(const std::vector<std::string>& methods, const std::string& method) {
  return methods.empty() || std::ranges::find(methods, method) != methods.end();
}

int rank(Action action) { return action == Action::allow ? 0 : action == Action::ask ? 1 : 2; }

bool plain_match(const Rule& rule, const Request& request) {
  return plain_match(rule.pattern, request) && plain_methods(rule.methods, request.method);
}

std::optional<Action> plain_word(const DomainRule& rule, const Request& request) {
  auto word = request.method == "GET" ? rule.read : rule.write;
  if (!word) return std::nullopt;
  auto narrowing = rule.other_paths;
  for (const PathRule& path : rule.paths) {
    if (!plain_match(path.path, request) || !plain_methods(path.methods, request.method)) continue;
    narrowing = path.action;
    break;
  }
  return narrowing && rank(*narrowing) > rank(*word) ? narrowing : word;
}

std::optional<Action> plain_domains(const Layers& layers, std::size_t count, const Request& request) {
  for (const char* pattern : {"a.x", "*.x", "*"}) {
    std::optional<Action> severest;
    for (std::size_t layer = 0; layer < count; ++layer)
      for (const DomainRule& rule : layers[layer].domains) {
        if (rule.pattern != pattern || !plain_match(rule.pattern, request)) continue;
        auto word = plain_word(rule, request);
        if (word && (!severest || rank(*word) > rank(*severest))) severest = word;
      }
    if (severest) return severest;
  }
  return std::nullopt;
}

Action plain_decide(const Layers& layers, const Request& request) {
  for (const Rule& rule : layers[0].rules)
    if (rule.action != Action::allow && plain_match(rule, request)) return rule.action;
  if (auto corp = plain_domains(layers, 1, request); corp && *corp != Action::allow) return *corp;
  for (const RuleSet& layer : layers)
    for (const Rule& rule : layer.rules)
      if (plain_match(rule, request)) return rule.action;
  if (auto word = plain_domains(layers, layers.size(), request)) return *word;
  for (const RuleSet& layer : layers)
    if (layer.default_action) return *layer.default_action;
  return Action::allow;
}

std::string text(const Layers& layers) {
  std::string out;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    out.append(name(static_cast<Layer>(i))).append(":");
    if (layers[i].default_action) out.append(" default ").append(name(*layers[i].default_action));
    for (const Rule& rule : layers[i].rules)
      out.append(" [")
          .append(name(rule.action))
          .append(rule.methods.empty() ? " " : " GET ")
          .append(rule.pattern + "]");
    for (const DomainRule& rule : layers[i].domains) {
      out.append(" {").append(rule.pattern);
      if (rule.read) out.append(" read ").append(name(*rule.read));
      if (rule.write) out.append(" write ").append(name(*rule.write));
      for (const PathRule& path : rule.paths) out.append(" ").append(path.path).append(name(path.action));
      if (rule.other_paths) out.append(" others ").append(name(*rule.other_paths));
      out += "}";
    }
    out += "; ";
  }
  return out;
}

/// Compares every request's verdict, and holds what the policy says without a request against all of them.
void check(const Layers& layers) {
  auto policy = Policy::compile(layers);
  ASSERT_TRUE(policy) << text(layers) << policy.error().message();
  for (std::string host : {"a.x", "x"}) {
    http::Origin origin{http::Scheme::https, {host, 443}};
    int mildest = 2, severest = 0;
    for (const Request& request : requests()) {
      if (request.host != host) continue;
      Action expected = plain_decide(layers, request);
      mildest = std::min(mildest, rank(expected));
      severest = std::max(severest, rank(expected));
      Question question{origin, request.method, request.target};
      ASSERT_EQ(name((*policy)->decide(question).action), name(expected))
          << text(layers) << request.method << " " << host << request.target;
      std::vector<Considered> considered;
      (*policy)->explain(question, considered);
      auto decided = std::ranges::count_if(considered, &Considered::decided);
      ASSERT_EQ(decided, (*policy)->off() ? 0 : 1) << text(layers);
    }
    Verdict opaque = (*policy)->decide({origin, "CONNECT", "", true});
    ASSERT_GE(rank(opaque.action), severest) << text(layers) << host;
    if ((*policy)->always_allows(origin)) ASSERT_EQ(severest, 0) << text(layers) << host;
    if (!(*policy)->needs_requests(origin)) {
      ASSERT_EQ(mildest, severest) << text(layers) << host;
      ASSERT_EQ(rank(opaque.action), severest) << text(layers) << host;
    }
  }
}

using Statement = std::function<void(Layers&)>;
constexpr Action kActions[] = {Action::allow, Action::block, Action::ask};

std::vector<Statement> rule_statements(std::initializer_list<int> layers,
                                       std::initializer_list<const char*> patterns) {
  std::vector<Statement> out;
  for (int layer : layers)
    for (std::string pattern : patterns)
      for (Action action : kActions)
        for (bool get : {false, true}) {
          Rule rule{.pattern = pattern, .action = action};
          if (pattern.starts_with('/')) rule.scope = Scope::path;
          if (pattern.starts_with("http")) rule.scope = Scope::url;
          if (get) rule.methods = {"GET"};
          out.push_back([=](Layers& all) { all[static_cast<std::size_t>(layer)].rules.push_back(rule); });
        }
  return out;
}

std::vector<Statement> domain_statements() {
  std::vector<Statement> out;
  using Word = std::optional<Action>;
  constexpr Word kWords[] = {std::nullopt, Action::allow, Action::block, Action::ask};
  for (std::size_t layer : {0, 2})
    for (std::string pattern : {"a.x", "*.x"})
      for (Word read : kWords)
        for (Word write : kWords)
          for (int paths = 0; paths < 3; ++paths) {
            DomainRule rule{.pattern = pattern, .read = read, .write = write};
            bool narrowable = read && write && (*read != Action::block || *write != Action::block);
            if ((!read && !write) || (paths > 0 && !narrowable)) continue;
            if (paths == 1) rule.paths = {{{}, "/p", Action::block}};
            if (paths == 2) rule.paths = {{{}, "/p", Action::allow}}, rule.other_paths = Action::ask;
            out.push_back([=](Layers& all) { all[layer].domains.push_back(rule); });
          }
  return out;
}

void check_all(const std::vector<Statement>& firsts, const std::vector<Statement>& seconds,
               std::initializer_list<std::optional<Action>> defaults) {
  for (const Statement& first : firsts)
    for (const Statement& second : seconds)
      for (const auto& action : defaults) {
        Layers layers;
        first(layers);
        second(layers);
        layers[2].default_action = action;
        check(layers);
        if (testing::Test::HasFatalFailure()) return;
      }
}

TEST(PolicyOrder, TwoRules) {
  auto rules = rule_statements({0, 1, 2, 3}, {"a.x", "*.x", "*", "/p", "https://a.x/p"});
  check_all(rules, rules, {Action::block});
}

TEST(PolicyOrder, TwoRulesOfTheOtherKinds) {
  auto rules = rule_statements({0, 2}, {"^a\\.x$", "a?x", "x"});
  check_all(rules, rules, {std::nullopt, Action::allow, Action::ask});
}

TEST(PolicyOrder, RuleAndDomain) {
  check_all(rule_statements({0, 1, 3}, {"a.x", "*", "/p"}), domain_statements(),
            {Action::allow, Action::block});
}

TEST(PolicyOrder, TwoDomains) {
  auto domains = domain_statements();
  check_all(domains, domains, {Action::allow});
}

TEST(PolicyOrder, DefaultOfTheWeightiestLayer) {
  for (std::size_t high = 0; high < 5; ++high)
    for (std::size_t low = high + 1; low < 5; ++low)
      for (Action action : kActions) {
        Layers layers;
        layers[high].default_action = action;
        layers[low].default_action = action == Action::block ? Action::allow : Action::block;
        check(layers);
        Verdict verdict =
            (*Policy::compile(layers))->decide({{http::Scheme::https, {"a.x", 443}}, "GET", "/"});
        EXPECT_EQ(verdict.layer, static_cast<Layer>(high));
        EXPECT_EQ(verdict.basis, Basis::fallback);
      }
}

}  // namespace
}  // namespace weir::policy
