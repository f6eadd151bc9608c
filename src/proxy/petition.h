// Petition: one question to a person, from the walk that waits for the answer.
#pragma once

#include <functional>

#include "async/loop.h"
#include "async/task.h"
#include "proxy/questions.h"

namespace weir::proxy {

/// How to hear that the client is gone: called with what to do then, and with null when it no longer matters.
using OnGone = std::move_only_function<void(std::move_only_function<void()>)>;

struct Outcome {
  Decision decision;
  Duration patience{};  ///< what the question was given
};

/// Puts the question and waits for what becomes of it: a person's word, the end of patience, or the client's
/// going away. `questions` null: there is nobody to ask.
async::Task<Outcome> ask_person(async::Loop& loop, Questions* questions, Inquiry inquiry, OnGone& on_gone);

/// What helps to decide of a request's fields; that there are credentials, but not which.
http::Fields telling_fields(const http::Fields& fields);
/// Says in the log that nobody answered, for what explain() begins with "unanswered: ".
void log_unanswered(const policy::Question& question, std::string_view why);

}  // namespace weir::proxy
