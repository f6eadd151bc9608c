#include "proxy/filters/alt_svc.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

constexpr std::string_view kUntouched = "(untouched)";
constexpr std::string_view kGone = "(gone)";

std::string left_of(std::initializer_list<std::string_view> lines) {
  http::Fields fields;
  fields.add("Server", "a");
  for (std::string_view line : lines) fields.add("alt-svc", line);
  fields.add("Date", "today");
  if (!remove_quic_alternatives(fields)) {
    EXPECT_EQ(fields.count("alt-svc"), lines.size());
    return std::string(kUntouched);
  }
  EXPECT_LE(fields.count("alt-svc"), 1u);
  EXPECT_EQ(fields.get("server"), "a");
  EXPECT_EQ(fields.get("date"), "today");
  return std::string(fields.get("alt-svc").value_or(kGone));
}

TEST(AltSvc, takes_quic_out) {
  for (auto [value, left] : {
           std::pair<std::string_view, std::string_view>{"h3=\":443\"", kGone},
           {"h3=\":443\"; ma=86400", kGone},
           {"h3=\":443\"; ma=86400, h3-29=\":443\"; ma=86400", kGone},
           {"h3-29=\":443\",h3-Q050=\":443\",quic=\":443\"; ma=2592000; v=\"46,43\"", kGone},
           {"hq-interop=\":443\"", kGone},
           {"H3=\":443\"", kGone},
           {"%683=\":443\", h%33=\":443\", %68%33-29=\":443\"", kGone},
           {"h2=\":443\"", kUntouched},
           {"h2=\"alt.test:8000\"; ma=60; persist=1, http%2F1.1=\":80\"", kUntouched},
           {"clear", kUntouched},
           {" clear ", kUntouched},
           {"", kUntouched},
           {" , ,", kUntouched},
           {"h2=\":443\", h3=\":443\"", "h2=\":443\""},
           {"h3=\":443\" , h2=\":443\" ; ma=1 , h3-29=\":1\"", "h2=\":443\" ; ma=1"},
           {",h3=\":443\",, h2=\":443\",", "h2=\":443\""},
           {"h2=\"a,h3=\\\"b\", h3=\":443\"", "h2=\"a,h3=\\\"b\""},
           {"h2=\":443\"; v=\"1, h3\"; ma=5, quic=\":443\"", "h2=\":443\"; v=\"1, h3\"; ma=5"},
           {"w=\":443\"; h3=\":443\"", kUntouched},
           {"xh3=\":443\", h=\":443\", q=\":1\"", kUntouched},
       })
    EXPECT_EQ(left_of({value}), left) << value;
}

TEST(AltSvc, removes_lines_that_can_be_read_in_two_ways) {
  for (std::string_view value :
       {"h2=\":443", "h2=\":443\\\"", "h2", "h2=", "h2=:443", "=\":443\"", "\"h3\"=\":443\"",
        "h2=\":443\" h3=\":443\"", "h2=\":443\"; ma", "h2=\":443\"; ma=", "h2=\":443\"; ma=\"1",
        "h2 =\":443\"", "clear, h2=\":443\"", "CLEAR", "h2=\":443\"; ; ma=1", "h2=\":443\" ;"})
    EXPECT_EQ(left_of({value}), kGone) << value;
}

TEST(AltSvc, sees_all_lines_of_the_field) {
  EXPECT_EQ(left_of({"h2=\":443\"", "h2=\":8443\""}), kUntouched);
  EXPECT_EQ(left_of({"h3=\":443\"", "h2=\":443\"", "h3-29=\":443\", h2=\":8443\""}),
            "h2=\":443\", h2=\":8443\"");
  EXPECT_EQ(left_of({"h3=\":443\"", "clear"}), "clear");
  EXPECT_EQ(left_of({"h2=\":443\"", "h2=\"x"}), "h2=\":443\"");
  EXPECT_EQ(left_of({}), kUntouched);
}

}  // namespace
}  // namespace weir::proxy
