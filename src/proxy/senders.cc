#include "proxy/senders.h"

#include <utility>

#include "flow/process.h"

namespace weir::proxy {
namespace {

std::shared_ptr<const Process> unknown(const char* why) {
  return std::make_shared<const Process>(Process{.unknown = why});
}

}  // namespace

Senders::~Senders() { tell_waiting(); }

void Senders::ask(flow::ConnectionId id, ClientFinder& finder, const std::string& from,
                  const std::string& to) {
  auto state = std::make_shared<State>(loop());
  state->finder = &finder;
  bool asked = finder.find(from, to, [this, state](std::shared_ptr<const Process> process) mutable {
    loop().post([this, state = std::move(state), process = std::move(process)]() mutable {
      settle(*state, std::move(process));
    });
  });
  if (!asked) settle(*state, unknown("too many connections came at once"));
  known_[id] = std::move(state);
}

void Senders::set(flow::ConnectionId id, std::shared_ptr<const Process> process) {
  auto state = std::make_shared<State>(loop());
  settle(*state, std::move(process));
  known_[id] = std::move(state);
}

void Senders::share(flow::ConnectionId inner, flow::ConnectionId outer) {
  if (auto found = known_.find(outer); found != known_.end()) known_[inner] = std::shared_ptr(found->second);
  if (auto found = devices_.find(outer); found != devices_.end())
    devices_.insert_or_assign(inner, std::string(found->second));
}

std::shared_ptr<const Process> Senders::of(flow::ConnectionId id) const {
  auto found = known_.find(id);
  return found == known_.end() ? nullptr : found->second->process;
}

async::Task<void> Senders::name_when_known(flow::Flow& flow) {
  if (auto found = known_.find(flow.client_connection); found != known_.end() && !found->second->process) {
    auto state = found->second;  // the connection may end meanwhile
    co_await state->known.wait(loop().now() + kPatience);
  }
  name(flow);
}

async::Task<std::shared_ptr<const Process>> Senders::inspected(flow::ConnectionId id) {
  auto found = known_.find(id);
  if (found == known_.end()) co_return nullptr;
  auto state = found->second;
  TimePoint until = loop().now() + kInspectionPatience;
  co_await state->known.wait(until);
  bool worth = state->process && state->process->pid != 0 && state->process->tls_libraries.empty();
  if (worth && !std::exchange(state->inspecting, true)) inspect(state);
  if (state->inspecting) co_await state->inspected.wait(until);
  co_return state->process;
}

void Senders::inspect(const std::shared_ptr<State>& state) {
  bool asked = state->finder != nullptr &&
               state->finder->inspect(state->process, [this, state](std::shared_ptr<const Process> process) {
                 loop().post([state, process = std::move(process)]() mutable {
                   state->process = std::move(process);
                   state->inspected.set();
                 });
               });
  if (!asked) state->inspected.set();
}

void Senders::name(flow::Flow& flow) const {
  set_sender(flow, of(flow.client_connection));
  if (auto found = devices_.find(flow.client_connection); found != devices_.end())
    flow.device = found->second;
}

void Senders::close(std::unique_ptr<flow::Flow> flow) {
  auto found = known_.find(flow->client_connection);
  if (found == known_.end() || found->second->process) {
    name(*flow);
    return sink_.closed(std::move(flow));
  }
  name(*flow);
  waiting_.push_back({std::move(flow), found->second, loop().now() + kPatience});
  waiting_bytes_ += waiting_.back().bytes();
  while (waiting_.size() > kMostWaiting || waiting_bytes_ > most_waiting_bytes_) tell_oldest();
  if (!waiting_.empty() && !armed()) schedule(waiting_.front().until);
}

void Senders::settle(State& state, std::shared_ptr<const Process> process) {
  state.process = std::move(process);
  state.known.set();
  std::deque<Waiting> rest;
  for (Waiting& each : std::exchange(waiting_, {}))
    each.state.get() == &state ? tell(std::move(each)) : rest.push_back(std::move(each));
  waiting_ = std::move(rest);
}

void Senders::tell(Waiting waiting) {
  auto process = waiting.state->process;
  waiting_bytes_ -= waiting.bytes();
  flow::set_sender(*waiting.flow, process ? process : unknown("not found in time"));
  sink_.closed(std::move(waiting.flow));
}

void Senders::tell_oldest() {
  Waiting oldest = std::move(waiting_.front());
  waiting_.pop_front();
  tell(std::move(oldest));
}

void Senders::tell_waiting() {
  for (Waiting& each : std::exchange(waiting_, {})) tell(std::move(each));
}

void Senders::fire() {
  while (!waiting_.empty() && waiting_.front().until <= loop().now()) tell_oldest();
  if (!waiting_.empty()) schedule(waiting_.front().until);
}

}  // namespace weir::proxy
