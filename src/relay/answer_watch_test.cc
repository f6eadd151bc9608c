#include "relay/answer_watch.h"

#include <gtest/gtest.h>

namespace weir::relay {
namespace {

/// The kind and detail that an answer in pieces of so many comes to; "fine" for a consent, "more" before
/// that.
std::string look(std::string_view answer, std::size_t piece) {
  AnswerWatch watch;
  for (std::size_t at = 0; at < answer.size(); at += piece) watch.take(answer.substr(at, piece));
  if (!watch.done()) return "more";
  if (!watch.mishap()) return "fine";
  return std::string(name(watch.mishap()->kind)) + " " + watch.mishap()->detail;
}

TEST(AnswerWatch, kinds) {
  for (std::size_t piece : {1, 2, 7, 10'000}) {
    EXPECT_EQ(look("HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x01", piece), "fine");
    EXPECT_EQ(look("HTTP/1.1 200 OK\r\nX", piece), "more");
    EXPECT_EQ(look("HTTP/1.1 403 Forbidden\r\nX-Deny-Reason: host_not_allowed\r\n\r\nx", piece),
              "policy_denied 403 Forbidden: host_not_allowed");
    EXPECT_EQ(look("HTTP/1.1 403 No\r\n\r\n", piece), "policy_denied 403 Forbidden");
    EXPECT_EQ(look("HTTP/1.1 403 No\r\nx-deny-reason: session_expired\r\n\r\n", piece),
              "authentication 403 Forbidden: session_expired");
    EXPECT_EQ(look("HTTP/1.1 403 No\r\nx-deny-reason: session_mismatch\r\n\r\n", piece).substr(0, 14),
              "authentication");
    EXPECT_EQ(look("HTTP/1.1 403 No\r\nx-deny-reason: session_limit\r\n\r\n", piece).substr(0, 13),
              "session_limit");
    EXPECT_EQ(look("HTTP/1.1 403 No\r\nx-deny-reason: sessions\r\n\r\n", piece).substr(0, 13),
              "policy_denied");
    EXPECT_EQ(look("HTTP/1.1 407 X\r\n\r\n", piece), "authentication 407 Proxy Authentication Required");
    EXPECT_EQ(look("HTTP/1.1 504 X\r\n\r\n", piece), "target 504 Gateway Timeout");
    EXPECT_EQ(look("HTTP/1.1 418 X\r\n\r\n", piece).substr(0, 13), "gateway_fault");
    EXPECT_EQ(look("SSH-2.0-x\r\n", piece).substr(0, 13), "gateway_fault");
    EXPECT_EQ(look("HTTP/1.1 200 OK\r\nX: " + std::string(9000, 'y'), piece).substr(0, 13), "gateway_fault");
  }
}

TEST(Trouble, errors_on_the_way_have_kinds) {
  EXPECT_EQ(mishap_of(Error(Code::upstream_cert_untrusted)).kind, Trouble::gateway_tls);
  EXPECT_EQ(mishap_of(Error(Code::upstream_tls_failed)).kind, Trouble::gateway_tls);
  for (Code code : {Code::connect_refused, Code::dns_not_found, Code::upstream_timeout, Code::upstream_reset,
                    Code::upstream_closed, Code::upstream_proxy_refused})
    EXPECT_EQ(mishap_of(Error(code)).kind, Trouble::gateway_down) << info(code).name;
  EXPECT_EQ(mishap_of(Error(Code::upstream_bad_response)).kind, Trouble::gateway_fault);
  for (Trouble kind : kTroubles)
    EXPECT_FALSE(name(kind).empty() || title(kind).empty() || advice(kind).empty());
}

}  // namespace
}  // namespace weir::relay
