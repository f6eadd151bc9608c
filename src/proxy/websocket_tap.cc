#include "proxy/websocket_tap.h"

#include <utility>

namespace weir::proxy {

WebSocketTap::WebSocketTap(Recording& recording, const http::Fields& response, bool wait_for_capture)
    : recording_(recording),
      wait_(wait_for_capture),
      from_client_(Side::client, http::ws::negotiated_extensions(response),
                   recording.recorder().body_limit()),
      from_upstream_(Side::upstream, http::ws::negotiated_extensions(response),
                     recording.recorder().body_limit()) {}

void WebSocketTap::passed(Side from, std::string_view bytes) {
  http::ws::Reader& reader = from == Side::client ? from_client_ : from_upstream_;
  while (auto message = reader.next(bytes)) keep(from, std::move(*message));
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

void WebSocketTap::keep(Side from, http::ws::Message message) {
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
  if (counting_ || kept_ < kKeptBytes) return;
  counting_ = true;
  recording_.mark("messages_truncated");
  from_client_.count_only();
  from_upstream_.count_only();
}

void WebSocketTap::finish() {
  if (auto rest = from_client_.finish()) keep(Side::client, std::move(*rest));
  if (auto rest = from_upstream_.finish()) keep(Side::upstream, std::move(*rest));
  if (!from_client_.broken().empty() || !from_upstream_.broken().empty())
    recording_.mark("websocket_malformed");
}

}  // namespace weir::proxy
