#include "policy/domains.h"

#include <algorithm>

namespace weir::policy {
namespace {

Failure bad_entry(const DomainRule& rule, std::string_view why) {
  std::string text = rule.source.empty() ? std::string(name(rule.layer)) : rule.source;
  text.append(": domain \"").append(rule.pattern).append("\": ").append(why);
  return fail(Code::bad_config, std::move(text));
}

const std::optional<Action>& said(const DomainRule& rule, bool reading) {
  return reading ? rule.read : rule.write;
}

/// A path rule narrows, so it must meet something to narrow, and one that blocks must not be thought to cover
/// requests that this entry leaves to others. "" when it is fine.
std::string_view useless(const DomainRule& rule, const PathRule& path, const Methods& methods) {
  bool applies = false;
  for (bool reading : {true, false}) {
    if (reading ? !methods.any_read() : !methods.any_write()) continue;
    const auto& action = said(rule, reading);
    if (!action && path.action != Action::allow)
      return reading ? "is about GET, HEAD or OPTIONS, but the entry has no read; write read = \"allow\""
                     : "is about methods that write, but the entry has no write; name its methods or write "
                       "write = \"allow\"";
    applies |= action && *action != Action::block;
  }
  return applies ? ""
                 : "can change nothing: path rules only narrow what read and write allow; allow there and "
                   "write other_paths = \"block\"";
}

Result<Domains::Path> compile_path(const DomainRule& rule, const PathRule& path) {
  auto wrong = [&](std::string_view why) {
    return bad_entry(rule, std::string("path \"").append(path.path).append("\": ").append(why));
  };
  auto methods = Methods::compile(path.methods);
  if (!methods) return wrong(methods.error().context());
  auto pattern = PathPattern::compile(path.path, PatternType::glob);
  if (!pattern) return wrong(pattern.error().context());
  if (auto why = useless(rule, path, *methods); !why.empty()) return wrong(why);
  std::string label = rule.pattern + ' ';
  if (!methods->every()) label.append(methods->str()).append(" ");
  return Domains::Path{&path, std::move(*methods), std::move(*pattern), label + path.path};
}

void narrow(Domains::Word& word, Action action, const std::string& label) {
  if (severity(action) <= severity(word.action)) return;
  word.action = action;
  word.narrowed_by = &label;
}

/// What one entry says to one request, or the severest of what it may say to an opaque one.
Domains::Word word_of(const Domains::Entry& entry, Action action, const Subject& subject, bool reading) {
  Domains::Word out{action, &entry};
  if (action == Action::block) return out;
  for (const Domains::Path& path : entry.paths) {
    if (subject.opaque()) {
      if (reading ? path.methods.any_read() : path.methods.any_write())
        narrow(out, path.rule->action, path.label);
    } else if (path.matches(subject)) {
      narrow(out, path.rule->action, path.label);
      return out;
    }
  }
  if (entry.rule->other_paths) narrow(out, *entry.rule->other_paths, entry.others_label);
  return out;
}

}  // namespace

int severity(Action action) { return action == Action::block ? 2 : action == Action::ask ? 1 : 0; }

Result<> Domains::add(const DomainRule& rule) {
  if (!rule.read && !rule.write) return bad_entry(rule, "says nothing; write read or write, or both");
  auto host = HostPattern::parse(rule.pattern);
  if (!host) return bad_entry(rule, host.error().context());
  Entry entry{&rule, std::move(*host), {}, rule.pattern + " other paths"};
  for (const PathRule& path : rule.paths) {
    auto compiled = compile_path(rule, path);
    if (!compiled) return pass(compiled);
    entry.paths.push_back(std::move(*compiled));
  }
  index_.add(entry.host, static_cast<std::uint32_t>(entries_.size()));
  entries_.push_back(std::move(entry));
  return {};
}

std::optional<Domains::Word> Domains::word(const Subject& subject, bool reading) const {
  std::optional<Word> out;
  auto consider = [&](std::span<const HostIndex::Entry> tied, std::uint16_t port) {
    for (const HostIndex::Entry& tie : tied) {
      if (tie.port != port) continue;
      const Entry& entry = entries_[tie.id];
      const auto& action = said(*entry.rule, reading);
      if (!action) continue;
      Word word = word_of(entry, *action, subject, reading);
      if (!out || severity(word.action) > severity(out->action)) out = word;
    }
    return out.has_value();
  };
  index_.visit(subject.host(), [&](std::span<const HostIndex::Entry> tied) {
    return consider(tied, subject.host().port()) || consider(tied, HostPattern::kAnyPort);
  });
  return out;
}

bool Domains::with_paths() const {
  return std::ranges::any_of(entries_, [](const Entry& entry) { return !entry.paths.empty(); });
}

bool Domains::varies(const Subject& opaque, Action otherwise) const {
  Word silence{.action = otherwise};
  Word read = word(opaque, true).value_or(silence);
  Word write = word(opaque, false).value_or(silence);
  return read.action != write.action || read.narrowed_by || write.narrowed_by;
}

}  // namespace weir::policy
