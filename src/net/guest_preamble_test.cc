#include "net/guest_preamble.h"

#include <gtest/gtest.h>

#include "tests/support/splits.h"

namespace weir::net {
namespace {

using Kind = GuestPreamble::Kind;

const std::string kNul(1, '\0');

/// What is read when the stream's bytes come in `parts`, and the rest of them; or the error's code.
std::string read_in(const std::vector<std::string_view>& parts, GuestPreamble& out) {
  std::string bytes;
  std::optional<ReadPreamble> found;
  for (std::string_view part : parts) {
    bytes += part;
    if (found) continue;
    auto read = read_guest_preamble(bytes);
    if (!read) return std::string(info(read.error().code()).name) + ": " + read.error().context();
    found = std::move(*read);
  }
  if (!found) return "more";
  out = found->preamble;
  return "rest " + bytes.substr(found->size);
}

std::string read(std::string_view bytes, GuestPreamble& out) {
  std::string first;
  test::for_each_split(bytes, [&](const auto& parts, const std::string& how) {
    GuestPreamble found;
    std::string outcome = read_in(parts, found);
    if (first.empty()) {
      first = outcome;
      out = found;
    }
    EXPECT_EQ(outcome, first) << how;
    EXPECT_EQ(found, out) << how;
  });
  return first;
}

std::string fault(std::string_view line) {
  GuestPreamble ignored;
  return read(kNul + "WEIR_META:" + std::string(line), ignored);
}

TEST(GuestPreamble, says_where_a_connection_leads_and_whose_it_is) {
  GuestPreamble written{.to = HostPort{"93.184.216.34", 443}, .pid = 12, .process = "curl"};
  std::string bytes = guest_preamble_bytes(written);
  EXPECT_EQ(bytes, kNul + "WEIR_META:1 to=93.184.216.34:443 pid=12 name=curl\n");
  GuestPreamble found;
  EXPECT_EQ(read(bytes + "\x16\x03\x01 hello\n", found), "rest \x16\x03\x01 hello\n");
  EXPECT_EQ(found, written);
}

TEST(GuestPreamble, comes_back_as_it_was_written) {
  for (const GuestPreamble& written :
       {GuestPreamble{}, GuestPreamble{.kind = Kind::dns_stream, .pid = 1},
        GuestPreamble{.kind = Kind::dns_datagrams}, GuestPreamble{.to = HostPort{"2001:db8::1", 1}},
        GuestPreamble{.to = HostPort{"a.test", 65535}, .process = "größe"}}) {
    GuestPreamble found;
    EXPECT_EQ(read(guest_preamble_bytes(written), found), "rest ");
    EXPECT_EQ(found, written);
  }
}

TEST(GuestPreamble, that_names_the_process_only_leaves_the_destination_open) {
  GuestPreamble found;
  EXPECT_EQ(read(kNul + "WEIR_META:1 name=node\nGET", found), "rest GET");
  EXPECT_FALSE(found.to);
  EXPECT_EQ(found.process, "node");
}

TEST(GuestPreamble, of_a_later_relay_may_say_more) {
  GuestPreamble found;
  EXPECT_EQ(read(kNul + "WEIR_META:1 exe=/bin/x to=10.0.0.1:80 exe=2 alone\n", found), "rest ");
  EXPECT_EQ(found.to, (HostPort{"10.0.0.1", 80}));
}

TEST(GuestPreamble, that_is_none_is_refused_at_once) {
  GuestPreamble ignored;
  for (const std::string& bytes : {kNul + "X", kNul + kNul, kNul + "WEIR_META 1\n", kNul + "weir_meta:1\n"})
    EXPECT_TRUE(read(bytes, ignored).starts_with("bad_request")) << bytes;
  EXPECT_EQ(read(kNul + "WEIR_ME", ignored), "more");
  EXPECT_EQ(read(kNul + "WEIR_META:1 to=10.0.0.1:80", ignored), "more");
}

TEST(GuestPreamble, is_told_from_other_streams_that_begin_with_nul) {
  std::string line = kNul + "WEIR_META:1\n";
  for (std::size_t size = 0; size < 11; ++size)
    EXPECT_EQ(begins_with_guest_mark(std::string_view(line).substr(0, size)), std::nullopt);
  EXPECT_EQ(begins_with_guest_mark(std::string_view(line).substr(0, 11)), true);
  EXPECT_EQ(begins_with_guest_mark(line), true);
  for (const std::string& other : {kNul + kNul, kNul + "WEIR_META;", std::string("W"), kNul + "\1"})
    EXPECT_EQ(begins_with_guest_mark(other), false);
}

TEST(GuestPreamble, with_faults_is_refused) {
  EXPECT_TRUE(fault("2 to=10.0.0.1:80\n").contains("version"));
  EXPECT_TRUE(fault("\n").contains("version"));
  EXPECT_TRUE(fault("1 to=10.0.0.1\n").contains("port"));
  EXPECT_TRUE(fault("1 to=a b:80\n").starts_with("bad_request"));
  EXPECT_TRUE(fault("1 to=10.0.0.1:80 to=10.0.0.2:80\n").contains("twice"));
  EXPECT_TRUE(fault("1 to=10.0.0.1:80 dns=udp\n").contains("destination"));
  EXPECT_TRUE(fault("1 dns=quic\n").contains("udp"));
  for (const char* pid : {"0", "-1", "x", "", "2147483648"})
    EXPECT_TRUE(fault("1 pid=" + std::string(pid) + "\n").contains("pid")) << pid;
  EXPECT_TRUE(fault("1  name=x\n").contains("without a name"));
  EXPECT_TRUE(fault("1 name=a\rb\n").contains("control"));
  EXPECT_TRUE(fault("1 name=a\x1b[31m\n").contains("control"));
}

TEST(GuestPreamble, is_bounded) {
  std::string start = kNul + "WEIR_META:1 x=";
  std::string longest = start + std::string(GuestPreamble::kMostBytes - start.size() - 1, 'a') + "\n";
  EXPECT_TRUE(read_guest_preamble(longest).value());
  std::string longer = longest.substr(0, longest.size() - 1) + "a\n";
  auto cut = [&](std::size_t size) { return read_guest_preamble(std::string_view(longer).substr(0, size)); };
  EXPECT_EQ(cut(GuestPreamble::kMostBytes - 1).value(), std::nullopt);
  EXPECT_EQ(cut(GuestPreamble::kMostBytes).error().code(), Code::bad_request);
  EXPECT_EQ(cut(longer.size()).error().code(), Code::bad_request);
}

TEST(GuestPreamble, carries_no_byte_of_a_name_that_could_do_harm) {
  EXPECT_EQ(sanitised_process_name("Web Content"), "Web_Content");
  EXPECT_EQ(sanitised_process_name("a\nb\tc=d\x7f" + kNul + "e"), "a_b_c_d__e");
  EXPECT_EQ(sanitised_process_name("\x1b[31mred"), "_[31mred");
  EXPECT_EQ(sanitised_process_name("x\xff\xc3"), "x__");
  EXPECT_EQ(sanitised_process_name("\xc2\x9b"), "_");  // CSI in one character
  EXPECT_EQ(sanitised_process_name("größe"), "größe");
  EXPECT_EQ(sanitised_process_name(std::string(127, 'a') + "ö"), std::string(127, 'a'));
  EXPECT_EQ(sanitised_process_name(std::string(300, 'a')).size(), GuestPreamble::kMostNameBytes);
  EXPECT_EQ(guest_preamble_bytes({.process = "a\nb"}), kNul + "WEIR_META:1 name=a_b\n");
}

}  // namespace
}  // namespace weir::net
