// AwsSigningKey: the key of one day, region and service, which AWS Signature Version 4 signs with.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"

namespace weir::broker {

/// Moves only; zeroed when it goes, and where it has been.
class AwsSigningKey {
 public:
  /// `day` is "20130524".
  AwsSigningKey(std::string_view secret, std::string_view day, std::string_view region,
                std::string_view service);
  AwsSigningKey(AwsSigningKey&& other) noexcept;
  AwsSigningKey& operator=(AwsSigningKey&& other) noexcept;
  ~AwsSigningKey();

  /// 64 hexadecimal digits.
  std::string sign(std::string_view string_to_sign) const;

 private:
  Sha256 key_;
};

/// The lower-case hexadecimal SHA-256 of a text.
std::string hex_sha256(std::string_view text);

/// What chunk signatures go on from: how the head was signed.
struct AwsSeed {
  AwsSigningKey key;
  std::string time;       ///< "20130524T000000Z"
  std::string scope;      ///< "20130524/us-east-1/s3/aws4_request"
  std::string signature;  ///< of what came last
};

}  // namespace weir::broker
