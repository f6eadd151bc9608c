#include "proxy/guarded_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "async/task_group.h"
#include "base/hash.h"

namespace weir::proxy {
namespace {

using broker::Guarded;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using What = Guarded::What;

const std::string kPlaceholder = "ghp_weirAbC123xyzAbC123xyz";
const std::string kSecret = "s3cret\"of\\somebody";

/// Parts as they come; the end with the last of them, or alone.
class Parts final : public wire::Body {
 public:
  explicit Parts(std::vector<std::string> parts, bool end_alone = false)
      : parts_(std::move(parts)), end_alone_(end_alone) {
    std::erase(parts_, "");  // an empty one is the end
  }

  async::Task<Result<std::string_view>> read() override {
    if (failure) co_return std::unexpected(*failure);
    if (next_ == parts_.size()) {
      end_alone_ = false;
      co_return std::string_view();
    }
    part_ = parts_[next_++];  // as a socket's buffer is: the next one takes its place
    co_return std::string_view(part_);
  }
  bool ready() const override { return is_ready; }
  bool finished() const override { return next_ == parts_.size() && !end_alone_; }
  std::optional<std::uint64_t> length() const override { return 77; }
  const http::Fields& trailers() const override { return fields; }

  http::Fields fields;
  bool is_ready = true;
  std::optional<Error> failure;

 private:
  std::vector<std::string> parts_;
  std::size_t next_ = 0;
  bool end_alone_;
  std::string part_;
};

std::shared_ptr<const broker::Guard> guard() {
  auto out = std::make_shared<broker::Guard>();
  out->add({0, What::placeholder}, kPlaceholder);
  out->add({1, What::secret}, kSecret);
  out->compile();
  return out;
}

struct Read {
  std::string passed;
  std::vector<std::string> parts;
  std::optional<Error> error;
};

async::Task<void> read_one(wire::Body& body, std::optional<Result<std::string>>& out) {
  auto part = co_await body.read();
  out.emplace(part ? Result<std::string>(std::string(*part)) : pass(part));
}

class GuardedBodyTest : public ::testing::Test {
 protected:
  GuardedBody guarded(wire::Body& inner, broker::Allowed allowed = {}) {
    return GuardedBody(inner, guard(), std::move(allowed), [this](Guarded thing) {
      found.push_back(thing);
      return Error(Code::placeholder_leak, "found");
    });
  }
  Result<std::string> next(wire::Body& body) {
    std::optional<Result<std::string>> out;
    group.spawn(read_one(body, out));
    loop.run_until_idle();
    return out ? std::move(*out) : Result<std::string>(fail(Code::internal, "it waits"));
  }
  /// As whoever sends a body does.
  Read all(wire::Body& body) {
    Read out;
    while (!body.finished()) {
      auto part = next(body);
      if (!part) {
        out.error = part.error();
        return out;
      }
      if (part->empty()) break;
      out.passed += *part;
      out.parts.push_back(*part);
    }
    EXPECT_TRUE(body.finished()) << "an empty part is the end";
    return out;
  }
  Read all(std::vector<std::string> parts, bool end_alone, broker::Allowed allowed = {}) {
    Parts inner(std::move(parts), end_alone);
    GuardedBody body = guarded(inner, std::move(allowed));
    return all(body);
  }

  async::Loop loop{async::Loop::Time::manual};
  async::TaskGroup group{loop};
  std::vector<Guarded> found;
};

TEST_F(GuardedBodyTest, PassesWhatIsHarmless) {
  for (bool end_alone : {false, true}) {
    EXPECT_EQ(all({"some", " text", ""}, end_alone).passed, "some text");
    EXPECT_EQ(all({std::string(100'000, 'g')}, end_alone).passed, std::string(100'000, 'g'));
    EXPECT_THAT(all({"one part"}, end_alone).parts, ElementsAre("one part"));
  }
  EXPECT_EQ(all({}, false).passed, "");
  EXPECT_EQ(all({}, true).passed, "");
  EXPECT_THAT(found, IsEmpty());
}

std::vector<std::string> spellings() {
  std::string percent, units, coded = kPlaceholder;
  for (char c : kPlaceholder) {
    percent += "%" + hex({&c, 1});
    units += "\\u00" + hex({&c, 1});
  }
  coded.replace(3, 1, "%5f");
  return {kPlaceholder,
          kSecret,
          percent,
          units,
          coded,
          "%25" + percent.substr(1),
          "s3cret\\\"of\\\\somebody",
          hex(kPlaceholder),
          base64(kPlaceholder),
          base64("u:" + kPlaceholder)};
}

TEST_F(GuardedBodyTest, CutAnywhereNothingOfItPasses) {
  const std::string before = "before, ", after = " and after";
  for (const std::string& text : spellings()) {
    const std::string whole = before + text + after;
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
      for (bool end_alone : {false, true}) {
        found.clear();
        Read read = all({whole.substr(0, cut), whole.substr(cut)}, end_alone);
        ASSERT_TRUE(read.error) << text << " cut at " << cut;
        EXPECT_EQ(read.error->code(), Code::placeholder_leak);
        EXPECT_EQ(found.size(), 1U);
        // "u:" in base64.
        std::size_t begin = before.size() + (text.starts_with("dTpn") ? 2 : 0);
        ASSERT_LE(read.passed.size(), begin + GuardedBody::kMayPass) << text << " cut at " << cut;
        EXPECT_TRUE(whole.starts_with(read.passed));
      }
    }
  }
}

TEST_F(GuardedBodyTest, ByteByByteNothingOfItPasses) {
  for (const std::string& text : spellings()) {
    const std::string whole = "before, " + text + " and after";
    std::vector<std::string> bytes;
    for (char c : whole) bytes.emplace_back(1, c);
    Read read = all(bytes, true);
    ASSERT_TRUE(read.error) << text;
    EXPECT_TRUE(whole.starts_with(read.passed));
    // The first characters of base64 may be another text's.
    EXPECT_LE(read.passed.size(), std::string_view("before, ").size() + GuardedBody::kMayPass + 3) << text;
  }
}

TEST_F(GuardedBodyTest, WhatStandsBeforeMayPass) {
  Read read = all({"a whole part", "another one " + kPlaceholder}, false);
  EXPECT_EQ(read.passed, "a whole part");
  ASSERT_TRUE(read.error);
  read = all({"text " + kPlaceholder.substr(0, 12), kPlaceholder.substr(12)}, false);
  EXPECT_EQ(read.passed, "text ");
  EXPECT_TRUE(read.error);
}

// The next message may depend on the answer to this one.
TEST_F(GuardedBodyTest, AFewBytesAreNotHeldBack) {
  Parts inner({"a message, ghp", "_weirAb", "C123xyzAbC123xyz!"});
  GuardedBody body = guarded(inner);
  EXPECT_EQ(next(body).value(), "a message, ghp");
  EXPECT_FALSE(body.finished());
  auto rest = next(body);
  ASSERT_FALSE(rest) << "it is found all the same";
  EXPECT_EQ(rest.error().code(), Code::placeholder_leak);
  Read harmless = all({"a message, ghp", "_weirAb", "C123xyzAbC123xyy!"}, false);
  EXPECT_EQ(harmless.passed, "a message, ghp_weirAbC123xyzAbC123xyy!");
  EXPECT_THAT(all({"ghp", "ghp", "gh", "p", "_we"}, true).parts, ElementsAre("ghp", "ghp", "gh", "p", "_we"));
}

TEST_F(GuardedBodyTest, WhatWasHeldBackComesAtTheEnd) {
  for (bool end_alone : {false, true})
    for (std::size_t size = 1; size < kPlaceholder.size(); ++size) {
      std::string text = "text " + kPlaceholder.substr(0, size);
      EXPECT_EQ(all({text}, end_alone).passed, text);
      EXPECT_EQ(all({text, ", no more"}, end_alone).passed, text + ", no more");
      std::vector<std::string> bytes;
      for (char c : text) bytes.emplace_back(1, c);
      EXPECT_EQ(all(bytes, end_alone).passed, text);
    }
  EXPECT_EQ(all({"%", "4", "%", "\\", "\\", "u00", "6"}, true).passed, "%4%\\\\u006");
}

TEST_F(GuardedBodyTest, IsFinishedWhenAllWasHandedOut) {
  Parts inner({"x " + kPlaceholder.substr(0, 9), "y"}, false);
  GuardedBody body = guarded(inner);
  EXPECT_FALSE(body.finished());
  EXPECT_EQ(next(body).value(), "x ");
  EXPECT_FALSE(body.finished());
  EXPECT_EQ(next(body).value(), kPlaceholder.substr(0, 9) + "y");
  EXPECT_TRUE(body.finished());
  EXPECT_EQ(next(body).value(), "");

  Parts empty({});
  EXPECT_TRUE(guarded(empty).finished());
  Parts alone({}, true);
  EXPECT_FALSE(guarded(alone).finished());
}

TEST_F(GuardedBodyTest, SaysWhatTheInnerBodySays) {
  Parts inner({"x"});
  inner.fields.add("Digest", "y");
  GuardedBody body = guarded(inner);
  EXPECT_EQ(body.length(), 77U);
  EXPECT_EQ(body.trailers().get("digest"), "y");
  EXPECT_TRUE(body.ready());
  inner.is_ready = false;
  EXPECT_FALSE(body.ready());
  inner.failure = Error(Code::client_closed, "gone");
  auto part = next(body);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().code(), Code::client_closed);
}

TEST_F(GuardedBodyTest, TrailersAreLookedAtBeforeTheEnd) {
  for (bool end_alone : {false, true})
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"X-Token", kPlaceholder},
                                      {"X-Token", "Basic " + base64("u:" + kPlaceholder)},
                                      {kPlaceholder, "1"}}) {
      Parts inner({"text"}, end_alone);
      inner.fields.add("Fine", "fine");
      inner.fields.add(name, value);
      GuardedBody body = guarded(inner);
      Read read = all(body);
      EXPECT_TRUE(read.error) << name;
      EXPECT_EQ(read.passed, end_alone ? "text" : "") << "the last part goes with the trailers";
    }
  Parts empty({});
  empty.fields.add("X-Token", kPlaceholder);
  GuardedBody body = guarded(empty);
  EXPECT_FALSE(body.finished()) << "nobody has looked at them";
  EXPECT_TRUE(all(body).error);
  Parts fine({});
  fine.fields.add("Fine", "fine");
  GuardedBody good = guarded(fine);
  EXPECT_FALSE(all(good).error);
}

TEST_F(GuardedBodyTest, WhatMayPassDoes) {
  broker::Allowed allowed;
  allowed.add({1, What::secret});
  const std::string text = "before " + kSecret + " " + base64(kSecret) + " after";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(all({text.substr(0, cut), text.substr(cut)}, true, allowed).passed, text) << cut;
  EXPECT_THAT(found, IsEmpty());
  EXPECT_TRUE(all({text + kPlaceholder}, true, allowed).error);
  EXPECT_THAT(found, ElementsAre(Guarded{0, What::placeholder}));
}

}  // namespace
}  // namespace weir::proxy
