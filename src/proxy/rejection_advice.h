// What to tell people about a client that will not have our certificate: who it probably is, what mends it.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/process.h"
#include "flow/flow.h"
#include "proxy/rejections.h"
#include "tls/client_hello.h"

namespace weir::proxy {

/// A TLS library, with what is usually built on it.
enum class Library : std::uint8_t {
  unknown,
  openssl,
  node,
  gnutls,
  java,
  go,
  boringssl,
  nss,
  rustls,
  bun,
  deno,
};

/// A guess by the extensions that only some libraries send. Node has OpenSSL's, but says no by silence where
/// the others send an alert, and does not offer to authenticate later, as most of them do.
Library library_of(const tls::ClientHello& hello, Refusal how);

/// One that a program was found to have (Process::tls_libraries); unknown for a name that is not known here.
Library library_named(std::string_view name);

/// How `error` of an intercepted handshake, or in the place of the first request, is a rejection; nothing
/// when it is about something else. `cut_short`: the client ended the connection without any alert.
std::optional<Refusal> refusal_in(const Error& error, bool cut_short);

/// True for clients that complete the handshake before they look at the certificate, and close without a word
/// if they do not like it.
bool judges_late(const tls::ClientHello& hello);

struct Rejection {
  const HostPort& host;
  std::optional<std::uint8_t> alert;  ///< nothing: silence
  const tls::ClientHello& hello;
  Standing standing;
  const Process* sender = nullptr;  ///< null: nobody knows
  bool auto_passthrough = false;    ///< as in SessionOptions
  bool closed_door = false;
};

/// The error to record: client_rejected_certificate where that is sure or probable, client_tls_failed for the
/// silence of a client that nobody knows. The context is a few sentences.
Error rejection_error(const Rejection& seen);
/// The same in parts.
flow::Rejection rejection_account(const Rejection& seen);

/// What makes programs trust Weir: of that library, and of that name ("curl"; empty: any).
std::string_view mend_for(Library library, std::string_view program);

}  // namespace weir::proxy
