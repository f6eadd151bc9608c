// Conformance tables: one row is one exchange, and the section of the RFC it is about. Each runs through the
// whole walk, over connections held in memory.
#pragma once

#include <string>
#include <vector>

#include "tests/walk/dialogue.h"

namespace weir::testing {

/// Where the client speaks: to the proxy port, or in clear inside a tunnel to {tunnel}.
enum class At { proxy, tunnel };
/// What becomes of a connection after the exchange. `keeps`: it carries another one. `ends`: Weir ends it.
/// `closes`: its peer does, as soon as it has answered.
enum class Then { keeps, ends, closes };

/// An exchange that takes place. Texts are filled in by the stage ({origin}, {tunnel}).
struct Row {
  const char* section;
  const char* what;
  std::string sent;            ///< by the client
  std::string seen;            ///< by the origin
  std::string answered = kOk;  ///< by the origin
  std::string got = kOk;       ///< by the client
  Then client = Then::keeps;
  Then upstream = Then::keeps;
  At at = At::proxy;
  const char* marks = "";
};

/// A request that is answered by Weir, and of which no origin sees a byte. The connection ends.
struct Refusal {
  const char* section;
  const char* what;
  std::string sent;
  int status;
  Code code;
  At at = At::proxy;
};

/// An answer that does not reach the client, who gets a 502 in its place. Upstream's connection ends, the
/// client's goes on.
struct Rejection {
  const char* section;
  const char* what;
  std::string answered;
};

void run(const std::vector<Row>& rows);
void run(const std::vector<Refusal>& rows);
void run(const std::vector<Rejection>& rows);

// What most rows are made of: `fields` are whole lines.
std::string get(const std::string& fields = "");       ///< a GET to the proxy port
std::string get_seen(const std::string& fields = "");  ///< the same as an origin sees it
std::string post(const std::string& fields, const std::string& body = "");
std::string post_seen(const std::string& fields, const std::string& body = "");
std::string ok(const std::string& fields, const std::string& body = "");  ///< a 200

}  // namespace weir::testing
