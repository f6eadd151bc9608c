#include "policy/registrable_domain.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

TEST(RegistrableDomain, IsThePublicSuffixAndOneLabel) {
  const struct {
    std::string_view host, domain;
  } rows[] = {
      {"example.com", "example.com"},
      {"api.example.com", "example.com"},
      {"a.b.example.co.uk", "example.co.uk"},
      {"www.someone.github.io", "someone.github.io"},
      {"www.ck", "www.ck"},                // an exception to *.ck
      {"a.b.example.ck", "b.example.ck"},  // *.ck
      {"shop.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"},
      {"db.corp.internal", "corp.internal"},
      {"a_b.example.com", "example.com"},
  };
  for (const auto& row : rows) EXPECT_EQ(registrable_domain(row.host), row.domain) << row.host;
}

TEST(RegistrableDomain, IsNothingForAddressesAndSuffixes) {
  for (std::string_view host : {"com", "co.uk", "github.io", "example.ck", "localhost", "internal",
                                "127.0.0.1", "10.1.2.3", "::1", "2001:db8::1", ""})
    EXPECT_EQ(registrable_domain(host), "") << host;
}

TEST(RegistrableDomain, IsAViewOfItsArgument) {
  std::string_view host = "api.example.com";
  EXPECT_EQ(registrable_domain(host).data(), host.data() + 4);
}

}  // namespace
}  // namespace weir::policy
