#include "broker/aws_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::broker {
namespace {

using testing::HasSubstr;

const std::string kZeros(64, '0');

// As after the head of the examples in the documentation of S3.
AwsSeed seed(std::string signature) {
  return {AwsSigningKey("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3"),
          "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", std::move(signature)};
}

constexpr const char* kSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
constexpr const char* kTrailerSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";

std::string chunk(const std::string& size, const std::string& signature, const std::string& data) {
  return size + ";chunk-signature=" + signature + "\r\n" + data + "\r\n";
}

struct Outcome {
  std::string out, error;
  bool finished = false;
  bool operator==(const Outcome&) const = default;
};

Outcome sign(const std::vector<std::string_view>& parts, bool trailer = false) {
  AwsChunkSigner signer(seed(trailer ? kTrailerSeed : kSeed), trailer);
  Outcome outcome;
  for (std::string_view part : parts) {
    if (auto fed = signer.feed(part, outcome.out); !fed) {
      outcome.error = fed.error().message();
      EXPECT_EQ(fed.error().code(), Code::bad_chunk);
      return outcome;
    }
  }
  outcome.finished = signer.finished();
  EXPECT_EQ(signer.end().has_value(), outcome.finished);
  return outcome;
}

TEST(AwsChunks, SignsTheExampleOfS3) {
  const std::string large(65536, 'a'), small(1024, 'a');
  std::string body = chunk("10000", kZeros, large) + chunk("400", kZeros, small) + chunk("0", kZeros, "");
  Outcome signed_again = sign({body});
  EXPECT_EQ(signed_again.out,
            chunk("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", large) +
                chunk("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", small) +
                chunk("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", ""));
  EXPECT_TRUE(signed_again.finished);
  EXPECT_EQ(signed_again.out.size(), body.size());
}

TEST(AwsChunks, SignsTheExampleOfS3WithATrailer) {
  const std::string large(65536, 'a'), small(1024, 'a'), trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\n";
  std::string body = chunk("10000", kZeros, large) + chunk("400", kZeros, small) +
                     "0;chunk-signature=" + kZeros + "\r\n" + trailer + "x-amz-trailer-signature:" + kZeros +
                     "\r\n\r\n";
  Outcome signed_again = sign({body}, true);
  EXPECT_EQ(signed_again.out,
            chunk("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", large) +
                chunk("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", small) +
                "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
                trailer +
                "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
                "\r\n\r\n");
  EXPECT_TRUE(signed_again.finished);
}

TEST(AwsChunks, IsTheSameHoweverItIsCut) {
  const std::string body = chunk("3", kZeros, "a\r\n") + chunk("00A", kZeros, "0123456789") +
                           "0;chunk-signature=" + kZeros +
                           "\r\nB-c: 2\r\nB:1 \r\nX-Amz-Trailer-Signature:" + kZeros + "\r\n\r\n";
  const Outcome whole = sign({body}, true);
  ASSERT_TRUE(whole.finished) << whole.error;
  EXPECT_EQ(whole.out.size(), body.size());
  EXPECT_THAT(whole.out, HasSubstr("\r\n00A;chunk-signature="));
  EXPECT_THAT(whole.out, HasSubstr("\r\nB-c: 2\r\nB:1 \r\nX-Amz-Trailer-Signature:"));
  for (std::size_t i = 0; i <= body.size(); ++i)
    for (std::size_t j = i; j <= body.size(); j += 7) {
      std::string_view text = body;
      ASSERT_EQ(sign({text.substr(0, i), text.substr(i, j - i), text.substr(j)}, true), whole)
          << i << " " << j;
    }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < body.size(); ++i) bytes.push_back(std::string_view(body).substr(i, 1));
  EXPECT_EQ(sign(bytes, true), whole);
}

TEST(AwsChunks, SignsTrailersInTheOrderOfTheirNames) {
  auto signature = [](const std::string& trailers) {
    std::string out = sign({"0;chunk-signature=" + kZeros + "\r\n" + trailers +
                            "x-amz-trailer-signature:" + kZeros + "\r\n\r\n"},
                           true)
                          .out;
    return out.substr(out.size() - 68);
  };
  EXPECT_EQ(signature("b:1\r\nb-c:2\r\n"), signature("B-C: 2\r\nB:\t1\r\n"));
  EXPECT_NE(signature("b:1\r\nb-c:2\r\n"), signature("b:2\r\nb-c:1\r\n"));
}

TEST(AwsChunks, GivesOutNothingOfAChunkThatIsNotWhole) {
  AwsChunkSigner signer(seed(kSeed), false);
  std::string out;
  ASSERT_TRUE(signer.feed("5;chunk-signature=" + kZeros + "\r\nabcd", out));
  EXPECT_EQ(out, "");
  auto end = signer.end();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), Code::body_incomplete);
  ASSERT_TRUE(signer.feed("e", out));
  EXPECT_THAT(out, testing::EndsWith("\r\nabcde"));
}

TEST(AwsChunks, EveryBodyThatIsCutShortIsIncomplete) {
  const std::string body = chunk("3", kZeros, "abc") + "0;chunk-signature=" + kZeros + "\r\na:1\r\n" +
                           "x-amz-trailer-signature:" + kZeros + "\r\n\r\n";
  for (std::size_t i = 0; i < body.size(); ++i) {
    Outcome outcome = sign({std::string_view(body).substr(0, i)}, true);
    EXPECT_EQ(outcome.error, "") << i;
    EXPECT_FALSE(outcome.finished) << i;
  }
}

TEST(AwsChunks, RefusesWhatIsNotWrittenSo) {
  struct Row {
    std::string body;
    bool trailer;
    std::string_view why;
  };
  const std::string last = "0;chunk-signature=" + kZeros + "\r\n", end = "x-amz-trailer-signature:" + kZeros;
  const std::vector<Row> rows = {
      {"\r\n", false, "SIZE;chunk-signature="},
      {"3\r\nabc\r\n", false, "SIZE;chunk-signature="},
      {"3;chunk-signature=\r\n", false, "SIZE;chunk-signature="},
      {"3;chunk-signature=" + kZeros.substr(1) + "g\r\n", false, "SIZE;chunk-signature="},
      {"3;chunk-signature=" + kZeros + "0\r\n", false, "SIZE;chunk-signature="},
      {"3;CHUNK-SIGNATURE=" + kZeros + "\r\n", false, "SIZE;chunk-signature="},
      {"3;a=b;chunk-signature=" + kZeros + "\r\n", false, "SIZE;chunk-signature="},
      {";chunk-signature=" + kZeros + "\r\n", false, "a size that is not"},
      {"0x3;chunk-signature=" + kZeros + "\r\n", false, "a size that is not"},
      {"-3;chunk-signature=" + kZeros + "\r\n", false, "a size that is not"},
      {" 3;chunk-signature=" + kZeros + "\r\n", false, "a size that is not"},
      {"000000003;chunk-signature=" + kZeros + "\r\n", false, "longer than what belongs there"},
      {std::string(200, '1'), false, "longer than what belongs there"},
      {"3;chunk-signature=" + kZeros + "\nabc", false, "does not end in CR LF"},
      {"1000001;chunk-signature=" + kZeros + "\r\n", false, "a chunk of 16777217 bytes"},
      {"FFFFFFFF;chunk-signature=" + kZeros + "\r\n", false, "a chunk of 4294967295 bytes"},
      {"3;chunk-signature=" + kZeros + "\r\nabcd", false, ""},
      {"3;chunk-signature=" + kZeros + "\r\nabcd\r\n", false, "longer than what belongs there"},
      {"3;chunk-signature=" + kZeros + "\r\nabcd\n", false, "does not end in CR LF"},
      {last + end + "\r\n\r\n", false, "longer than what belongs there"},
      {last + "\r\nx", false, "bytes after its end"},
      {last + "\r\n", true, "a trailer without"},
      {last + "a:1\r\n\r\n", true, "a trailer without"},
      {last + "a\r\n", true, "a trailer that is no field"},
      {last + ":1\r\n", true, "a trailer that is no field"},
      {last + "a b:1\r\n", true, "a trailer that is no field"},
      {last + "a:1\r2\r\n", true, "a trailer that is no field"},
      {last + "a:1\n", true, "does not end in CR LF"},
      {last + end.substr(0, end.size() - 1) + "\r\n", true, "x-amz-trailer-signature is not"},
      {last + end + "\r\na:1\r\n", true, "longer than what belongs there"},
      {last + end + "\r\n\r\nx", true, "bytes after its end"},
      {last + "a:" + std::string(5000, 'x'), true, "longer than what belongs there"},
  };
  for (const Row& row : rows) {
    Outcome outcome = sign({row.body}, row.trailer);
    if (row.why.empty())
      EXPECT_EQ(outcome.error, "") << row.body;
    else
      EXPECT_THAT(outcome.error, HasSubstr(row.why)) << row.body;
  }
  std::string many = last;
  for (int i = 0; i < 9; ++i) many += "a:" + std::string(2000, 'x') + "\r\n";
  EXPECT_THAT(sign({many}, true).error, HasSubstr("a trailer of more than 16384 bytes"));
}

TEST(AwsChunks, StaysBroken) {
  AwsChunkSigner signer(seed(kSeed), false);
  std::string out;
  EXPECT_FALSE(signer.feed("x\r\n", out));
  EXPECT_FALSE(signer.feed(chunk("0", kZeros, ""), out));
  EXPECT_FALSE(signer.finished());
  EXPECT_FALSE(signer.end());
}

TEST(AwsChunks, TakesTheLargestChunk) {
  const std::string data(AwsChunkSigner::kMostChunk, 'x');
  const std::string body = chunk("1000000", kZeros, data) + chunk("0", kZeros, "");
  Outcome outcome = sign({std::string_view(body).substr(0, 5 << 20), std::string_view(body).substr(5 << 20)});
  EXPECT_TRUE(outcome.finished) << outcome.error;
  EXPECT_EQ(outcome.out.size(), body.size());
}

}  // namespace
}  // namespace weir::broker
