#include "llm/prompt_threads.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace weir::llm {
namespace {

using namespace std::chrono_literals;

constexpr Duration kShortLife = 5min, kLongLife = 1h;
constexpr std::int64_t kBlock = 128;  // of tokens, as caches that need no marks count

std::uint64_t session_of(std::string_view provider, const ModelCall& call) {
  std::string key(provider);
  for (const std::string* more : {&call.session_id, &call.agent_id, &call.conversation_id})
    key.append(1, '\0').append(*more);
  return std::hash<std::string>()(key);
}

bool is_marked(Protocol protocol) {
  return protocol == Protocol::anthropic_messages || protocol == Protocol::bedrock_converse ||
         protocol == Protocol::bedrock_invoke;
}

bool succeeded(const ModelCall& call) {
  return call.status >= 200 && call.status < 300 && call.error_type.empty();
}

bool tells_of_cache(const Usage& usage) {
  return usage.cache_read.has_value() || usage.cache_write.has_value() || usage.cache_write_5m.has_value() ||
         usage.cache_write_1h.has_value();
}

// Counts come from anybody: sums must not overflow.
std::int64_t count(const std::optional<std::int64_t>& tokens) {
  return std::clamp<std::int64_t>(tokens.value_or(0), 0, std::int64_t{1} << 40);
}

std::int64_t written(const Usage& usage) {
  return std::max(count(usage.cache_write), count(usage.cache_write_5m) + count(usage.cache_write_1h));
}

// What a next request finds in the cache.
std::int64_t cached_by(const ModelCall& call) {
  std::int64_t marked = count(call.usage.cache_read) + written(call.usage);
  if (is_marked(call.protocol) || written(call.usage) > 0) return marked;
  std::int64_t input = count(call.usage.input);
  return std::max(marked, input - input % kBlock);
}

std::int64_t take(std::optional<std::int64_t>& from, std::int64_t tokens) {
  std::int64_t taken = std::min(count(from), tokens);
  if (from) *from -= taken;
  return taken;
}

}  // namespace

PromptThreads::Thread* PromptThreads::find(std::uint64_t session, std::string_view model,
                                           const ModelCall& call, const Prompt& prompt) {
  auto best = threads_.end();
  for (auto each = threads_.begin(); each != threads_.end(); ++each) {
    if (each->session != session || each->continued != !call.previous_id.empty()) continue;
    bool opened = call.opening != 0 && each->opening == call.opening;
    // The first answer tells a conversation whose first words were changed.
    if (opened ? !each->prompt.resembles(prompt) : !each->prompt.answered_as(prompt)) continue;
    if (each->model == model) {
      best = each;
      break;
    }
    if (best == threads_.end()) best = each;
  }
  if (best == threads_.end()) return nullptr;
  threads_.splice(threads_.begin(), threads_, best);
  return &threads_.front();
}

void PromptThreads::forget() {
  while (!threads_.empty() && (held_ > most_bytes_ || threads_.size() > kMostThreads)) {
    held_ -= threads_.back().prompt.held();
    threads_.pop_back();
  }
}

PromptChange PromptThreads::request(std::string_view provider, std::string_view model, const ModelCall& call,
                                    std::string_view body) {
  bool continued = !call.previous_id.empty();
  Prompt prompt(call.protocol, std::string(body), continued);
  PromptChange change;
  if (prompt.empty()) return change;
  std::uint64_t session = session_of(provider, call);
  Thread* thread = find(session, model, call, prompt);
  if (thread) {
    change = thread->prompt.change_to(prompt);
    if (thread->model != model) {
      change.reason = PromptBreak::model, change.path = "model", change.at = change.shared = 0;
      change.before = PromptSample::around(thread->model, 0);
      change.after = PromptSample::around(model, 0);
    }
    if (change.reason == PromptBreak::none && thread->pending.reason != PromptBreak::none)
      change = thread->pending;
    held_ -= thread->prompt.held();
  } else {
    thread = &threads_.emplace_front();
    thread->number = ++last_;
    thread->session = session;
    change.first = true;
    change.bytes = prompt.bytes();
  }
  change.thread = thread->number;
  thread->opening = call.opening;
  thread->model = model;
  thread->continued = continued;
  thread->pending = change;
  thread->prompt = std::move(prompt);
  held_ += thread->prompt.held();
  forget();
  return change;
}

// Why what was in the cache was not read from it, though the request goes on from the one before.
void PromptThreads::explain(const Thread& thread, PromptChange& change) {
  if (change.lost == 0 || change.reason != PromptBreak::none) return;
  if (thread.prompt.marks() < thread.marks)
    change.reason = PromptBreak::marks;
  else if (change.idle && *change.idle > thread.lifetime)
    change.reason = PromptBreak::expired;
  else
    change.reason = PromptBreak::missed;
}

void PromptThreads::ended(const ModelCall& call, PromptChange& change) {
  auto thread = std::ranges::find(threads_, change.thread, &Thread::number);
  if (change.thread == 0 || thread == threads_.end() || !succeeded(call)) return;
  const Usage& usage = call.usage;
  if (thread->known) change.idle = Duration(std::max<WallNanos>(0, call.started - thread->cached_at));
  if (!tells_of_cache(usage)) return;
  thread->pending = {};
  std::int64_t read = count(usage.cache_read);
  if (thread->known) {
    change.expected = thread->cached;
    std::int64_t anew = std::max<std::int64_t>(0, count(usage.input) - read);
    change.lost = std::min(std::max<std::int64_t>(0, thread->cached - read), anew);
    if (change.lost < kLeastLoss) change.lost = 0;
    explain(*thread, change);
  }
  bool long_lived = count(usage.cache_write_1h) > 0 || (thread->lifetime == kLongLife && read > 0);
  thread->lifetime = long_lived ? kLongLife : kShortLife;
  thread->cached = cached_by(call);
  thread->cached_at = call.started;
  thread->marks = thread->prompt.marks();
  thread->known = true;
}

PicoUsd price_of_loss(const Pricing& pricing, const ModelCall& call, std::int64_t lost) {
  ModelCall paid;
  paid.provider = call.provider;
  paid.protocol = call.protocol;
  paid.model_asked = call.model_asked;
  paid.model_served = call.model_served;
  paid.service_tier = call.service_tier;
  paid.speed = call.speed;
  paid.place = call.place;
  paid.started = call.started;
  paid.usage = call.usage;
  paid.usage.cost_usd.reset();
  Cost with = pricing.price(paid);
  Usage& usage = paid.usage;
  std::int64_t written = take(usage.cache_write_5m, lost);
  written += take(usage.cache_write_1h, lost - written);
  if (usage.cache_write) *usage.cache_write -= std::min(count(usage.cache_write), written);
  std::int64_t moved = written + take(usage.input_fresh, lost - written);
  usage.cache_read = count(usage.cache_read) + moved;
  Cost without = pricing.price(paid);
  if (!with.amount || !without.amount) return 0;
  return std::max<PicoUsd>(0, *with.amount - *without.amount);
}

}  // namespace weir::llm
