// Policy: all rules compiled, and the verdict on a request. Immutable; a snapshot shared between threads.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http/message.h"
#include "policy/rule.h"

namespace weir::policy {

/// What is asked about. Views and references must outlive the call alone.
struct Question {
  /// The name policy goes by and its port, canonical as parse_host_port makes them.
  const http::Origin& origin;
  std::string_view method;
  /// Path and query as received.
  std::string_view target;
  /// Nothing but the origin will ever be known (a tunnel that is not opened): rules about methods and paths
  /// cannot be judged. The verdict is the severest that some request to this host could get; those that allow
  /// some requests only are passed over.
  bool opaque = false;
};

/// On whose account a verdict is.
enum class Basis : std::uint8_t { off, rule, domain, path_rule, remembered, fallback };

struct Verdict {
  Action action = Action::allow;
  Basis basis = Basis::off;
  Layer layer = Layer::defaults;
  /// Valid as long as the Policy. The pattern that decided, for a path rule "api.example.com POST /v1/**"; ""
  /// for the default action.
  std::string_view pattern = {};
  std::string_view reason = {};  ///< the rule's own words; may be empty
  std::string_view source = {};
  /// Where it is severer than the canonical form of the path alone would make it, since servers may read the
  /// path otherwise: what is the matter with it, "an encoded slash". Static.
  std::string_view doubt = {};

  /// "matched rule: *.example.com" or the rule's reason; "no rule matched, using default action: block";
  /// "cached decision" for what was remembered; "filtering disabled" when off. Then, where there is doubt,
  /// "; the path can be read in two ways (an encoded slash)".
  std::string explanation() const;
};

/// One line of `weir filter test`.
struct Considered {
  std::string what;  ///< "rule *.example.com (block, host glob)"
  std::string source;
  Layer layer = Layer::defaults;
  bool matched = false;
  bool decided = false;
  std::string note = {};  ///< "when read as /admin"; why it was passed over
};

class Policy {
 public:
  /// One RuleSet for each layer, by its number, whatever the `layer` of its rules says; corp is first.
  /// bad_config naming source and pattern of what does not compile. Nothing at all in any layer: a policy
  /// that is off and allows everything.
  static Result<std::shared_ptr<const Policy>> compile(std::array<RuleSet, 5> layers);

  /// Order of evaluation (mission D3):
  ///   1. block and ask rules of corp, then what the most specific of corp's domain entries blocks or asks
  ///   about:
  ///      nothing below lifts either
  ///   2. in each layer (corp, command line, user, project) the first rule that matches, in file order
  ///   3. domain entries that speak of reading or writing, whichever the method does: the most specific
  ///   pattern (a
  ///      name or address, narrower ranges, longer suffixes, "*"; with a port before without); on a tie block
  ///      before ask before allow
  ///   4. the path rules of that entry, which narrow what it allows or asks about
  ///   5. remembered answers are looked up by the caller when `basis` is fallback
  ///   6. the default action of the weightiest layer that has one
  /// A target that servers may read in several ways (readings) gets the severest of what each of them gets.
  /// In that, a rule about paths that allows holds for its canonical form alone, and not at all where that is
  /// ambiguous, unless it holds for every path or spells the encoded slashes; one that blocks or asks holds
  /// for what is read as well.
  Verdict decide(const Question& question) const;
  /// The same, with every rule that was looked at, in order.
  Verdict explain(const Question& question, std::vector<Considered>& considered) const;

  bool off() const;
  /// True when no verdict on a request to this origin can be other than allow, whatever its method and path:
  /// then a connection may be made early.
  bool always_allows(const http::Origin& origin) const;
  /// True when some rule about methods or paths may concern this host, so that a tunnel would go around it.
  bool needs_requests(const http::Origin& origin) const;

  ~Policy();

 private:
  Policy();
  class Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

/// The target as URL and path rules see it: percent-encoding of unreserved characters undone, others in upper
/// case, dot segments resolved, empty segments collapsed, backslashes as they are; never for sending.
std::string canonical_target(std::string_view target);
/// scheme://host[:port]target, the port left out when it is the scheme's own.
std::string canonical_url(const http::Origin& origin, std::string_view target);

}  // namespace weir::policy
