// What it costs to ask whether a request is a model call: less than 100 ns where it is none, and no
// allocation.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "llm/mcp_recognise.h"
#include "llm/recognise.h"

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weir::llm {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SLOW_BUILD 1
#endif
#endif
#ifdef WEIR_SLOW_BUILD
constexpr int kLenience = 50;
#else
constexpr int kLenience = 1;
#endif

struct Request {
  const char* what;
  const char* method;
  HostPort place;
  const char* target;
  bool call;
};

// Of this thread alone: other work on the machine does not count.
double own_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

TEST(RecogniseSpeed, NextToNothing) {
  const Recogniser recogniser({{"*.llm.example-with-a-long-name.test", "team"}});
  const Request requests[] = {
      {"GET of a page", "GET", {"www.example.com", 443}, "/a/long/path/to/some/page.html?q=1", false},
      {"POST elsewhere",
       "POST",
       {"events.analytics.example.com", 443},
       "/api/v2/collect/batch?id=77&t=1",
       false},
      {"POST, provider's other path",
       "POST",
       {"api.anthropic.com", 443},
       "/v1/messages/count_tokens?beta=true",
       false},
      {"POST, path like a model's", "POST", {"survey.example.com", 443}, "/forms/9/responses", false},
      {"a call, first row", "POST", {"api.anthropic.com", 443}, "/v1/messages?beta=true", true},
      {"a call, unknown host", "POST", {"llm.corp.example.com", 443}, "/v1/chat/completions", true},
  };
  constexpr int kRounds = 20'000, kTries = 5;
  for (const Request& request : requests) {
    int found = 0;
    double best = 1e9;
    std::size_t before = allocations;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      double start = own_nanoseconds();
      for (int i = 0; i < kRounds; ++i) {
        asm volatile("" : : "r"(&request) : "memory");
        found += recogniser.recognise(request.method, request.place, request.target).has_value();
      }
      best = std::min(best, (own_nanoseconds() - start) / kRounds);
    }
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(found, request.call ? kRounds * kTries : 0) << request.what;
    std::printf("%s: %.0f ns\n", request.what, best);
    EXPECT_LT(best, (request.call ? 1000.0 : 300.0) * kLenience) << request.what;
  }
}

TEST(RecogniseSpeed, NorForServersOfTools) {
  http::RequestHead page, posted;
  page.method = "GET";
  posted.method = "POST";
  for (http::RequestHead* head : {&page, &posted})
    for (auto [name, value] :
         {std::pair("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
          std::pair("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
          std::pair("Accept-Language", "en-US,en;q=0.5"),
          std::pair("Accept-Encoding", "gzip, deflate, br, zstd"),
          std::pair("Content-Type", "application/x-www-form-urlencoded"), std::pair("Cookie", "a=b; c=d"),
          std::pair("Sec-Fetch-Mode", "navigate"), std::pair("Referer", "https://www.example.com/"),
          std::pair("Upgrade-Insecure-Requests", "1"), std::pair("TE", "trailers")})
      head->fields.add(name, value);
  constexpr int kRounds = 20'000, kTries = 5;
  for (const http::RequestHead* head : {&page, &posted}) {
    double best = 1e9;
    int found = 0;
    std::size_t before = allocations;
    for (int attempt = 0; attempt < kTries; ++attempt) {
      double start = own_nanoseconds();
      for (int i = 0; i < kRounds; ++i) {
        asm volatile("" : : "r"(head) : "memory");
        found += recognise_mcp(*head) != McpSign::none;
      }
      best = std::min(best, (own_nanoseconds() - start) / kRounds);
    }
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(found, 0);
    std::printf("%s, MCP: %.0f ns\n", head->method.c_str(), best);
    EXPECT_LT(best, 300.0 * kLenience);
  }
}

}  // namespace
}  // namespace weir::llm
