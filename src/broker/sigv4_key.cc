#include "broker/sigv4_key.h"

#include <string.h>

#include "broker/sigv4_canonical.h"

namespace weir::broker {
namespace {

std::string_view view(const Sha256& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void zero_key(Sha256& key) { ::explicit_bzero(key.data(), key.size()); }

}  // namespace

AwsSigningKey::AwsSigningKey(std::string_view secret, std::string_view day, std::string_view region,
                             std::string_view service) {
  SecretText first;
  first.add("AWS4").add(secret);
  key_ = hmac_sha256(first.view(), day);
  for (std::string_view step : {region, service, std::string_view("aws4_request")}) {
    Sha256 next = hmac_sha256(view(key_), step);
    key_ = next;
    zero_key(next);
  }
}

AwsSigningKey::AwsSigningKey(AwsSigningKey&& other) noexcept : key_(other.key_) { zero_key(other.key_); }

AwsSigningKey& AwsSigningKey::operator=(AwsSigningKey&& other) noexcept {
  if (this == &other) return *this;
  key_ = other.key_;
  zero_key(other.key_);
  return *this;
}

AwsSigningKey::~AwsSigningKey() { zero_key(key_); }

std::string AwsSigningKey::sign(std::string_view string_to_sign) const {
  return hex(view(hmac_sha256(view(key_), string_to_sign)));
}

std::string hex_sha256(std::string_view text) { return hex(view(sha256(text))); }

}  // namespace weir::broker
