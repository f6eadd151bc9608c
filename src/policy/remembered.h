// Remembered answers: what people have said before, for requests that are like the one they were asked about
// (mission D3, step 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "policy/policy.h"

namespace weir::policy {

class Subject;

/// How far an answer goes, the narrowest first. Each keeps to the port that was asked about.
enum class AnswerScope : std::uint8_t {
  url,     ///< the same method and the same URL
  path,    ///< the same origin, paths below the same folder; reading or writing, as the question was
  method,  ///< the same host; reading or writing, as the question was
  host,    ///< the same host, tunnels included
  domain   ///< the registrable domain and every name below it, tunnels included
};
inline constexpr AnswerScope kAnswerScopes[] = {AnswerScope::url, AnswerScope::path, AnswerScope::method,
                                                AnswerScope::host, AnswerScope::domain};
std::string_view name(AnswerScope scope);  ///< "url"
std::optional<AnswerScope> answer_scope(std::string_view name);

/// The requests that an answer is about. A value.
class Coverage {
 public:
  /// Nothing where the scope is not to be had: of a tunnel nobody looks into all but host and domain, `path`
  /// of a target without a folder, `domain` of a host without a registrable one.
  static std::optional<Coverage> of(const Question& question, AnswerScope scope);

  AnswerScope scope() const { return scope_; }
  /// The canonical name that it hangs on: the host's, or the domain's.
  const std::string& host() const { return host_; }
  bool covers(const Question& question) const;
  /// The same, for who asks about one question often: `subject` is of `question`.
  bool covers(const Question& question, const Subject& subject) const;
  /// True when servers may disagree on whether it covers `question`, which is spelled to that end.
  bool may_cover(const Question& question, const Subject& subject) const;
  /// For people: "GET https://a.test/x?y=1", "reading below https://a.test/v1/", "writing to a.test:8080".
  std::string describe() const;

  /// True for the one that says less.
  static bool narrower(const Coverage& a, const Coverage& b);
  friend bool operator==(const Coverage&, const Coverage&) = default;

 private:
  bool covers_target(const Question& question, const Subject& subject) const;
  std::string url_text(const std::string& target) const;

  AnswerScope scope_ = AnswerScope::url;
  http::Origin origin_;  ///< its host is that of the question; of no meaning for `domain`, but for the port
  std::string host_;
  bool reads_ = false;
  std::string method_;    ///< of url
  std::string target_;    ///< canonical; of url, and the folder of path
  std::string spelling_;  ///< of url, where servers may disagree on what the canonical form is
};

/// Who asked a question: the default action, which is the same whoever set it, or one rule, known by its
/// layer, its place and its pattern.
struct Asker {
  Basis basis = Basis::fallback;
  Layer layer = Layer::defaults;
  std::string pattern;
  std::string source;

  Asker() = default;
  explicit Asker(const Verdict& verdict);
  bool asks(const Verdict& verdict) const;
  friend bool operator==(const Asker&, const Asker&) = default;
};

/// Immutable once shared: a snapshot for all threads.
class RememberedAnswers {
 public:
  static constexpr std::size_t kMost = 4096;

  /// The narrowest answer that covers `question`, where answers count: those to questions of the default
  /// action when no rule has spoken, and when a rule asks those to its own. Nothing for any other verdict,
  /// and where a narrower one that blocks may cover it.
  std::optional<Action> find(const Question& question, const Verdict& verdict) const;
  /// The same for a question that `asker` asks.
  std::optional<Action> find(const Question& question, const Asker& asker) const;
  /// True when some answer is or was about this host, whatever the request.
  bool concerns(const http::Origin& origin) const;
  /// Adds one, which counts until `until`; another for the same coverage and asker is replaced. False when
  /// there are kMost that count.
  bool add(const Coverage& coverage, const Asker& asker, Action action, TimePoint until = kNever);
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    Coverage coverage;
    Asker asker;
    Action action;
    TimePoint until;
    bool counts() const { return until == kNever || steady_now() < until; }
  };
  void drop_expired();
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  /// By host or domain; each list narrowest first.
  using Lists = std::unordered_map<std::string, std::vector<Entry>, Hash, std::equal_to<>>;

  template <typename Counts>
  std::optional<Action> narrowest(const Question& question, const Counts& counts) const;

  Lists hosts_;
  Lists domains_;
  std::size_t size_ = 0;
};

}  // namespace weir::policy
