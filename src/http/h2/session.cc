// The library keeps frames, HPACK and the states of streams; what is added here is judgement: limits that it
// does not know, and heads as values.
#include "http/h2/session.h"

#include <malloc.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/ascii.h"

namespace weir::http::h2 {
namespace {

// RFC 9113 section 6.5.2: what a field counts beside its text.
constexpr std::size_t kFieldOverhead = 32;
// A header list this many times over the limit is no mistake but an attack on our time (HPACK bomb).
constexpr std::size_t kBombFactor = 16;
// Frames of acknowledgement that may wait for a peer that does not read; the library gives up beyond.
constexpr std::size_t kMaxQueuedAcks = 500;
constexpr std::size_t kMaxContinuations = 8;
// A frame of the library's, with room to spare.
constexpr std::size_t kMostAtOnce = 20 * 1024;

std::string too_many_continuations() {
  return "a head in more than " + std::to_string(kMaxContinuations) + " CONTINUATION frames";
}

struct Options {
  nghttp2_option* option = nullptr;
  Options() {
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, kMaxQueuedAcks);
    // It counts every piece in which a frame's head comes, so we count ourselves; this is for header blocks
    // that it ignores, and tells nothing of.
    constexpr std::size_t kMaxIgnoredContinuations = 4096;
    nghttp2_option_set_max_continuations(option, kMaxIgnoredContinuations);
    // FloodGuard counts them, with a clock that tests can hold.
    nghttp2_option_set_stream_reset_rate_limit(option, 1 << 20, 1 << 20);
    nghttp2_option_set_no_closed_streams(option, 1);
  }
  ~Options() { nghttp2_option_del(option); }
};

// Memory that is overwritten when it is given back. Requests lie in it, in several copies.
nghttp2_mem* forgetful_memory() {
  static constexpr auto kFree = [](void* memory, void*) {
    if (memory != nullptr) ::explicit_bzero(memory, ::malloc_usable_size(memory));
    ::free(memory);
  };
  static nghttp2_mem memory{
      .mem_user_data = nullptr,
      .malloc = [](std::size_t size, void*) { return ::malloc(size); },
      .free = kFree,
      .calloc = [](std::size_t count, std::size_t size, void*) { return ::calloc(count, size); },
      .realloc = [](void* old, std::size_t size, void*) -> void* {
        void* made = ::malloc(size);
        if (made == nullptr || old == nullptr) return made;
        std::memcpy(made, old, std::min(size, ::malloc_usable_size(old)));
        kFree(old, nullptr);
        return made;
      }};
  return &memory;
}

// A frame's head (RFC 9113 section 4.1) says that its payload is header fields.
bool holds_fields(std::string_view frame) {
  return frame.size() > 9 && (frame[3] == NGHTTP2_HEADERS || frame[3] == NGHTTP2_CONTINUATION);
}

// What must not be put into the tables of HPACK, where a client of another stream could probe for it
// (RFC 7541 section 7.1.3): credentials, and cookies too short to withstand guessing.
bool never_indexed(std::string_view name, std::string_view value) {
  constexpr std::size_t kShortCookie = 20;
  if (iequals(name, "authorization") || iequals(name, "proxy-authorization")) return true;
  return iequals(name, "cookie") && value.size() < kShortCookie;
}

nghttp2_nv pair(std::string_view name, std::string_view value, std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
  auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// A block as the library wants it: names become lower case on the way in, all is copied there.
class Pairs {
 public:
  explicit Pairs(const HeaderBlock& block) {
    pairs_.reserve(block.fields.size() + 5);
    if (block.status != 0) {
      for (std::size_t i = 3, rest = block.status; i-- > 0; rest /= 10)
        status_[i] = static_cast<char>('0' + rest % 10);
      pairs_.push_back(pair(":status", {status_.data(), status_.size()}));
    }
    pseudo(":method", block.method);
    pseudo(":protocol", block.protocol);
    pseudo(":scheme", block.scheme);
    pseudo(":authority", block.authority);
    if (block.secret_path)
      pairs_.push_back(pair(":path", block.path, NGHTTP2_NV_FLAG_NO_INDEX));
    else
      pseudo(":path", block.path);
    fields(block.fields);
  }
  explicit Pairs(const Fields& trailers) { fields(trailers); }

  const nghttp2_nv* data() const { return pairs_.data(); }
  std::size_t size() const { return pairs_.size(); }

 private:
  void pseudo(std::string_view name, std::string_view value) {
    if (!value.empty()) pairs_.push_back(pair(name, value));
  }
  void fields(const Fields& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      Fields::View field = fields[i];
      bool secret = fields.secret(i) || never_indexed(field.name, field.value);
      pairs_.push_back(
          pair(field.name, field.value, secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE));
    }
  }

  std::array<char, 3> status_;
  std::vector<nghttp2_nv> pairs_;
};

// Streams that we must reset because the peer breaks rules on them cost as much as those it resets itself
// (CVE-2025-8671).
bool is_fault_of_peer(ErrorCode reset) {
  return reset != ErrorCode::no_error && reset != ErrorCode::cancel && reset != ErrorCode::internal_error;
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

/// The library's callbacks; a struct, so that they may see the session.
struct Session::Callbacks {
  static Session& self(void* data) { return *static_cast<Session*>(data); }
  static StreamEvents* stream(nghttp2_session* session, StreamId id) {
    return static_cast<StreamEvents*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // Of PRIORITY, which it ignores, and of CONTINUATION the library tells nothing but this.
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* data) {
    Session& me = self(data);
    if (frame->type == NGHTTP2_PRIORITY) me.control(FloodGuard::Control::priority);
    if (frame->type == NGHTTP2_CONTINUATION && ++me.continuations_ > kMaxContinuations)
      me.flooded(too_many_continuations());
    return me.verdict();
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame*, void* data) {
    self(data).block_ = HeaderBlock{};
    self(data).head_open_ = true;
    self(data).continuations_ = 0;
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
    Session& me = self(data);
    HeaderBlock& block = me.block_;
    block.bytes += name_size + value_size + kFieldOverhead;
    if (block.bytes > me.options_.head_bytes || block.fields.size() >= me.options_.fields)
      block.too_large = true;
    if (block.bytes > me.options_.head_bytes * kBombFactor)
      me.flooded("a header list of over " + std::to_string(me.options_.head_bytes * kBombFactor) + " bytes");
    if (block.too_large) return me.verdict();
    if (name_size > 0 && name[0] == ':') {
      take_pseudo(block, text(name, name_size), text(value, value_size));
    } else {
      if (block.fields.empty()) block.fields.reserve(16, 512);
      block.fields.add(text(name, name_size), text(value, value_size));
    }
    return 0;
  }

  // The library has checked which pseudo-fields there may be, and that none comes twice.
  static void take_pseudo(HeaderBlock& block, std::string_view name, std::string_view value) {
    if (name == ":method") {
      block.method = value;
    } else if (name == ":path") {
      block.path = value;
    } else if (name == ":authority") {
      block.authority = value;
    } else if (name == ":scheme") {
      block.scheme = value;
    } else if (name == ":protocol") {
      block.protocol = value;
    } else if (name == ":status" && value.size() == 3) {
      int status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0';
      block.status =
          static_cast<std::uint16_t>(std::max(status, 1));  // 0 is for trailers; "000" is no status
    }
  }

  // Without this the library would leave such a field out and let the message pass.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                            const std::uint8_t*, std::size_t, std::uint8_t, void* data) {
    self(data).problem_ = "a field that is not valid (RFC 9113 section 8.2)";
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& me = self(data);
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    using Control = FloodGuard::Control;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: take_block(session, frame, end, me); break;
      case NGHTTP2_DATA:
        if (frame->hd.length > frame->data.padlen) {
          me.guard_.work();
        } else if (!end) {
          me.control(Control::empty_data);
        }
        if (end) {
          if (StreamEvents* events = stream(session, frame->hd.stream_id)) events->on_end();
        }
        break;
      case NGHTTP2_RST_STREAM: me.counted_reset(); break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
          me.events_.on_pong();
        } else {
          me.control(Control::ping);
        }
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        me.control(Control::settings);
        me.events_.on_settings();
        break;
      case NGHTTP2_WINDOW_UPDATE: me.control(Control::window_update); break;
      case NGHTTP2_GOAWAY:
        me.events_.on_goaway(frame->goaway.last_stream_id, static_cast<ErrorCode>(frame->goaway.error_code));
        break;
      default: break;
    }
    return me.verdict();
  }

  static void take_block(nghttp2_session* session, const nghttp2_frame* frame, bool end, Session& me) {
    me.head_open_ = false;
    StreamId id = frame->hd.stream_id;
    HeaderBlock block = std::exchange(me.block_, {});
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      me.guard_.work();
      StreamEvents* events = me.events_.on_request(id, std::move(block), end);
      nghttp2_session_set_stream_user_data(session, id, events);
      return;
    }
    StreamEvents* events = stream(session, id);
    if (events == nullptr) return;
    if (block.status != 0) {
      me.guard_.work();
      events->on_head(std::move(block));
    } else {
      events->on_trailers(std::move(block));
    }
    if (end) events->on_end();
  }

  static int data_chunk(nghttp2_session* session, std::uint8_t, StreamId id, const std::uint8_t* bytes,
                        std::size_t size, void*) {
    if (StreamEvents* events = stream(session, id)) {
      events->on_data(text(bytes, size));
    } else {
      // Nobody will ever consume it.
      nghttp2_session_consume(session, id, size);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session, StreamId id, std::uint32_t code, void* data) {
    Session& me = self(data);
    StreamEvents* events = stream(session, id);
    if (events == nullptr) return 0;
    ErrorCode why = static_cast<ErrorCode>(code);
    std::string fault;
    if (id == me.reset_by_us_) {
      fault = name(why);
      if (!me.problem_.empty()) fault.append(": ").append(std::exchange(me.problem_, {}));
    }
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    events->on_close(why, fault);
    return 0;
  }

  static int invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int code, void* data) {
    Session& me = self(data);
    if (me.problem_.empty()) me.problem_ = nghttp2_strerror(code);
    if (frame->hd.type == NGHTTP2_HEADERS) me.head_open_ = false;
    bool request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (request && me.role_ == Role::server && stream(session, frame->hd.stream_id) == nullptr)
      me.events_.on_malformed(frame->hd.stream_id, std::exchange(me.problem_, {}));
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Session& me = self(data);
    me.reset_by_us_ = 0;
    if (me.role_ == Role::server && frame->hd.type == NGHTTP2_HEADERS) reset_finished(session, frame->hd);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      me.reset_by_us_ = frame->hd.stream_id;
      if (is_fault_of_peer(static_cast<ErrorCode>(frame->rst_stream.error_code))) me.counted_reset();
    }
    if (frame->hd.type != NGHTTP2_GOAWAY || frame->goaway.error_code == NGHTTP2_NO_ERROR || me.fault_)
      return 0;
    std::string why(name(static_cast<ErrorCode>(frame->goaway.error_code)));
    if (frame->goaway.opaque_data_len > 0)
      why.append(": ").append(text(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
    me.fault_ = me.failure(why);
    return 0;
  }

  // What finish() waited for.
  static void reset_finished(nghttp2_session* session, const nghttp2_frame_hd& head) {
    bool whole = (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!whole || stream(session, head.stream_id) != nullptr) return;
    if (nghttp2_session_get_stream_remote_close(session, head.stream_id) == 0)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, head.stream_id, NGHTTP2_NO_ERROR);
  }

  // The library's words may hold any byte of a field's name, and end in its value, which may be a secret.
  static int complain(nghttp2_session*, int, const char* words, std::size_t size, void* data) {
    std::string_view told(words, size);
    std::string& problem = self(data).problem_;
    problem = told.substr(0, told.find(", value: ["));
    std::ranges::replace_if(problem, [](char c) { return c < ' ' || c > '~'; }, '?');
    return 0;
  }

  static ssize_t outflow(nghttp2_session* session, StreamId id, std::uint8_t*, std::size_t room,
                         std::uint32_t* flags, nghttp2_data_source*, void*) {
    StreamEvents* events = stream(session, id);
    if (events == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    auto out = events->outflow();
    if (!out) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    std::size_t size = std::min(room, out->data.size());
    if (!out->last || size < out->data.size()) return static_cast<ssize_t>(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (out->trailers != nullptr && !out->trailers->empty()) {
      Pairs pairs(*out->trailers);
      if (nghttp2_submit_trailer(session, id, pairs.data(), pairs.size()) == 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      // Without bytes and without END_STREAM the library sends no frame, and does not call send_data.
      if (size == 0) events->sent(0);
    }
    return static_cast<ssize_t>(size);
  }

  static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source*, void* data) {
    Session& me = self(data);
    constexpr std::size_t kFrameHead = 9;
    StreamEvents* events = stream(session, frame->hd.stream_id);
    if (events == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    me.out_->append(text(head, kFrameHead));
    me.out_->append(events->outflow()->data.substr(0, size));
    if (size > 0) me.guard_.work();
    events->sent(size);
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* out = nullptr;
      nghttp2_session_callbacks_new(&out);
      nghttp2_session_callbacks_set_on_begin_frame_callback(out, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(out, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(out, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(out, invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(out, frame_received);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(out, data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(out, stream_closed);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(out, invalid_frame);
      nghttp2_session_callbacks_set_on_frame_send_callback(out, frame_sent);
      nghttp2_session_callbacks_set_error_callback2(out, complain);
      nghttp2_session_callbacks_set_send_data_callback(out, send_data);
      return out;
    }();
    return made;
  }
};

void Session::Free::operator()(nghttp2_session* session) const noexcept { nghttp2_session_del(session); }

Session::Session(Role role, const SessionOptions& options, SessionEvents& events, TimePoint now)
    : role_(role), options_(options), events_(events), guard_(options.flood, now), now_(now) {
  static const Options library;
  nghttp2_session* made = nullptr;
  if (role == Role::server)
    nghttp2_session_server_new2(&made, Callbacks::all(), this, library.option);
  else
    nghttp2_session_client_new3(&made, Callbacks::all(), this, library.option, forgetful_memory());
  session_.reset(made);
  introduce();
}

Session::~Session() = default;

void Session::introduce() {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options_.head_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  if (role_ == Role::server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.peer_streams});
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(options_.connection_window));
}

void Session::flooded(std::string what) {
  if (!flood_.empty()) return;
  flood_ = std::move(what);
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

int Session::verdict() const { return flood_.empty() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE; }

void Session::counted_reset() {
  if (guard_.reset(now_)) flooded(guard_.report());
}

void Session::control(FloodGuard::Control kind) {
  if (guard_.control(kind, now_)) flooded(guard_.report());
}

Error Session::failure(std::string_view why) const {
  Code blame = role_ == Role::client ? Code::upstream_bad_response
               : flood_.empty()      ? Code::bad_request
                                     : Code::flood;
  return Error(blame, "HTTP/2: " + (flood_.empty() ? std::string(why) : flood_));
}

Result<void> Session::receive(std::string_view bytes, TimePoint now) {
  now_ = now;
  auto taken = nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                        bytes.size());
  if (taken < 0) {
    int code = static_cast<int>(taken);
    if (code == NGHTTP2_ERR_FLOODED) flooded(guard_.report());
    if (code == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) flooded(too_many_continuations());
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_PROTOCOL_ERROR);
    return Failure(failure(nghttp2_strerror(code)));
  }
  if (!flood_.empty()) return Failure(failure({}));
  return {};
}

bool Session::produce(std::string& out, std::size_t limit) {
  out_ = &out;
  bool secret = unsent_secret_;
  // What growing leaves behind nobody would overwrite.
  if (secret) out.reserve(std::max(out.capacity(), limit + kMostAtOnce));
  while (out.size() < limit) {
    const std::uint8_t* bytes = nullptr;
    auto size = nghttp2_session_mem_send(session_.get(), &bytes);
    // Less than zero is a lack of memory only: the library has no state in which it may not send.
    if (size <= 0) break;
    std::string_view frame = text(bytes, static_cast<std::size_t>(size));
    out.append(frame);
    // It lies in the library's own buffer, which stays as it is until the next frame.
    if (secret && holds_fields(frame)) ::explicit_bzero(const_cast<std::uint8_t*>(bytes), frame.size());
  }
  out_ = nullptr;
  if (out.size() < limit) unsent_secret_ = false;
  return secret;
}

bool Session::has_output() const { return nghttp2_session_want_write(session_.get()) != 0; }
bool Session::wants_input() const { return nghttp2_session_want_read(session_.get()) != 0; }
std::size_t Session::queued() const { return nghttp2_session_get_outbound_queue_size(session_.get()); }

std::optional<StreamId> Session::submit_request(const HeaderBlock& block, bool body, StreamEvents* events) {
  Pairs pairs(block);
  nghttp2_data_provider provider{{}, Callbacks::outflow};
  StreamId stream = nghttp2_submit_request(session_.get(), nullptr, pairs.data(), pairs.size(),
                                           body ? &provider : nullptr, events);
  if (stream < 0) return std::nullopt;
  unsent_secret_ = unsent_secret_ || block.secret_path || block.fields.secret();
  return stream;
}

void Session::submit_response(StreamId stream, const HeaderBlock& block, bool body) {
  Pairs pairs(block);
  nghttp2_data_provider provider{{}, Callbacks::outflow};
  nghttp2_submit_response(session_.get(), stream, pairs.data(), pairs.size(), body ? &provider : nullptr);
}

void Session::submit_interim(StreamId stream, const HeaderBlock& block) {
  Pairs pairs(block);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream, nullptr, pairs.data(), pairs.size(),
                         nullptr);
}

void Session::resume(StreamId stream) { nghttp2_session_resume_data(session_.get(), stream); }

void Session::reset(StreamId stream, ErrorCode why) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, static_cast<std::uint32_t>(why));
}

void Session::finish(StreamId stream) {
  forget(stream);
  if (nghttp2_session_get_stream_local_close(session_.get(), stream) == 1) reset(stream, ErrorCode::no_error);
}

void Session::forget(StreamId stream) {
  nghttp2_session_set_stream_user_data(session_.get(), stream, nullptr);
}

void Session::consume_stream(StreamId stream, std::size_t bytes) {
  nghttp2_session_consume_stream(session_.get(), stream, bytes);
}

void Session::consume_connection(std::size_t bytes) {
  nghttp2_session_consume_connection(session_.get(), bytes);
}

void Session::announce_goaway() {
  nghttp2_submit_shutdown_notice(session_.get());
  ping();
}

void Session::submit_goaway() {
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr,
                        0);
}

void Session::ping() { nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr); }

void Session::terminate(ErrorCode why) {
  nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(why));
}

std::uint32_t Session::peer_max_streams() const {
  return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Session::peer_takes_connect_protocol() const {
  return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

}  // namespace weir::http::h2
