// AWS Signature Version 4: reads how a client signed its request with a placeholder, and signs it in the same
// way with the real keys. docs/formats/aws-signatures.md has the format. Pure; for any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/sigv4_key.h"
#include "http/message.h"

namespace weir::broker {

/// How a request is signed, by its own words. Nothing of it is proven.
struct AwsSignature {
  /// Where the signature stands: in the Authorization field, or in the query (a presigned URL).
  enum class Place : std::uint8_t { field, query };
  /// What is signed of the body: what the head says of it (a hash, or that it is not signed), its hash, which
  /// the head does not say, or chunk by chunk (aws_chunks.h).
  enum class Payload : std::uint8_t { stated, needed, chunks, chunks_and_trailer };

  Place place = Place::field;
  Payload payload = Payload::needed;
  std::string access_key_id;
  std::string time;  ///< "20130524T000000Z"
  std::string region, service;
  std::vector<std::string> signed_fields;  ///< lower case, in ascending order
  std::string signature;                   ///< 64 hexadecimal digits
  std::string payload_hash;                ///< as the head says it; empty where it is needed

  std::string scope() const;  ///< "20130524/us-east-1/s3/aws4_request"
  bool is_s3() const;         ///< signed by the rules of S3, which differ (docs/formats/aws-signatures.md)
};

/// Views must outlive the call they are for.
struct AwsKeys {
  std::string_view access_key_id, secret;
  std::string_view session_token;  ///< empty: these are no temporary keys
};

/// Nothing for a request that is not signed so. Errors: bad_request for what is no such signature,
/// placeholder_leak for a kind of it that cannot be made again (Signature Version 4a, signed event streams).
/// An error says nothing about whose keys the request was signed with: it is the caller who knows whether
/// a placeholder is in it.
Result<std::optional<AwsSignature>> read_aws_signature(const http::RequestHead& head);

/// Replaces signature, access key id and session token in `head`, which must be as it will be sent on, and
/// lets them be secrets there. `how` is what read_aws_signature said of it. `body_hash` (hexadecimal SHA-256
/// of the whole body) is for Payload::needed alone. Fields of one connection are no longer signed; of the
/// others those that the client signed. The outcome is for AwsChunkSigner where how.payload is chunks. Errors
/// leave `head` as it was: bad_request where the head lacks a signed field, credential_failed for keys that
/// no request can hold, internal where there is no hash.
Result<AwsSeed> sign_again(http::RequestHead& head, const AwsSignature& how, const AwsKeys& keys,
                           std::string_view body_hash = {});

/// Whether the signature of `head` was made with `secret`. For a head as it came: one that was changed since
/// is not what the client signed. internal where there is no hash.
Result<bool> verify(const http::RequestHead& head, const AwsSignature& how, std::string_view secret,
                    std::string_view body_hash = {});

}  // namespace weir::broker
