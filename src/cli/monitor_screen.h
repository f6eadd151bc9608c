// MonitorScreen: what `weir monitor` shows, and what keys mean to it. No terminal, no socket, no clock.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json_reader.h"

namespace weir::cli {

/// Shows one question at a time, in the order in which they came. Everything it prints is safe for a
/// terminal.
class MonitorScreen {
 public:
  /// A key that is hit while the question changes was meant for the one before: for so long keys are ignored.
  static constexpr auto kGrace = std::chrono::milliseconds(300);
  /// One question's end is often that of others, which then need not be shown.
  static constexpr auto kSettle = std::chrono::milliseconds(50);

  /// `width`: columns of the terminal.
  MonitorScreen(std::string session, std::size_t width);

  /// A line of the ask socket. Lines that it does not know are passed over.
  void take_line(std::string_view line, TimePoint now);
  /// What was typed. The line to answer with, if it was an answer.
  std::optional<std::string> take_key(char key, TimePoint now);
  /// To be called now and then, at `next_tick` at the latest.
  void tick(TimePoint now);
  TimePoint next_tick(TimePoint now) const;
  /// True once Ctrl-C was typed.
  bool left() const { return left_; }
  /// The last line is no longer repainted.
  void leave();
  /// What is to be written, since the last call.
  std::string take_output() { return std::exchange(output_, {}); }

 private:
  struct Scope {
    std::string name;
    std::string covers;
    std::string past;  ///< "12 requests, the last 2024-01-15 10:30:05"; empty until it is known
  };
  struct Question {
    std::string id, method, url, host, path, why;
    std::vector<std::string> headers;
    std::vector<Scope> scopes;
    TimePoint deadline;
    bool tunnel = false;
    bool may_remember = true;
    bool known = false;      ///< its past traffic
    bool complete = true;    ///< all of it
    std::size_t chosen = 0;  ///< of scopes
    std::size_t keep = 0;    ///< of kTimes
    std::string word() const { return method + " " + url; }
    std::string scope() const { return chosen < scopes.size() ? scopes[chosen].name : "host"; }
  };

  static Question question_of(JsonValue root, TimePoint now);
  std::string covered(const std::string& id, std::string_view scope) const;
  void take_history(JsonValue root);
  void take_end(const std::string& id, std::string_view outcome, TimePoint now);
  /// An answer that was not taken; the question stays open.
  void take_refusal(const std::string& id, std::string_view why);
  /// When nothing is shown and there is something to show.
  void show_next(TimePoint now);
  void show_box();
  void show_details();
  void show_scopes();
  void show_past();
  std::optional<std::string> decide(std::string_view action, bool remember);
  void print(std::string_view text);
  void prompt(TimePoint now);
  void clear_prompt();
  std::string few_lines(std::string_view text) const;
  std::string boxed(std::string_view text) const;
  std::string rule(std::string_view left, std::string_view right) const;
  bool is_escape(char key, TimePoint now);

  const std::string session_;
  const std::size_t columns_;       ///< of the terminal
  const std::size_t width_;         ///< inside the box
  std::deque<Question> questions_;  ///< the first one is shown
  bool shown_ = false;
  bool detailed_ = false;
  bool answered_ = false;  ///< and the receipt has not come
  TimePoint shown_at_;
  TimePoint settled_at_;
  std::string prompt_;  ///< as it stands on the screen
  enum class Escape : std::uint8_t { no, begun, sequence } escape_ = Escape::no;
  TimePoint escaped_at_;
  bool left_ = false;
  std::string output_;
};

}  // namespace weir::cli
