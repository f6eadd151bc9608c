// Credentials on command lines (declared in flow/process.h).
#include "base/ascii.h"
#include "flow/process.h"

namespace weir::flow {
namespace {

constexpr std::string_view kRedacted = "[REDACTED]";
constexpr std::string_view kQuotes = "'\"`";
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kLogins[] = {"-u", "-U", "--user", "--proxy-user"};

/// Goes over arguments, or the words of a script, in their order: what one is depends on the one before.
class Words {
 public:
  explicit Words(const CredentialNames& more) : more_(more) {}

  std::string redacted(std::string_view word) {
    Expected expected = std::exchange(expected_, Expected::anything);
    if (word.starts_with("--")) expected = Expected::anything;
    if (expected == Expected::secret) return std::string(kRedacted);
    if (expected == Expected::login) return without_password(word);
    return option(word);
  }

 private:
  enum class Expected : std::uint8_t { anything, secret, login };

  bool is_credential(std::string_view name) const {
    name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
    if (name.empty() || name.find_first_of("/?#&;:@ ") != name.npos) return false;
    std::string parameter = std::string("?").append(name).append("=x");
    return is_sensitive_field(name, more_) || redacted_url(parameter, more_) != parameter;
  }

  static std::string without_password(std::string_view word) {
    std::size_t colon = word.find(':');
    if (colon == word.npos) return std::string(word);
    return std::string(word.substr(0, colon + 1)).append(kRedacted);
  }

  std::string option(std::string_view word) {
    std::size_t equals = word.find('=');
    if (equals != word.npos && is_credential(word.substr(0, equals))) {
      // The value may be the next word: in a script it has quotes of its own.
      if (equals + 1 == word.size()) {
        expected_ = Expected::secret;
        return std::string(word);
      }
      return std::string(word.substr(0, equals + 1)).append(kRedacted);
    }
    if (word.starts_with('-') && equals == word.npos) {
      if (is_credential(word)) expected_ = Expected::secret;
      for (std::string_view login : kLogins)
        if (word == login) expected_ = Expected::login;
    }
    if (word.starts_with("-H")) return "-H" + field(word.substr(2));
    bool assigns = word.starts_with("--") && equals != word.npos;
    if (assigns) return std::string(word.substr(0, equals + 1)) + field(word.substr(equals + 1));
    return field(word);
  }

  // "Name: value", or a text with URLs and parameters in it.
  std::string field(std::string_view word) const {
    std::size_t colon = word.find(':');
    std::string_view name = word.substr(0, colon);
    if (name.size() < word.size() && name.find_first_of("/?#&;=@ ") == name.npos &&
        is_sensitive_field(name, more_)) {
      std::string_view value = trim_ows(word.substr(colon + 1));
      return std::string(name).append(": ").append(redacted_value(name, value, more_));
    }
    std::string line = redacted_line(word, more_);
    bool parameters = line.find('=') != line.npos && line.find_first_of(kBlank) == line.npos;
    return parameters ? redacted_url("?" + line, more_).substr(1) : line;
  }

  const CredentialNames& more_;
  Expected expected_ = Expected::anything;
};

// Between blanks and quotes, which stay as they are.
std::string redacted_script(std::string_view script, const CredentialNames& more) {
  std::string out;
  Words words(more);
  while (!script.empty()) {
    char first = script.front();
    if (kBlank.contains(first)) {
      out += first;
      script.remove_prefix(1);
      continue;
    }
    bool quoted = kQuotes.contains(first) && script.find(first, 1) != script.npos;
    std::size_t begin = quoted ? 1 : 0;
    std::size_t end = quoted ? script.find(first, 1) : script.find_first_of(" \t\r\n'\"`", 1);
    end = std::min(end, script.size());
    if (quoted) out += first;
    if (end > begin) out += words.redacted(script.substr(begin, end - begin));
    if (quoted) out += first;
    script.remove_prefix(end + begin);
  }
  return out;
}

bool is_field(std::string_view argument) {
  std::size_t colon = argument.find(':');
  return colon != argument.npos && colon < argument.find_first_of(kBlank);
}

}  // namespace

std::shared_ptr<const Process> redacted(std::shared_ptr<const Process> process, const CredentialNames& more) {
  if (!process || process->arguments.empty()) return process;
  std::vector<std::string> arguments;
  Words words(more);
  for (const std::string& argument : process->arguments) {
    std::string out = words.redacted(argument);
    bool script = argument.find_first_of(kBlank) != argument.npos && !is_field(argument);
    arguments.push_back(script && out != kRedacted ? redacted_script(out, more) : std::move(out));
  }
  if (arguments == process->arguments) return process;
  Process clean = *process;
  clean.arguments = std::move(arguments);
  return std::make_shared<const Process>(std::move(clean));
}

}  // namespace weir::flow
