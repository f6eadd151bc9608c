// The ask socket, spoken to as a monitor does, and as nobody should.
#include "control/ask_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/json_reader.h"
#include "control/unix_socket.h"
#include "store/session_store.h"

namespace weir::control {
namespace {

namespace fs = std::filesystem;
using policy::Action;
using proxy::Decision;
using By = Decision::By;
using ::testing::HasSubstr;

// How long a test waits for what must come; only a failing test waits so long.
constexpr int kPatienceMs = 10'000;

/// One line, taken apart.
class Line {
 public:
  explicit Line(std::string text) : text_(std::move(text)) {
    auto parsed = JsonDocument::parse(text_);
    if (parsed) document_ = std::move(*parsed);
  }
  std::string operator[](std::string_view name) const {
    return std::string(document_ ? document_->root()[name].string().value_or("") : "");
  }
  JsonValue root() const { return document_ ? document_->root() : JsonValue(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::optional<JsonDocument> document_;
};

class Client {
 public:
  explicit Client(const fs::path& path) {
    auto socket = connect_unix(path);
    if (socket) socket_ = std::move(*socket);
    EXPECT_TRUE(socket);
  }
  void says(std::string_view text) {
    EXPECT_EQ(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void answers(const std::string& id, const char* action, const char* more = "") {
    says("{\"id\":\"" + id + "\",\"action\":\"" + action + "\"" + more + "}\n");
  }
  /// The next line; empty at the end.
  Line hears() {
    std::size_t end;
    while ((end = received_.find('\n')) == std::string::npos) {
      char part[65536];
      pollfd one{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      ssize_t got = poll(&one, 1, kPatienceMs) == 1 ? ::recv(socket_.get(), part, sizeof part, 0) : 0;
      if (got <= 0) return Line("");
      received_.append(part, static_cast<std::size_t>(got));
    }
    Line out(received_.substr(0, end));
    received_.erase(0, end + 1);
    return out;
  }
  /// The same, but lines about past traffic.
  Line hears_news() {
    for (;;) {
      Line line = hears();
      if (line["type"] != "history") return line;
    }
  }
  /// Until it has been heard that there are questions or none, and the server knows us.
  void lists() {
    says("{\"type\":\"list\"}\n");
    for (Line line = hears_news(); line["type"] != "end" && !line.text().empty();) line = hears_news();
  }
  void half_closes() { ::shutdown(socket_.get(), SHUT_WR); }
  void closes() { socket_.reset(); }

 private:
  UniqueFd socket_;
  std::string received_;
};

class AskSocket : public ::testing::Test {
 protected:
  AskSocket() {
    std::string name = (fs::temp_directory_path() / "weir-ask-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    path = folder / "ask.sock";
    options = {.socket = path, .project_dir = folder / "project"};
  }
  ~AskSocket() override {
    server.reset();
    fs::remove_all(folder);
  }
  void start() {
    auto started = AskServer::start(desk, options);
    ASSERT_TRUE(started) << started.error().message();
    server = std::move(*started);
  }
  Client monitor() {
    if (!server) start();
    Client out(path);
    out.lists();
    return out;
  }
  proxy::QuestionId put(std::string host = "a.example.com", std::string target = "/") {
    proxy::Inquiry inquiry{.origin = {http::Scheme::https, {std::move(host), 443}},
                           .method = "GET",
                           .target = std::move(target),
                           .why = "why"};
    auto out = desk.put(std::move(inquiry), [this](const Decision& decision) {
      std::lock_guard lock(mutex);
      decisions.push_back(decision);
    });
    return out.id;
  }
  std::vector<Decision> decided() {
    std::lock_guard lock(mutex);
    return decisions;
  }

  fs::path folder, path;
  AskServer::Options options;
  AskDesk desk{AskDesk::Options()};
  std::mutex mutex;
  std::vector<Decision> decisions;
  std::unique_ptr<AskServer> server;
};

TEST_F(AskSocket, a_monitor_is_shown_a_question_and_answers_it) {
  Client one = monitor();
  ASSERT_EQ(put(), 1u);
  Line question = one.hears_news();
  EXPECT_EQ(question["type"], "question");
  EXPECT_EQ(question["id"], "1");
  EXPECT_EQ(question["host"], "a.example.com");
  one.answers("1", "allow");
  Line receipt = one.hears_news();
  EXPECT_EQ(receipt.text(), R"({"type":"answered","id":"1","action":"allow","remembered":false})");
  ASSERT_EQ(decided().size(), 1u);
  EXPECT_EQ(decided()[0].action, Action::allow);
}

TEST_F(AskSocket, of_several_monitors_the_first_answer_counts) {
  Client one = monitor(), two = monitor();
  put();
  EXPECT_EQ(one.hears_news()["id"], "1");
  EXPECT_EQ(two.hears_news()["id"], "1");
  two.answers("1", "block");
  EXPECT_EQ(two.hears_news()["type"], "answered");
  EXPECT_EQ(one.hears_news().text(),
            R"({"type":"ended","id":"1","action":"block","by":"user","reason":"blocked by user decision"})");
  one.answers("1", "allow");
  EXPECT_EQ(one.hears_news()["error"], "late");
  EXPECT_EQ(decided().size(), 1u);
}

TEST_F(AskSocket, a_monitor_that_comes_later_is_shown_what_waits) {
  Client one = monitor();
  put();
  put("b.example.com");
  Client two(path);
  EXPECT_EQ(two.hears_news()["id"], "1");
  EXPECT_EQ(two.hears_news()["id"], "2");
}

TEST_F(AskSocket, a_monitor_that_dies_gives_its_question_back) {
  Client one = monitor();
  put();
  EXPECT_EQ(one.hears_news()["id"], "1");
  one.says("{\"id\":\"1\",\"action\":\"allo");
  one.closes();
  Client two = monitor();
  EXPECT_TRUE(decided().empty());
  two.answers("1", "allow");
  EXPECT_EQ(two.hears_news()["type"], "answered");
}

TEST_F(AskSocket, answers_to_nothing_are_told_so) {
  Client one = monitor();
  put();
  EXPECT_EQ(one.hears_news()["id"], "1");
  one.answers("99", "allow");
  Line unknown = one.hears_news();
  EXPECT_EQ(unknown["error"], "unknown_id");
  EXPECT_EQ(unknown["id"], "99");
  one.answers("-1", "allow");
  EXPECT_EQ(one.hears_news()["error"], "unknown_id");
  one.says("nonsense\n\n\r\n{\"id\":\"1\"}\n");
  EXPECT_EQ(one.hears_news()["error"], "bad_line");
  EXPECT_EQ(one.hears_news()["error"], "bad_line");
  one.answers("1", "allow");
  EXPECT_EQ(one.hears_news()["type"], "answered");
  one.answers("1", "block");
  EXPECT_EQ(one.hears_news()["error"], "late");
  ASSERT_EQ(decided().size(), 1u);
  EXPECT_EQ(decided()[0].action, Action::allow);
}

TEST_F(AskSocket, a_giant_line_ends_its_connection_alone) {
  Client other = monitor();
  for (const char* end : {"\n", ""}) {
    Client one = monitor();
    one.says(std::string(70'000, 'x') + end);
    EXPECT_EQ(one.hears_news()["error"], "line_too_long");
    EXPECT_EQ(one.hears_news().text(), "");
  }
  put();
  EXPECT_EQ(other.hears_news()["id"], "1");
}

TEST_F(AskSocket, a_thousand_questions) {
  Client one = monitor();
  constexpr int kMany = 1000;
  for (int i = 0; i < kMany; ++i) put("a.example.com", "/" + std::to_string(i) + std::string(2000, 'x'));
  for (int i = 1; i <= kMany; ++i) {
    Line line = one.hears_news();
    ASSERT_EQ(line["id"], std::to_string(i)) << line.text().substr(0, 200);
  }
  for (int i = kMany; i > 0; --i) {
    one.answers(std::to_string(i), i % 2 ? "allow" : "block");
    ASSERT_EQ(one.hears_news()["id"], std::to_string(i));
  }
  EXPECT_EQ(decided().size(), std::size_t{kMany});
}

TEST_F(AskSocket, a_monitor_that_reads_nothing_holds_up_nobody) {
  Client deaf = monitor(), one = monitor();
  for (int i = 0; i < 1000; ++i) put("a.example.com", "/" + std::string(8000, 'x'));
  for (int i = 1; i <= 1000; ++i) ASSERT_EQ(one.hears_news()["id"], std::to_string(i));
  for (int i = 1; i <= 1000; ++i) {
    one.answers(std::to_string(i), "block");
    ASSERT_EQ(one.hears_news()["type"], "answered");
  }
  EXPECT_EQ(deaf.hears_news()["id"], "1") << "what the socket held";
}

TEST_F(AskSocket, a_visitor_is_no_monitor) {
  start();
  Client visitor(path);
  visitor.says("{\"type\":\"visit\"}\n");
  visitor.lists();
  EXPECT_EQ(put(), 0u) << "nobody is there to ask";
  {
    Client one = monitor();
    EXPECT_EQ(put(), 1u);
    EXPECT_EQ(one.hears_news()["id"], "1");
  }
  visitor.says("{\"type\":\"list\"}\n");
  EXPECT_EQ(visitor.hears_news()["id"], "1");
  EXPECT_EQ(visitor.hears_news().text(), R"({"type":"end","open":1})");
  visitor.answers("1", "allow");
  EXPECT_EQ(visitor.hears_news()["type"], "answered");
}

TEST_F(AskSocket, who_stops_talking_still_hears_the_answer) {
  start();
  Client script(path);
  script.says("{\"type\":\"visit\"}\n{\"type\":\"list\"}");
  script.half_closes();
  EXPECT_EQ(script.hears_news()["type"], "end");
  EXPECT_EQ(script.hears_news().text(), "");
}

TEST_F(AskSocket, a_remembered_answer_is_told_to_who_was_shown_the_other_questions) {
  Client one = monitor();
  put("a.example.com");
  put("b.example.com");
  EXPECT_EQ(one.hears_news()["id"], "1");
  EXPECT_EQ(one.hears_news()["id"], "2");
  one.answers("1", "block", ",\"remember\":true,\"scope\":\"domain\"");
  EXPECT_EQ(one.hears_news().text(),
            R"({"type":"answered","id":"1","action":"block","remembered":true,"scope":"domain"})");
  EXPECT_EQ(one.hears_news().text(),
            R"({"type":"ended","id":"2","action":"block","by":"memory","reason":"cached decision"})");
}

TEST_F(AskSocket, another_user_is_shown_nothing) {
  options.owner = ::geteuid() + 1;
  start();
  Client stranger(path);
  EXPECT_EQ(stranger.hears().text(), "");
  EXPECT_EQ(put(), 0u) << "a stranger is no monitor";
}

TEST_F(AskSocket, the_end_is_told_and_the_socket_is_gone) {
  Client one = monitor();
  put();
  EXPECT_EQ(one.hears_news()["id"], "1");
  desk.close();
  EXPECT_EQ(one.hears_news()["by"], "shutdown");
  server.reset();
  EXPECT_EQ(one.hears().text(), "");
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(AskSocket, what_stands_at_its_place_is_an_error) {
  fs::create_symlink("/dev/null", path);
  auto started = AskServer::start(desk, options);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().context(), HasSubstr(path.string()));
}

std::unique_ptr<flow::Flow> past(flow::FlowId id, std::string host, std::string method, std::string target) {
  auto flow = std::make_unique<flow::Flow>();
  flow->id = id;
  flow->started = 1'705'314'605'000'000'000 + static_cast<WallNanos>(id) * 1'000'000'000;
  flow->duration_us = 1;
  flow->request.method = std::move(method);
  flow->request.origin = {http::Scheme::https, {std::move(host), 443}};
  flow->request.target = std::move(target);
  return flow;
}

TEST_F(AskSocket, past_traffic_is_counted_for_each_scope) {
  auto store = store::SessionStore::open({.data_dir = options.project_dir, .catalog = {}});
  ASSERT_TRUE(store);
  (*store)->closed(past(1, "a.example.com", "GET", "/v1/x?token=one"));
  (*store)->closed(past(2, "a.example.com", "GET", "/v1/y"));
  (*store)->closed(past(3, "a.example.com", "GET", "/"));
  (*store)->closed(past(4, "a.example.com", "POST", "/v1/x"));
  (*store)->closed(past(5, "b.example.com", "GET", "/"));
  (*store)->closed(past(6, "other.test", "GET", "/v1/x"));
  auto tunnel = past(7, "c.example.com", "CONNECT", "");
  tunnel->kind = flow::Kind::tunnel;
  tunnel->interception = flow::Interception::passthrough;
  (*store)->closed(std::move(tunnel));
  auto failed = past(8, "a.example.com", "CONNECT", "");
  failed->kind = flow::Kind::tunnel;
  failed->interception = flow::Interception::intercepted;
  (*store)->closed(std::move(failed));
  (*store)->opened(past(9, "a.example.com", "GET", "/v1/x?token=two"));
  ASSERT_TRUE((*store)->flush());
  Client one = monitor();
  put("a.example.com", "/v1/x?token=two");
  EXPECT_EQ(one.hears()["type"], "question");
  EXPECT_EQ(one.hears().text(), R"({"type":"history","id":"1","complete":true,"scopes":{)"
                                R"("url":{"requests":1,"hosts":1,"last":"2024-01-15T10:30:06.000Z"},)"
                                R"("path":{"requests":2,"hosts":1,"last":"2024-01-15T10:30:07.000Z"},)"
                                R"("method":{"requests":3,"hosts":1,"last":"2024-01-15T10:30:08.000Z"},)"
                                R"("host":{"requests":4,"hosts":1,"last":"2024-01-15T10:30:09.000Z"},)"
                                R"("domain":{"requests":6,"hosts":3,"last":"2024-01-15T10:30:12.000Z"}}})");
  Client late(path);
  EXPECT_EQ(late.hears()["type"], "question");
  EXPECT_EQ(late.hears()["type"], "history") << "known already";
}

}  // namespace
}  // namespace weir::control
