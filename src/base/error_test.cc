#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

namespace weir {
namespace {

constexpr auto kLast = static_cast<std::size_t>(Code::incomplete);

TEST(Codes, NamesAreUniqueStableAndRoundTrip) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i <= kLast; ++i) {
    auto code = static_cast<Code>(i);
    const CodeInfo& about = info(code);
    EXPECT_TRUE(names.insert(about.name).second) << about.name << " is there twice";
    EXPECT_EQ(code_from_name(about.name), code) << about.name;
    EXPECT_EQ(about.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
        << about.name;
    EXPECT_FALSE(about.title.empty()) << about.name;
    EXPECT_TRUE(about.status == 0 || (about.status >= 400 && about.status < 600)) << about.name;
    EXPECT_FALSE(name(about.phase).empty()) << about.name;
  }
  EXPECT_EQ(code_from_name("no_such_code"), Code::none);
  EXPECT_EQ(code_from_name(""), Code::none);
}

// The table is by position: a row of each group, so that a shifted table cannot pass.
TEST(Codes, TableIsInStepWithTheEnum) {
  struct Row {
    Code code;
    const char* name;
    Phase phase;
    Side side;
    int status;
  };
  const Row rows[] = {
      {Code::none, "none", Phase::internal, Side::proxy, 0},
      {Code::client_closed, "client_closed", Phase::client, Side::client, 499},
      {Code::ambiguous_framing, "ambiguous_framing", Phase::client, Side::client, 400},
      {Code::bad_host, "bad_host", Phase::client, Side::client, 400},
      {Code::bad_target, "bad_target", Phase::client, Side::client, 400},
      {Code::head_too_large, "head_too_large", Phase::limit, Side::client, 431},
      {Code::uri_too_long, "uri_too_long", Phase::limit, Side::client, 414},
      {Code::unsupported_version, "unsupported_version", Phase::client, Side::client, 505},
      {Code::bad_chunk, "bad_chunk", Phase::client, Side::client, 400},
      {Code::expectation_failed, "expectation_failed", Phase::client, Side::client, 417},
      {Code::bad_client_hello, "bad_client_hello", Phase::client_tls, Side::client, 0},
      {Code::blocked, "blocked", Phase::policy, Side::proxy, 403},
      {Code::dns_not_found, "dns_not_found", Phase::dns, Side::upstream, 502},
      {Code::connect_timeout, "connect_timeout", Phase::dial, Side::upstream, 504},
      {Code::upstream_cert_invalid, "upstream_cert_invalid", Phase::upstream_tls, Side::upstream, 502},
      {Code::upstream_closed, "upstream_closed", Phase::upstream, Side::upstream, 502},
      {Code::upstream_body_incomplete, "upstream_body_incomplete", Phase::upstream, Side::upstream, 502},
      {Code::cancelled, "cancelled", Phase::internal, Side::proxy, 0},
      {Code::capture_failed, "capture_failed", Phase::capture, Side::proxy, 503},
      {Code::not_found, "not_found", Phase::internal, Side::proxy, 404},
      {Code::incomplete, "incomplete", Phase::internal, Side::proxy, 0},
  };
  for (const Row& row : rows) {
    const CodeInfo& about = info(row.code);
    EXPECT_EQ(about.name, row.name);
    EXPECT_EQ(about.phase, row.phase) << row.name;
    EXPECT_EQ(about.side, row.side) << row.name;
    EXPECT_EQ(about.status, row.status) << row.name;
  }
}

TEST(Phases, Names) {
  EXPECT_EQ(name(Phase::client), "client");
  EXPECT_EQ(name(Phase::upstream_tls), "upstream_tls");
  EXPECT_EQ(name(Phase::internal), "internal");
}

TEST(Error, SaysWhatToWhatAndHow) {
  Error error(Code::connect_refused, "api.example.com:443", Retry::yes);
  EXPECT_EQ(error.message(), "the upstream host refused the connection: api.example.com:443");
  EXPECT_EQ(Error(Code::blocked).message(), "the request is blocked by policy");
  EXPECT_EQ(error.side(), Side::upstream);
  EXPECT_EQ(error.retry(), Retry::yes);
  EXPECT_EQ(std::move(error).with_retry(Retry::never).retry(), Retry::never);
}

TEST(Error, PassesBetweenResultTypes) {
  auto inner = []() -> Result<int> { return fail(Code::io, "open x"); };
  auto outer = [&]() -> Result<std::string> {
    auto result = inner();
    if (!result) return pass(result);
    return std::string();
  };
  EXPECT_EQ(outer().error().code(), Code::io);
  EXPECT_EQ(outer().error().context(), "open x");
  Result<> from_errno = fail_errno(Code::io, "open y", ENOENT);
  EXPECT_EQ(from_errno.error().context(), "open y: No such file or directory");
}

}  // namespace
}  // namespace weir
