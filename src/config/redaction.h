// [redaction]: the user's secrets, where they are read from, and more names of credentials.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/fields.h"
#include "flow/redactor.h"

namespace weir::config {

/// Append what `value` says to `out`. Every complaint is returned, and none repeats a secret; then `out` is
/// of no use.
Complaints read_redaction_rules(const Value& value, const Place& place, std::vector<RedactionRule>& out);
/// As a table that read_redaction_rules reads back, but for a value, which is masked.
Scalar to_table(const RedactionRule& rule);

/// A name of a header field.
struct FieldName {
  static std::string accepts() { return "a header's name in quotes, such as \"X-Corp-Token\""; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& name) { return Value::string(name); }
};

/// A name of a query parameter.
struct QueryKey {
  static std::string accepts() { return "a query parameter's name in quotes, such as \"session\""; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out);
  static Value show(const std::string& name) { return Value::string(name); }
};

/// A table such as { env = "GITHUB_TOKEN" }; with `commands`, { command = ["pass", "show", "github"] }, too.
void read_source(const Value& value, const Place& place, Complaints& complaints, SecretSource& out,
                 bool commands = false);
/// As a table that read_source reads back, but for a value, which is masked.
Value to_value(const SecretSource& source);
/// What is there now. The error (bad_config) says why it cannot be had. A command is for who may run one. A
/// file may be a pipe, which is read to its end if that comes within `patience`.
Result<SecretText> read_secret(const SecretSource& source,
                               std::chrono::milliseconds patience = std::chrono::seconds(5));

/// What the weightiest layer says that says anything; on if none does.
bool redaction_enabled(const RedactionSettings& settings);

/// The rules and names in force, the weightiest layer's first, secrets read from where they are. What a layer
/// switches off are its own and those of the layers below. bad_config: a secret that is not there or is
/// empty, naming rule, place and mend.
Result<flow::Redactor::Options> resolve(const RedactionSettings& settings);

/// The value of a key in a file of lines KEY=value, export KEY='value' or KEY="a\nb" # why; the last one
/// if there are several; nothing when there is none.
std::optional<std::string> env_file_value(std::string_view text, std::string_view key);

}  // namespace weir::config
