// Sessions towards upstream: the cache by itself, and as ClientContext uses it.
#include "tls/session_cache.h"

#include <gtest/gtest.h>

#include "tls/client_context.h"
#include "tls/facts.h"
#include "tls/server_context.h"
#include "tls/testing.h"

namespace weir::tls {
namespace {

using namespace tls::testing;

SslSessionPtr session(int version = TLS1_3_VERSION, long age = 0) {
  SslSessionPtr out(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(out.get(), version);
  SSL_SESSION_set_time(out.get(), ::time(nullptr) - age);
  SSL_SESSION_set_timeout(out.get(), 7200);
  return out;
}

TEST(SessionCache, Tls13SessionsAreTakenOnceAndTls12Again) {
  SessionCache cache(10);
  cache.remember("new", session().get());
  cache.remember("new", session().get());
  EXPECT_NE(cache.take("new"), nullptr);
  EXPECT_NE(cache.take("new"), nullptr);
  EXPECT_EQ(cache.take("new"), nullptr);
  cache.remember("old", session(TLS1_2_VERSION).get());
  EXPECT_NE(cache.take("old"), nullptr);
  EXPECT_NE(cache.take("old"), nullptr);
  EXPECT_EQ(cache.take("other"), nullptr);
}

TEST(SessionCache, HoldsFourSessionsForAKeyAndForgetsTheOldestKey) {
  SessionCache cache(2);
  for (int i = 0; i < 10; ++i) cache.remember("a", session().get());
  int taken = 0;
  while (cache.take("a")) ++taken;
  EXPECT_EQ(taken, 4);
  for (const char* key : {"a", "b", "c"}) cache.remember(key, session().get());
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.take("a"), nullptr);
  EXPECT_NE(cache.take("c"), nullptr);
}

TEST(SessionCache, OldSessionsAreNotGivenOut) {
  SessionCache cache(10);
  cache.remember("a", session(TLS1_3_VERSION, 3601).get());
  EXPECT_EQ(cache.take("a"), nullptr);
  EXPECT_EQ(cache.size(), 0U);
  SslSessionPtr brief = session(TLS1_3_VERSION, 20);
  SSL_SESSION_set_timeout(brief.get(), 10);
  cache.remember("a", brief.get());
  EXPECT_EQ(cache.take("a"), nullptr);
}

/// An origin with a CA of its own that the proxy trusts.
class ResumptionTest : public ::testing::Test {
 protected:
  /// One connection to the origin, ended rudely; whether it was resumed.
  bool resumed(const HostPort& place, bool allow_invalid = false, int version = TLS1_3_VERSION,
               bool read_ticket = true) {
    auto client = client_->new_session(place, allow_invalid);
    auto server = server_->new_session(**mint(origin_, place.host));
    EXPECT_TRUE(client && server);
    SSL_set_max_proto_version(server->get(), version);
    Outcome outcome = shake(client->get(), server->get());
    EXPECT_TRUE(outcome.ok()) << outcome.client.value_or(Error(Code::none)).message();
    if (read_ticket) EXPECT_EQ(transfer(server->get(), client->get(), "hello"), "hello");
    TlsFacts seen = facts(client->get());
    EXPECT_EQ(seen.subject, "CN=" + place.host + ",O=Weir") << "known for a resumed session too";
    return seen.resumed;
  }

  TempFolder folder_;
  Authority origin_ = *Authority::load_or_create(folder_ / "origin");
  Authority own_ = *Authority::load_or_create(folder_ / "own");
  Result<ServerContext> server_ = ServerContext::make();
  Result<ClientContext> client_ =
      ClientContext::make({.extra_roots = {origin_.certificate_path()}, .system_roots = false}, own_);
};

TEST_F(ResumptionTest, TheSamePlaceIsResumed) {
  EXPECT_FALSE(resumed({"origin.test", 443}));
  EXPECT_TRUE(resumed({"origin.test", 443}));
  EXPECT_TRUE(resumed({"origin.test", 443}));
}

TEST_F(ResumptionTest, Tls12IsResumed) {
  EXPECT_FALSE(resumed({"origin.test", 443}, false, TLS1_2_VERSION));
  EXPECT_TRUE(resumed({"origin.test", 443}, false, TLS1_2_VERSION));
}

TEST_F(ResumptionTest, ATicketIsUsedOnce) {
  EXPECT_FALSE(resumed({"origin.test", 443}));
  EXPECT_TRUE(resumed({"origin.test", 443}, false, TLS1_3_VERSION, false));
  EXPECT_FALSE(resumed({"origin.test", 443}));
}

TEST_F(ResumptionTest, AnotherPlaceIsNot) {
  EXPECT_FALSE(resumed({"origin.test", 443}));
  EXPECT_FALSE(resumed({"origin.test", 8443}));
  EXPECT_FALSE(resumed({"other.test", 443}));
}

TEST_F(ResumptionTest, AnExceptionNeitherTakesNorLeavesSessions) {
  EXPECT_FALSE(resumed({"origin.test", 443}, true));
  EXPECT_FALSE(resumed({"origin.test", 443}));
  EXPECT_FALSE(resumed({"origin.test", 443}, true));
  EXPECT_TRUE(resumed({"origin.test", 443}));
}

}  // namespace
}  // namespace weir::tls
