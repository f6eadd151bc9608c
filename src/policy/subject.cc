#include "policy/subject.h"

#include "policy/readings.h"

namespace weir::policy {

bool Subject::plain() const {
  if (!plain_) plain_ = is_plainly_canonical(question_.target);
  return *plain_;
}

std::string_view Subject::target() const {
  if (plain()) return question_.target;
  if (!target_) target_ = canonical_target(question_.target);
  return *target_;
}

const std::string& Subject::url() const {
  if (!url_) url_ = canonical_url(question_.origin, question_.target);
  return *url_;
}

bool Subject::ambiguous() const {
  if (!ambiguous_) ambiguous_ = trust_ == Trust::none && !plain() && is_ambiguous(question_.target);
  return *ambiguous_;
}

const std::vector<std::string>& Subject::readings() const {
  if (readings_.empty()) readings_ = policy::readings(question_.target);
  return readings_;
}

void Subject::read_as(std::string_view reading) {
  bool otherwise = reading != target();
  reading_ = otherwise ? std::optional(reading) : std::nullopt;
  reading_url_.clear();
  if (otherwise) reading_url_ = url_of(reading);
}

std::string_view Subject::reading(Scope scope) const {
  if (!reading_ || scope == Scope::host) return text(scope);
  return scope == Scope::path ? *reading_ : std::string_view(reading_url_);
}

std::optional<std::string_view> Subject::slashed(Scope scope) const {
  if (!slashed_) {
    slashed_.emplace();
    std::size_t end = path_length(question_.target);
    std::string path = with_slashes(canonical_escapes(question_.target.substr(0, end)));
    if (!path.contains("//") && !is_ambiguous(path)) {
      slashed_->target = path + canonical_escapes(question_.target.substr(end));
      slashed_->url = url_of(slashed_->target);
    }
  }
  if (slashed_->target.empty()) return std::nullopt;
  return scope == Scope::path ? slashed_->target : slashed_->url;
}

std::string Subject::url_of(std::string_view target) const {
  std::string out = url().substr(0, url().size() - this->target().size());
  return out.append(target);
}

}  // namespace weir::policy
