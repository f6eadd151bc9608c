// The environment of CMD: proxy and certificate variables for every client family we know of.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/host_port.h"

namespace weir::sandbox {

/// What is put into CMD's environment.
struct Injection {
  HostPort proxy;                ///< where Weir listens, as CMD reaches it; port 0 = CMD needs to know of no
                                 ///< proxy, and must not be told of another
  std::string ca_file;           ///< PEM, our CA alone: for variables that add to a client's roots
  std::string bundle_file;       ///< PEM, system roots and our CA: for variables that replace them
  std::string java_trust_store;  ///< JKS, system roots and our CA; empty = Java keeps its own roots
  std::string java_trust_password;  ///< opens java_trust_store
  std::string session_id;           ///< WEIR_SESSION
  bool include_loopback = false;    ///< true: NO_PROXY is empty, so local services are seen as well
};

/// `base` ("NAME=value" entries) without the variables that we set or that would undo one of ours under
/// another spelling, then ours. Pure. JAVA_TOOL_OPTIONS alone keeps the user's value, in front of ours: the
/// JVM lets the last win.
///
/// SSL_CERT_DIR and GIT_SSL_CAPATH of the user stay: OpenSSL, Go, git and rustls-native-certs read folder and
/// file together, so a folder adds roots and cannot take ours away.
std::vector<std::string> child_environment(std::span<const std::string> base, const Injection& injection);

/// What of our own environment CMD starts from.
struct EnvironmentChoice {
  bool clear = false;             ///< only what every program needs: PATH, HOME, TERM, the language ...
  std::vector<std::string> pass;  ///< names that stay though cleared
  std::vector<std::string> set;   ///< "NAME=value", in place of what is there
};

/// `base` by `choice`. bad_config for an entry of `set` without a name or without '='. Pure.
Result<std::vector<std::string>> chosen_environment(std::span<const std::string> base,
                                                    const EnvironmentChoice& choice);

/// The environment of this process as entries. Call before threads that change it exist.
std::vector<std::string> own_environment();
/// Overwrites the values of these variables of this process where they are, in its environment as others
/// (/proc/PID/environ) and what is forked see it, and removes them.
void forget_variables(std::span<const std::string> names);

}  // namespace weir::sandbox
