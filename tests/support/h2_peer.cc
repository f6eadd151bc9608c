#include "tests/support/h2_peer.h"

#include <nghttp2/nghttp2.h>

#include <charconv>

namespace weir::testing {
namespace {

constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kMaxPayload = 16'384;

std::uint32_t number_at(std::string_view text, std::size_t at, int bytes) {
  std::uint32_t out = 0;
  for (int i = 0; i < bytes; ++i)
    out = out << 8 | static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
  return out;
}

std::string told(const h2::Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers) out += fmt::format("\n  {}: {}", name, value);
  return out;
}

std::string told(const H2Frame& frame) {
  constexpr std::string_view kNames[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                         "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                         "WINDOW_UPDATE", "CONTINUATION"};
  std::string out = fmt::format("{} {}{}", frame.type < 10 ? kNames[frame.type] : "?", frame.stream,
                                frame.end() ? " END_STREAM" : "");
  if (frame.type == h2::kRstStream) return out + fmt::format(" code {}", number_at(frame.payload, 0, 4));
  if (frame.type == h2::kGoaway)
    return out +
           fmt::format(" last {} code {}", number_at(frame.payload, 0, 4), number_at(frame.payload, 4, 4));
  if (frame.type == h2::kHeaders) return out + told(frame.headers);
  return out + fmt::format(" of {} bytes: {:?}", frame.payload.size(), frame.payload.substr(0, 200));
}

// ALPN of the origin: h2, which must have been offered.
int choose_h2(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
              unsigned offered_size, void*) {
  static const unsigned char kWanted[] = {2, 'h', '2'};
  unsigned char* chosen = nullptr;
  int how = SSL_select_next_proto(&chosen, size, kWanted, sizeof kWanted, offered, offered_size);
  *out = chosen;
  return how == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

void H2Peer::Free::operator()(nghttp2_hd_inflater* inflater) const noexcept {
  nghttp2_hd_inflate_del(inflater);
}

H2Peer::H2Peer(Playbook& play, Peer& wire, Role role) : play_(play), wire_(wire), role_(role) {
  nghttp2_hd_inflater* made = nullptr;
  nghttp2_hd_inflate_new(&made);
  inflater_.reset(made);
}

H2Peer::~H2Peer() {
  if (!wire_.open() || wire_.broken()) return;
  drain();
  if (strict_ && !frames_.empty()) complain(Where::current(), "no frame more", frames_.front());
}

void H2Peer::complain(const Where& where, const std::string& wanted, const std::optional<H2Frame>& got) {
  wire_.complain(where, fmt::format("expected {}\nbut got {}", wanted, got ? told(*got) : "nothing"));
}

h2::Headers H2Peer::filled(const h2::Headers& headers) const {
  h2::Headers out;
  for (const auto& [name, value] : headers) out.emplace_back(name, play_.stage().fill(value));
  return out;
}

void H2Peer::greets(const h2::Settings& settings, Where where) {
  if (role_ == Role::asks) wire_.sends(h2::kPreface, where);
  if (role_ == Role::serves) wire_.expects(h2::kPreface, where);
  sends(h2::settings(settings), where);
  while (!wire_.broken() && settings_.empty())
    if (!read_frame(true)) return wire_.complain(where, "expected SETTINGS but got nothing");
}

void H2Peer::sends(std::string_view frames, Where where) { wire_.sends(frames, where); }

std::size_t H2Peer::pushes(std::string_view frames) { return wire_.pushes(frames); }

void H2Peer::headers(std::uint32_t stream, const h2::Headers& headers, bool end, Where where) {
  sends(h2::headers(stream, filled(headers), end), where);
}

void H2Peer::data(std::uint32_t stream, std::string_view given, bool end, Where where) {
  std::string text = play_.stage().fill(std::string(given));
  credit_[stream] -= static_cast<std::int64_t>(text.size());
  credit_[0] -= static_cast<std::int64_t>(text.size());
  std::string out;
  for (std::string_view rest = text;; rest.remove_prefix(kMaxPayload)) {
    bool last = rest.size() <= kMaxPayload;
    out += h2::data(stream, rest.substr(0, kMaxPayload), end && last);
    if (last) break;
  }
  sends(out, where);
}

bool H2Peer::read_frame(bool wait) {
  auto whole = [this] {
    return buffer_.size() >= kFrameHead && buffer_.size() >= kFrameHead + number_at(buffer_, 0, 3);
  };
  while (!whole()) {
    std::string came = wire_.takes(wait);
    if (came.empty()) return false;
    buffer_ += came;
  }
  H2Frame frame;
  frame.type = static_cast<std::uint8_t>(buffer_[3]);
  frame.flags = static_cast<std::uint8_t>(buffer_[4]);
  frame.stream = number_at(buffer_, 5, 4);
  frame.payload = buffer_.substr(kFrameHead, number_at(buffer_, 0, 3));
  buffer_.erase(0, kFrameHead + frame.payload.size());
  take(std::move(frame));
  return true;
}

void H2Peer::take_settings(const H2Frame& frame) {
  for (std::size_t at = 0; at + 6 <= frame.payload.size(); at += 6)
    settings_[static_cast<std::uint16_t>(number_at(frame.payload, at, 2))] =
        number_at(frame.payload, at + 2, 4);
  if (answers_) wire_.pushes(h2::settings_ack());
}

void H2Peer::take(H2Frame frame) {
  bool ack = (frame.flags & h2::kAck) != 0;
  switch (frame.type) {
    case h2::kSettings: return ack ? void(++acks_) : take_settings(frame);
    case h2::kWindowUpdate: credit_[frame.stream] += number_at(frame.payload, 0, 4); return;
    case h2::kPing:
      if (ack) return void(++pongs_);
      if (answers_) wire_.pushes(h2::frame(h2::kPing, h2::kAck, 0, frame.payload));
      return;
    case h2::kContinuation:
      open_->payload += frame.payload;
      open_->flags |= frame.flags;
      frame = *std::exchange(open_, std::nullopt);
      break;
    default: break;
  }
  if (frame.type == h2::kHeaders) {
    if ((frame.flags & h2::kEndHeaders) == 0) return void(open_ = std::move(frame));
    inflate(frame);
  }
  frames_.push_back(std::move(frame));
}

void H2Peer::inflate(H2Frame& frame) {
  auto* in = reinterpret_cast<const std::uint8_t*>(frame.payload.data());
  std::size_t left = frame.payload.size();
  for (;;) {
    nghttp2_nv pair;
    int flags = 0;
    auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &pair, &flags, in, left, 1);
    if (used < 0) return wire_.complain(Where::current(), "a header block that is not HPACK");
    in += used;
    left -= static_cast<std::size_t>(used);
    if (flags & NGHTTP2_HD_INFLATE_EMIT)
      frame.headers.emplace_back(std::string(reinterpret_cast<char*>(pair.name), pair.namelen),
                                 std::string(reinterpret_cast<char*>(pair.value), pair.valuelen));
    if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
}

void H2Peer::drain() {
  while (read_frame(false)) {
  }
}

std::optional<H2Frame> H2Peer::next(std::uint32_t stream, Where) {
  if (wire_.broken()) return std::nullopt;
  for (std::size_t at = 0;; ++at) {
    while (at == frames_.size())
      if (!read_frame(true)) return std::nullopt;
    if (frames_[at].stream != stream) continue;
    H2Frame out = std::move(frames_[at]);
    frames_.erase(frames_.begin() + static_cast<std::ptrdiff_t>(at));
    return out;
  }
}

void H2Peer::expects_headers(std::uint32_t stream, const h2::Headers& given, bool end, Where where) {
  if (wire_.broken()) return;
  H2Frame wanted{h2::kHeaders, end ? h2::kEndStream : std::uint8_t{0}, stream, {}, filled(given)};
  auto got = next(stream, where);
  if (!got || told(*got) != told(wanted)) complain(where, told(wanted), got);
}

void H2Peer::expects_data(std::uint32_t stream, std::string_view given, bool end, Where where) {
  if (wire_.broken()) return;
  std::string text = play_.stage().fill(std::string(given));
  std::string came;
  bool ended = false;
  while (!ended && (came.size() < text.size() || end)) {
    auto got = next(stream, where);
    if (!got || got->type != h2::kData)
      return complain(where,
                      fmt::format("DATA on {}{}, of which {} of {} bytes came", stream,
                                  end ? " END_STREAM" : "", came.size(), text.size()),
                      got);
    came += got->payload;
    ended = got->end();
  }
  if (came != text)
    wire_.complain(where,
                   fmt::format("expected DATA {:?}\nbut got {:?}", text.substr(0, 500), came.substr(0, 500)));
  if (ended != end) wire_.complain(where, "the stream ended too early");
}

void H2Peer::expects_reset(std::uint32_t stream, std::uint32_t code, Where where) {
  if (wire_.broken()) return;
  H2Frame wanted{h2::kRstStream, 0, stream, h2::number(code, 4), {}};
  auto got = next(stream, where);
  if (!got || told(*got) != told(wanted)) complain(where, told(wanted), got);
}

void H2Peer::expects_goaway(std::uint32_t code, Where where) {
  if (wire_.broken()) return;
  auto got = next(0, where);
  if (!got || got->type != h2::kGoaway || number_at(got->payload, 4, 4) != code)
    complain(where, fmt::format("GOAWAY code {}", code), got);
}

Answer H2Peer::expects_answer(std::uint32_t stream, Where where) {
  Answer out;
  auto head = next(stream, where);
  if (wire_.broken()) return out;
  if (!head || head->type != h2::kHeaders) {
    complain(where, fmt::format("a response on {}", stream), head);
    return out;
  }
  for (const auto& [name, value] : head->headers) {
    if (name != ":status")
      out.head.fields.add(name, value);
    else
      std::from_chars(value.data(), value.data() + value.size(), out.head.status);
  }
  for (bool ended = head->end(); !ended && !wire_.broken();) {
    auto part = next(stream, where);
    if (!part || part->type > h2::kHeaders)
      complain(where, "the rest of a response", part);
    else if (part->type == h2::kData)
      out.body += part->payload;
    ended = part && part->end();
  }
  return out;
}

void H2Peer::expects_silence(Where where) {
  if (wire_.broken()) return;
  drain();
  if (!frames_.empty()) complain(where, "nothing", frames_.front());
}

void H2Peer::expects_end(Where where) {
  while (read_frame(true)) {
  }
  if (wire_.broken()) return;
  if (strict_ && !frames_.empty()) return complain(where, "the end", frames_.front());
  wire_.expects_end(where);
}

std::string H2Peer::all_data(std::uint32_t stream) {
  drain();
  std::string out;
  std::erase_if(frames_, [&](const H2Frame& frame) {
    if (frame.stream != stream || frame.type != h2::kData || frame.end()) return false;
    out += frame.payload;
    return true;
  });
  return out;
}

std::int64_t H2Peer::window(std::uint32_t stream) {
  drain();
  constexpr std::int64_t kDefault = 65'535;
  std::int64_t begin = stream == 0 ? kDefault : setting(h2::kInitialWindow).value_or(kDefault);
  return begin + credit_[stream];
}

std::optional<std::uint32_t> H2Peer::setting(std::uint16_t id) {
  auto found = settings_.find(id);
  if (found == settings_.end()) return std::nullopt;
  return found->second;
}

void H2Peer::closes() { wire_.closes(); }

Peer& secure_h2_client(Playbook& play) {
  Peer& peer = play.tunnel();
  tls::SslPtr session = play.client_tls();
  SSL_set_alpn_protos(session.get(), reinterpret_cast<const unsigned char*>("\2h2"), 3);
  peer.starts_tls(std::move(session));
  return peer;
}

Peer& secure_h2_upstream(Playbook& play) {
  Peer& peer = play.upstream();
  tls::SslPtr session = play.origin_tls();
  SSL_CTX_set_alpn_select_cb(SSL_get_SSL_CTX(session.get()), choose_h2, nullptr);
  peer.starts_tls(std::move(session));
  return peer;
}

h2::Headers request(const std::string& method, const std::string& path, const h2::Headers& fields,
                    const std::string& authority, const std::string& scheme) {
  h2::Headers out = {{":method", method}, {":scheme", scheme}, {":authority", authority}, {":path", path}};
  out.insert(out.end(), fields.begin(), fields.end());
  return out;
}

}  // namespace weir::testing
