// CompiledRule: one Rule, ready to be asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/host_pattern.h"
#include "policy/pattern.h"
#include "policy/rule.h"
#include "policy/subject.h"

namespace weir::policy {

/// Which methods a rule is about. A list is compared without case, since some servers read "delete" as
/// DELETE.
class Methods {
 public:
  Methods() = default;
  /// bad_config naming what is no method. "*" stands for every method.
  static Result<Methods> compile(const std::vector<std::string>& methods);

  bool every() const { return names_.empty(); }
  bool contains(std::string_view method) const;
  bool any_read() const;    ///< GET, HEAD or OPTIONS among them
  bool any_write() const;   ///< any other among them
  std::string str() const;  ///< "GET,HEAD", "" for every method

 private:
  std::vector<std::string> names_;
};

/// GET, HEAD and OPTIONS, spelled so; every other method writes.
bool is_read(std::string_view method);

/// What lets a pattern about paths hold for a target that can be read in two ways (is_ambiguous), besides
/// matching its canonical form.
struct InDoubt {
  bool every_path = false;  ///< it holds for all of them
  /// Where it spells encoded slashes: the pattern with slashes, which must match the target with slashes.
  std::optional<Pattern> slashed = {};
};

/// An exact path or a glob over canonical paths, "*" being every path. bad_config as Pattern's.
struct PathPattern {
  Pattern pattern;
  InDoubt in_doubt = {};
  static Result<PathPattern> compile(std::string_view text, PatternType type);
};

/// Whether a pattern about paths holds for a request of which all is known. Where the target can be read in
/// two ways, one that allows holds when `in_doubt` says so; one that blocks or asks also when it matches what
/// the subject is read as. `query`: whether it may match path and query together.
bool holds(const Pattern& pattern, const InDoubt& in_doubt, Action action, const Subject& subject,
           Scope scope, bool query);

enum class Match : std::uint8_t { no, maybe, yes };

struct CompiledRule {
  const Rule* rule = nullptr;  ///< owned by the policy
  PatternType type = PatternType::glob;
  HostPattern host = {};             ///< no host outside of it can match
  std::optional<Pattern> rest = {};  ///< what of the host, target or URL must match besides
  InDoubt in_doubt = {};             ///< of `rest`, when it is about paths
  Methods methods = {};

  /// bad_config: source, pattern, what is wrong, what to write instead.
  static Result<CompiledRule> compile(const Rule& rule);

  /// Whether the verdict on a request takes more than its host.
  bool conditional() const { return rule->scope != Scope::host || !methods.every(); }
  /// For a subject whose host `host` is known to match. `maybe` only when the subject is opaque.
  Match judge(const Subject& subject) const;
};

}  // namespace weir::policy
