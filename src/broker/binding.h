// Binding: what one secret is bound to: where it may go, and where in a request it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "policy/host_patterns.h"

namespace weir::broker {

/// How a request shows that it has the secret: by saying it, or by a signature made with it (AWS Signature
/// Version 4).
enum class Use : unsigned char { spoken, aws_signature };

/// Immutable once made; for any number of threads.
struct Binding {
  std::string name;  ///< of the credential, for people
  Use use = Use::spoken;
  /// False: nobody asked for it here. Then its secret is not read, and its placeholder goes nowhere.
  bool active = true;

  policy::HostPatterns hosts;
  std::vector<std::string> host_texts;  ///< the same, for people
  std::string path = "/";               ///< and all below it; in canonical spelling (policy/canonical.h)

  std::vector<std::string> fields;      ///< of the header, in which the placeholder may stand
  std::vector<std::string> parameters;  ///< of the query; where both are empty: any field of the header
  /// What the client has in place of the secret; of Use::aws_signature, in place of the access key id.
  std::string placeholder;
  std::string placeholder_secret;  ///< of Use::aws_signature, in place of the secret access key
  /// The value of fields.front() for requests that lack that field, "Bearer {secret}" or "Basic
  /// {user:secret}"; empty: they go on without. Of several for one field that of the longest path is put in,
  /// of those the first by name.
  std::string injected;
  std::string user;  ///< for "{user:secret}"

  /// Whether requests to this place are its own, if they are for its path. Over https alone.
  bool binds(const http::Origin& origin) const {
    return origin.scheme == http::Scheme::https && hosts.matches(origin.place);
  }
  /// Whether every server would take `target` for a path of its own.
  bool covers(std::string_view target) const;
  bool takes_field(std::string_view name) const;
  bool takes_parameter(std::string_view name) const;
};
using Bindings = std::vector<Binding>;

}  // namespace weir::broker
