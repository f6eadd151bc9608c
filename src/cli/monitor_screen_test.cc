#include "cli/monitor_screen.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/text.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class Monitor : public ::testing::Test {
 protected:
  static std::string question(int id, std::string_view host = "api.example.com", std::string_view more = "") {
    return fmt::format(
        R"({{"type":"question","id":"{}","method":"GET","url":"https://{}/v1/users","host":"{}","port":443,)"
        R"("path":"/v1/users","headers":{{"User-Agent":"curl/8"}},"tunnel":false,)"
        R"("reason":"no rule matched, using default action: ask","timeout":30,"may_remember":true,)"
        R"("scopes":[{{"scope":"url","covers":"GET https://{}/v1/users"}},)"
        R"({{"scope":"host","covers":"everything at {}"}},)"
        R"({{"scope":"domain","covers":"everything at and below example.com"}}]{}}})",
        id, host, host, host, host, more);
  }
  std::string takes(const std::string& line) {
    screen.take_line(line, now);
    return screen.take_output();
  }
  std::string passes(milliseconds time) {
    now += time;
    screen.tick(now);
    return screen.take_output();
  }
  /// The line that a key makes; "" for none.
  std::string hits(std::string_view keys) {
    std::string out;
    for (char key : keys) out += screen.take_key(key, now).value_or("");
    return out;
  }
  /// A question that can be answered.
  void shows(int id) {
    passes(milliseconds(50));
    takes(question(id));
    passes(milliseconds(300));
  }

  TimePoint now = TimePoint() + seconds(1000);
  MonitorScreen screen{"session s-1", 80};
};

TEST_F(Monitor, says_what_it_waits_for) {
  screen.tick(now);
  EXPECT_EQ(screen.take_output(), "Waiting for questions of session s-1; Ctrl-C leaves");
  EXPECT_EQ(screen.next_tick(now), kNever);
}

TEST_F(Monitor, shows_a_question_in_a_box) {
  EXPECT_EQ(takes(question(1)),
            "┌──────────────────────────────────────────────────────────────────┐\n"
            "│  Request #1                                                      │\n"
            "├──────────────────────────────────────────────────────────────────┤\n"
            "│  Method: GET                                                     │\n"
            "│  Host:   api.example.com                                         │\n"
            "│  Path:   /v1/users                                               │\n"
            "│  User-Agent: curl/8                                              │\n"
            "│  Why:    no rule matched, using default action: ask              │\n"
            "├──────────────────────────────────────────────────────────────────┤\n"
            "│  [A]llow   [B]lock   Allow [S]ession   Block [N]ever   [?]       │\n"
            "└──────────────────────────────────────────────────────────────────┘\n");
  EXPECT_EQ(passes(milliseconds(300)), "Decision (30s left): ");
  EXPECT_EQ(passes(seconds(2)), "\r\x1b[KDecision (28s left): ");
}

TEST_F(Monitor, keys_answer) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"aAyY", R"("action":"allow","remember":false})"},
      {"bB", R"("action":"block","remember":false})"},
      {"sS", R"("action":"allow","remember":true,"scope":"host"})"},
      {"nN", R"("action":"block","remember":true,"scope":"host"})"},
  };
  int id = 0;
  for (const auto& [keys, text] : rows) {
    for (char key : keys) {
      shows(++id);
      EXPECT_EQ(hits({&key, 1}), fmt::format(R"({{"type":"answer","id":"{}",{})", id, text));
      takes(fmt::format(R"({{"type":"answered","id":"{}","action":"block","remembered":false}})", id));
    }
  }
}

TEST_F(Monitor, other_keys_do_nothing) {
  shows(1);
  EXPECT_EQ(hits("xq\r\n \x7f"
                 "1\x04\x1a"),
            "");
  EXPECT_FALSE(screen.left());
}

TEST_F(Monitor, an_arrow_key_is_no_answer) {
  shows(1);
  EXPECT_EQ(hits("\x1b[A\x1b[B\x1bOA\x1b[1;5A\x1b[200~\x1b"
                 "a"),
            "");
  EXPECT_NE(hits("a"), "");
}

TEST_F(Monitor, a_lone_escape_swallows_nothing_that_comes_later) {
  shows(1);
  EXPECT_EQ(hits("\x1b"), "");
  now += milliseconds(101);
  EXPECT_NE(hits("a"), "");
}

TEST_F(Monitor, what_is_typed_before_a_question_can_be_read_answers_nothing) {
  EXPECT_EQ(hits("a"), "");
  takes(question(1));
  now += milliseconds(299);
  EXPECT_EQ(hits("a"), "");
  now += milliseconds(1);
  EXPECT_NE(hits("a"), "");
  EXPECT_EQ(hits("a"), "") << "it is answered already";
}

TEST_F(Monitor, a_key_meant_for_one_question_does_not_answer_the_next) {
  shows(1);
  takes(question(2));
  std::string out =
      takes(R"({"type":"ended","id":"1","action":"block","by":"timeout","reason":"unanswered"})");
  EXPECT_THAT(out, HasSubstr("  #1 not answered in time: blocked\n"));
  EXPECT_EQ(hits("a"), "");
  EXPECT_EQ(screen.next_tick(now), now + milliseconds(50));
  EXPECT_THAT(passes(milliseconds(50)), HasSubstr("Request #2"));
  EXPECT_EQ(hits("a"), "");
  passes(milliseconds(300));
  EXPECT_THAT(hits("a"), HasSubstr("\"id\":\"2\""));
}

TEST_F(Monitor, tells_how_many_more_wait) {
  shows(1);
  EXPECT_EQ(takes(question(2)), "\r\x1b[KDecision (30s left, 1 more waiting): ");
  EXPECT_EQ(takes(question(3)), "\r\x1b[KDecision (30s left, 2 more waiting): ");
  std::string out = takes(R"({"type":"ended","id":"2","action":"allow","by":"user"})");
  EXPECT_THAT(out, HasSubstr("  #2 GET https://api.example.com/v1/users: allowed by another monitor\n"));
  EXPECT_THAT(out, HasSubstr("1 more waiting"));
}

TEST_F(Monitor, questions_that_one_answer_decided_are_not_shown) {
  shows(1);
  takes(question(2));
  takes(question(3));
  hits("n");
  std::string out =
      takes(R"({"type":"answered","id":"1","action":"block","remembered":true,"scope":"host"})");
  out += takes(R"({"type":"ended","id":"2","action":"block","by":"memory"})");
  out += passes(milliseconds(50));
  EXPECT_THAT(out, Not(HasSubstr("Request #2")));
  EXPECT_THAT(out, HasSubstr("blocked by an answer that is remembered"));
  EXPECT_THAT(out, HasSubstr("Request #3"));
}

TEST_F(Monitor, tells_what_came_of_its_answer) {
  shows(1);
  hits("s");
  EXPECT_THAT(takes(R"({"type":"answered","id":"1","action":"allow","remembered":true,"scope":"host"})"),
              HasSubstr("  #1 allowed, and remembered: everything at api.example.com\n"));
  shows(2);
  hits("a");
  EXPECT_THAT(
      takes(R"({"type":"error","error":"late","message":"the question was decided before","id":"2"})"),
      HasSubstr("  #2 not taken: the question was decided before\n"));
  shows(3);
  EXPECT_THAT(takes(R"({"type":"ended","id":"3","action":"block","by":"client_gone"})"),
              HasSubstr("  #3 the client went away\n"));
}

TEST_F(Monitor, an_answer_that_was_not_taken_can_be_given_again) {
  shows(1);
  hits("s");
  EXPECT_THAT(takes(R"({"type":"error","error":"no_such_scope","message":"it has others","id":"1"})"),
              HasSubstr("  #1 not taken: it has others\n"));
  EXPECT_THAT(hits("a"), HasSubstr(R"("id":"1","action":"allow")"));
}

TEST_F(Monitor, a_port_is_told_unless_it_is_the_schemes_own) {
  const std::pair<const char*, const char*> rows[] = {
      {R"("url":"http://a.test/","host":"a.test","port":80)", "Host:   a.test  "},
      {R"("url":"https://a.test/","host":"a.test","port":443)", "Host:   a.test  "},
      {R"("url":"http://a.test:443/","host":"a.test","port":443)", "Host:   a.test:443"},
      {R"("url":"https://a.test:80/","host":"a.test","port":80)", "Host:   a.test:80"},
  };
  for (const auto& [members, text] : rows) {
    passes(milliseconds(50));
    EXPECT_THAT(takes(fmt::format(R"({{"type":"question","id":"1","timeout":30,{}}})", members)),
                HasSubstr(text));
    takes(R"({"type":"ended","id":"1","action":"block","by":"user"})");
  }
}

TEST_F(Monitor, a_giant_url_does_not_push_the_question_off_the_screen) {
  shows(1);
  takes(R"({"type":"ended","id":"1","action":"block","by":"user"})");
  passes(milliseconds(50));
  takes(question(2, std::string(8000, 'x')));
  passes(milliseconds(300));
  screen.take_output();
  hits("?");
  EXPECT_LT(screen.take_output().size(), 1500u);
}

TEST_F(Monitor, past_traffic_is_told_when_it_is_known) {
  constexpr const char* kHistory =
      R"({"type":"history","id":"1","complete":false,"scopes":{"url":{"requests":0,"hosts":0},)"
      R"("host":{"requests":1,"hosts":1,"last":"2024-01-15T10:30:05.000Z"},)"
      R"("domain":{"requests":340,"hosts":4,"last":"2024-01-15T10:30:06.000Z"}}})";
  shows(1);
  EXPECT_THAT(
      takes(kHistory),
      HasSubstr("  Past traffic: host 1 request, the last 2024-01-15T10:30:05.000Z; domain 340 requests on "
                "4 hosts, the last 2024-01-15T10:30:06.000Z\n"));
  hits("?");
  std::string out = screen.take_output();
  EXPECT_THAT(out, HasSubstr("    1  GET https://api.example.com/v1/users\n       no request\n"));
  EXPECT_THAT(out, HasSubstr("  > 2  everything at api.example.com\n       1 request, the last"));
  EXPECT_THAT(out, HasSubstr("Only the newest recordings were looked at"));
}

TEST_F(Monitor, a_scope_can_be_chosen_once_it_was_shown) {
  shows(1);
  hits("3");
  EXPECT_EQ(screen.take_output(), "");
  hits("?");
  EXPECT_THAT(screen.take_output(),
              HasSubstr("    3  everything at and below example.com\n       being counted"));
  hits("9");
  hits("3");
  std::string out = screen.take_output();
  EXPECT_THAT(out, HasSubstr("  > 3  everything at and below example.com"));
  EXPECT_THAT(out, HasSubstr("Decision (30s left, s and n: domain): "));
  EXPECT_THAT(hits("n"), HasSubstr(R"("action":"block","remember":true,"scope":"domain")"));
  takes(R"({"type":"answered","id":"1","action":"block","remembered":true,"scope":"domain"})");
  shows(2);
  EXPECT_THAT(hits("s"), HasSubstr(R"("scope":"host")")) << "each question begins anew";
}

TEST_F(Monitor, how_long_an_answer_is_kept_can_be_chosen) {
  shows(1);
  hits("t");
  EXPECT_EQ(screen.take_output(), "") << "not before it was shown";
  hits("?");
  EXPECT_THAT(screen.take_output(), HasSubstr("s and n remember for this session"));
  hits("t");
  hits("t");
  std::string out = screen.take_output();
  EXPECT_THAT(out, HasSubstr("s and n remember for 1 hour"));
  EXPECT_THAT(out, HasSubstr("Decision (30s left, for 1 hour): "));
  EXPECT_THAT(hits("s"), HasSubstr(R"("remember":true,"scope":"host","for":3600)"));
}

TEST_F(Monitor, a_tunnel_says_that_nobody_looks_into_it) {
  std::string line = question(1);
  line.replace(line.find("\"tunnel\":false"), 14, "\"tunnel\":true");
  EXPECT_THAT(takes(line), HasSubstr("Tunnel: api.example.com"));
}

TEST_F(Monitor, nothing_that_comes_drives_the_terminal) {
  std::string out = takes(
      R"({"type":"question","id":"\u001b[2J","method":"\u001b]0;x\u0007","url":"\u001b[1m","host":"\u009b1m",)"
      R"("port":8080,"path":"\r\n\u001b[A","headers":{"\u001bH":"\u001b"},"reason":"\u202e","timeout":5,)"
      R"("scopes":[{"scope":"host","covers":"\u001b"}]})");
  out += passes(milliseconds(300));
  hits("?");
  out += screen.take_output();
  for (std::string_view mine : {"\r\x1b[K"})
    for (std::size_t at; (at = out.find(mine)) != std::string::npos;) out.erase(at, mine.size());
  EXPECT_THAT(out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(out, Not(HasSubstr("\r")));
  EXPECT_THAT(out, Not(HasSubstr("\u202e")));
  EXPECT_THAT(out, HasSubstr(":8080"));
}

TEST_F(Monitor, lines_of_no_use_are_passed_over) {
  for (const char* line : {"", "nonsense", "[]", "{}", R"({"type":"news"})", R"({"type":"ended","id":"9"})",
                           R"({"type":"history","id":"9"})", R"({"type":"question"})"})
    screen.take_line(line, now);
  passes(milliseconds(300));
  hits("?1sn");
}

TEST_F(Monitor, ctrl_c_leaves_and_tells_what_is_left_open) {
  shows(1);
  EXPECT_EQ(hits("\x03"), "");
  EXPECT_TRUE(screen.left());
  screen.take_output();
  screen.leave();
  EXPECT_EQ(screen.take_output(), "\r\x1b[K1 question left open.\n");
}

TEST_F(Monitor, fits_a_narrow_terminal) {
  MonitorScreen narrow("s", 40);
  narrow.take_line(question(1), now);
  std::string out = narrow.take_output();
  for (std::size_t at = 0; at < out.size();) {
    std::size_t end = out.find('\n', at);
    EXPECT_EQ(flow::display_width(std::string_view(out).substr(at, end - at)), 40u);
    at = end + 1;
  }
}

}  // namespace
}  // namespace weir::cli
