#include "cli/monitor_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

// How long an answer may be remembered.
struct Time {
  std::chrono::seconds time;
  const char* words;
};
constexpr Time kTimes[] = {{std::chrono::seconds(0), "for this session"},
                           {std::chrono::minutes(15), "for 15 minutes"},
                           {std::chrono::hours(1), "for 1 hour"},
                           {std::chrono::hours(8), "for 8 hours"}};

constexpr std::size_t kWidest = 66;
constexpr std::size_t kNarrowest = 30;
constexpr std::string_view kDefaultScope = "host";
constexpr auto kEscapeTime = std::chrono::milliseconds(100);
constexpr char kCtrlC = 3;
constexpr char kEscape = 27;

std::string text(JsonValue root, std::string_view name) {
  return flow::printable(root[name].string().value_or(""));
}

std::string past_text(JsonValue past) {
  std::uint64_t requests = past["requests"].natural().value_or(0);
  std::uint64_t hosts = past["hosts"].natural().value_or(0);
  if (requests == 0) return "no request";
  std::string out = fmt::format("{} request{}", requests, requests == 1 ? "" : "s");
  if (hosts > 1) out += fmt::format(" on {} hosts", hosts);
  if (auto last = past["last"].string()) out += ", the last " + flow::printable(*last);
  return out;
}

/// What an `ended` line says, for people.
std::string outcome_of(JsonValue root) {
  std::string_view by = root["by"].string().value_or("");
  std::string_view action = root["action"].string() == "allow" ? "allowed" : "blocked";
  if (by == "user") return fmt::format("{} by another monitor", action);
  if (by == "memory") return fmt::format("{} by an answer that is remembered", action);
  if (by == "timeout") return "not answered in time: blocked";
  if (by == "client_gone") return "the client went away";
  if (by == "shutdown") return "Weir is shutting down: blocked";
  return text(root, "reason");
}

}  // namespace

MonitorScreen::MonitorScreen(std::string session, std::size_t width)
    : session_(flow::printable(session)),
      columns_(std::max(width, kNarrowest)),
      width_(std::min(columns_ - 2, kWidest)) {}

MonitorScreen::Question MonitorScreen::question_of(JsonValue root, TimePoint now) {
  Question out;
  out.id = text(root, "id");
  out.method = text(root, "method");
  out.url = text(root, "url");
  out.path = text(root, "path");
  std::uint64_t usual = out.url.starts_with("http://") ? 80 : 443;
  std::uint64_t port = root["port"].natural().value_or(usual);
  out.host = text(root, "host") + (port == usual ? "" : fmt::format(":{}", port));
  out.why = text(root, "reason");
  if (auto source = root["source"].string()) out.why += " (" + flow::printable(*source) + ")";
  for (JsonValue field : root["headers"])
    out.headers.push_back(flow::printable(field.name()) + ": " +
                          flow::printable(field.string().value_or("")));
  for (JsonValue scope : root["scopes"]) {
    out.scopes.push_back({text(scope, "scope"), text(scope, "covers"), {}});
    if (out.scopes.back().name == kDefaultScope) out.chosen = out.scopes.size() - 1;
  }
  out.deadline = now + std::chrono::seconds(root["timeout"].natural().value_or(0));
  out.tunnel = root["tunnel"].boolean().value_or(false);
  out.may_remember = root["may_remember"].boolean().value_or(true);
  return out;
}

void MonitorScreen::take_line(std::string_view line, TimePoint now) {
  auto document = JsonDocument::parse(line);
  if (!document) return;
  JsonValue root = document->root();
  std::string_view type = root["type"].string().value_or("");
  if (type == "question") {
    questions_.push_back(question_of(root, now));
  } else if (type == "history") {
    take_history(root);
  } else if (type == "ended") {
    take_end(text(root, "id"), outcome_of(root), now);
  } else if (type == "answered") {
    std::string outcome = root["action"].string() == "allow" ? "allowed" : "blocked";
    if (auto scope = root["scope"].string())
      outcome += ", and remembered: " + few_lines(covered(text(root, "id"), *scope));
    take_end(text(root, "id"), outcome, now);
  } else if (root["error"].string() == "no_such_scope") {
    take_refusal(text(root, "id"), text(root, "message"));
  } else if (type == "error") {
    take_end(text(root, "id"), "not taken: " + text(root, "message"), now);
  }
  tick(now);
}

std::string MonitorScreen::covered(const std::string& id, std::string_view scope) const {
  auto question = std::ranges::find(questions_, id, &Question::id);
  if (question == questions_.end()) return flow::printable(scope);
  auto found = std::ranges::find(question->scopes, scope, &Scope::name);
  return found == question->scopes.end() ? flow::printable(scope) : found->covers;
}

void MonitorScreen::take_history(JsonValue root) {
  auto question = std::ranges::find(questions_, text(root, "id"), &Question::id);
  if (question == questions_.end()) return;
  question->known = true;
  question->complete = root["complete"].boolean().value_or(true);
  for (Scope& scope : question->scopes)
    if (JsonValue past = root["scopes"][scope.name]) scope.past = past_text(past);
  if (shown_ && question == questions_.begin()) detailed_ ? show_scopes() : show_past();
}

void MonitorScreen::take_end(const std::string& id, std::string_view outcome, TimePoint now) {
  auto question = std::ranges::find(questions_, id, &Question::id);
  if (question == questions_.end()) return;
  bool current = shown_ && question == questions_.begin();
  if (current) {
    print(fmt::format("  #{} {}\n", id, outcome));
  } else {
    print(fmt::format("  #{} {}: {}\n", id, flow::fitted(question->word(), width_), outcome));
  }
  questions_.erase(question);
  if (!current) return;
  shown_ = answered_ = false;
  settled_at_ = now + kSettle;
}

void MonitorScreen::take_refusal(const std::string& id, std::string_view why) {
  if (!shown_ || questions_.front().id != id) return;
  answered_ = false;
  print(fmt::format("  #{} not taken: {}\n", id, why));
}

void MonitorScreen::show_next(TimePoint now) {
  if (shown_ || questions_.empty() || now < settled_at_) return;
  shown_ = true;
  detailed_ = answered_ = false;
  shown_at_ = now;
  show_box();
  if (questions_.front().known) show_past();
}

std::string MonitorScreen::rule(std::string_view left, std::string_view right) const {
  std::string out(left);
  for (std::size_t i = 0; i < width_; ++i) out += "─";
  return out.append(right).append("\n");
}

std::string MonitorScreen::boxed(std::string_view line) const {
  std::string inside = flow::fitted(line, width_ - 2);
  return fmt::format("│ {}{} │\n", inside, std::string(width_ - 2 - flow::display_width(inside), ' '));
}

void MonitorScreen::show_box() {
  const Question& question = questions_.front();
  std::string out = rule("┌", "┐") + boxed(fmt::format(" Request #{}", question.id)) + rule("├", "┤");
  if (question.tunnel) {
    out += boxed(" Tunnel: " + question.host) + boxed(" Nobody will see what is in it.");
  } else {
    out += boxed(" Method: " + question.method) + boxed(" Host:   " + question.host) +
           boxed(" Path:   " + question.path);
  }
  for (const std::string& header : question.headers) out += boxed(" " + header);
  out += boxed(" Why:    " + question.why) + rule("├", "┤");
  out += boxed(" [A]llow   [B]lock   Allow [S]ession   Block [N]ever   [?]");
  print(out + rule("└", "┘"));
}

void MonitorScreen::show_past() {
  std::string out = "  Past traffic:";
  for (const Scope& scope : questions_.front().scopes)
    if (scope.name == "host" || scope.name == "domain")
      out += fmt::format(" {} {};", scope.name, scope.past.empty() ? "not known" : scope.past);
  out.back() = '\n';
  print(out);
}

// A URL is as long as a client likes it to be: what is to be decided about must stay on the screen.
std::string MonitorScreen::few_lines(std::string_view text) const { return flow::fitted(text, 3 * columns_); }

void MonitorScreen::show_details() {
  const Question& question = questions_.front();
  print(fmt::format("  {}\n  {}\n", few_lines(question.word()), few_lines(question.why)));
  show_scopes();
}

void MonitorScreen::show_scopes() {
  const Question& question = questions_.front();
  if (!question.may_remember) return print("  Answers are not remembered (filter.cache_decisions).\n");
  std::string out = fmt::format(
      "  s and n remember {}: t chooses how long.\n  A digit chooses for what; past traffic it would have "
      "been "
      "about:\n",
      kTimes[question.keep].words);
  for (std::size_t i = 0; i < question.scopes.size(); ++i) {
    const Scope& scope = question.scopes[i];
    out += fmt::format("  {} {}  {}\n       {}\n", i == question.chosen ? ">" : " ", i + 1,
                       few_lines(scope.covers), question.known ? scope.past : "being counted");
  }
  if (!question.complete) out += "  Only the newest recordings were looked at.\n";
  print(out);
}

// Arrow keys and their like begin with ESC and end in letters that mean something here.
bool MonitorScreen::is_escape(char key, TimePoint now) {
  if (key == kEscape) {
    escape_ = Escape::begun;
    escaped_at_ = now;
    return true;
  }
  if (escape_ == Escape::no) return false;
  if (now - escaped_at_ > kEscapeTime) {
    escape_ = Escape::no;
    return false;
  }
  bool opens = escape_ == Escape::begun && (key == '[' || key == 'O');
  bool goes_on = escape_ == Escape::sequence && (key < '@' || key > '~');
  escape_ = opens || goes_on ? Escape::sequence : Escape::no;
  return true;
}

std::optional<std::string> MonitorScreen::take_key(char key, TimePoint now) {
  if (is_escape(key, now)) return std::nullopt;
  if (key == kCtrlC) left_ = true;
  if (left_ || !shown_ || answered_ || now < shown_at_ + kGrace) return std::nullopt;
  std::optional<std::string> out;
  switch (key) {
    case 'a':
    case 'A':
    case 'y':
    case 'Y': out = decide("allow", false); break;
    case 'b':
    case 'B': out = decide("block", false); break;
    case 's':
    case 'S': out = decide("allow", true); break;
    case 'n':
    case 'N': out = decide("block", true); break;
    case '?':
      detailed_ = true;
      show_details();
      break;
    case 't':
    case 'T':
      if (!detailed_ || !questions_.front().may_remember) break;
      questions_.front().keep = (questions_.front().keep + 1) % std::size(kTimes);
      show_scopes();
      break;
    default:
      if (std::size_t number = static_cast<std::size_t>(key - '1');
          detailed_ && key >= '1' && number < questions_.front().scopes.size()) {
        questions_.front().chosen = number;
        show_scopes();
      }
  }
  prompt(now);
  return out;
}

std::optional<std::string> MonitorScreen::decide(std::string_view action, bool remember) {
  const Question& question = questions_.front();
  answered_ = true;
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("type", "answer").field("id", std::string_view(question.id));
  json.field("action", action).field("remember", remember);
  if (remember) json.field("scope", std::string_view(question.scope()));
  if (remember && question.keep > 0) json.field("for", std::int64_t{kTimes[question.keep].time.count()});
  json.end_object();
  return out;
}

void MonitorScreen::tick(TimePoint now) {
  show_next(now);
  prompt(now);
}

TimePoint MonitorScreen::next_tick(TimePoint now) const {
  if (!shown_) return questions_.empty() ? kNever : settled_at_;
  if (now < shown_at_ + kGrace) return shown_at_ + kGrace;
  return now + std::chrono::seconds(1);
}

void MonitorScreen::print(std::string_view lines) {
  clear_prompt();
  output_ += lines;
}

void MonitorScreen::clear_prompt() {
  if (!prompt_.empty()) output_ += "\r\x1b[K";
  prompt_.clear();
}

void MonitorScreen::prompt(TimePoint now) {
  std::string wanted;
  if (questions_.empty()) {
    wanted = fmt::format("Waiting for questions of {}; Ctrl-C leaves", session_);
  } else if (shown_ && !answered_ && now >= shown_at_ + kGrace) {
    const Question& question = questions_.front();
    auto left = std::chrono::ceil<std::chrono::seconds>(question.deadline - now).count();
    wanted = fmt::format("Decision ({}s left", std::max<std::int64_t>(left, 0));
    if (questions_.size() > 1) wanted += fmt::format(", {} more waiting", questions_.size() - 1);
    if (question.scope() != kDefaultScope) wanted += fmt::format(", s and n: {}", question.scope());
    if (question.keep > 0) wanted += fmt::format(", {}", kTimes[question.keep].words);
    wanted += "): ";
  }
  wanted = flow::fitted(wanted, columns_ - 1);
  if (wanted == prompt_) return;
  clear_prompt();
  output_ += wanted;
  prompt_ = std::move(wanted);
}

void MonitorScreen::leave() {
  clear_prompt();
  if (!questions_.empty())
    output_ +=
        fmt::format("{} question{} left open.\n", questions_.size(), questions_.size() == 1 ? "" : "s");
}

}  // namespace weir::cli
