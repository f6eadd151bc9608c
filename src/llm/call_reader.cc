#include "llm/call_reader.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "base/ascii.h"
#include "llm/aws_event_stream.h"
#include "llm/json_array_reader.h"
#include "llm/json_cursor.h"
#include "llm/ndjson_reader.h"
#include "llm/sse_reader.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMaxHeader = 256, kMaxRateLimits = 64;

std::string bounded(std::string_view text) { return JsonString{text.substr(0, kMaxHeader)}.str(kMaxHeader); }

bool is_rate_limit(std::string_view name) {
  for (std::string_view prefix : {"x-ratelimit-", "anthropic-ratelimit-", "x-codex-", "ratelimit"})
    if (name.starts_with(prefix)) return true;
  return name == "retry-after" || name == "retry-after-ms" || name == "x-should-retry";
}

// "claude-cli/2.1.4 (external, cli)" -> claude-cli, 2.1.4
void read_client(std::string_view agent, ModelCall& call) {
  std::string_view product = agent.substr(0, agent.find(' '));
  std::size_t slash = std::min(product.find('/'), product.size());
  call.client = bounded(product.substr(0, slash));
  if (slash < product.size()) call.client_version = bounded(product.substr(slash + 1));
}

std::size_t bucket(Duration gap) {
  using namespace std::chrono_literals;
  constexpr Duration kEdges[] = {10ms, 30ms, 100ms, 300ms, 1s, 3s, 10s};
  return static_cast<std::size_t>(std::ranges::upper_bound(kEdges, gap) - std::begin(kEdges));
}

std::string_view without_leading_space(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

}  // namespace

CallReader::CallReader(Protocol protocol, TimePoint sent)
    : reader_(make_protocol_reader(protocol)), sent_(sent) {
  call_.protocol = protocol;
}

void CallReader::request_head(const http::RequestHead& head) {
  call_.method = head.method;
  call_.path = head.target.substr(0, head.target.find('?'));
  call_.websocket = !head.upgrade.empty();
  for (auto [spelled, value] : head.fields) {
    if (iequals(spelled, "user-agent")) read_client(value, call_);
    for (std::string_view session : {"x-claude-code-session-id", "session_id", "session-id"})
      if (iequals(spelled, session)) call_.session_id = bounded(value);
    if (iequals(spelled, "x-claude-code-agent-id")) call_.agent_id = bounded(value);
    if (iequals(spelled, "x-stainless-retry-count"))
      if (auto count = parse_decimal(value); count && *count <= UINT32_MAX)
        call_.retry_count = static_cast<std::uint32_t>(*count);
  }
}

void CallReader::request_body(std::string_view body, bool cut) {
  call_.request_bytes = body.size();
  if (!body.empty()) call_.request_hash = std::hash<std::string_view>()(body) | 1;
  if (reader_) reader_->request(body, cut, call_);
}

void CallReader::response_head(const http::ResponseHead& head, TimePoint at) {
  call_.status = head.status;
  call_.timing.head = at - sent_;
  for (auto [spelled, value] : head.fields) {
    std::string name = lower(spelled);
    if (name == "content-type") content_type_ = lower(value.substr(0, kMaxHeader));
    for (std::string_view id : {"request-id", "x-request-id", "x-amzn-requestid", "apim-request-id"})
      if (name == id && call_.request_id.empty()) call_.request_id = bounded(value);
    if (name == "x-amzn-errortype") call_.error_type = bounded(value.substr(0, value.find(':')));
    if (is_rate_limit(name) && call_.rate_limits.size() < kMaxRateLimits)
      call_.rate_limits.emplace_back(bounded(name), bounded(value));
  }
  if (reader_) reader_->response_head(head, call_);
}

// By content type, but the first byte knows better: errors come as JSON whatever was promised.
void CallReader::choose_framing(std::string_view beginning) {
  std::string_view type = trim_ows(std::string_view(content_type_).substr(0, content_type_.find(';')));
  std::string_view text = without_leading_space(beginning);
  bool lines = type.contains("ndjson") || type.contains("jsonl") || type.contains("stream+json");
  bool sse = type.contains("event-stream") || text.starts_with("data:") || text.starts_with("event:");
  if (type == "application/vnd.amazon.eventstream")
    source_ = std::make_unique<AwsEventStream>();
  else if (lines && text.starts_with('{'))
    source_ = std::make_unique<NdjsonReader>();
  else if (text.starts_with('['))
    source_ = std::make_unique<JsonArrayReader>();
  else if (sse && !text.starts_with('{'))
    source_ = std::make_unique<SseReader>();
  framing_ = source_ ? Framing::events : Framing::document;
  call_.stream = source_ != nullptr;
}

// Some servers send empty lines to keep a connection alive until they have an answer: nothing is kept of
// them.
void CallReader::sniff(std::string_view chunk, TimePoint at) {
  if (beginning_.empty()) chunk.remove_prefix(std::min(chunk.find_first_not_of(" \t\r\n"), chunk.size()));
  beginning_.append(chunk);
  if (beginning_.size() < kSniff) return;
  choose_framing(std::string_view(beginning_).substr(0, kSniff));
  take_bytes(std::exchange(beginning_, {}), at);
}

void CallReader::content_at(Duration at) {
  CallTiming& timing = call_.timing;
  if (timing.last_token) {
    Duration gap = at - *timing.last_token;
    timing.longest_gap = std::max(timing.longest_gap, gap);
    ++timing.gaps[bucket(gap)];
  } else {
    timing.first_token = at;
  }
  timing.last_token = at;
  ++timing.content_events;
}

void CallReader::take_event(const StreamEvent& event, TimePoint at) {
  if (!call_.timing.first_event) call_.timing.first_event = at - sent_;
  switch (reader_->event(event, call_)) {
    case Progress::other: break;
    case Progress::content: content_at(at - sent_); break;
    case Progress::end: ended_ = true; break;
  }
}

void CallReader::take_events(TimePoint at) {
  for (StreamEvent event; source_->next(event);) take_event(event, at);
}

void CallReader::take_bytes(std::string_view chunk, TimePoint at) {
  if (framing_ == Framing::events) {
    source_->feed(chunk);
    take_events(at);
  } else {
    std::size_t room = kMaxDocument - document_.size();
    document_.append(chunk.substr(0, room));
    document_cut_ = document_cut_ || chunk.size() > room;
  }
}

void CallReader::response_body(std::string_view chunk, TimePoint at) {
  call_.response_bytes += chunk.size();
  if (!reader_) return;
  if (framing_ == Framing::unknown)
    sniff(chunk, at);
  else
    take_bytes(chunk, at);
}

void CallReader::message(std::string_view text, TimePoint at) {
  call_.response_bytes += text.size();
  call_.stream = call_.websocket = true;
  if (call_.status == 0) call_.status = 200;
  if (!call_.timing.head) call_.timing.head = at - sent_;
  framing_ = Framing::events;
  if (reader_) take_event({.data = text}, at);
}

void CallReader::undecodable(std::string_view why) { call_.mark_parse_error(why); }

void CallReader::read_document() {
  std::string_view body = without_leading_space(document_);
  bool failed = call_.status >= 400;
  if (!failed) return reader_->document(body, document_cut_, call_);
  call_.finish = Finish::error;
  if (!read_error(body, call_)) call_.error_message = JsonString{body.substr(0, 1024)}.str(512);
}

ModelCall CallReader::finish(bool complete, TimePoint at) {
  call_.timing.duration = at - sent_;
  if (!beginning_.empty()) {
    choose_framing(beginning_);
    take_bytes(std::exchange(beginning_, {}), at);
  }
  if (source_) {
    source_->finish();
    take_events(at);
    if (!source_->trouble().empty()) call_.mark_parse_error(source_->trouble());
  } else if (framing_ == Framing::document) {
    read_document();
  }
  if (reader_) reader_->finish(call_);
  if (call_.status >= 400) {
    call_.finish = Finish::error;
    if (call_.error_type.empty()) call_.error_type = "http_" + std::to_string(call_.status);
  }
  // Some say no more than a text.
  if (call_.error_type.empty() && !call_.error_message.empty()) call_.error_type = "error";
  // An orderly end after a stop reason is an end, too: not every host sends the protocol's own.
  bool over = complete && (framing_ != Framing::events || call_.finish != Finish::none);
  call_.partial = !ended_ && !over;
  call_.usage.settle();
  return std::move(call_);
}

}  // namespace weir::llm
