#include "tests/conformance/table.h"

#include <fmt/format.h>

namespace weir::testing {
namespace {

Peer& client_at(Playbook& play, At at) { return at == At::tunnel ? play.tunnel() : play.client(); }

std::string title(const char* section, const char* what) {
  return fmt::format("section {}: {}", section, what);
}

void run_one(const Row& row) {
  Playbook play(make_memory_stage());
  Peer& client = client_at(play, row.at);
  client.sends(row.sent);
  Peer* upstream = &play.upstream();
  upstream->expects(row.seen);
  upstream->sends(row.answered);
  if (row.upstream == Then::closes) upstream->closes();
  client.expects(row.got);
  if (row.upstream == Then::ends) upstream->expects_end();
  play.records({.marks = row.marks});
  if (row.client == Then::closes) return client.closes();
  if (row.client == Then::ends) {
    client.half_closes();
    return client.expects_end();
  }
  client.sends(kGetSent);
  if (row.upstream != Then::keeps) upstream = &play.upstream();
  upstream->expects(kGetSeen);
  upstream->sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

void run_one(const Refusal& row) {
  Playbook play(make_memory_stage());
  Peer& client = client_at(play, row.at);
  client.sends(row.sent);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, row.status);
  EXPECT_EQ(answer.field("x-weir-error"), info(row.code).name);
  EXPECT_EQ(answer.field("connection"), "close");
  while (!play.broken() && play.stage().dialled_more()) EXPECT_EQ(play.upstream().reads_all(), "");
  client.half_closes();
  client.expects_end();
  play.records({.status = row.status, .error = row.code});
}

void run_one(const Rejection& row) {
  Playbook play(make_memory_stage());
  Peer& client = play.client();
  client.sends(kGetSent);
  Peer& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(row.answered);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 502);
  EXPECT_EQ(answer.field("x-weir-error"), info(Code::upstream_bad_response).name);
  upstream.reads_all();  // cut or closed, but no more
  play.records({.status = 502, .error = Code::upstream_bad_response});
  client.sends(kGetSent);
  Peer& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false});
}

template <typename Rows>
void run_all(const Rows& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(title(row.section, row.what));
    run_one(row);
  }
}

}  // namespace

void run(const std::vector<Row>& rows) { run_all(rows); }
void run(const std::vector<Refusal>& rows) { run_all(rows); }
void run(const std::vector<Rejection>& rows) { run_all(rows); }

std::string get(const std::string& fields) {
  return "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n" + fields + "\r\n";
}
std::string get_seen(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: {origin}\r\n" + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& body) {
  return "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n" + fields + "\r\n" + body;
}
std::string post_seen(const std::string& fields, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: {origin}\r\n" + fields + "\r\n" + body;
}
std::string ok(const std::string& fields, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

}  // namespace weir::testing
