// Rules as people write them, and the words that verdicts are made of. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::policy {

enum class Action : std::uint8_t { allow, block, ask };
std::string_view name(Action action);  ///< "allow"

/// What a pattern is compared with: the canonical host; the path and query; or
/// scheme://host[:port]/path?query, the port left out when it is the scheme's own. A path or URL pattern that
/// matches the text without its query matches whatever the query.
enum class Scope : std::uint8_t { host, path, url };
std::string_view name(Scope scope);

enum class PatternType : std::uint8_t { exact, glob, regex };
std::string_view name(PatternType type);

/// Whose word a rule is. Weightier ones first.
enum class Layer : std::uint8_t { corp, command_line, user, project, defaults };
std::string_view name(Layer layer);  ///< "command line"

struct Rule {
  /// For hosts: what HostPattern says (ports and address ranges included), or any other glob or regular
  /// expression over the name; regular expressions are without case for hosts, and match anywhere. For paths
  /// and URLs: Pattern's globs, "*" alone being everything.
  std::string pattern;
  Action action = Action::block;
  Scope scope = Scope::host;
  /// Nothing: regex if the pattern has one of ^ $ | ( ) [ ] { } + \ and is not [IPv6], else glob.
  std::optional<PatternType> type = {};
  std::vector<std::string> methods = {};  ///< compared without case; empty or "*" = every method
  std::string reason = {};                ///< told to who is blocked
  Layer layer = Layer::user;
  std::string source = {};  ///< where it was written: "~/.config/weir/config.toml:12", "--block-domain"
};

/// A method and path on a domain. Narrows what the domain allows, never widens it; one that could do nothing,
/// or that blocks what the entry says nothing about, does not compile.
struct PathRule {
  std::vector<std::string> methods = {};  ///< upper case; empty = every method
  std::string path;                       ///< glob over the path without its query
  Action action = Action::allow;
};

/// A domain with separate words for reading (GET, HEAD, OPTIONS) and writing (every other method).
struct DomainRule {
  std::string pattern;              ///< as HostPattern: a name, *.name, an address or range, each with :port
  std::optional<Action> read = {};  ///< nothing: this entry says nothing about it
  std::optional<Action> write = {};
  std::vector<PathRule> paths = {};  ///< in order; the first that matches counts
  /// What a request gets that no path rule matches, when it is severer: nothing = what read or write say.
  std::optional<Action> other_paths = {};
  std::string reason = {};
  Layer layer = Layer::user;
  std::string source = {};
};

/// All rules of one layer, in file order.
struct RuleSet {
  std::optional<Action> default_action = {};
  std::vector<Rule> rules = {};
  std::vector<DomainRule> domains = {};
};

}  // namespace weir::policy
