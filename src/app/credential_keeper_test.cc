#include "app/credential_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "app/secret_command.h"
#include "sandbox/environment.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using broker::Guarded;
using config::SecretSource;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Kind = SecretSource::Kind;
using What = Guarded::What;

/// It takes milliseconds; this is what tells it from waiting for a command or an endpoint.
constexpr Duration kPrompt = seconds(5);

class CredentialKeeperTest : public ::testing::Test {
 protected:
  CredentialKeeperTest() {
    std::string name = ::testing::TempDir() + "weir-keeper-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~CredentialKeeperTest() override {
    keeper_.reset();
    for (const char* name : {"WEIR_TEST_TOKEN", "WEIR_TEST_OTHER"}) ::unsetenv(name);
    fs::remove_all(folder_);
  }

  std::string path(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name));
    return (std::ostringstream() << in.rdbuf()).str();
  }

  static SecretSource value(std::string_view text) {
    return {.kind = Kind::value, .value = SecretText(text)};
  }
  static SecretSource env(std::string name) { return {.kind = Kind::env, .text = std::move(name)}; }
  SecretSource file(const std::string& name) const { return {.kind = Kind::file, .text = path(name)}; }
  static SecretSource shell(const std::string& script, milliseconds ttl = {}) {
    return {.kind = Kind::command, .command = {"sh", "-c", script}, .ttl = ttl};
  }
  void add(std::string name, SecretSource source) {
    add({.name = name, .hosts = {name + ".test"}, .source = std::move(source)});
  }
  void add(config::Credential credential) {
    credential.place = "config.toml:7";
    settings_.credentials.layers[2].push_back(std::move(credential));
  }

  /// Why it cannot be opened; "" when it was.
  std::string open(const CredentialChoice& choice = {.all = true}) {
    auto spawner = sandbox::Spawner::start();
    EXPECT_TRUE(spawner);
    auto resolved = resolve_credentials(settings_, choice, "a key");
    if (!resolved) return resolved.error().context();
    auto opened = CredentialKeeper::open(std::move(*resolved), std::move(*spawner));
    if (!opened) {
      EXPECT_EQ(opened.error().code(), Code::bad_config);
      return opened.error().context();
    }
    keeper_ = std::move(*opened);
    return "";
  }
  void start() {
    auto tls = tls::ClientContext::make({});
    ASSERT_TRUE(tls) << tls.error().message();
    tls_ = std::make_unique<tls::ClientContext>(std::move(*tls));
    keeper_->start(*tls_, {});
  }

  std::string at_hand(std::size_t binding) {
    auto secret = keeper_->at_hand(binding);
    return secret ? std::string(secret->text.reveal()) : "nothing";
  }
  std::string obtained(std::size_t binding) {
    auto secret = keeper_->obtain(binding);
    return secret ? std::string((*secret)->text.reveal()) : secret.error().context();
  }
  std::future<Result<broker::SecretPtr>> fetch(std::size_t binding) {
    std::promise<Result<broker::SecretPtr>> made;
    auto out = made.get_future();
    keeper_->fetch(binding, [made = std::move(made)](Result<broker::SecretPtr> secret) mutable {
      made.set_value(std::move(secret));
    });
    return out;
  }
  Duration stopping_time() const {
    TimePoint before = steady_now();
    keeper_->stop();
    return steady_now() - before;
  }
  static std::string told(std::future<Result<broker::SecretPtr>> future) {
    if (future.wait_for(seconds(60)) != std::future_status::ready) return "nobody answers";
    auto secret = future.get();
    return secret ? std::string((*secret)->text.reveal()) : secret.error().message();
  }
  std::optional<Guarded> guarded(std::string_view text) const { return keeper_->guard()->find(text, {}); }
  /// What the record shows of a text.
  bool redacted(std::string_view text) const { return !keeper_->live()->finder()->find_values(text).empty(); }
  std::string placeholder(std::size_t binding) const { return keeper_->bindings()[binding].placeholder; }

  fs::path folder_;
  config::Settings settings_;
  std::unique_ptr<tls::ClientContext> tls_;
  std::unique_ptr<CredentialKeeper> keeper_;
};

TEST_F(CredentialKeeperTest, ReadsEverySourceBeforeItServes) {
  ::setenv("WEIR_TEST_TOKEN", " from-variable ", 1);
  write("token", "from-file\r\n");
  write(".env", "A=1\nTOKEN='from env file'\n");
  add("value", value("from-value"));
  add("variable", env("WEIR_TEST_TOKEN"));
  add("file", file("token"));
  add({.name = "env_file",
       .hosts = {"a.test"},
       .source = SecretSource{.kind = Kind::env_file, .text = path(".env"), .key = "TOKEN"}});
  add("command", shell("echo from-command"));
  ASSERT_EQ(open(), "");
  const char* const kWanted[] = {"from-value", "from-variable", "from-file", "from env file", "from-command"};
  for (std::size_t i = 0; i < std::size(kWanted); ++i) {
    EXPECT_EQ(at_hand(i), kWanted[i]);
    EXPECT_EQ(guarded(kWanted[i]), (Guarded{i, What::secret}));
    EXPECT_EQ(guarded(placeholder(i)), (Guarded{i, What::placeholder}));
    EXPECT_TRUE(redacted(kWanted[i]));
    EXPECT_FALSE(redacted(placeholder(i))) << "a placeholder may be recorded";
  }
  EXPECT_TRUE(keeper_->any_active());
  EXPECT_THAT(keeper_->live()->names(), ElementsAre("value", "variable", "file", "env_file", "command"));
}

TEST_F(CredentialKeeperTest, WhatCannotBeHadIsSaidAtOnce) {
  struct Row {
    SecretSource source;
    std::string says;
  };
  write("empty", " \n");
  write("binary", std::string("ab\0cd", 5));
  write("lines", "two\nlines");
  write(".env", "A=1\n");
  for (const Row& row : std::vector<Row>{
           {env("WEIR_TEST_TOKEN"), "the variable WEIR_TEST_TOKEN is not set"},
           {file("none"), path("none") + ": No such file or directory"},
           {file("empty"), path("empty") + " is empty"},
           {file("binary"), "it has a line feed or another control character in it"},
           {file("lines"), "it has a line feed or another control character in it"},
           {{.kind = Kind::env_file, .text = path(".env"), .key = "TOKEN"},
            path(".env") + " has no line TOKEN=..."},
           {shell("echo hush-hush; exit 7"), "the command sh: it failed with status 7"},
           {shell("printf 'hush\\000hush'"), "it has a line feed or another control character in it"},
           {shell("true"), "the command sh: it printed nothing"},
           {{.kind = Kind::command, .command = {"weir-no-such-command"}},
            "the command weir-no-such-command: "},
       }) {
    settings_.credentials = {};
    add("corp", row.source);
    std::string said = open();
    EXPECT_THAT(said, AllOf(HasSubstr("config.toml:7: the credential \"corp\": "), HasSubstr(row.says),
                            Not(HasSubstr("hush"))));
  }
}

TEST_F(CredentialKeeperTest, NobodyReadsWhatNobodyAskedFor) {
  add("asked", value("asked-secret"));
  add("other", file("none"));
  add("command", shell("echo x >> " + path("runs") + "; exit 1"));
  ASSERT_EQ(open({.asked = {"asked"}}), "");
  EXPECT_EQ(at_hand(1), "nothing");
  EXPECT_FALSE(fs::exists(path("runs")));
  EXPECT_EQ(guarded(placeholder(1)), (Guarded{1, What::placeholder})) << "but what stands for it stays in";
  ASSERT_EQ(open({}), "");
  EXPECT_FALSE(keeper_->any_active());
}

TEST_F(CredentialKeeperTest, VariablesAreForgotten) {
  ::setenv("WEIR_TEST_TOKEN", "from-variable", 1);
  ::setenv("WEIR_TEST_OTHER", "another-secret", 1);
  std::string_view where = ::getenv("WEIR_TEST_TOKEN");
  add({.name = "a", .hosts = {"a.test"}, .env = {"WEIR_TEST_OTHER"}, .source = env("WEIR_TEST_TOKEN")});
  add("command", shell("printf %s.%s \"${WEIR_TEST_TOKEN-gone}\" \"${WEIR_TEST_OTHER-gone}\""));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(::getenv("WEIR_TEST_TOKEN"), nullptr);
  EXPECT_EQ(::getenv("WEIR_TEST_OTHER"), nullptr) << "a variable of it, too";
  EXPECT_EQ(where.find_first_not_of('\0'), where.npos) << "overwritten, where others may look";
  EXPECT_EQ(at_hand(0), "from-variable");
  EXPECT_EQ(obtained(0), "from-variable") << "once more";
  EXPECT_EQ(at_hand(1), "gone.gone") << "what Weir starts does not have them";
}

// What a process was started with is all that /proc shows: so another has the secret from its start.
TEST_F(CredentialKeeperTest, ItsSpawnerForgetsVariables) {
  pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("WEIR_TEST_TOKEN", "canary-4711", 1);
    ::setenv("WEIR_TEST_OUT", path("out").c_str(), 1);
    std::string self = fs::read_symlink("/proc/self/exe");
    ::execl(self.c_str(), self.c_str(), "--gtest_filter=CredentialKeeperTest.DISABLED_WithAVariable",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    ::_exit(127);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read("out"), "forgotten");
}

/// Of the test above, in a process of its own.
TEST_F(CredentialKeeperTest, DISABLED_WithAVariable) {
  const char* out = ::getenv("WEIR_TEST_OUT");
  ASSERT_NE(out, nullptr);
  const std::string look =
      "if grep -q canary /proc/$PPID/environ; then echo it-is-there; else echo forgotten; fi";
  auto other = std::move(*sandbox::Spawner::start());
  auto before = run_secret_command(std::move(*other.open_runner()), {"sh", "-c", look});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->reveal(), "it-is-there") << "of one that was not told";
  add("a", env("WEIR_TEST_TOKEN"));
  add("look", shell(look));
  ASSERT_EQ(open(), "");
  std::ofstream(out) << at_hand(1);
}

TEST_F(CredentialKeeperTest, TheVariableOfAnotherStays) {
  ::setenv("WEIR_TEST_TOKEN", "from-variable", 1);
  add("a", env("WEIR_TEST_TOKEN"));
  add("b", value("asked-secret"));
  ASSERT_EQ(open({.asked = {"b"}}), "");
  EXPECT_STREQ(::getenv("WEIR_TEST_TOKEN"), "from-variable");
}

TEST_F(CredentialKeeperTest, ANewSecretIsGuardedAndRedactedFromThenOn) {
  write("token", "the-first-secret");
  add("corp", file("token"));
  ASSERT_EQ(open(), "");
  auto before = keeper_->guard();
  write("token", "the-second-secret");
  EXPECT_EQ(obtained(0), "the-second-secret");
  EXPECT_EQ(at_hand(0), "the-second-secret");
  EXPECT_EQ(guarded("the-second-secret"), (Guarded{0, What::secret}));
  EXPECT_TRUE(redacted("the-second-secret"));
  EXPECT_FALSE(before->find("the-second-secret", {})) << "who has the old one keeps it";
  // Requests that carry the first may still be under way, and their answers say it.
  EXPECT_EQ(guarded("the-first-secret"), (Guarded{0, What::secret}));
  EXPECT_TRUE(redacted("the-first-secret"));
  write("token", "the-third-secret");
  EXPECT_EQ(obtained(0), "the-third-secret");
  EXPECT_TRUE(redacted("the-second-secret"));
  EXPECT_FALSE(redacted("the-first-secret"));
  auto now = keeper_->guard();
  EXPECT_EQ(obtained(0), "the-third-secret");
  EXPECT_EQ(keeper_->guard(), now) << "nothing has changed";
}

TEST_F(CredentialKeeperTest, AFileThatWentAwayLeavesTheOldSecretGuarded) {
  write("token", "the-first-secret");
  add("corp", file("token"));
  ASSERT_EQ(open(), "");
  fs::remove(path("token"));
  EXPECT_THAT(obtained(0), HasSubstr("\"corp\": open " + path("token") + ": No such file or directory"));
  EXPECT_FALSE(keeper_->at_hand(0)) << "who takes the file away takes the secret away";
  EXPECT_TRUE(redacted("the-first-secret"));
  EXPECT_TRUE(guarded("the-first-secret"));
}

// It is not looked for in requests, but it is not recorded either.
TEST_F(CredentialKeeperTest, AShortSecret) {
  add("a", value("hunter2"));
  add("b", value("abc"));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(at_hand(0), "hunter2");
  EXPECT_FALSE(guarded("hunter2"));
  EXPECT_TRUE(redacted("hunter2"));
  EXPECT_FALSE(redacted("abc")) << "it would be found everywhere";
}

TEST_F(CredentialKeeperTest, OneTokenForTwo) {
  add("a", value("one-and-the-same"));
  add("b", value("one-and-the-same"));
  ASSERT_EQ(open(), "");
  broker::Allowed allowed;
  allowed.add({1, What::secret});
  EXPECT_FALSE(keeper_->guard()->find("one-and-the-same", allowed));
}

// --- in the course of serving

TEST_F(CredentialKeeperTest, AtHandIsWhatIsGoodStill) {
  add("always", shell("echo always-good"));
  add("short", shell("echo x >> " + path("runs") + "; echo short-lived", milliseconds(1)));
  ASSERT_EQ(open(), "");
  while (at_hand(1) != "nothing") std::this_thread::yield();
  EXPECT_EQ(at_hand(0), "always-good");
  start();
  EXPECT_EQ(told(fetch(1)), "short-lived");
  EXPECT_EQ(read("runs"), "x\nx\n");
}

TEST_F(CredentialKeeperTest, ManyWhoWaitGetOneSecret) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  write("secret", "first-secret");
  // The first time at once, later when somebody opens the gate.
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || read line < " + path("gate") + "; cat " + path("secret"),
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  write("secret", "second-secret");
  std::vector<std::future<Result<broker::SecretPtr>>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(fetch(0));
  std::ofstream(path("gate")) << "go\n";
  for (auto& each : waiting) EXPECT_EQ(told(std::move(each)), "second-secret");
  EXPECT_EQ(read("runs"), "x\nx\n");
  EXPECT_TRUE(redacted("second-secret")) << "known before anybody is told";
}

TEST_F(CredentialKeeperTest, AfterAFailureNobodyTriesAgainAtOnce) {
  write("ok", "");
  add("corp",
      shell("echo x >> " + path("runs") + "; test -e " + path("ok") + " && echo a-secret", milliseconds(1)));
  add("other", value("another-secret"));
  ASSERT_EQ(open(), "");
  start();
  fs::remove(path("ok"));
  std::string why = told(fetch(0));
  EXPECT_THAT(
      why, AllOf(HasSubstr("\"corp\": the command sh: it failed with status 1"), Not(HasSubstr("a-secret"))));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(told(fetch(0)), why);
  EXPECT_EQ(read("runs"), "x\nx\n") << "once at the start, once more";
  EXPECT_EQ(told(fetch(1)), "another-secret") << "others are not the worse for it";
}

TEST_F(CredentialKeeperTest, StopsWhileSomebodyWaits) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || { echo go > " + path("gate") + "; exec sleep 1000; }; echo a-secret",
                    milliseconds(1)));
  add("other", value("another-secret"));
  ASSERT_EQ(open(), "");
  start();
  auto first = fetch(0);
  {
    std::ifstream gate(path("gate"));  // until it runs
    std::string line;
    std::getline(gate, line);
  }
  auto second = fetch(0);
  EXPECT_LT(stopping_time(), kPrompt);
  for (auto* each : {&first, &second}) {
    ASSERT_EQ(each->wait_for(seconds(0)), std::future_status::ready);
    EXPECT_FALSE(each->get());
  }
  auto late = fetch(1).get();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::shutting_down);
  keeper_->stop();
}

// Each command of them says "go" to its gate the second time it is run, and then hangs.
TEST_F(CredentialKeeperTest, WhatHangsHoldsUpNobodyElse) {
  const std::size_t kHanging = 5;
  for (std::size_t i = 0; i < kHanging; ++i) {
    std::string name = "hangs" + std::to_string(i), gate = path(name), runs = path("runs" + name);
    ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
    add(name, shell("echo x >> " + runs + "; [ $(wc -l < " + runs + ") = 1 ] || { echo go > " + gate +
                        "; read line < " + gate + "; }; echo secret-of-" + name,
                    milliseconds(1)));
  }
  add("quick", shell("echo quick-secret", milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  std::vector<std::future<Result<broker::SecretPtr>>> waiting;
  for (std::size_t i = 0; i < kHanging; ++i) {
    waiting.push_back(fetch(i));
    std::string line;
    std::ifstream gate(path("hangs" + std::to_string(i)));  // until it runs
    ASSERT_TRUE(std::getline(gate, line));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told(fetch(kHanging)), "quick-secret");
  for (std::size_t i = 0; i < kHanging; ++i) {
    EXPECT_EQ(waiting[i].wait_for(seconds(0)), std::future_status::timeout);
    std::string name = "hangs" + std::to_string(i);
    std::ofstream(path(name)) << "go\n";
    EXPECT_EQ(told(std::move(waiting[i])), "secret-of-" + name);
  }
}

TEST_F(CredentialKeeperTest, OneSecretIsRenewedOnceAtATime) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  const std::string lock = path("lock");
  add("corp", shell("mkdir " + lock + " || echo two >> " + path("together") + "; echo x >> " + path("runs") +
                        "; [ $(wc -l < " + path("runs") + ") = 1 ] || read line < " + path("gate") +
                        "; rmdir " + lock + "; echo a-secret",
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto first = fetch(0);
  auto tried = std::async(std::launch::async, [&] { return obtained(0); });
  auto second = fetch(0);
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(told(std::move(first)), "a-secret");
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(told(std::move(second)), "a-secret");
  EXPECT_EQ(tried.get(), "a-secret");
  EXPECT_EQ(read("together"), "");
}

TEST_F(CredentialKeeperTest, HasNoMoreThreadsThanItNeeds) {
  for (const char* name : {"a", "b", "c"}) add(name, shell("echo a-secret", milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto threads = [] {
    int count = 0;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
      std::string name;
      std::ifstream(task.path() / "comm") >> name;
      count += name == "weir-secrets";
    }
    return count;
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(told(fetch(0)), "a-secret");
  for (int round = 0; round < 10; ++round) {
    std::vector<std::future<Result<broker::SecretPtr>>> waiting;
    for (std::size_t i : {0, 1, 2, 0, 1, 2}) waiting.push_back(fetch(i));
    for (auto& each : waiting) EXPECT_EQ(told(std::move(each)), "a-secret");
  }
  EXPECT_GE(threads(), 1);
  EXPECT_LE(threads(), 3);
  keeper_->stop();
  EXPECT_EQ(threads(), 0);
}

TEST_F(CredentialKeeperTest, WhatAHangingCommandHasStartedEndsWithWeir) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  add("corp", shell("echo x >> " + path("runs") + "; [ $(wc -l < " + path("runs") +
                        ") = 1 ] || { sleep 1000 & echo $! > " + path("gate") + "; wait; }; echo a-secret",
                    milliseconds(1)));
  ASSERT_EQ(open(), "");
  start();
  auto waiting = fetch(0);
  std::string child;
  std::ifstream(path("gate")) >> child;
  ASSERT_TRUE(fs::exists("/proc/" + child));
  keeper_->stop();
  EXPECT_FALSE(fs::exists("/proc/" + child));
  EXPECT_FALSE(waiting.get());
}

TEST_F(CredentialKeeperTest, ARefusalByTheOriginIsNoReasonToHurry) {
  add("command", shell("echo x >> " + path("runs") + "; echo a-secret"));
  add("value", value("another-secret"));
  ASSERT_EQ(open(), "");
  for (std::size_t i : {0, 1}) {
    auto secret = keeper_->at_hand(i);
    keeper_->rejected(i, secret);
    keeper_->rejected(i, nullptr);
    EXPECT_EQ(keeper_->at_hand(i), secret) << "it was had a moment ago, or there is no other";
  }
}

TEST_F(CredentialKeeperTest, CountsItsUses) {
  add("a", value("a-secret-value"));
  add("b", value("b-secret-value"));
  ASSERT_EQ(open(), "");
  keeper_->used(1);
  keeper_->used(1);
  EXPECT_THAT(keeper_->uses(), ElementsAre(0, 2));
}

TEST_F(CredentialKeeperTest, TextsWithoutSecrets) {
  add("a", value("a-secret-value"));
  add("short", value("abc"));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(keeper_->without_secrets("URL=https://u:a-secret-value@a.test/a-secret-value abc"),
            "URL=https://u:" + placeholder(0) + "@a.test/" + placeholder(0) + " abc");
  EXPECT_EQ(keeper_->without_secrets(""), "");
}

// --- AWS

TEST_F(CredentialKeeperTest, AwsKeysOfThreeSources) {
  write("session", "the-session-token\n");
  add({.name = "aws",
       .preset = "aws",
       .source = value("the/secret+access-key"),
       .access_key_id = value("AKIAREALREALREALREAL"),
       .session_token = file("session")});
  ASSERT_EQ(open(), "");
  auto keys = keeper_->at_hand(0);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->text.reveal(), "the/secret+access-key");
  EXPECT_EQ(keys->access_key_id.reveal(), "AKIAREALREALREALREAL");
  EXPECT_EQ(keys->session_token.reveal(), "the-session-token");
  for (const char* secret : {"the/secret+access-key", "the-session-token"}) {
    EXPECT_EQ(guarded(secret), (Guarded{0, What::secret}));
    EXPECT_TRUE(redacted(secret));
  }
  EXPECT_FALSE(guarded("AKIAREALREALREALREAL")) << "it is no secret";
  EXPECT_EQ(guarded(keeper_->bindings()[0].placeholder_secret), (Guarded{0, What::placeholder}));
  // The token alone is another.
  write("session", "the-next-session-token\n");
  EXPECT_EQ(obtained(0), "the/secret+access-key");
  EXPECT_TRUE(redacted("the-next-session-token"));
  EXPECT_TRUE(redacted("the-session-token"));
}

TEST_F(CredentialKeeperTest, AwsKeysOfACredentialProcess) {
  auto opened = [&](const std::string& json) {
    write("json", json);
    settings_.credentials = {};
    add({.name = "aws", .preset = "aws", .source = shell("cat " + path("json"))});
    return open();
  };
  ASSERT_EQ(
      opened(
          R"({"Version": 1, "AccessKeyId": "ASIAREAL", "SecretAccessKey": "the\/secret", "SessionToken": "the-token"})"),
      "");
  auto keys = keeper_->at_hand(0);
  EXPECT_EQ(keys->text.reveal(), "the/secret");
  EXPECT_EQ(keys->access_key_id.reveal(), "ASIAREAL");
  EXPECT_EQ(keys->session_token.reveal(), "the-token");
  EXPECT_EQ(keys->until, 0);
  const std::string keys_text =
      R"({"AccessKeyId": "ASIAREAL", "SecretAccessKey": "hush-hush", "Expiration": )";
  for (const char* end : {"\"2199-11-23T18:00:00Z\"}", "\"2199-11-23T18:00:00+00:00\"}"}) {
    ASSERT_EQ(opened(keys_text + end), "");
    EXPECT_EQ(keeper_->at_hand(0)->until, (7254813600LL - 120) * 1'000'000'000) << end;
  }
  ASSERT_EQ(opened(keys_text + "\"2001-11-23T18:00:00Z\"}"), "");
  EXPECT_EQ(at_hand(0), "nothing") << "they are good no more";
  for (const auto& [json, says] :
       {std::pair<std::string, std::string>{"{\"SecretAccessKey\": \"hush-hush\"}",
                                            "an access key id is missing beside the secret"},
        {"{\"AccessKeyId\": \"hush-hush\"}", "an access key id is missing beside the secret"},
        {"{hush-hush", "the command sh prints no JSON"},
        {"hush-hush", "an access key id is missing beside the secret; give access_key_id a source"},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"hush\\nhush\"}", "control character"}})
    EXPECT_THAT(opened(json), AllOf(HasSubstr(says), Not(HasSubstr("hush")))) << json;
}

// --- OAuth

TEST_F(CredentialKeeperTest, ATokenIsAskedForWhenItIsNeeded) {
  add({.name = "drive",
       .hosts = {"a.test"},
       .source = file("folder/none"),
       .oauth = config::OauthSettings{.token_url = "https://id.test/", .client_id = "id"}});
  ASSERT_EQ(open(), "") << "starting takes no network";
  EXPECT_EQ(at_hand(0), "nothing");
  EXPECT_THAT(keeper_->writable(), ElementsAre(fs::path(path("folder")))) << "where a new refresh token goes";
  EXPECT_EQ(obtained(0), "\"drive\": nothing is served yet");
  ASSERT_EQ(open(), "");
  start();
  EXPECT_THAT(told(fetch(0)),
              HasSubstr("\"drive\": open " + path("folder/none") + ": No such file or directory"));
}

}  // namespace
}  // namespace weir::app
