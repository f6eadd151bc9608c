// RFC 7838: Alt-Svc. An intercepted client is not led to QUIC, which Weir does not speak.
#include "tests/conformance/table.h"

namespace weir::testing {
namespace {

TEST(Rfc7838, Section3_NoAlternativeOverQuic) {
  const std::string sent = "GET / HTTP/1.1\r\nHost: {tunnel}\r\n\r\n";
  auto row = [&](const char* what, const std::string& offered, const std::string& left, const char* marks) {
    auto line = [](const std::string& value) { return value.empty() ? "" : "Alt-Svc: " + value + "\r\n"; };
    return Row{"3",
               what,
               sent,
               sent,
               ok(line(offered) + "Content-Length: 0\r\n"),
               ok(line(left) + "Content-Length: 0\r\n"),
               Then::closes,
               Then::keeps,
               At::tunnel,
               marks};
  };
  run(std::vector<Row>{
      row("one over QUIC goes", "h3=\":443\"; ma=86400", "", "alt_svc_h3_removed"),
      row("another stays", "h3=\":443\", h2=\":8443\"", "h2=\":8443\"", "alt_svc_h3_removed"),
      row("without one nothing happens", "h2=\":8443\" ;  ma=1", "h2=\":8443\" ;  ma=1", ""),
      row("the wish to forget passes", "clear", "clear", ""),
      {"3", "what Weir does not intercept is not its business", get(), get_seen(),
       ok("Alt-Svc: h3=\":443\"\r\nContent-Length: 0\r\n"),
       ok("Alt-Svc: h3=\":443\"\r\nContent-Length: 0\r\n")},
  });
}

}  // namespace
}  // namespace weir::testing
