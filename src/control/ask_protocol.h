// The lines of the ask socket (docs/formats/ask.md), each one JSON object without its line feed.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "control/ask_desk.h"
#include "flow/redactor.h"

namespace weir::control {

/// A line that is longer is an error, and ends the connection.
inline constexpr std::size_t kMostLineBytes = 64 << 10;

/// What past traffic an answer would have been about.
struct PastMatches {
  std::uint64_t requests = 0;
  std::uint64_t hosts = 0;
  WallNanos last = 0;  ///< start of the latest; 0 = none
};
/// By policy::AnswerScope; nothing for a scope that the question does not have.
struct History {
  std::array<std::optional<PastMatches>, std::size(policy::kAnswerScopes)> scopes;
  bool complete = true;  ///< there is no older traffic than what was looked at
};

/// `inquiry` with all its secrets replaced, as the record keeps it too. `redactor` has the user's own; may be
/// null.
proxy::Inquiry without_secrets(proxy::Inquiry inquiry, const flow::Redactor* redactor);

/// `shown` is what may be shown of it.
std::string question_line(const Asked& asked, const proxy::Inquiry& shown, TimePoint now, bool may_remember);
std::string history_line(proxy::QuestionId id, const History& history);
std::string ended_line(proxy::QuestionId id, const proxy::Decision& decision, Duration patience);
/// The end of a list.
std::string end_line(std::size_t open);
std::string answered_line(proxy::QuestionId id, policy::Action action,
                          std::optional<policy::AnswerScope> remembered, std::chrono::seconds keep = {});
/// `code` is one of those documented.
std::string error_line(std::string_view code, std::string_view text, std::string_view id = {});

/// What a client says.
struct Command {
  enum class Kind : std::uint8_t { answer, list, monitor, visit };
  Kind kind = Kind::answer;
  std::string id_text;       ///< as sent
  proxy::QuestionId id = 0;  ///< 0: no number
  policy::Action action = policy::Action::block;
  std::optional<policy::AnswerScope> scope;  ///< set: to be remembered so
  std::chrono::seconds keep{};               ///< how long; 0 = for the session
};
/// Errors are `context`: what is wrong with the line, for error_line.
Result<Command> parse_command(std::string_view line);

}  // namespace weir::control
