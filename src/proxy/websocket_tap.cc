#include "proxy/websocket_tap.h"

#include <algorithm>
#include <utility>

namespace weir::proxy {
namespace {

bool is_data(const http::ws::Message& message) {
  return message.opcode == http::ws::Opcode::text || message.opcode == http::ws::Opcode::binary;
}

// What is kept of a message is for the record, and for who looks on.
std::size_t limit(const Recording& recording, bool shown) {
  std::size_t recorded = recording.recorder().body_limit();
  return shown ? std::max(recorded, Onlooker::kMostMessage) : recorded;
}

}  // namespace

WebSocketTap::WebSocketTap(Recording& recording, const http::Fields& response, bool wait_for_capture,
                           Onlooker* onlooker)
    : recording_(recording),
      onlooker_(onlooker),
      wait_(wait_for_capture),
      from_client_(Side::client, http::ws::negotiated_extensions(response),
                   limit(recording, onlooker != nullptr)),
      from_upstream_(Side::upstream, http::ws::negotiated_extensions(response),
                     limit(recording, onlooker != nullptr)) {}

void WebSocketTap::passed(Side from, std::string_view bytes) {
  http::ws::Reader& reader = from == Side::client ? from_client_ : from_upstream_;
  while (auto message = reader.next(bytes)) take(from, std::move(*message));
  charge(reader);
}

void WebSocketTap::charge(http::ws::Reader& reader) {
  std::uint64_t held = from_client_.held() + from_upstream_.held();
  if (held > charged_ && !recording_.hold(held - charged_)) {
    reader.let_go();
    held = from_client_.held() + from_upstream_.held();
  } else if (held > charged_) {
    charged_ = held;
  }
  if (held < charged_) recording_.release(std::exchange(charged_, held) - held);
}

void WebSocketTap::take(Side from, http::ws::Message message) {
  if (onlooker_ != nullptr && is_data(message)) show(from, message);
  // Where nobody looks on the reader itself leaves out what is not kept.
  if (counting_ && message.opcode != http::ws::Opcode::close) return void(++number_);
  keep(from, std::move(message));
}

void WebSocketTap::show(Side from, const http::ws::Message& message) {
  if (recording_.flow().process.empty()) recording_.recorder().senders().name(recording_.flow());
  onlooker_->message(recording_.flow(), from, message, steady_now());
}

void WebSocketTap::keep(Side from, http::ws::Message message) {
  if (std::size_t most = recording_.recorder().body_limit();
      message.bytes.size() > most && is_data(message)) {
    message.bytes.resize(most);
    message.truncated = true;
  }
  kept_ += message.bytes.size() + kMessageOverhead;
  auto told = std::make_unique<flow::Message>();
  told->flow = recording_.flow().id;
  // What was only counted has its numbers, too: the record shows the gap.
  auto counted = from_client_.counted() + from_upstream_.counted();
  told->number = static_cast<std::uint32_t>(++number_ + counted);
  told->time = wall_now();
  told->from_client = from == Side::client;
  told->content = std::move(message);
  recording_.tell(std::move(told));
  if (!counting_ && kept_ >= kKeptBytes) stop_keeping();
}

void WebSocketTap::stop_keeping() {
  counting_ = true;
  recording_.mark("messages_truncated");
  if (onlooker_ != nullptr) return;
  from_client_.count_only();
  from_upstream_.count_only();
}

void WebSocketTap::finish() {
  if (auto rest = from_client_.finish()) take(Side::client, std::move(*rest));
  if (auto rest = from_upstream_.finish()) take(Side::upstream, std::move(*rest));
  if (!from_client_.broken().empty() || !from_upstream_.broken().empty())
    recording_.mark("websocket_malformed");
}

}  // namespace weir::proxy
