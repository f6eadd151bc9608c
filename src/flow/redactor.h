// Redactor: replaces the user's own secrets in everything that is recorded (docs/redaction.md). What is a
// credential by its name alone is for flow/redaction.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flow/flow.h"
#include "flow/live_secrets.h"
#include "flow/message.h"
#include "flow/redaction.h"
#include "flow/secret_finder.h"

namespace weir::flow {

/// A secret: a value, or a pattern that secrets match (RE2); the other is empty.
struct RedactionRule {
  std::string name;  ///< in the place of what is found stands "[REDACTED:name]"
  std::string pattern = {};
  std::string value = {};
  std::string source = {};  ///< where the rule was written, for messages
};

/// Immutable but for its live secrets, for any number of threads. Whatever it gave back, no value of its
/// rules is in it, in no form or spelling of flow/secret_finder.h.
class Redactor {
 public:
  struct Options {
    std::vector<RedactionRule> rules;
    CredentialNames names;  ///< besides the built-in ones
    std::uint64_t max_scan_bytes = 10 << 20;
    std::shared_ptr<const LiveSecrets> live = {};  ///< null: there are none
  };
  /// bad_config naming the rule: a pattern that is none, a value too short to look for, or one that the marks
  /// themselves would hold.
  static Result<std::shared_ptr<const Redactor>> compile(Options options);

  /// A text, such as a log line or a question, with every secret replaced; where there are more names of
  /// credentials, with its words treated as by `redacted_line`, too.
  std::string text(std::string_view text) const;
  /// The same for the beginning of a longer text: of its end goes what may be the beginning of a value, and
  /// where there are patterns the last KiB.
  std::string beginning(std::string text) const;

  /// The two parts of a URL, each by itself and both together: a secret may begin in one and end in the
  /// other, such as the URL of a hook. True when something was found and replaced.
  bool redact_url(http::Origin& origin, std::string& target) const;

  /// Every text of the account. Bodies are looked at with their content coding undone; where a secret was
  /// found the decoded text is kept (Captured::decoded). One that cannot be decoded, or is longer than the
  /// limit, is not kept at all, and of one that was cut short the end is, where it may be the beginning of a
  /// secret. Marks: "redacted"; for bodies "req_decoded", "req_withheld", "resp_decoded", "resp_withheld".
  void redact(Flow& flow) const;
  /// Each message by itself. One that is not readable (Problem::not_inflated, unknown_extension) keeps no
  /// bytes.
  void redact(Message& message) const;
  void redact(Connection& connection) const;

 private:
  enum class Outcome : std::uint8_t { clean, found, unsearched };
  struct Side;

  explicit Redactor(Options options) : options_(std::move(options)) {}
  Result<> add(const RedactionRule& rule, std::uint32_t number);
  Result<> check_marks() const;

  // Rules, and behind them the live secrets.
  Finds find(std::string_view text) const { return find(text, true); }
  Finds find_values(std::string_view text) const { return find(text, false); }
  Finds find(std::string_view text, bool patterns) const;
  std::size_t unfinished(std::string_view text, std::size_t pattern_end = SecretFinder::kPatternEnd) const;
  bool nothing_to_find() const { return finder_.empty() && !options_.live; }

  std::string mark(std::uint32_t rule) const;
  std::string replaced(std::string_view text, const Finds& finds) const;
  /// `text` with marks in the place of `finds`, of which there is one at least, and nothing left to find.
  std::string settled(std::string_view text, const Finds& finds) const;

  /// Takes off what stands from `end` on, in the finds, too.
  static void cut_unfinished(std::string& text, Finds& finds, std::size_t end);

  /// True when something was found and replaced.
  bool clean(std::string& text) const;
  bool clean(http::Fields& fields) const;
  bool clean_across(http::Origin& origin, std::string& target) const;
  bool clean_heads(Flow& flow) const;
  bool clean(std::shared_ptr<const Process>& process) const;
  bool clean_bodies(Flow& flow) const;
  Outcome clean_body(const Side& side) const;
  Outcome clean_coded(Captured& body, const std::string& codings, bool cut) const;
  /// False for a file in gzip or zstd with a secret in it.
  bool may_keep_packed(std::string_view text, bool cut) const;
  /// A text that may be too long, and may have been `cut` short; sets `shortened` when its end was taken off.
  Outcome clean_long(std::string& text, bool cut, bool& shortened) const;

  Options options_;  // nothing is changed once it is compiled
  SecretFinder finder_;
};

}  // namespace weir::flow
