#include "proxy/filters/accept_encoding.h"

#include <array>

namespace weir::proxy {
namespace {

constexpr std::array<std::string_view, 5> kReadable = {"gzip", "deflate", "br", "zstd", "identity"};

std::string_view coding_of(std::string_view element) {
  return trim_ows(element.substr(0, element.find(';')));
}

bool readable(std::string_view coding) {
  if (iequals(coding, "x-gzip")) return true;
  for (std::string_view known : kReadable)
    if (iequals(coding, known)) return true;
  return false;
}

}  // namespace

std::optional<std::string> narrowed_accept_encoding(const http::Fields& fields) {
  bool change = false;
  std::string out;
  auto keep = [&out](std::string_view element) {
    if (!out.empty()) out += ", ";
    out += element;
  };
  bool any = false;
  std::string_view star_weight;
  for (auto field : fields) {
    if (!iequals(field.name, "accept-encoding")) continue;
    for_each_element(field.value, [&](std::string_view element) {
      std::string_view coding = coding_of(element);
      if (readable(coding)) return keep(element);
      change = true;
      if (coding != "*") return;
      any = true;
      star_weight = element.substr(std::min(element.find(';'), element.size()));
    });
  }
  if (!change) return std::nullopt;
  if (any) {
    // What "*" stands for, as far as it was not named and Weir reads it.
    std::string named = lower(out);
    for (std::string_view known : kReadable)
      if (named.find(known) == std::string::npos) keep(std::string(known) + std::string(star_weight));
  }
  if (out.empty()) out = "identity";
  return out;
}

async::Task<Result<std::optional<Answer>>> AcceptEncoding::on_request(Exchange& exchange) {
  http::Fields& fields = exchange.request().fields;
  if (auto narrowed = narrowed_accept_encoding(fields)) fields.set("Accept-Encoding", *narrowed);
  co_return std::nullopt;
}

}  // namespace weir::proxy
