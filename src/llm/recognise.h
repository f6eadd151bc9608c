// Is this request a call of a model? Asked for every request, so the answer "no" costs nothing to speak of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/host_port.h"
#include "llm/model_call.h"

namespace weir::llm {

/// What the head of a request says of a call. Views point into the target that was asked about, or are those
/// of the Recogniser.
struct CallTarget {
  Protocol protocol = Protocol::none;
  std::string_view provider;  ///< who bills; "local" on this machine or network; empty: not known
  std::string_view
      path_model;  ///< as spelled in the path, see decode_path_model; empty where the body names it
  std::string_view deployment;  ///< Azure's name for what it serves, which says nothing about the model
  bool path_streams = false;    ///< the path says that the answer is streamed
  bool websocket = false;
  /// Host and path together leave no doubt. Otherwise the body must have the protocol's shape, too:
  /// ask `has_call_shape`.
  bool certain = false;
};

/// A host that the user says serves models: a name, or one with a single `*` ("*.llm.example"), in lower
/// case.
struct ModelHost {
  std::string pattern;
  std::string provider;
};

/// Immutable; may be asked by many threads. Knows the providers' hosts; the user's own go first.
class Recogniser {
 public:
  Recogniser() = default;
  explicit Recogniser(std::vector<ModelHost> own) : own_(std::move(own)) {}

  /// `target` in origin form, with its query; `upgrade` as in http::RequestHead. Only requests that make a
  /// model answer: no token counting, lists of models, files, batches, health checks. Does not allocate.
  std::optional<CallTarget> recognise(std::string_view method, const HostPort& place, std::string_view target,
                                      std::string_view upgrade = {}) const;

  /// Who bills for what `place` serves; empty when that is not known. `path` parts those who share a host.
  std::string_view provider(const HostPort& place, std::string_view path) const;

 private:
  std::vector<ModelHost> own_;
};

/// The model id that the path names, percent-decoded ("anthropic.claude-3-haiku-20240307-v1:0", an ARN).
/// Empty when it is longer than 2048 bytes or has control characters.
std::string decode_path_model(std::string_view spelled);

/// Whether a request body, decoded, is a JSON object with what the protocol cannot do without. Where the body
/// is `cut` off, what is missing may be behind the cut.
bool has_call_shape(const CallTarget& target, std::string_view body, bool cut);

}  // namespace weir::llm
