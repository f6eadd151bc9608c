// What is said of the program behind a flow: as text for people, as JSON, and without credentials.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/json_reader.h"
#include "base/process.h"
#include "flow/flow.h"
#include "flow/redaction.h"

namespace weir::flow {

/// Names the sender of `flow`; null leaves it as it is.
void set_sender(Flow& flow, std::shared_ptr<const Process> sender);

/// "curl[1234]"; the name alone where no more is known; empty when nobody has found out.
std::string process_label(const Flow& flow);

/// The arguments as a shell would read them, each quoted if it has to be.
std::string command_line(const Process& process);
/// The arguments of such a line again.
std::vector<std::string> split_command_line(std::string_view line);

/// An object; what is empty is left out.
void write_process(JsonWriter& json, const Process& process);
/// Members that are missing or of another type are left empty.
Process read_process(JsonValue object);

void write_parents(JsonWriter& json, const std::vector<Process::Ancestor>& parents);
std::vector<Process::Ancestor> read_parents(JsonValue array);

void write_tls_libraries(JsonWriter& json, const std::vector<Process::TlsLibrary>& libraries);
std::vector<Process::TlsLibrary> read_tls_libraries(JsonValue array);
/// "OpenSSL (libssl.so.3), GnuTLS (libgnutls.so.30)".
std::string tls_libraries_text(const Process& process);

/// Arguments with credentials replaced as `redacted_url` does it, also in fields ("Authorization: ..."),
/// behind options and in assignments whose name says so ("--token X", "API_KEY=X"), of `-u USER:PASSWORD`,
/// and in scripts that are one argument. The very same record when there are none.
std::shared_ptr<const Process> redacted(std::shared_ptr<const Process> process,
                                        const CredentialNames& more = {});

}  // namespace weir::flow
