// Subject: a Question in the spellings that patterns are compared with, each made when first asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/canonical.h"
#include "policy/host_pattern.h"
#include "policy/pattern.h"
#include "policy/policy.h"

namespace weir::policy {

/// Lives no longer than the question. One thread.
class Subject {
 public:
  /// `canonical` trusts the canonical form of a target that can be read in two ways: what a verdict would be
  /// if nobody read it otherwise.
  enum class Trust : bool { none, canonical };
  explicit Subject(const Question& question, Trust trust = Trust::none)
      : question_(question), host_(question.origin.place), trust_(trust) {}

  const HostSubject& host() const { return host_; }
  std::string_view method() const { return question_.method; }
  bool opaque() const { return question_.opaque; }

  /// canonical_target and canonical_url of it.
  std::string_view target() const;
  const std::string& url() const;
  /// The path alone.
  std::string_view path() const { return target().substr(0, path_length(target())); }
  /// What a rule of this scope looks at.
  std::string_view text(Scope scope) const {
    return scope == Scope::host ? host_.text() : scope == Scope::path ? target() : url();
  }

  /// is_plainly_canonical, is_ambiguous (but for what is trusted) and readings of the target.
  bool plain() const;
  bool ambiguous() const;
  const std::vector<std::string>& readings() const;
  /// From now on the target is taken for `reading`, which must outlive this.
  void read_as(std::string_view reading);
  bool read_otherwise() const { return reading_.has_value(); }
  /// What it is taken for, as a rule of this scope looks at it; text() unless read_as said otherwise.
  std::string_view reading(Scope scope) const;
  /// text() with encoded slashes as slashes, where they are all that makes the target ambiguous and leave no
  /// segment empty. Not for hosts.
  std::optional<std::string_view> slashed(Scope scope) const;

 private:
  /// Scheme and place, and then this target.
  std::string url_of(std::string_view target) const;

  struct Slashed {
    std::string target;  ///< "" when there is none
    std::string url;
  };
  const Question& question_;
  HostSubject host_;
  Trust trust_;
  std::optional<std::string_view> reading_;  ///< when it is not the canonical target
  std::string reading_url_;
  mutable std::optional<std::string> target_;  ///< when it is not the question's own
  mutable std::optional<std::string> url_;
  mutable std::optional<bool> plain_;
  mutable std::optional<bool> ambiguous_;
  mutable std::optional<Slashed> slashed_;
  mutable std::vector<std::string> readings_;
};

}  // namespace weir::policy
