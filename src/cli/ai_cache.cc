#include "cli/ai_cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/ai_text.h"
#include "flow/text.h"
#include "llm/cost.h"

namespace weir::cli {
namespace {

constexpr std::size_t kTitleWidth = 60, kPathWidth = 72, kSampleWidth = 72;

std::string idle_text(const llm::PromptChange& prompt) {
  return prompt.idle ? flow::duration_text(micros(*prompt.idle)) : "some time";
}

// What broke it, in a sentence without its end.
std::string what_happened(const llm::PromptChange& prompt) {
  using enum llm::PromptBreak;
  std::string path = shown(prompt.path, kPathWidth);
  std::string place = prompt.at > 0 ? fmt::format("{}, byte {}", path, prompt.at) : path;
  if (prompt.reordered) return place + ": the same members in another order";
  switch (prompt.reason) {
    case tools:
    case system:
    case settings:
    case history: return place + ": " + std::string(name(prompt.reason)) + " changed";
    case model: return "another model, which has a cache of its own";
    case marks: return "marks for the cache are missing that the request before had";
    case expired: return "nothing changed, but the last use was " + idle_text(prompt) + " before: expired";
    case missed: return "nothing changed, the last use was " + idle_text(prompt) + " before: missed";
    case none: break;
  }
  return "";
}

std::string_view kind_of(const llm::PromptChange& prompt) { return name(prompt.reason); }

}  // namespace

void CacheBreaks::Thread::add(const store::ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  ++calls;
  model = model_of(call);
  if (title.empty()) title = shown(call.user_text.text, kTitleWidth);
  llm::Billable parts = llm::Billable::of(call.usage);
  add_to(read, parts.cache_read);
  add_to(written, parts.cache_write_5m);
  add_to(written, parts.cache_write_1h);
  add_to(fresh, parts.fresh);
  add_to(lost, call.prompt.lost);
  add_to(lost_pico, record.lost_pico);
  if (call.prompt.reason == llm::PromptBreak::none) return;
  broken += call.prompt.lost > 0;
  breaks.push_back({record.flow, call.started, call.prompt, record.cost_pico.has_value(), record.lost_pico});
}

std::string CacheBreaks::Thread::hits() const {
  double all = static_cast<double>(read) + static_cast<double>(written) + static_cast<double>(fresh);
  return all > 0 ? fmt::format("{:.0f}%", 100 * static_cast<double>(read) / all) : "-";
}

void CacheBreaks::add(store::SessionTraces traces) {
  for (const store::ModelRecord& record : traces.calls) {
    if (record.call.prompt.thread == 0) {
      ++unknown_;
      continue;
    }
    Thread& thread = threads_[{traces.session, record.call.prompt.thread}];
    thread.session = traces.session;
    thread.number = record.call.prompt.thread;
    thread.add(record);
    if (thread.breaks.size() <= most_) continue;
    auto cheapest = std::ranges::min_element(
        thread.breaks, {}, [](const Break& one) { return std::pair(one.lost_pico, one.prompt.lost); });
    thread.breaks.erase(cheapest);
  }
}

std::vector<const CacheBreaks::Thread*> CacheBreaks::ordered() const {
  std::vector<const Thread*> out;
  for (const auto& [key, thread] : threads_) out.push_back(&thread);
  std::ranges::stable_sort(out, std::greater(), [](const Thread* thread) {
    return std::tuple(thread->lost_pico, thread->lost, thread->calls);
  });
  return out;
}

void CacheBreaks::append_break(std::string& out, const Break& found) {
  const llm::PromptChange& prompt = found.prompt;
  std::string price = prompt.lost == 0 ? "nothing lost"
                      : found.priced
                          ? fmt::format("{} tokens, {}", prompt.lost, llm::dollars(found.lost_pico))
                          : fmt::format("{} tokens", prompt.lost);
  out += fmt::format("  {} #{}  {}  ({})\n", flow::local_time(found.started), found.flow,
                     what_happened(prompt), price);
  for (auto [sign, sample] : {std::pair("-", &prompt.before), std::pair("+", &prompt.after)})
    if (!sample->text.empty()) out += fmt::format("      {} {}\n", sign, shown(sample->text, kSampleWidth));
}

std::string CacheBreaks::text() const {
  std::string out;
  std::int64_t lost = 0, lost_pico = 0;
  std::uint64_t broken = 0, calls = 0;
  std::size_t quiet = 0;
  for (const Thread* thread : ordered()) {
    add_to(lost, thread->lost);
    add_to(lost_pico, thread->lost_pico);
    broken += thread->broken, calls += thread->calls;
    if (thread->calls == 1 && thread->breaks.empty()) {
      ++quiet;
      continue;
    }
    out += fmt::format("thread {} of {}  {}  {} calls  {} read from cache  {} wasted  {}\n", thread->number,
                       thread->session, thread->model, thread->calls, thread->hits(),
                       llm::dollars(thread->lost_pico), thread->title);
    for (const Break& found : thread->breaks) append_break(out, found);
  }
  if (quiet > 0) out += fmt::format("{} more of one call each\n", quiet);
  if (unknown_ > 0) out += fmt::format("{} calls belong to no thread that is known\n", unknown_);
  return out + fmt::format("{} of {} calls broke the cache: {} tokens read anew, {} wasted\n", broken, calls,
                           lost, llm::dollars(lost_pico));
}

void CacheBreaks::write_break(JsonWriter& json, const Break& found) {
  const llm::PromptChange& prompt = found.prompt;
  json.begin_object().field("flow", found.flow).field("time", flow::rfc3339(found.started));
  json.field("reason", kind_of(prompt)).field("path", prompt.path).field("byte", prompt.at);
  json.field("reordered", prompt.reordered).field("shared_bytes", prompt.shared);
  json.field("prompt_bytes", prompt.bytes).field("before", prompt.before.text);
  json.field("after", prompt.after.text).key("idle_us");
  prompt.idle ? json.value(micros(*prompt.idle)) : json.null();
  json.field("expected_tokens", prompt.expected).field("lost_tokens", prompt.lost).key("usd");
  found.priced ? json.raw(llm::dollars(found.lost_pico).substr(1)) : json.null();
  json.end_object();
}

void CacheBreaks::write(JsonWriter& json) const {
  json.begin_array();
  for (const Thread* thread : ordered()) {
    json.begin_object().field("session", thread->session).field("thread", thread->number);
    json.field("model", thread->model).field("calls", thread->calls).field("broken", thread->broken);
    json.field("cache_read_tokens", thread->read).field("cache_write_tokens", thread->written);
    json.field("fresh_tokens", thread->fresh).field("lost_tokens", thread->lost).key("wasted_usd");
    json.raw(llm::dollars(thread->lost_pico).substr(1)).key("breaks").begin_array();
    for (const Break& found : thread->breaks) write_break(json, found);
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace weir::cli
