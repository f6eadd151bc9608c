// Subject: a Question in the spellings that patterns are compared with, each made when first asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/canonical.h"
#include "policy/host_pattern.h"
#include "policy/pattern.h"
#include "policy/policy.h"

namespace weir::policy {

/// Lives no longer than the question. One thread.
class Subject {
 public:
  explicit Subject(const Question& question) : question_(question), host_(question.origin.place) {}

  const HostSubject& host() const { return host_; }
  std::string_view method() const { return question_.method; }
  bool opaque() const { return question_.opaque; }

  /// canonical_target and canonical_url of it.
  std::string_view target() const {
    if (!target_ready_) {
      target_ready_ = true;
      if (!is_plainly_canonical(question_.target)) target_ = canonical_target(question_.target);
    }
    return target_ ? std::string_view(*target_) : question_.target;
  }
  const std::string& url() const {
    if (!url_) url_ = canonical_url(question_.origin, question_.target);
    return *url_;
  }

  /// The path alone.
  std::string_view path() const { return target().substr(0, path_length(target())); }
  /// What a rule of this scope looks at.
  std::string_view text(Scope scope) const {
    return scope == Scope::host ? host_.text() : scope == Scope::path ? target() : url();
  }

 private:
  const Question& question_;
  HostSubject host_;
  mutable std::optional<std::string> target_;  ///< when it is not the question's own
  mutable std::optional<std::string> url_;
  mutable bool target_ready_ = false;
};

}  // namespace weir::policy
