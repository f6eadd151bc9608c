// The canonical spelling of a request, which AWS Signature Version 4 is made over.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/secret_bytes.h"
#include "http/message.h"

namespace weir::broker {

/// Text that may hold secrets, while it is made: zeroed when it goes and where it has been.
class SecretText {
 public:
  explicit SecretText(std::size_t capacity = 0);
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { zero(text_); }

  SecretText& add(std::string_view text);
  SecretText& add(char c) { return add(std::string_view(&c, 1)); }
  std::string_view view() const { return text_; }
  /// The end of the text is the taker's, then.
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Percent-encodes every byte but the unreserved ones of RFC 3986 section 2.3.
void add_encoded(SecretText& out, std::string_view text);

/// One parameter of a query, as it is spelled there.
struct Parameter {
  std::string_view whole, name, value;
  bool is(std::string_view wanted) const;  ///< its name, decoded
};

/// Calls `each(parameter)` for those of a query ("a=1&b"), without the empty ones.
template <typename Each>
void for_each_parameter(std::string_view query, Each&& each) {
  while (!query.empty()) {
    std::size_t end = query.find('&');
    std::string_view whole = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (whole.empty()) continue;
    std::size_t equals = whole.find('=');
    each(Parameter{whole, whole.substr(0, equals),
                   equals == std::string_view::npos ? std::string_view() : whole.substr(equals + 1)});
  }
}
/// A parameter's name or value as a server reads it: `+` is a space.
std::string decode_parameter(std::string_view text);

struct Target {
  std::string_view path, query;  ///< without the '?'
};
Target split_target(std::string_view target);

/// S3 takes a path as it is, and only its spelling is settled; all other services remove "." and ".." and
/// empty segments, and encode it once more, the percent signs that are there included.
void add_canonical_path(SecretText& out, std::string_view path, bool s3);
/// All parameters but `left_out`, each decoded and encoded, in the order of the outcome.
void add_canonical_query(SecretText& out, std::string_view query, std::string_view left_out);
/// A line for each of `names`, in their order. Equal fields are joined by commas, runs of white space are one
/// space. Host is the origin's where the head has none.
void add_canonical_fields(SecretText& out, const http::RequestHead& head, std::span<const std::string> names);

}  // namespace weir::broker
