#include "tests/support/stage.h"

#include <stdlib.h>

namespace weir::testing {

Stage::Stage() : root_(tls::testing::make_authority("Upstream Root")) {
  tls::testing::write_text(folder_ / "upstream.pem", tls::to_pem(root_.certificate.get()));
  setenv("XDG_DATA_HOME", (folder_ / "xdg").c_str(), 1);
  settings.listen = {HostPort{"127.0.0.1", 0}};
  settings.threads = 1;
  settings.ca_dir = folder_ / "ca";
  settings.data_dir = folder_ / "data";
  settings.tls.upstream_ca = {folder_ / "upstream.pem"};
  settings.upstream.proxy = "direct";
  settings.upstream.private_hosts = {"127.0.0.0/8"};  // origins are here in one of the stages: no mark of it
}

std::string Stage::fill(std::string text) const {
  auto put = [&text](std::string_view name, const std::string& value) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
      text.replace(at, name.size(), value);
  };
  HostPort place = origin();
  put("{origin}", place.port == 80 ? place.host : place.str());
  put("{host}", place.host);
  put("{tunnel}", place.port == 80 ? place.host + ":443" : place.str());
  return text;
}

}  // namespace weir::testing
