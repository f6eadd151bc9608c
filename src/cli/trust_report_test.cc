#include "cli/trust_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/process.h"

namespace weir::cli {
namespace {

using ::testing::HasSubstr;

flow::Flow request(http::Scheme scheme, const char* host) {
  flow::Flow flow;
  bool secure = scheme == http::Scheme::https;
  flow.request.method = "GET";
  flow.request.origin = {scheme, {host, static_cast<std::uint16_t>(secure ? 443 : 80)}};
  flow.interception = secure ? flow::Interception::intercepted : flow::Interception::plain;
  flow::set_sender(flow, std::make_shared<const Process>(Process{
                             .pid = 1, .name = "curl", .tls_libraries = {{"OpenSSL", "libssl.so.3"}}}));
  return flow;
}

flow::Flow refusal(const char* host, Code code = Code::client_rejected_certificate) {
  flow::Flow flow = request(http::Scheme::https, host);
  flow.kind = flow::Kind::tunnel;
  flow.request.method = "CONNECT";
  flow.error = code;
  flow.rejection = std::make_shared<const flow::Rejection>(
      flow::Rejection{"unknown CA", "OpenSSL (libssl.so.3)", "curl reads CURL_CA_BUNDLE"});
  return flow;
}

TEST(TrustReport, WithoutTlsNothingIsProven) {
  TrustReport report;
  EXPECT_FALSE(report.all_trusted());
  EXPECT_EQ(report.text(false), "the command opened no connection\n");
  report.closed(request(http::Scheme::http, "a.test"));
  EXPECT_FALSE(report.all_trusted());
  EXPECT_EQ(report.text(false),
            "note  a.test:80  curl    plain HTTP\n"
            "no TLS connection was seen, so nothing is known of trust\n");
}

TEST(TrustReport, ConnectionsOfOneKindAreOneRow) {
  TrustReport report;
  report.closed(request(http::Scheme::https, "a.test"));
  report.closed(request(http::Scheme::https, "a.test"));
  flow::Flow tunnel = request(http::Scheme::https, "b.test");
  tunnel.kind = flow::Kind::tunnel;
  tunnel.interception = flow::Interception::passthrough;
  report.closed(tunnel);
  EXPECT_TRUE(report.all_trusted()) << "what is tunnelled as it was asked for needs no trust";
  EXPECT_EQ(report.text(false),
            "ok    a.test:443  curl  OpenSSL (libssl.so.3)  trusts Weir (2 times)\n"
            "note  b.test:443  curl                         not intercepted: a tunnel\n"
            "every TLS connection that was intercepted was trusted\n");
}

TEST(TrustReport, ARefusalSaysWhatMends) {
  TrustReport report;
  report.closed(request(http::Scheme::https, "a.test"));
  report.closed(refusal("a.test"));
  EXPECT_FALSE(report.all_trusted());
  EXPECT_THAT(report.text(false),
              HasSubstr("FAIL  a.test:443  curl  OpenSSL (libssl.so.3)  refused: alert unknown CA\n"
                        "      mend: curl reads CURL_CA_BUNDLE\n1 of 2 did not trust Weir or failed\n"));
  EXPECT_THAT(report.text(true), HasSubstr("\x1b[1;31mFAIL\x1b[0m"));
}

TEST(TrustReport, WhatIsNotSureIsNoTrustEither) {
  TrustReport left;
  left.closed(refusal("a.test", Code::client_tls_failed));
  EXPECT_THAT(left.text(false), HasSubstr("closed at the certificate: refused, or stopped"));
  EXPECT_FALSE(left.all_trusted());
  TrustReport failed;
  failed.closed(request(http::Scheme::https, "a.test"));
  flow::Flow flow = refusal("b.test", Code::bad_client_hello);
  flow.rejection = nullptr;
  failed.closed(flow);
  EXPECT_THAT(failed.text(false), HasSubstr("failed: bad_client_hello"));
  EXPECT_FALSE(failed.all_trusted());
}

TEST(TrustReport, IsBoundedAndThenNotSure) {
  TrustReport report;
  for (std::size_t i = 0; i <= TrustReport::kMostRows; ++i)
    report.closed(request(http::Scheme::https, (std::to_string(i) + ".test").c_str()));
  EXPECT_THAT(report.text(false), HasSubstr("and 1 connections to others\n"));
  EXPECT_FALSE(report.all_trusted());
}

}  // namespace
}  // namespace weir::cli
