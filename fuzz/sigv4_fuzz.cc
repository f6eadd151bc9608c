// A request head from anybody that may be signed by AWS Signature Version 4: lines, the first the target, the
// others fields. Invariants: what is signed again is read again, is genuine by the new secret, and names the
// new key; what cannot be signed stays as it was.
#include "broker/sigv4.h"
#include "harness.h"

namespace weir::fuzz {
namespace {

http::RequestHead head_of(std::string_view input) {
  http::RequestHead head;
  head.method = "GET";
  head.origin = {http::Scheme::https, {"a.test", 443}};
  bool first = true;
  while (!input.empty()) {
    std::size_t end = std::min(input.find('\n'), input.size());
    std::string_view line = input.substr(0, end);
    input.remove_prefix(std::min(end + 1, input.size()));
    if (first) head.target = line;
    std::size_t colon = std::min(line.find(':'), line.size());
    if (!first && colon < line.size())
      head.fields.add(line.substr(0, colon), trim_ows(line.substr(colon + 1)));
    first = false;
  }
  return head;
}

std::string text(const http::RequestHead& head) {
  std::string out = head.target;
  for (http::Fields::View field : head.fields)
    out.append("\n").append(field.name).append(":").append(field.value);
  return out;
}

void sign(http::RequestHead head, const broker::AwsSignature& how, const broker::AwsKeys& keys) {
  const std::string hash(64, 'a'), before = text(head);
  auto seed = broker::sign_again(head, how, keys, hash);
  if (!seed) {
    require(text(head) == before, "what is not signed stays as it was");
    return;
  }
  auto again = broker::read_aws_signature(head);
  require(again && *again, "what was signed is read again");
  require((**again).access_key_id == keys.access_key_id, "it names the new key");
  require((**again).signature == seed->signature && (**again).scope() == how.scope(), "it is signed so");
  auto genuine = broker::verify(head, **again, keys.secret, hash);
  require(genuine && *genuine, "it is genuine");
  require(head.secret(), "it is a secret");
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  if (size > 16384) return 0;
  http::RequestHead head = fuzz::head_of({reinterpret_cast<const char*>(data), size});
  auto how = broker::read_aws_signature(head);
  if (!how || !*how) return 0;
  auto genuine = broker::verify(head, **how, "theirs", std::string(64, 'a'));
  fuzz::require(genuine.has_value(), "a hash is enough");
  fuzz::sign(head, **how, {"AKIDEXAMPLE", "secret", {}});
  fuzz::sign(head, **how, {"AKIDEXAMPLE", "secret", "token/+="});
  return 0;
}
