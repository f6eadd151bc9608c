#include "proxy/websocket_tap.h"

namespace weir::proxy {

WebSocketTap::WebSocketTap(Recording& recording, const http::Fields& response, bool wait_for_capture)
    : recording_(recording),
      wait_(wait_for_capture),
      from_client_(Side::client, http::ws::negotiated_extensions(response), recording.recorder().body_limit()),
      from_upstream_(Side::upstream, http::ws::negotiated_extensions(response),
                     recording.recorder().body_limit()) {}

void WebSocketTap::passed(Side from, std::string_view bytes) {
  http::ws::Reader& reader = from == Side::client ? from_client_ : from_upstream_;
  while (auto message = reader.next(bytes)) keep(from, std::move(*message));
}

void WebSocketTap::keep(Side from, http::ws::Message message) {
  kept_ += message.bytes.size() + kMessageOverhead;
  auto told = std::make_unique<flow::Message>();
  told->flow = recording_.flow().id;
  told->number = ++number_;
  told->time = wall_now();
  told->from_client = from == Side::client;
  told->content = std::move(message);
  recording_.recorder().sink().message(std::move(told));
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
