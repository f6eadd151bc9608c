#include "wire/socks5.h"

#include <gtest/gtest.h>

#include "base/ascii.h"
#include "tests/support/splits.h"

namespace weir::wire {
namespace {

using test::for_each_split;

// Bytes in hex, with spaces, and text in quotes: "05 01 'a.test'".
std::string bytes(std::string_view text) {
  auto digit = [](char c) { return is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '\'') {
      std::size_t end = text.find('\'', i + 1);
      out += text.substr(i + 1, end - i - 1);
      i = end + 1;
    } else {
      out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
      i += 2;
    }
  }
  return out;
}

struct Outcome {
  std::string output;
  std::string rest;
  Code code = Code::none;
  std::string context;
  bool done = false;
};

Outcome talk(Socks5Dialogue& dialogue, const std::vector<std::string_view>& parts) {
  Outcome out;
  for (std::string_view part : parts) {
    if (out.done) {
      out.rest += part;
      continue;
    }
    auto fed = dialogue.feed(part);
    out.output += dialogue.take_output();
    if (!fed) {
      out.code = fed.error().code();
      out.context = fed.error().context();
      return out;
    }
    out.done = *fed;
    if (out.done) out.rest = dialogue.take_rest();
  }
  return out;
}

bool alice(std::string_view user, std::string_view password) {
  return user == "alice" && password == "s3cret";
}

constexpr const char* kOpen = "05 01 00  ";
constexpr const char* kLogin = "05 02 00 02  01 05 'alice' 06 's3cret'  ";

struct ServerRow {
  const char* what;
  Socks5Server::Judge judge;
  std::string input;
  std::string output;
  std::string place;  ///< empty = refused, or not done
  Code code = Code::none;
};

std::vector<ServerRow> server_rows() {
  std::string open = kOpen, login = kLogin;
  return {
      {"IPv4", nullptr, open + "05 01 00 01 7f000001 0050", "05 00", "127.0.0.1:80"},
      {"IPv6", nullptr, open + "05 01 00 04 20010db8000000000000000000000001 01bb", "05 00",
       "[2001:db8::1]:443"},
      {"a name", nullptr, open + "05 01 00 03 06 'A.Test' 01bb", "05 00", "a.test:443"},
      {"a name with its dot", nullptr, open + "05 01 00 03 07 'a.test.' ffff", "05 00", "a.test:65535"},
      {"a name that is an address", nullptr, open + "05 01 00 03 09 '127.0.0.1' 0050", "05 00",
       "127.0.0.1:80"},
      {"a name that is an IPv6 address", nullptr, open + "05 01 00 03 05 '[::1]' 0050", "05 00", "[::1]:80"},
      {"many methods", nullptr, "05 03 00 01 02  05 01 00 01 7f000001 0050", "05 00", "127.0.0.1:80"},
      {"only a pair, nobody asks", nullptr, "05 01 02  01 01 'x' 01 'y'  05 01 00 01 7f000001 0050",
       "05 02 01 00", "127.0.0.1:80"},
      {"an empty pair, nobody asks", nullptr, "05 01 02  01 00 00  05 01 00 01 7f000001 0050", "05 02 01 00",
       "127.0.0.1:80"},
      {"the right pair", alice, login + "05 01 00 01 7f000001 0050", "05 02 01 00", "127.0.0.1:80"},
      {"the wrong password", alice, "05 01 02  01 05 'alice' 05 'guess'", "05 02 01 01", "",
       Code::proxy_auth_required},
      {"an empty pair", alice, "05 01 02  01 00 00", "05 02 01 01", "", Code::proxy_auth_required},
      {"no pair where one is wanted", alice, "05 01 00", "05 ff", "", Code::proxy_auth_required},
      {"no method", nullptr, "05 00", "05 ff", "", Code::bad_request},
      {"GSSAPI alone", nullptr, "05 01 01", "05 ff", "", Code::bad_request},
      {"a login of another version", nullptr, "05 01 02  05", "05 02", "", Code::bad_request},
      {"a request of another version", nullptr, open + "04", "05 00 05 01 00 01 000000000000", "",
       Code::bad_request},
      {"BIND", nullptr, open + "05 02 00 01 7f000001 0050", "05 00 05 07 00 01 000000000000", "",
       Code::bad_request},
      {"UDP ASSOCIATE", nullptr, open + "05 03 00 03 01 'a' 0000", "05 00 05 07 00 01 000000000000", "",
       Code::bad_request},
      {"command 9", nullptr, open + "05 09 00 01 7f000001 0050", "05 00 05 07 00 01 000000000000", "",
       Code::bad_request},
      {"address type 2", nullptr, open + "05 01 00 02", "05 00 05 08 00 01 000000000000", "",
       Code::bad_request},
      {"an empty name", nullptr, open + "05 01 00 03 00 0050", "05 00 05 01 00 01 000000000000", "",
       Code::bad_host},
      {"a bad name", nullptr, open + "05 01 00 03 03 'a b' 0050", "05 00 05 01 00 01 000000000000", "",
       Code::bad_host},
      {"a NUL in a name", nullptr, open + "05 01 00 03 03 61 00 62 0050", "05 00 05 01 00 01 000000000000",
       "", Code::bad_host},
      {"an address in disguise", nullptr, open + "05 01 00 03 05 '127.1' 0050",
       "05 00 05 01 00 01 000000000000", "", Code::bad_host},
      {"port 0", nullptr, open + "05 01 00 03 01 'a' 0000", "05 00 05 01 00 01 000000000000", "",
       Code::bad_target},
      {"SOCKS4", nullptr, "04 01 0050 7f000001 00", "00 5b 000000000000", "", Code::bad_request},
      {"SOCKS4a", nullptr, "04 01 0050 00000001 00 'a.test' 00", "00 5b 000000000000", "", Code::bad_request},
      {"no SOCKS", nullptr, "'GET / HTTP/1.1'", "", "", Code::bad_request},
      {"half a greeting", nullptr, "05 02 00", "", ""},
      {"half a request", nullptr, open + "05 01 00 03 06 'a.tes'", "05 00", ""},
  };
}

TEST(Socks5Server, answers_however_the_bytes_are_cut) {
  for (const ServerRow& row : server_rows())
    for_each_split(bytes(row.input), [&](const std::vector<std::string_view>& parts, const std::string& how) {
      SCOPED_TRACE(std::string(row.what) + ", " + how);
      Socks5Server server(row.judge);
      Outcome out = talk(server, parts);
      EXPECT_EQ(out.output, bytes(row.output));
      EXPECT_EQ(out.code, row.code) << out.context;
      EXPECT_EQ(out.done, !row.place.empty());
      if (out.done) EXPECT_EQ(server.place().str(), row.place);
    });
}

TEST(Socks5Server, keeps_what_comes_behind_the_request) {
  std::string input = bytes(std::string(kLogin) + "05 01 00 01 7f000001 0050") + "GET / HTTP/1.1\r\n";
  for_each_split(input, [&](const std::vector<std::string_view>& parts, const std::string& how) {
    Socks5Server server(alice);
    Outcome out = talk(server, parts);
    EXPECT_TRUE(out.done) << how;
    EXPECT_EQ(out.rest, "GET / HTTP/1.1\r\n") << how;
  });
}

TEST(Socks5Server, never_tells_a_password) {
  Socks5Server server(alice);
  Outcome out = talk(server, {bytes("05 01 02  01 05 'alice' 05 'guess'")});
  EXPECT_FALSE(out.context.contains("guess"));
}

struct ClientRow {
  const char* what;
  HostPort to;
  std::optional<SocksLogin> login;
  std::string input;
  std::string output;           ///< what follows the greeting
  const char* error = nullptr;  ///< nullptr = the tunnel stands
};

std::vector<ClientRow> client_rows() {
  SocksLogin login{"alice", SecretText("s3cret")};
  std::string granted = "05 00 00 01 00000000 0000";
  std::string asked = "05 01 00 03 06 'a.test' 01bb";
  return {
      {"a name", {"a.test", 443}, {}, "05 00" + granted, asked},
      {"IPv4", {"127.0.0.1", 80}, {}, "05 00" + granted, "05 01 00 01 7f000001 0050"},
      {"IPv6", {"::1", 80}, {}, "05 00" + granted, "05 01 00 04 00000000000000000000000000000001 0050"},
      {"a login", {"a.test", 443}, login, "05 02 01 00" + granted, "01 05 'alice' 06 's3cret'" + asked},
      {"a login that is not wanted", {"a.test", 443}, login, "05 00" + granted, asked},
      {"bound to a name", {"a.test", 443}, {}, "05 00 05 00 00 03 03 'abc' 0001", asked},
      {"bound to an empty name", {"a.test", 443}, {}, "05 00 05 00 00 03 00 0001", asked},
      {"bound to IPv6",
       {"a.test", 443},
       {},
       "05 00 05 00 00 04 00000000000000000000000000000001 0001",
       asked},
      {"a login refused",
       {"a.test", 443},
       login,
       "05 02 01 01",
       "01 05 'alice' 06 's3cret'",
       "user name or password refused"},
      {"credentials wanted", {"a.test", 443}, {}, "05 ff", "", "it wants credentials"},
      {"a method that was not offered", {"a.test", 443}, {}, "05 02", "", "it wants credentials"},
      {"no login taken", {"a.test", 443}, login, "05 ff", "", "it takes no user name and password"},
      {"connection refused",
       {"a.test", 443},
       {},
       "05 00 05 05 00 01 000000000000",
       asked,
       "connection refused"},
      {"a short refusal", {"a.test", 443}, {}, "05 00 05 02", asked, "not allowed by its rules"},
      {"reply 200", {"a.test", 443}, {}, "05 00 05 c8", asked, "reply 200"},
      {"reply of another address type",
       {"a.test", 443},
       {},
       "05 00 05 00 00 09",
       asked,
       "reply with address type 9"},
      {"no SOCKS", {"a.test", 443}, {}, "'HTTP/1.1 400 Bad Request'", "", "its answer is not SOCKS5"},
      {"SOCKS no more", {"a.test", 443}, {}, "05 00 48", asked, "its reply is not SOCKS5"},
  };
}

TEST(Socks5Client, asks_however_the_answers_are_cut) {
  for (const ClientRow& row : client_rows())
    for_each_split(bytes(row.input), [&](const std::vector<std::string_view>& parts, const std::string& how) {
      SCOPED_TRACE(std::string(row.what) + ", " + how);
      Socks5Client client(row.to, row.login);
      EXPECT_EQ(client.take_output(), bytes(row.login ? "05 02 00 02" : "05 01 00"));
      Outcome out = talk(client, parts);
      EXPECT_EQ(out.output, bytes(row.output));
      EXPECT_EQ(out.done, row.error == nullptr);
      EXPECT_EQ(out.code, row.error ? Code::upstream_proxy_refused : Code::none);
      EXPECT_EQ(out.context, row.error ? row.error : "");
    });
}

TEST(Socks5Client, keeps_what_comes_behind_the_reply) {
  for_each_split(bytes("05 00 05 00 00 01 00000000 0000 'SSH-2.0'"),
                 [&](const std::vector<std::string_view>& parts, const std::string& how) {
                   Socks5Client client({"a.test", 22}, std::nullopt);
                   EXPECT_EQ(talk(client, parts).rest, "SSH-2.0") << how;
                 });
}

TEST(Socks5, both_sides_understand_each_other) {
  for (const char* host : {"a.test", "127.0.0.1", "2001:db8::1"}) {
    Socks5Client client({host, 8443}, SocksLogin{"alice", SecretText("s3cret")});
    Socks5Server server(alice);
    bool asked = false;
    while (!asked) {
      auto fed = server.feed(client.take_output());
      ASSERT_TRUE(fed) << fed.error().context();
      asked = *fed;
      if (!asked) ASSERT_TRUE(client.feed(server.take_output()));
    }
    EXPECT_EQ(server.place(), (HostPort{host, 8443}));
    EXPECT_EQ(client.feed(socks_reply_bytes(SocksReply::succeeded)).value_or(false), true);
  }
}

}  // namespace
}  // namespace weir::wire
