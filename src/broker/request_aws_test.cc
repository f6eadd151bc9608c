#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/request.h"
#include "broker/request_fixture.h"

namespace weir::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string signed_with(const std::string& id) {
  return "AWS4-HMAC-SHA256 Credential=" + id +
         "/20130524/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
         std::string(64, 'a');
}
const Field kDate = {"X-Amz-Date", "20130524T000000Z"};

std::string presigned(const std::string& id) {
  return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + id +
         "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&"
         "X-Amz-Signature=" +
         std::string(64, 'a');
}

TEST_F(RequestTest, ASignatureWithAPlaceholderIsToBeMadeAgain) {
  for (const http::RequestHead& head :
       {request("https://s3.aws.test/", {{"Authorization", signed_with(kPlaceholders[kAws])}, kDate}),
        request("https://s3.aws.test/b/k?" + presigned(kPlaceholders[kAws]), {})}) {
    auto plan = judge(bindings_, guard_, head, head.origin);
    ASSERT_TRUE(plan) << plan.error().message();
    ASSERT_TRUE(plan->aws);
    EXPECT_EQ(plan->aws->binding, kAws);
    EXPECT_EQ(plan->aws->signature.access_key_id, kPlaceholders[kAws]);
    EXPECT_THAT(plan->used, IsEmpty()) << "it is not spoken";
    EXPECT_TRUE(plan->allowed.has({kAws, What::secret}));
  }
}

TEST_F(RequestTest, ASignatureInAWrongPlace) {
  const std::string& id = kPlaceholders[kAws];
  const std::string authorization = signed_with(id);
  struct Row {
    std::string url;
    FieldList fields;
    std::string says;
  };
  for (const Row& row : std::vector<Row>{
           {"https://evil.test/",
            {{"Authorization", authorization}, kDate},
            "placeholder_leak: the placeholder of \"aws\" in the field Authorization of a request to "
            "https://evil.test; it belongs in the signature of requests to *.aws.test, over https"},
           {"http://s3.aws.test/", {{"Authorization", authorization}, kDate}, "placeholder_leak: "},
           {"https://aws.test/", {{"Authorization", authorization}, kDate}, "placeholder_leak: "},
           {"https://evil.test/?" + presigned(id), {}, "in the URL"},
           {"https://s3.aws.test/", {{"Authorization", "Bearer " + id}}, "in the field Authorization"},
           {"https://s3.aws.test/",
            {{"Authorization", "Basic " + base64(id + ":x")}},
            "in the field Authorization"},
           {"https://s3.aws.test/", {{"X-Other", authorization}, kDate}, "in the field X-Other"},
           {"https://s3.aws.test/" + id, {}, "in the URL"},
           // Broken: it cannot be made again, and does not go as it is.
           {"https://s3.aws.test/", {{"Authorization", authorization}}, "bad_request: AWS signature: "},
           {"https://s3.aws.test/", {{"Authorization", authorization + "x"}, kDate}, "bad_request: "},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, {"Authorization", authorization}, kDate},
            "bad_request: "},
           {"https://s3.aws.test/", {{"Authorization", "x"}, {"Authorization", authorization}, kDate}, "_"},
           {"https://s3.aws.test/?" + presigned(id), {{"Authorization", "x"}}, "bad_request: "},
           {"https://s3.aws.test/?" + presigned(id) + "&X-Amz-Credential=" + id, {}, "bad_request: "},
           // Elsewhere besides.
           {"https://s3.aws.test/" + id, {{"Authorization", authorization}, kDate}, "in the URL"},
           {"https://s3.aws.test/" + id + "?" + presigned(id), {}, "in the URL"},
           {"https://s3.aws.test/?" + presigned(id) + "&x=" + id, {}, "in the URL"},
           {"https://s3.aws.test/", {{"Authorization", authorization}, kDate, {"X", id}}, "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", lower(id)}},
            "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", signed_with(kPlaceholders[kAws] + "X")}, kDate},
            "in the field Authorization"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", bindings_[kAws].placeholder_secret}},
            "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", kPlaceholders[kToken]}},
            "the placeholder of \"token\""},
       })
    EXPECT_THAT(sent(row.url, row.fields),
                testing::AllOf(HasSubstr(row.says), Not(testing::StartsWith("GET "))))
        << row.url;
}

// API gateways want a key besides.
TEST_F(RequestTest, ASignatureAndASpokenSecret) {
  bindings_[kAny].hosts = bindings_[kAws].hosts;
  http::RequestHead head = request(
      "https://s3.aws.test/",
      {{"Authorization", signed_with(kPlaceholders[kAws])}, kDate, {"X-Api-Key", kPlaceholders[kAny]}});
  auto plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_TRUE(plan->aws);
  EXPECT_THAT(plan->used, ElementsAre(kAny));
  EXPECT_EQ(with_all(head, *plan).fields.get("x-api-key"), kSecrets[kAny]);
}

}  // namespace
}  // namespace weir::broker
