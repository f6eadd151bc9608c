#include "proxy/filters/accept_encoding.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

constexpr std::string_view kUnchanged = "(unchanged)";

std::string narrowed(std::initializer_list<std::string_view> lines) {
  http::Fields fields;
  fields.add("Host", "a.test");
  for (std::string_view line : lines) fields.add("accept-encoding", line);
  return narrowed_accept_encoding(fields).value_or(std::string(kUnchanged));
}

TEST(AcceptEncoding, asks_for_what_can_be_read) {
  for (auto [offered, asked] : {std::pair<std::string_view, std::string_view>{"gzip", kUnchanged},
                                {"gzip, deflate, br, zstd", kUnchanged},
                                {"x-gzip, GZip;q=0.5, identity;q=0", kUnchanged},
                                {"", kUnchanged},
                                {"gzip, dcb, br;q=0.5, dcz", "gzip, br;q=0.5"},
                                {"compress", "identity"},
                                {"dcb;q=1, zstd;q=0.1", "zstd;q=0.1"},
                                {"gzipped", "identity"},
                                {"*", "gzip, deflate, br, zstd, identity"},
                                {"*;q=0", "gzip;q=0, deflate;q=0, br;q=0, zstd;q=0, identity;q=0"},
                                {"br, *;q=0.1", "br, gzip;q=0.1, deflate;q=0.1, zstd;q=0.1, identity;q=0.1"},
                                {"identity, *;q=0", "identity, gzip;q=0, deflate;q=0, br;q=0, zstd;q=0"},
                                {"GZIP;q=0, *", "GZIP;q=0, deflate, br, zstd, identity"}})
    EXPECT_EQ(narrowed({offered}), asked) << offered;
}

TEST(AcceptEncoding, joins_the_lines_of_the_field) {
  EXPECT_EQ(narrowed({"gzip", "br"}), kUnchanged);
  EXPECT_EQ(narrowed({"gzip", "dcb", "br;q=0.2"}), "gzip, br;q=0.2");
}

TEST(AcceptEncoding, asks_for_nothing_where_the_client_did_not) { EXPECT_EQ(narrowed({}), kUnchanged); }

}  // namespace
}  // namespace weir::proxy
