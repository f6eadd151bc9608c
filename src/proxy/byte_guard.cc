// The guard of bytes that nobody here understands.
#include <algorithm>
#include <optional>

#include "proxy/held_bytes.h"
#include "proxy/leak_search.h"
#include "proxy/sniff.h"

namespace weir::proxy {
namespace {

// At once, so that what is held back and looked at again never costs much.
constexpr std::size_t kPart = 64 << 10;

// Of TLS: more than its largest record, a client's first.
constexpr std::size_t kHello = 17 << 10;

class ByteGuard final : public TunnelGuard {
 public:
  explicit ByteGuard(LeakSearch search) : search_(std::move(search)) {}

  Result<Cleared> look(std::string_view& bytes) override;
  std::string_view rest() override { return held_.release_all(); }
  void told_client(std::string_view) override {}
  std::string last_words(const Error&) override { return {}; }

 private:
  LeakSearch search_;
  std::shared_ptr<const broker::Guard> guard_;
  broker::Sieve sieve_;
  HeldBytes held_;
  bool begun_ = false;
  std::optional<std::size_t> left_;  // so many bytes are still to be looked at; nothing: all
};

Result<TunnelGuard::Cleared> ByteGuard::look(std::string_view& bytes) {
  if (!std::exchange(begun_, true) && sniff(bytes) == Protocol::tls) left_ = kHello;
  std::size_t size = std::min({bytes.size(), kPart, left_.value_or(kPart)});
  if (left_ == 0) size = bytes.size();
  std::string_view part = bytes.substr(0, size);
  bytes.remove_prefix(size);
  if (left_ == 0) return held_.release(part, 0);
  if (left_) *left_ -= size;
  if (sieve_.at_rest()) guard_ = search_.secrets.guard();
  auto looked = sieve_.look(*guard_, search_.allowed, part, left_ == 0);
  if (looked.found) return std::unexpected(search_.explain(*looked.found));
  return held_.release(part, looked.held);
}

}  // namespace

std::unique_ptr<TunnelGuard> guard_bytes(LeakSearch search) {
  return std::make_unique<ByteGuard>(std::move(search));
}

}  // namespace weir::proxy
