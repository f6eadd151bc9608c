#include "tests/conformance/h2_table.h"

#include <fmt/format.h>

#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

// Far above the streams of a row, so that it is always the next.
constexpr std::uint32_t kAfter = 9'001;

std::string title(const char* section, const char* what) {
  return fmt::format("section {}: {}", section, what);
}

void forget_accounts(Playbook& play) {
  while (auto f = play.stage().closed()) {
    if (getenv("DBG")) fmt::print("{} {} {}\n", info(f->error).name, f->error_detail, f->marks);
  }
}

// What origins got of the row.
std::string seen_by_origins(Playbook& play) {
  std::string seen;
  while (!play.broken() && play.stage().dialled_more()) seen += play.upstream().takes(false);
  return seen;
}

void carries_another(Playbook& play, H2Peer& client) {
  client.headers(kAfter, request("GET", "/after"));
  Peer& upstream = play.upstream();
  upstream.expects("GET /after HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  client.expects_headers(kAfter, {{":status", "204"}}, true);
}

void run_one(const ClientRow& row) {
  Playbook play(make_memory_stage());
  H2Peer client(play, play.client());
  client.greets();
  client.pushes(row.frames);
  if (row.ends == Ends::reset) {
    client.expects_reset(1, row.code);
  } else if (row.ends == Ends::refused) {
    Answer answer = client.expects_answer(1);
    EXPECT_EQ(answer.head.status, row.code) << answer.body;
  }
  std::string seen = seen_by_origins(play);
  if (row.silent) EXPECT_EQ(seen, "");
  if (row.ends == Ends::goaway) {
    client.expects_goaway(row.code);
    client.expects_end();
  } else {
    carries_another(play, client);
  }
  client.closes();
  forget_accounts(play);
}

void run_one(const OriginRow& row) {
  Playbook play(make_memory_stage());
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, request("GET", "/row", {}, "{tunnel}"));
  H2Peer origin(play, play.upstream(), H2Peer::Role::serves);
  origin.greets();
  origin.expects_headers(1, request("GET", "/row", {}, "{tunnel}"), true);
  origin.pushes(row.frames);
  Answer answer = client.expects_answer(1);
  EXPECT_EQ(answer.head.status, row.ends == Ends::fine ? 204 : 502) << answer.body;
  if (row.ends == Ends::goaway) {
    origin.expects_goaway(row.code);
    origin.expects_end();
    return forget_accounts(play);
  }
  if (row.ends == Ends::reset) origin.expects_reset(1, row.code);
  client.headers(3, request("GET", "/after", {}, "{tunnel}"));
  origin.expects_headers(3, request("GET", "/after", {}, "{tunnel}"), true);
  origin.headers(3, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  forget_accounts(play);
}

template <typename Rows>
void run_all(const Rows& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(title(row.section, row.what));
    run_one(row);
  }
}

}  // namespace

void run(const std::vector<ClientRow>& rows) { run_all(rows); }
void run(const std::vector<OriginRow>& rows) { run_all(rows); }

}  // namespace weir::testing
