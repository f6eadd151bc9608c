#include "proxy/rejection_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint8_t kUnknownCa = 48;
constexpr std::uint8_t kCertificateUnknown = 46;

tls::ClientHello hello(std::vector<std::uint16_t> suites, std::vector<std::uint16_t> extensions) {
  tls::ClientHello out;
  out.cipher_suites = std::move(suites);
  out.extensions = std::move(extensions);
  return out;
}

// As these clients sent them; suites only as far as they matter.
const tls::ClientHello kCurl =
    hello({0x1302, 0xC02C, 0x00FF}, {0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21});
const tls::ClientHello kPythonTls12 = hello({0xC02C, 0x00FF}, {0, 11, 10, 35, 22, 23, 13});
const tls::ClientHello kNode = hello({0x1302, 0xC02F, 0x00FF}, {0, 11, 10, 35, 16, 22, 23, 13, 43, 45, 51});
const tls::ClientHello kWget = hello({0x1302, 0x0033}, {5, 10, 11, 13, 35, 51, 43, 49, 65281, 0, 45, 28, 21});
const tls::ClientHello kGit = hello({0x1302, 0x0033}, {5, 10, 11, 13, 16, 22, 23, 51, 43, 65281, 0, 28});
const tls::ClientHello kJava = hello({0x1302, 0x00FF}, {0, 5, 10, 11, 16, 17, 23, 35, 13, 43, 45, 50, 51});
const tls::ClientHello kGo = hello({0xC02B, 0x1301}, {0, 5, 10, 11, 13, 65281, 23, 16, 18, 43, 51});
const tls::ClientHello kBrowser =
    hello({0x4A4A, 0x1301}, {0x5A5A, 0, 23, 65281, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27});
const tls::ClientHello kFirefox = hello({0x1301}, {0, 23, 65281, 10, 11, 35, 16, 5, 34, 51, 43, 13, 45, 28});
const tls::ClientHello kStranger = hello({0x1301}, {0, 10, 13, 43, 51});

const HostPort kHost{"api.test", 443};

Rejection by(const tls::ClientHello& hello, std::optional<std::uint8_t> alert = kUnknownCa) {
  return {.host = kHost, .alert = alert, .hello = hello, .standing = {}};
}
std::string text(const Rejection& seen) { return rejection_error(seen).context(); }

TEST(LibraryOf, KnowsWhatItCanAndNoMore) {
  EXPECT_EQ(library_of(kCurl, Refusal::alert), Library::openssl);
  EXPECT_EQ(library_of(kPythonTls12, Refusal::alert), Library::openssl);
  EXPECT_EQ(library_of(kNode, Refusal::silence), Library::node);
  EXPECT_EQ(library_of(kCurl, Refusal::silence), Library::openssl);
  EXPECT_EQ(library_of(kWget, Refusal::silence), Library::gnutls);
  EXPECT_EQ(library_of(kGit, Refusal::silence), Library::gnutls);
  EXPECT_EQ(library_of(kJava, Refusal::alert), Library::java);
  EXPECT_EQ(library_of(kJava, Refusal::silence), Library::java);
  EXPECT_EQ(library_of(kGo, Refusal::alert), Library::go);
  EXPECT_EQ(library_of(kBrowser, Refusal::alert), Library::boringssl);
  EXPECT_EQ(library_of(kFirefox, Refusal::alert), Library::unknown);
  EXPECT_EQ(library_of(kStranger, Refusal::alert), Library::unknown);
}

TEST(RefusalIn, TellsARejectionFromOtherEnds) {
  EXPECT_EQ(refusal_in(Error(Code::client_rejected_certificate), false), Refusal::alert);
  EXPECT_EQ(refusal_in(Error(Code::client_tls_failed), true), Refusal::silence);
  EXPECT_EQ(refusal_in(Error(Code::client_reset), false), Refusal::silence);
  EXPECT_EQ(refusal_in(Error(Code::client_closed), false), Refusal::silence);
  EXPECT_EQ(refusal_in(Error(Code::client_tls_failed), false), std::nullopt)
      << "no cipher in common, perhaps";
  EXPECT_EQ(refusal_in(Error(Code::client_timeout), true), std::nullopt);
}

TEST(RejectionError, NamesAlertHostAndTheVariableThatMends) {
  Error error = rejection_error(by(kCurl));
  EXPECT_EQ(error.code(), Code::client_rejected_certificate);
  EXPECT_EQ(
      error.context(),
      "api.test:443: the client refused Weir's certificate (alert unknown CA). Its ClientHello looks like "
      "that of OpenSSL (curl, Python, Ruby, PHP and others). To trust Weir: curl reads CURL_CA_BUNDLE, "
      "Python SSL_CERT_FILE (its requests package REQUESTS_CA_BUNDLE), others SSL_CERT_FILE. `weir ca "
      "path` names the file; `weir run -- CMD` sets what CMD needs.");
  EXPECT_THAT(text(by(kJava, kCertificateUnknown)),
              AllOf(HasSubstr("alert certificate unknown"), HasSubstr("JAVA_TOOL_OPTIONS")));
  EXPECT_THAT(text(by(kGo)), HasSubstr("Go reads SSL_CERT_FILE"));
  EXPECT_THAT(text(by(kBrowser)), HasSubstr("`weir ca install`"));
  EXPECT_THAT(text(by(kFirefox)), AllOf(Not(HasSubstr("looks like")), HasSubstr("REQUESTS_CA_BUNDLE"),
                                        HasSubstr("`weir ca install`")));
}

TEST(RejectionError, SilenceOfClientsKnownForIt) {
  for (const tls::ClientHello* hello : {&kNode, &kWget, &kGit, &kJava}) {
    Error error = rejection_error(by(*hello, std::nullopt));
    EXPECT_EQ(error.code(), Code::client_rejected_certificate);
    EXPECT_THAT(error.context(), HasSubstr("closed the connection without a word when it saw"));
    EXPECT_EQ(judges_late(*hello), hello == &kWget || hello == &kGit);
  }
  EXPECT_THAT(text(by(kNode, std::nullopt)), HasSubstr("NODE_EXTRA_CA_CERTS"));
  EXPECT_THAT(text(by(kGit, std::nullopt)), HasSubstr("GIT_SSL_CAINFO"));
}

TEST(RejectionError, SilenceOfOthersIsNoProof) {
  for (const tls::ClientHello* hello : {&kStranger, &kCurl}) {
    Error error = rejection_error(by(*hello, std::nullopt));
    EXPECT_EQ(error.code(), Code::client_tls_failed);
    EXPECT_THAT(error.context(), HasSubstr("it may not trust it, or was stopped"));
  }
  EXPECT_FALSE(judges_late(kStranger));
  EXPECT_FALSE(judges_late(kBrowser));
}

TEST(RejectionError, AnExpiryIsAMatterOfClocks) {
  EXPECT_THAT(text(by(kCurl, std::uint8_t{45})), AllOf(HasSubstr("clock"), Not(HasSubstr("CURL_CA_BUNDLE"))));
}

TEST(RejectionError, SaysHowOftenAndWhatFollows) {
  Rejection seen = by(kCurl);
  seen.standing.in_a_row = 2;
  EXPECT_THAT(text(seen), AllOf(HasSubstr(", 2 times in a row. "), Not(HasSubstr("pin"))));
  seen.standing = {.in_a_row = 3, .pinned = true, .pass_for = std::chrono::hours(1)};
  EXPECT_THAT(text(seen), HasSubstr("list the host in tls.passthrough, or set tls.auto_passthrough = true."));
  seen.auto_passthrough = true;
  EXPECT_THAT(text(seen), HasSubstr("is tunnelled there undecrypted for 1 h (tls.auto_passthrough)."));
  seen.standing.forbidden = true;
  EXPECT_THAT(text(seen), HasSubstr("It stays refused, pinned or not: a rule for this host"));
  seen.closed_door = true;
  EXPECT_THAT(text(seen), HasSubstr("It stays refused: nothing leaves here unread"));
}

TEST(RejectionError, TimesArePlain) {
  Rejection seen = by(kCurl);
  seen.auto_passthrough = true;
  for (auto [time, words] : {std::pair<Duration, const char*>{std::chrono::minutes(90), "for 90 min"},
                             {std::chrono::hours(24), "for 24 h"},
                             {std::chrono::seconds(5), "for 1 min"},
                             {std::chrono::years(100), "until Weir ends"}}) {
    seen.standing = {.in_a_row = 3, .pinned = true, .pass_for = time};
    EXPECT_THAT(text(seen), HasSubstr(words));
  }
}

Rejection from(const tls::ClientHello& hello, const Process& sender,
               std::optional<std::uint8_t> alert = kUnknownCa) {
  Rejection seen = by(hello, alert);
  seen.sender = &sender;
  return seen;
}

TEST(RejectionError, NamesTheProgramAndTheLibraryItHas) {
  Process curl{.pid = 12,
               .name = "curl",
               .executable = "/usr/bin/curl",
               .tls_libraries = {{"GnuTLS", "libgnutls.so.30"}, {"OpenSSL", "libssl.so.3"}}};
  EXPECT_EQ(text(from(kCurl, curl)),
            "api.test:443: curl[12] (/usr/bin/curl) refused Weir's certificate (alert unknown CA). It uses "
            "OpenSSL (libssl.so.3). To trust Weir: curl reads CURL_CA_BUNDLE; --cacert and a cacert in "
            "~/.curlrc override it. `weir ca path` names the file; `weir run -- CMD` sets what CMD needs.")
      << "of several libraries the one that its ClientHello looks like";
  EXPECT_EQ(rejection_account(from(kCurl, curl)),
            (flow::Rejection{"unknown CA", "OpenSSL (libssl.so.3)",
                             "curl reads CURL_CA_BUNDLE; --cacert and a cacert in ~/.curlrc override it"}));
  EXPECT_EQ(rejection_account(from(kStranger, curl)).library, "GnuTLS (libgnutls.so.30)");
}

TEST(RejectionError, WhatIsNotFoundIsGuessedByTheHello) {
  Process gone{.unknown = "ended before it was looked up"};
  EXPECT_EQ(text(from(kGo, gone)), text(by(kGo)));
  EXPECT_EQ(rejection_account(from(kGo, gone)).library, "Go");
  EXPECT_EQ(rejection_account(by(kStranger)).library, "");
  Process tool{.pid = 3, .name = "tool"};
  EXPECT_THAT(text(from(kGo, tool)),
              AllOf(HasSubstr(": tool[3] refused"), HasSubstr("looks like that of Go")));
}

TEST(RejectionError, ALibraryThatRefusesSilentlyIsSureOfIt) {
  Process node{.pid = 4, .name = "node", .tls_libraries = {{"Node", "node"}}};
  EXPECT_EQ(rejection_error(from(kStranger, node, std::nullopt)).code(), Code::client_rejected_certificate);
  Process tool{.pid = 4, .name = "tool", .tls_libraries = {{"rustls", "tool"}}};
  EXPECT_EQ(rejection_error(from(kStranger, tool, std::nullopt)).code(), Code::client_tls_failed);
}

TEST(MendFor, EveryLibraryThatIsFoundHasAMend) {
  for (const char* name :
       {"OpenSSL", "GnuTLS", "NSS", "Java", "Go", "rustls", "BoringSSL", "Node", "Bun", "Deno"}) {
    EXPECT_NE(library_named(name), Library::unknown) << name;
    EXPECT_NE(mend_for(library_named(name), ""), mend_for(Library::unknown, "")) << name;
  }
  EXPECT_EQ(library_named("wolfSSL"), Library::unknown);
  EXPECT_THAT(std::string(mend_for(Library::openssl, "python3.11")), HasSubstr("REQUESTS_CA_BUNDLE"));
  EXPECT_THAT(std::string(mend_for(Library::openssl, "cargo")), HasSubstr("CARGO_HTTP_CAINFO"));
  EXPECT_THAT(std::string(mend_for(Library::go, "git-lfs")), HasSubstr("Go reads SSL_CERT_FILE"))
      << "a program's name says less than what it is made of";
}

}  // namespace
}  // namespace weir::proxy
