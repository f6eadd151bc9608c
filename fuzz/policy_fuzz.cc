// Policy: canonical targets are canonical, globs mean what a plain reader says, no rule and no request
// crashes.
#include <string>

#include "harness.h"
#include "policy/pattern.h"
#include "policy/policy.h"

namespace weir::fuzz {
namespace {

using namespace weir::policy;

void check_canonical(std::string_view target) {
  std::string once = canonical_target(target);
  require(canonical_target(once) == once, "a canonical target is its own canonical form");
  std::string path = once.substr(0, once.find('?'));
  if (!target.starts_with('/')) return;
  require(path.starts_with('/'), "a path stays a path");
  require((path + "/").find("/../") == std::string::npos && (path + "/").find("/./") == std::string::npos,
          "no dot segment is left");
  require(path.find("//") == std::string::npos, "no empty segment is left");
}

/// Globs of '*', '?' and "**" by trying everything. `segment`: whether a segment begins here.
bool plain_glob(std::string_view glob, std::string_view text, bool segment) {
  if (glob.empty()) return text.empty();
  if (segment && glob == "**") return true;
  if (segment && glob.starts_with("**/")) {
    if (plain_glob(glob.substr(3), text, true)) return true;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '/' && plain_glob(glob.substr(3), text.substr(i + 1), true)) return true;
    return false;
  }
  if (glob.front() == '*') {
    std::size_t stars = std::min(glob.find_first_not_of('*'), glob.size());
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (plain_glob(glob.substr(stars), text.substr(i), false)) return true;
      if (i < text.size() && text[i] == '/') return false;
    }
    return false;
  }
  if (glob == "/**" && text.empty()) return true;
  if (text.empty() || (glob.front() == '?' ? text.front() == '/' : glob.front() != text.front()))
    return false;
  return plain_glob(glob.substr(1), text.substr(1), glob.front() == '/');
}

void check_glob(std::string_view glob, std::string_view text) {
  auto pattern = Pattern::glob(glob);
  if (!pattern) return;
  bool matches = pattern->matches(text);
  RE2 same(pattern->as_regex(), regex_options(Pattern::Case::sensitive));
  require(!same.ok() || RE2::PartialMatch({text.data(), text.size()}, same) == matches,
          "a pattern and its regular expression agree");
  if (glob.size() > 10 || text.size() > 12 || glob.find_first_of("[{\\") != std::string_view::npos) return;
  require(matches == plain_glob(glob, text, true), "a plain reader agrees about the glob");
}

void check_decide(std::string_view pattern, std::string_view place, std::string_view target, unsigned shape) {
  std::array<RuleSet, 5> layers;
  Rule rule{.pattern = std::string(pattern), .scope = static_cast<Scope>(shape % 3)};
  if (shape / 3 % 4) rule.type = static_cast<PatternType>(shape / 3 % 4 - 1);
  if (shape & 64)
    layers[2].domains.push_back({.pattern = rule.pattern, .read = Action::block, .write = Action::block});
  else
    layers[2].rules.push_back(rule);
  auto policy = Policy::compile(std::move(layers));
  auto parsed = parse_host_port(place, 443);
  if (!policy || !parsed) return;
  http::Origin origin{http::Scheme::https, *parsed};
  bool blocked = (*policy)->decide({origin, "GET", target}).action == Action::block;
  std::vector<Considered> considered;
  require(((*policy)->explain({origin, "GET", target}, considered).action == Action::block) == blocked,
          "an explanation comes to the same verdict");
  require(considered.front().matched == blocked, "the one rule matches exactly when it blocks");
  if (!blocked) return;
  require((*policy)->decide({origin, "CONNECT", "", true}).action == Action::block,
          "a tunnel is blocked where a request would be");
  require(!(*policy)->always_allows(origin), "what blocks a request does not always allow");
  require((*policy)->decide({origin, "GET", canonical_target(target)}).action == Action::block,
          "another spelling of the target is blocked too");
}

}  // namespace
}  // namespace weir::fuzz

/// One byte of shape, then pattern, host and target, each ended by a line feed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::fuzz;
  if (size == 0 || size > 2048) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto line = [&] {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  };
  std::string_view pattern = line(), place = line(), target = line();
  check_canonical(target);
  check_canonical(pattern);
  check_glob(pattern, target);
  check_glob(pattern, place);
  check_decide(pattern, place, target, data[0]);
  return 0;
}
