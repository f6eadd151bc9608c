#include "tests/conformance/crossing.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <charconv>

namespace weir::testing {
namespace {

constexpr std::string_view kWarm = "GET http://a.test/warm HTTP/1.1\r\nHost: a.test\r\n\r\n";
constexpr std::string_view kConnect = "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n";

// All that can be read now; sets `ended` at the end, however it came.
std::string receive(int fd, bool& ended) {
  std::string out;
  char part[16 * 1024];
  while (!ended) {
    ssize_t got = recv(fd, part, sizeof part, 0);
    if (got < 0 && errno == EAGAIN) break;
    ended = got <= 0;
    if (got > 0) out.append(part, static_cast<std::size_t>(got));
  }
  return out;
}

struct Origin {
  UniqueFd fd;
  StrictReader reader = {};
  std::size_t answered = 0;
  bool ended = false;
};

class Run {
 public:
  explicit Run(MemoryStage& stage) : stage_(stage), client_(stage.connect()) {}

  void send_all(std::string_view bytes, std::size_t part) {
    while (!bytes.empty() && !client_ended_) {
      ssize_t sent = send(client_.get(), bytes.data(), std::min(part, bytes.size()), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return;  // refused, and gone already
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      turn();
    }
  }
  void half_close() {
    shutdown(client_.get(), SHUT_WR);
    turn();
  }
  /// Drops what has come to the client by now, and the requests at origins.
  void forget() {
    received_.clear();
    for (Origin& origin : origins_) {
      origin.reader.requests.clear();
      origin.answered = 0;
    }
    while (stage_.closed()) {
    }
  }
  Crossed outcome();
  void close() {
    client_.reset();
    origins_.clear();
    stage_.pass(std::chrono::seconds(3));  // connections that linger
  }

 private:
  // Lets everybody act until nobody has anything left to do.
  void turn() {
    for (bool moved = true; moved;) {
      moved = false;
      while (UniqueFd fd = stage_.accept()) origins_.push_back({std::move(fd)});
      for (Origin& origin : origins_) moved = answer(origin) || moved;
      std::string came = receive(client_.get(), client_ended_);
      moved = moved || !came.empty();
      received_ += came;
    }
  }
  bool answer(Origin& origin) {
    std::string came = receive(origin.fd.get(), origin.ended);
    if (came.empty()) return false;
    origin.reader.feed(came);
    for (; origin.answered < origin.reader.requests.size(); ++origin.answered) {
      const auto& request = origin.reader.requests[origin.answered];
      std::string text = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.target.size());
      if (request.method != "HEAD") text += request.target;
      send(origin.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    return true;
  }
  void read_responses(Crossed& out);

  MemoryStage& stage_;
  UniqueFd client_;
  std::string received_;
  bool client_ended_ = false;
  std::deque<Origin> origins_;
};

// The value of a field in a head of Weir's, by plain search.
std::string_view value_of(std::string_view head, std::string_view name) {
  std::size_t at = head.find(fmt::format("\r\n{}: ", name));
  if (at == std::string_view::npos) return "";
  at += name.size() + 4;
  return head.substr(at, head.find("\r\n", at) - at);
}

void Run::read_responses(Crossed& out) {
  std::string_view rest = received_;
  std::size_t heads = 0;
  while (!rest.empty()) {
    std::size_t end = rest.find("\r\n\r\n");
    if (end == std::string_view::npos || !rest.starts_with("HTTP/1.1 ")) {
      out.got_offence = rest.substr(0, 100);
      return;
    }
    std::string_view head = rest.substr(0, end + 2);
    rest.remove_prefix(end + 4);
    std::string_view length_text = value_of(head, "Content-Length");
    std::size_t length = 0;
    std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
    bool to_head = heads < out.seen.size() && out.seen[heads].starts_with("HEAD ");
    ++heads;
    if (to_head) length = 0;
    if (length > rest.size()) {
      out.got_offence = "a response that is cut";
      return;
    }
    std::string_view code = value_of(head, "X-Weir-Error");
    out.got.push_back(fmt::format("{} {}", head.substr(9, 3), code.empty() ? rest.substr(0, length) : code));
    rest.remove_prefix(length);
  }
}

Crossed Run::outcome() {
  Crossed out;
  for (Origin& origin : origins_) {
    for (const auto& request : origin.reader.requests) {
      out.seen.push_back(request.method + " " + request.target + (request.body.empty() ? "" : " ") +
                         request.body);
      out.hosts.push_back(request.host);
    }
    if (out.offence.empty()) out.offence = origin.reader.error;
    if (!origin.reader.idle() || !origin.reader.requests.empty()) out.silent = false;
    if (!origin.reader.idle()) (origin.ended ? out.cut : out.open) = true;
  }
  read_responses(out);
  out.ended = client_ended_;
  while (auto flow = stage_.closed()) {
    ++out.accounts;
    out.error = info(flow->error).name;
  }
  return out;
}

}  // namespace

Crossed cross(MemoryStage& stage, std::string_view bytes, Manner manner, bool tunnel) {
  Run run(stage);
  if (tunnel) run.send_all(kConnect, kConnect.size());
  if (manner == Manner::after_another) run.send_all(kWarm, kWarm.size());
  run.forget();
  std::size_t part = bytes.size() + kMarker.size();
  if (manner == Manner::byte_by_byte) part = bytes.size() > 4096 ? 997 : 1;
  run.send_all(std::string(bytes).append(kMarker), part);
  run.half_close();
  Crossed out = run.outcome();
  run.close();
  return out;
}

}  // namespace weir::testing
