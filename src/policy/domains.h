// Domains: the domain entries of all layers, and what the most specific of them says.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/compiled_rule.h"
#include "policy/host_index.h"
#include "policy/rule.h"
#include "policy/subject.h"

namespace weir::policy {

/// Weightier first: block, ask, allow.
int severity(Action action);

class Domains {
 public:
  struct Path {
    const PathRule* rule;
    Methods methods;
    PathPattern path;
    std::string label;  ///< "api.example.com POST /v1/**"

    bool matches(const Subject& subject) const {
      return methods.contains(subject.method()) &&
             holds(path.pattern, path.in_doubt, rule->action, subject, Scope::path, false);
    }
  };
  struct Entry {
    const DomainRule* rule;
    HostPattern host;
    std::vector<Path> paths;
    std::string others_label;  ///< of other_paths
  };
  /// What an entry says to a request.
  struct Word {
    Action action = Action::allow;
    const Entry* entry = nullptr;
    const std::string* narrowed_by = nullptr;  ///< label of the path rule that changed what the entry says
  };

  /// Adds an entry. bad_config naming source and pattern, also for path rules that could never do anything.
  Result<> add(const DomainRule& rule);
  bool empty() const { return entries_.empty(); }
  /// True when some entry looks at paths.
  bool with_paths() const;
  const std::vector<Entry>& entries() const { return entries_; }

  /// The word of the most specific entry that says anything about reading or writing; of equally specific
  /// ones (same name; with a port before without) the severest, then the first added. For an opaque subject
  /// the severest that some request of this kind could get.
  std::optional<Word> word(const Subject& subject, bool reading) const;
  /// True when different requests to this host may come to different actions; `otherwise` is what those come
  /// to that no entry speaks of.
  bool varies(const Subject& opaque, Action otherwise) const;

 private:
  std::vector<Entry> entries_;
  HostIndex index_;
};

}  // namespace weir::policy
