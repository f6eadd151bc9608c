// Ways around a filter that were open in other programs, as a table: none of these requests reaches an
// origin.
#include <algorithm>

#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using policy::Action;
using policy::Scope;

const char* const kSecret = "secret.test";

std::string get(std::string_view target, std::string_view host = kSecret) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
}

// What is blocked: secret.test; below /admin on every host; POST to write.test; 127.0.0.1.
class Bypass : public TimedDialogue {
 protected:
  Bypass() {
    auto& rules = play.settings().filter.layers[std::to_underlying(policy::Layer::user)].rules;
    rules.push_back({.pattern = kSecret, .action = Action::block});
    rules.push_back({.pattern = "/admin/**", .action = Action::block, .scope = Scope::path});
    rules.push_back({.pattern = "write.test", .action = Action::block, .methods = {"POST"}});
    rules.push_back({.pattern = "127.0.0.1", .action = Action::block});
    rules.push_back({.pattern = "http://url.test/x", .action = Action::block, .scope = Scope::url});
  }
  int status_of(const std::string& request) {
    Peer& client = play.client();
    client.sends(request);
    int status = client.expects_answer().head.status;
    play.no_upstream();
    client.closes();
    return status;
  }
  void stopped(const std::string& request, std::initializer_list<int> answers) {
    int status = status_of(request);
    EXPECT_TRUE(std::ranges::find(answers, status) != answers.end()) << request << "was answered " << status;
    while (stage.closed()) continue;
  }
};

TEST_F(Bypass, spellings_of_a_host) {
  for (const char* target :
       {"http://SECRET.test/", "HTTP://secret.test/", "http://secret.test./", "http://secret.test:80/",
        "http://good.test@secret.test/", "http://good.test:443@secret.test/"})
    stopped(get(target), {403, 400});
  for (const char* target :
       {"http://secret%2Etest/", "http://secret.test%00.good.test/", "http://secret.test..good.test/",
        "http://secret.test\\@good.test/",
        "http://\xEF\xBD\x93"
        "ecret.test/",
        "http://good.test#@secret.test/", "http:///secret.test/", "http://secret.test:080a/"})
    stopped(get(target), {400, 403});
}

TEST_F(Bypass, a_host_field_does_not_hide_the_target) {
  stopped(get("http://secret.test/", "good.test"), {403});
  stopped("GET http://secret.test/ HTTP/1.1\r\nHost: good.test\r\nHost: secret.test\r\n\r\n", {400});
  stopped("GET http://secret.test/ HTTP/1.0\r\n\r\n", {403});
}

TEST_F(Bypass, spellings_of_an_address) {
  for (const char* host : {"127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1",
                           "127.0.0.1.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0:80@127.0.0.1"})
    stopped(get("http://" + std::string(host) + "/", host), {403, 400});
}

TEST_F(Bypass, spellings_of_a_path) {
  for (const char* path :
       {"/admin/x", "/a/../admin/x", "/%61dmin/x", "/./admin/x", "//admin/x", "/a/%2e%2e/admin/x",
        "/a/.%2E/admin/x", "/admin//x", "/admin/./x", "/admin/x?y=/", "/admin/%2e/x"})
    stopped(get("http://good.test" + std::string(path), "good.test"), {403});
}

TEST_F(Bypass, paths_that_can_be_read_in_two_ways) {
  for (const char* path : {"/a/..%2fadmin/x", "/a/..\\admin/x", "/a/%252e%252e/admin/x", "/a/..;/admin/x",
                           "/a/%c0%ae%c0%ae/admin/x", "//a/admin/x", "/admin;v=1/x"})
    stopped(get("http://good.test" + std::string(path), "good.test"), {403, 400});
}

TEST_F(Bypass, spellings_of_a_url) {
  for (const char* target : {"http://url.test/x", "http://URL.test:80/x", "HTTP://url.test/x",
                             "http://url.test/%78", "http://url.test/./x", "http://url.test./x?q=1"})
    stopped(get(target, "url.test"), {403});
}

TEST_F(Bypass, spellings_of_a_method) {
  for (const char* method : {"POST", "post", "Post"})
    stopped(
        std::string(method) + " http://write.test/ HTTP/1.1\r\nHost: write.test\r\nContent-Length: 0\r\n\r\n",
        {403, 400});
}

TEST_F(Bypass, requests_in_a_tunnel) {
  for (const char* request : {"GET / HTTP/1.1\r\nHost: secret.test\r\n\r\n",
                              "GET http://secret.test/ HTTP/1.1\r\nHost: secret.test\r\n\r\n",
                              "GET http://secret.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
                              "CONNECT secret.test:443 HTTP/1.1\r\nHost: secret.test:443\r\n\r\n",
                              "GET /x/../admin/ HTTP/1.1\r\nHost: a.test\r\n\r\n"}) {
    Peer& client = play.secure_client();
    client.sends(request);
    int status = client.expects_answer().head.status;
    EXPECT_TRUE(status == 400 || status == 403 || status == 405 || status == 421)
        << request << "was answered " << status;
    play.no_upstream();
    client.closes();
    while (stage.closed()) continue;
  }
}

// The second request of a connection, a request that hides in the body of another, and one behind an upgrade.
TEST_F(Bypass, requests_behind_others) {
  Peer& client = play.client();
  client.sends(get("http://good.test/", "good.test"));
  Peer& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: good.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  client.sends(get("http://secret.test/"));
  EXPECT_EQ(client.expects_answer().head.status, 403);
  play.no_upstream();
  client.closes();
  upstream.closes();
  while (stage.closed()) continue;
  stopped(
      "GET http://good.test/ HTTP/1.1\r\nHost: good.test\r\nContent-Length: 0\r\nTransfer-Encoding: "
      "chunked\r\n\r\n" +
          get("http://secret.test/"),
      {400});
  stopped(
      "GET http://secret.test/ HTTP/1.1\r\nHost: secret.test\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n",
      {403});
}

TEST_F(Bypass, a_name_that_only_looks_alike_is_another) {
  for (const char* host : {"notsecret.test", "secret.test.good.test", "good-secret.test"}) {
    Peer& client = play.client();
    client.sends(get("http://" + std::string(host) + "/", host));
    Peer& upstream = play.upstream();
    upstream.expects("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    upstream.sends(kOk);
    client.expects(kOk);
    client.closes();
    upstream.closes();
    while (stage.closed()) continue;
  }
}

}  // namespace
}  // namespace weir::testing
