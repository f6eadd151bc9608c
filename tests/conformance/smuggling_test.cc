// The differential smuggling table: each framing is sent through the whole proxy with a marker request behind
// it, and what origins get is read by a strict reader that shares nothing with Weir's codecs. Every row says
// what must come of it (framings.h). In each case the client gets one response for each request, in order,
// and there is one account of each.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "tests/conformance/crossing.h"
#include "tests/conformance/framings.h"

namespace weir::testing {
namespace {

using namespace smuggling;
using Families = std::map<std::string, std::vector<Framing>>;

const Families& families() {
  static const Families all = [] {
    Families out = body_framings();
    out.merge(head_framings());
    return out;
  }();
  return all;
}

// What the client must get for the requests that were seen.
std::vector<std::string> answers_to(const std::vector<std::string>& seen) {
  std::vector<std::string> out;
  for (const std::string& request : seen) {
    std::size_t target = request.find(' ') + 1;
    std::string_view path = std::string_view(request).substr(target, request.find(' ', target) - target);
    out.push_back(fmt::format("200 {}", request.starts_with("HEAD ") ? "" : path));
  }
  return out;
}

void judge(const Framing& framing, const Crossed& crossed) {
  std::vector<std::string> seen = framing.seen;
  bool tail = !seen.empty() && seen.back().ends_with("GET /marker");  // the row's own bytes made it so
  if (framing.fate == Fate::passes && !tail) seen.push_back("GET /marker");
  EXPECT_EQ(crossed.offence, "") << "an origin got something that can be read in two ways";
  EXPECT_EQ(crossed.seen, seen);
  EXPECT_FALSE(crossed.open) << "an origin waits for the rest of a request";
  if (framing.fate != Fate::cut) EXPECT_FALSE(crossed.cut) << "an origin got a part of a request";
  if (framing.fate == Fate::refused && framing.seen.empty()) EXPECT_TRUE(crossed.silent);
  EXPECT_THAT(crossed.hosts, ::testing::Each(::testing::AnyOf("a.test", "a.test:80")));

  std::vector<std::string> got = answers_to(seen);
  bool connect = framing.bytes.starts_with("CONNECT ") && framing.fate == Fate::passes;
  if (connect) got.insert(got.begin(), "200 ");
  if (framing.code != Code::none)
    got.push_back(fmt::format("{} {}", info(framing.code).status, info(framing.code).name));
  EXPECT_EQ(crossed.got_offence, "");
  EXPECT_EQ(crossed.got, got);
  EXPECT_TRUE(crossed.ended);
  EXPECT_EQ(crossed.accounts, got.size() - connect);
  EXPECT_EQ(crossed.error, info(framing.code).name);
}

class Smuggling : public ::testing::TestWithParam<std::string> {};

TEST_P(Smuggling, every_framing_is_refused_or_read_in_one_way) {
  auto stage = make_memory_stage();
  for (const Framing& framing : families().at(GetParam()))
    for (auto [manner, how] : {std::pair{Manner::whole, "whole"},
                               {Manner::byte_by_byte, "byte by byte"},
                               {Manner::after_another, "after another request"}}) {
      SCOPED_TRACE(fmt::format("{}, {}", framing.what, how));
      judge(framing, cross(*stage, framing.bytes, manner, framing.tunnel));
    }
  EXPECT_TRUE(stage->end()) << "the proxy holds on to something";
}

std::vector<std::string> family_names() {
  std::vector<std::string> out;
  for (const auto& [name, rows] : families()) out.push_back(name);
  return out;
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string out = info.param;
  std::erase(out, ',');
  for (char& c : out)
    if (c == ' ' || c == '-') c = '_';
  return out;
}

INSTANTIATE_TEST_SUITE_P(Families, Smuggling, ::testing::ValuesIn(family_names()), test_name);

TEST(SmugglingTable, holds_many_different_framings) {
  std::set<std::pair<bool, std::string>> different;
  std::map<Fate, std::size_t> sums;
  fmt::print("{:30} {:>8} {:>5} {:>10}\n", "framings", "refused", "cut", "forwarded");
  for (const auto& [name, rows] : families()) {
    std::map<Fate, std::size_t> counts;
    for (const Framing& row : rows) {
      ++counts[row.fate == Fate::last ? Fate::passes : row.fate];
      different.emplace(row.tunnel, row.bytes);
    }
    for (auto [fate, count] : counts) sums[fate] += count;
    fmt::print("{:30} {:>8} {:>5} {:>10}\n", name, counts[Fate::refused], counts[Fate::cut],
               counts[Fate::passes]);
  }
  fmt::print("{:30} {:>8} {:>5} {:>10}, {} different\n", "together", sums[Fate::refused], sums[Fate::cut],
             sums[Fate::passes], different.size());
  EXPECT_GE(different.size(), 400u);
}

}  // namespace
}  // namespace weir::testing
