#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "http/content/coding.h"

namespace weir::http::content {
namespace {

// As inflateInit2 names them.
constexpr int kWindowBits = 15;
constexpr int kGzip = kWindowBits + 16;
constexpr int kRaw = -kWindowBits;

class Inflate : public Coding {
 public:
  explicit Inflate(int format) : ready_(inflateInit2(&stream_, format) == Z_OK) {}
  ~Inflate() override {
    if (ready_) inflateEnd(&stream_);
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

 protected:
  enum class Status { good, end, bad };
  Status inflate_into(std::string_view in, std::span<char> out, Step& step) {
    if (!ready_) return Status::bad;
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min(in.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), kMost));
    int status = inflate(&stream_, Z_NO_FLUSH);
    step.consumed = reinterpret_cast<const char*>(stream_.next_in) - in.data();
    step.produced = reinterpret_cast<char*>(stream_.next_out) - out.data();
    inside_ = status != Z_STREAM_END;
    if (status == Z_STREAM_END) return Status::end;
    return status == Z_OK || status == Z_BUF_ERROR ? Status::good : Status::bad;
  }

  z_stream stream_{};
  bool ready_;
};

class Gzip final : public Inflate {
 public:
  Gzip() : Inflate(kGzip) {}

  Step step(std::string_view in, std::span<char> out) override {
    if (garbage_) return leave_out(in);
    if (between_) {
      if (in.empty()) return {};
      if (in.front() != '\x1F') return leave_out(in);  // padding, or what some servers leave behind
      inflateReset(&stream_);                          // keeps the window, counts from 0 again
      between_ = false;
    }
    Step step;
    switch (inflate_into(in, out, step)) {
      case Status::good: break;
      case Status::end: later_ = between_ = true; break;
      case Status::bad:
        // Refused for its magic number, it never was a member.
        step.good = later_ && stream_.total_in <= 2;
        if (!step.good) break;
        inside_ = false;
        return leave_out(in);
    }
    return step;
  }

 private:
  bool between_ = false;  // a member has ended
  bool later_ = false;    // this is not the first member
};

class Deflate final : public Inflate {
 public:
  Deflate() : Inflate(kWindowBits) {}

  Step step(std::string_view in, std::span<char> out) override {
    if (ended_) return leave_out(in);
    std::size_t taken = std::min(in.size(), head_.size() - head_size_);
    std::copy_n(in.begin(), taken, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
    head_size_ += taken;
    if (head_size_ < head_.size()) {
      inside_ = head_size_ > 0;
      return {.consumed = taken};
    }
    if (taken > 0 && !wrapped()) inflateReset2(&stream_, kRaw);
    bool from_head = head_done_ < head_.size();
    Step step;
    Status status = inflate_into(from_head ? rest_of_head() : in, out, step);
    ended_ = status == Status::end;
    step.good = status != Status::bad;
    if (from_head) {
      head_done_ += step.consumed;
      step.consumed = taken;
      if (ended_ && head_done_ < head_.size()) garbage_ = true;
    }
    return step;
  }

 private:
  // RFC 1950 section 2.2. Bare deflate can begin like this only with a stored block whose padding bits are
  // set, which no encoder writes.
  bool wrapped() const {
    unsigned first = static_cast<unsigned char>(head_[0]);
    unsigned second = static_cast<unsigned char>(head_[1]);
    return (first & 0x0F) == Z_DEFLATED && (first >> 4) <= 7 && (first * 256 + second) % 31 == 0;
  }
  std::string_view rest_of_head() const { return std::string_view(head_).substr(head_done_); }

  std::string head_ = std::string(2, '\0');  // the first two bytes, which tell the formats apart
  std::size_t head_size_ = 0;
  std::size_t head_done_ = 0;  // bytes of them that were decoded
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Coding> make_gzip() { return std::make_unique<Gzip>(); }
std::unique_ptr<Coding> make_deflate() { return std::make_unique<Deflate>(); }

}  // namespace weir::http::content
