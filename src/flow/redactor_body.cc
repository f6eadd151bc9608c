// Redactor: bodies and messages, which may be coded, cut short, or too long to look at.
#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "flow/redactor.h"
#include "http/content/decoder.h"

namespace weir::flow {
namespace {

// All values of the field as one list, "identity" left out.
std::string codings_of(const http::Fields& fields, std::string_view name) {
  std::string list;
  for (http::Fields::View field : fields) {
    if (!iequals(field.name, name)) continue;
    for_each_element(field.value, [&](std::string_view coding) {
      if (!iequals(coding, "identity")) list.append(list.empty() ? "" : ", ").append(coding);
    });
  }
  return list;
}

// gRPC and Connect code each message for itself, out of reach of the content coding.
bool codes_messages(const http::Fields& fields) {
  return !codings_of(fields, "grpc-encoding").empty() ||
         !codings_of(fields, "connect-content-encoding").empty();
}

// The coding that a file brings itself; "" for none that is known.
std::string_view packed_as(std::string_view text) {
  if (text.starts_with("\x1f\x8b\x08")) return "gzip";
  return text.starts_with("\x28\xb5\x2f\xfd") ? "zstd" : "";
}

void withhold(Captured& body) {
  std::string().swap(body.bytes);
  body.truncated = true;
}

}  // namespace

struct Redactor::Side {
  Captured& body;
  const http::Fields& fields;
  std::string_view decoded, withheld;  ///< marks
};

bool Redactor::clean_bodies(Flow& flow) const {
  if (nothing_to_find()) return false;
  bool found = false;
  for (const Side& side : {Side{flow.request_body, flow.request.fields, "req_decoded", "req_withheld"},
                           Side{flow.response_body, flow.response.fields, "resp_decoded", "resp_withheld"}}) {
    if (side.body.bytes.empty()) continue;
    Outcome outcome = clean_body(side);
    found |= outcome == Outcome::found;
    if (side.body.decoded) add_mark(flow, side.decoded);
    if (outcome == Outcome::unsearched) {
      withhold(side.body);
      add_mark(flow, side.withheld);
    }
  }
  return found;
}

Redactor::Outcome Redactor::clean_body(const Side& side) const {
  Captured& body = side.body;
  if (codes_messages(side.fields)) return Outcome::unsearched;
  std::string codings = codings_of(side.fields, "content-encoding");
  bool cut = body.truncated || !body.complete;
  if (codings.empty()) return clean_long(body.bytes, cut, body.truncated);
  return clean_coded(body, codings, cut);
}

// The bytes stay as they came only when all of them were decoded and neither they nor the text has a secret:
// a coding has room for notes of its own, and what it held back at a cut may be in plain.
Redactor::Outcome Redactor::clean_coded(Captured& body, const std::string& codings, bool cut) const {
  using http::content::Ending;
  auto decoded = http::content::decode(codings, body.bytes, options_.max_scan_bytes);
  if (!decoded || (decoded->ending != Ending::whole && decoded->ending != Ending::truncated))
    return Outcome::unsearched;
  bool whole = !cut && decoded->ending == Ending::whole && !decoded->trailing_garbage;
  Outcome outcome = clean_long(decoded->text, !whole, body.truncated);
  if (outcome == Outcome::unsearched) return outcome;
  bool noted = !find(body.bytes).empty();
  if (whole && outcome == Outcome::clean && !noted) return outcome;
  body.bytes = std::move(decoded->text);
  body.decoded = true;
  return noted ? Outcome::found : outcome;
}

// A file that is compressed by itself stays as it is or goes: what is not of a message's own coding nobody
// may undo in a record.
bool Redactor::may_keep_packed(std::string_view text, bool cut) const {
  std::string_view coding = packed_as(text);
  if (coding.empty()) return true;
  auto decoded = http::content::decode(coding, text, options_.max_scan_bytes);
  if (!decoded) return true;  // it only looked like one
  if (decoded->ending == http::content::Ending::limit) return false;
  if (cut && unfinished(decoded->text) < decoded->text.size()) return false;
  return find(decoded->text).empty();
}

Redactor::Outcome Redactor::clean_long(std::string& text, bool cut, bool& shortened) const {
  if (text.size() > options_.max_scan_bytes || !may_keep_packed(text, cut)) return Outcome::unsearched;
  Finds finds = find(text);
  if (std::size_t end = cut ? unfinished(text) : text.size(); end < text.size()) {
    cut_unfinished(text, finds, end);
    shortened = true;
  }
  if (finds.empty()) return Outcome::clean;
  text = settled(text, finds);
  return text.size() > options_.max_scan_bytes ? Outcome::unsearched : Outcome::found;
}

void Redactor::redact(Message& message) const {
  using http::ws::Problem;
  http::ws::Message& content = message.content;
  if (nothing_to_find() || content.bytes.empty()) return;
  bool coded = content.problem == Problem::not_inflated || content.problem == Problem::unknown_extension;
  bool cut = content.truncated || content.problem == Problem::incomplete ||
             content.problem == Problem::bad_compression || content.problem == Problem::compression_bomb;
  if (!coded && clean_long(content.bytes, cut, content.truncated) != Outcome::unsearched) return;
  std::string().swap(content.bytes);
  content.truncated = true;
}

}  // namespace weir::flow
