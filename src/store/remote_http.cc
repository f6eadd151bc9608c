#include "store/remote_http.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/ascii.h"
#include "base/wipe_freed.h"
#include "base/wipe_stack.h"

namespace weir::store {
namespace {

constexpr int kLookMs = 100;  // how late a deadline is noticed that was moved forward
constexpr std::chrono::milliseconds kLongestWait{300'000};
constexpr std::size_t kLongestAnswer = 1 << 20, kKeptAnswer = 64 << 10;
constexpr long kContentTooLarge = 413;

std::string gzipped(const std::string& text) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  // With valid settings this fails for want of memory alone.
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

struct Body {
  std::string begin;
  std::size_t size = 0;
};

// A body without end is cut: what matters is at its beginning.
std::size_t take(char* bytes, std::size_t size, std::size_t count, void* to) {
  Body& body = *static_cast<Body*>(to);
  body.begin.append(bytes, std::min(size * count, kKeptAnswer - body.begin.size()));
  body.size += size * count;
  return body.size > kLongestAnswer ? 0 : size * count;
}

// curl's memory: requests and their fields are in it, so what it gives back is overwritten.
void wiping_free(void* at) {
  if (at != nullptr) ::explicit_bzero(at, ::malloc_usable_size(at));
  ::free(at);
}

void* wiping_realloc(void* at, std::size_t size) {
  std::size_t old = at == nullptr ? 0 : ::malloc_usable_size(at);
  if (size <= old && size > 0) return at;
  void* out = ::malloc(size);
  if (out == nullptr) return nullptr;
  if (at != nullptr) std::memcpy(out, at, std::min(old, size));
  wiping_free(at);
  return out;
}

void start_curl() {
  static const CURLcode started =
      ::curl_global_init_mem(CURL_GLOBAL_DEFAULT, ::malloc, wiping_free, wiping_realloc, ::strdup, ::calloc);
  if (started != CURLE_OK) throw std::bad_alloc();  // nothing else can go wrong in it
}

}  // namespace

std::string shown_place(std::string_view url) {
  std::size_t begin = url.find("://");
  if (begin == std::string_view::npos) return "the receiver";
  return std::string(url.substr(0, url.find_first_of("/?#", begin + 3)));
}

void HttpChannel::Free::operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
void HttpChannel::FreeMulti::operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
void HttpChannel::FreeList::operator()(curl_slist* list) const { ::curl_slist_free_all(list); }

HttpChannel::HttpChannel(Options options)
    : options_(std::move(options)),
      place_(shown_place(options_.url)),
      multi_((start_curl(), ::curl_multi_init())) {
  if (!multi_) throw std::bad_alloc();
  make_easy();
}

HttpChannel::~HttpChannel() = default;

void HttpChannel::make_easy() {
  easy_.reset(::curl_easy_init());
  CURL* easy = easy_.get();
  if (easy == nullptr) throw std::bad_alloc();
  ::curl_easy_setopt(easy, CURLOPT_URL, options_.url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_POST, 1L);
  ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options_.method.c_str());
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);  // HPACK's tables keep what they saw
  ::curl_easy_setopt(easy, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());  // "" also hides the environment's
  ::curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a lookup that hangs is nothing to wait for at the end
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  if (!options_.ca.empty()) {
    ::curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca.c_str());
    ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  // A connection that is kept would keep the password of a SOCKS proxy, as the handle does.
  if (!options_.proxy_password.empty()) ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
}

HttpChannel::Fields HttpChannel::show_secrets() {
  WipeFreed wipe;
  auto add = [](List& list, const std::string& line) {
    curl_slist* longer = ::curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)list.release();
    list.reset(longer);
  };
  Fields out;
  for (const auto& [name, before, value] : options_.headers) {
    std::string line = name + ": " + before;
    line += value.reveal();
    // A value that is empty needs another form, or curl takes the field for one to leave out.
    add(out.origin, before.empty() && value.empty() ? name + ";" : line);
  }
  add(out.origin, "Content-Type: " + options_.content_type);
  add(out.origin, "Expect:");
  if (options_.gzip) add(out.origin, "Content-Encoding: gzip");
  ::curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, out.origin.get());
  if (!options_.proxy_authorization.empty())
    add(out.proxy, std::string("Proxy-Authorization: ").append(options_.proxy_authorization.reveal()));
  ::curl_easy_setopt(easy_.get(), CURLOPT_PROXYHEADER, out.proxy.get());
  if (!options_.proxy_password.empty()) {
    ::curl_easy_setopt(easy_.get(), CURLOPT_PROXYUSERNAME, options_.proxy_user.c_str());
    ::curl_easy_setopt(easy_.get(), CURLOPT_PROXYPASSWORD,
                       std::string(options_.proxy_password.reveal()).c_str());
  }
  return out;
}

void HttpChannel::forget_secrets() {
  ::curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, nullptr);
  ::curl_easy_setopt(easy_.get(), CURLOPT_PROXYHEADER, nullptr);
  if (!options_.proxy_password.empty()) make_easy();
  wipe_stack();
}

RemoteDelivery HttpChannel::send(std::span<const RemoteEntry> batch, const RemoteDeadline& deadline) {
  RemoteDelivery out;
  std::string body = options_.body(batch);
  auto answer = request(options_.gzip ? gzipped(body) : body, deadline);
  if (!answer) {
    out.error = answer.error();
    return out;
  }
  if (answer->status >= 200 && answer->status < 300) return taken(answer->text, batch.size());
  if (answer->status == kContentTooLarge && batch.size() > 1)
    return send(batch.first(batch.size() / 2), deadline);
  out.error = Error(Code::io, place_ + " answers " + std::to_string(answer->status));
  if (options_.try_again(answer->status))
    out.wait_at_least = answer->retry_after;
  else
    out.refused = batch.size();
  return out;
}

RemoteDelivery HttpChannel::taken(std::string_view answer, std::size_t entries) const {
  RemoteRefusal refusal = options_.partial ? options_.partial(answer) : RemoteRefusal();
  RemoteDelivery out;
  out.refused = std::min(refusal.entries, entries);
  out.sent = entries - out.refused;
  if (out.refused > 0)
    out.error =
        Error(Code::io, place_ + " took only a part" + (refusal.why.empty() ? "" : ": " + refusal.why));
  return out;
}

Result<HttpChannel::Answer> HttpChannel::request(const std::string& body, const RemoteDeadline& deadline) {
  CURL* easy = easy_.get();
  Body kept;
  Fields fields = show_secrets();
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &kept);
  ::curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  ::curl_multi_add_handle(multi_.get(), easy);
  auto done = transfer(deadline);
  ::curl_multi_remove_handle(multi_.get(), easy);
  Answer answer{.text = std::move(kept.begin)};
  curl_off_t wait = 0;
  ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
  ::curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait);
  answer.retry_after =
      std::min(std::chrono::milliseconds(std::clamp<curl_off_t>(wait, 0, 3600) * 1000), kLongestWait);
  forget_secrets();
  if (!done) return pass(done);
  return answer;
}

Result<> HttpChannel::transfer(const RemoteDeadline& deadline) {
  int running = 1;
  while (running > 0) {
    CURLMcode code = ::curl_multi_perform(multi_.get(), &running);
    if (code == CURLM_OK && running > 0) code = ::curl_multi_poll(multi_.get(), nullptr, 0, kLookMs, nullptr);
    if (code != CURLM_OK) return fail(Code::io, place_ + ": " + ::curl_multi_strerror(code));
    if (running > 0 && steady_now() >= deadline.load())
      return fail(Code::io, place_ + " did not answer before the end");
  }
  int left = 0;
  CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left);
  if (message == nullptr || message->msg != CURLMSG_DONE)
    return fail(Code::internal, place_ + ": a request ended without a result");
  CURLcode result = message->data.result;
  if (result == CURLE_OK || result == CURLE_WRITE_ERROR) return {};  // the latter is take(), which has enough
  return fail(Code::io, place_ + ": " + ::curl_easy_strerror(result));
}

}  // namespace weir::store
