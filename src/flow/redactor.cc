#include "flow/redactor.h"

#include <algorithm>
#include <utility>

#include "flow/process.h"

namespace weir::flow {
namespace {

// More replacements than this, one because of the other, and the whole text goes.
constexpr int kRounds = 4;
constexpr std::size_t kBeginningEnd = 1024;

Failure wrong(const RedactionRule& rule, std::string_view why) {
  std::string text = rule.source.empty() ? std::string() : rule.source + ": ";
  return fail(Code::bad_config,
              text.append("redaction rule \"").append(rule.name).append("\": ").append(why));
}

}  // namespace

Result<std::shared_ptr<const Redactor>> Redactor::compile(Options options) {
  std::shared_ptr<Redactor> out(new Redactor(std::move(options)));
  std::uint32_t number = 0;
  for (RedactionRule& rule : out->options_.rules) {
    auto added = out->add(rule, number++);
    zero(rule.value);  // the finder has it
    if (!added) return pass(added);
  }
  out->finder_.compile();
  if (auto sound = out->check_marks(); !sound) return pass(sound);
  return out;
}

Result<> Redactor::add(const RedactionRule& rule, std::uint32_t number) {
  if (!rule.pattern.empty()) {
    auto added = finder_.add_pattern(rule.pattern, number);
    return added ? Result<>() : wrong(rule, "the pattern " + added.error().context());
  }
  if (rule.value.size() < Needles::kShortest)
    return wrong(
        rule,
        "its value has fewer than 4 bytes and would black out half of what is recorded; take a longer "
        "secret, or a pattern that says what stands around it");
  finder_.add_value(rule.value, number);
  return {};
}

Result<> Redactor::check_marks() const {
  for (std::uint32_t i = 0; i < options_.rules.size(); ++i) {
    Finds finds = finder_.find_values(mark(i));
    if (finds.empty()) continue;
    const RedactionRule& rule = options_.rules[finds.front().rule];
    return wrong(rule, "its value is found in the mark " + mark(i) +
                           ", which would stand in its place; give the rule another name, or take the value "
                           "out");
  }
  return {};
}

Finds Redactor::find(std::string_view text, bool patterns) const {
  Finds out = patterns ? finder_.find(text) : finder_.find_values(text);
  auto live = options_.live ? options_.live->finder() : nullptr;
  if (!live) return out;
  auto own = static_cast<std::uint32_t>(options_.rules.size());
  for (Find find : live->find_values(text)) out.push_back({find.begin, find.end, find.rule + own});
  merge(out);
  return out;
}

std::size_t Redactor::unfinished(std::string_view text, std::size_t pattern_end) const {
  std::size_t out = finder_.unfinished(text, pattern_end);
  auto live = options_.live ? options_.live->finder() : nullptr;
  return live ? std::min(out, live->unfinished(text)) : out;
}

std::string Redactor::mark(std::uint32_t rule) const {
  std::size_t own = options_.rules.size();
  const std::string& name = rule < own ? options_.rules[rule].name : options_.live->names()[rule - own];
  return std::string("[REDACTED:").append(name).append("]");
}

std::string Redactor::replaced(std::string_view text, const Finds& finds) const {
  std::string out;
  out.reserve(text.size());
  std::size_t from = 0;
  for (const Find& find : finds) {
    out.append(text.substr(from, find.begin - from)).append(mark(find.rule));
    from = find.end;
  }
  return out.append(text.substr(from));
}

// A mark and what is left beside it may make a value of another rule, one with a bracket in it.
std::string Redactor::settled(std::string_view text, const Finds& finds) const {
  std::string out = replaced(text, finds);
  for (int round = 0; round < kRounds; ++round) {
    Finds left = find_values(out);
    if (left.empty()) return out;
    out = replaced(out, left);
  }
  return mark(finds.front().rule);
}

std::string Redactor::text(std::string_view text) const {
  Finds finds = find(text);
  std::string out = finds.empty() ? std::string(text) : settled(text, finds);
  return options_.names.empty() ? out : redacted_line(out, options_.names);
}

std::string Redactor::beginning(std::string text) const {
  Finds finds = find(text);
  cut_unfinished(text, finds, unfinished(text, kBeginningEnd));
  if (!finds.empty()) text = settled(text, finds);
  return options_.names.empty() ? text : redacted_line(text, options_.names);
}

void Redactor::cut_unfinished(std::string& text, Finds& finds, std::size_t end) {
  std::erase_if(finds, [&](const Find& find) { return find.begin >= end; });
  if (!finds.empty()) finds.back().end = std::min(finds.back().end, end);
  text.resize(end);
}

bool Redactor::clean(std::string& text) const {
  Finds finds = find(text);
  if (!finds.empty()) text = settled(text, finds);
  return !finds.empty();
}

bool Redactor::clean(http::Fields& fields) const {
  http::Fields out;
  bool found = false;
  for (http::Fields::View field : fields) {
    std::string name(field.name), value(field.value);
    found |= clean(name);
    found |= clean(value);
    out.add(name, value);
  }
  if (found) fields = std::move(out);
  return found;
}

// Of what reaches over the border nothing stays on either side, but for a port and the slash behind it.
bool Redactor::clean_across(http::Origin& origin, std::string& target) const {
  std::string url = origin.str();
  std::size_t border = url.size();
  std::size_t host = url.find(origin.place.host, url.find("://"));
  Finds finds = find(url.append(target));
  auto across =
      std::ranges::find_if(finds, [&](const Find& find) { return find.begin < border && find.end > border; });
  if (across == finds.end()) return false;
  std::size_t kept = across->begin - std::min(across->begin, host);
  origin.place.host.resize(std::min(kept, origin.place.host.size()));
  origin.place.host += mark(across->rule);
  target = (target.starts_with('/') ? "/" : "") + mark(across->rule) + target.substr(across->end - border);
  return true;
}

bool Redactor::redact_url(http::Origin& origin, std::string& target) const {
  bool found = clean_across(origin, target);
  found |= clean(origin.place.host);
  return clean(target) || found;
}

bool Redactor::clean_heads(Flow& flow) const {
  bool found = redact_url(flow.request.origin, flow.request.target);
  for (std::string* text :
       {&flow.request.method, &flow.request.upgrade, &flow.response.reason, &flow.filter_reason,
        &flow.process, &flow.device, &flow.model, &flow.error_detail})
    found |= clean(*text);
  for (http::Fields* fields :
       {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers})
    found |= clean(*fields);
  return clean(flow.sender) || found;
}

// The record belongs to all flows of its process.
bool Redactor::clean(std::shared_ptr<const Process>& process) const {
  if (!process) return false;
  Process changed = *process;
  bool found = false;
  for (std::string* text : {&changed.name, &changed.executable, &changed.unknown}) found |= clean(*text);
  for (Process::Ancestor& parent : changed.parents) found |= clean(parent.name);
  for (Process::TlsLibrary& library : changed.tls_libraries) found |= clean(library.file);
  for (std::string& argument : changed.arguments) found |= clean(argument);
  bool shortened = false;
  if (changed.arguments_cut && !changed.arguments.empty() &&
      clean_long(changed.arguments.back(), true, shortened) == Outcome::unsearched)
    changed.arguments.pop_back();
  // A pattern may want an option and its value, two arguments.
  std::string line = command_line(changed);
  if (clean(line)) {
    changed.arguments = {line};
    found = true;
  }
  if (changed != *process) process = std::make_shared<const Process>(std::move(changed));
  return found;
}

void Redactor::redact(Flow& flow) const {
  // Bodies first: how they are coded is said in the fields.
  bool found = clean_bodies(flow);
  found |= clean_heads(flow);
  if (found) add_mark(flow, "redacted");
  if (!options_.names.empty()) flow::redact(flow, options_.names);
}

void Redactor::redact(Connection& connection) const {
  for (std::string* text :
       {&connection.host, &connection.via, &connection.sni, &connection.alpn, &connection.certificate_subject,
        &connection.certificate_issuer, &connection.error_detail})
    clean(*text);
  if (!options_.names.empty())
    connection.error_detail = redacted_line(connection.error_detail, options_.names);
}

}  // namespace weir::flow
