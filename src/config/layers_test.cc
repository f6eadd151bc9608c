// The administrator's file and the project's, over and under the user's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "config/filter.h"
#include "config/load.h"
#include "config/paths.h"
#include "config/trust.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;
using policy::Action;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A home with a project in it, which is the working directory.
class LayersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-layers-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    before_ = fs::current_path();
    home_ = fs::canonical(name);
    corp_ = home_ + "/corp.toml";
    project_ = home_ + "/code/.weir.toml";
    user_ = home_ + "/.config/weir/config.toml";
    fs::create_directories(home_ + "/code/inner");
    fs::create_directories(home_ + "/.config/weir");
    fs::current_path(home_ + "/code/inner");
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* name : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "WEIR_CORP_CONFIG"})
      ::unsetenv(name);
  }
  void TearDown() override {
    ::unsetenv("WEIR_CORP_CONFIG");
    fs::current_path(before_);
    fs::remove_all(home_);
  }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  void write_corp(const std::string& text) {
    write(corp_, text);
    ::setenv("WEIR_CORP_CONFIG", corp_.c_str(), 1);
  }
  void write_trusted(const std::string& text, bool widen = false) {
    write(project_, text);
    ASSERT_TRUE(store_trust({project_, content_hash(text), widen}));
  }
  static Configuration good(const Sources& sources = {}) {
    auto out = load(sources);
    if (!out) ADD_FAILURE() << to_error(out.error()).message();
    return out.value_or(Configuration());
  }
  /// Without the home in front.
  std::vector<std::string> texts(const Problems& problems) {
    std::vector<std::string> out;
    for (const Problem& problem : problems) {
      std::string& text = out.emplace_back(problem.str());
      while (text.find(home_) != std::string::npos) text.replace(text.find(home_), home_.size(), "~");
    }
    return out;
  }
  std::vector<std::string> problems(const Sources& sources = {}) {
    auto out = load(sources);
    return out ? std::vector<std::string>() : texts(out.error());
  }
  static const policy::RuleSet& of(const Configuration& loaded, Layer layer) {
    return loaded.settings.filter.layers[std::to_underlying(layer)];
  }

  fs::path before_;
  std::string home_, corp_, project_, user_;
};

constexpr const char* kNarrow =
    "; a project's file may only narrow what is allowed. To accept it as it "
    "stands: weir trust --widen";

TEST_F(LayersTest, CorpBeatsEveryOtherLayer) {
  write(user_, "threads = 2\nlog_level = \"warn\"\n[filter]\ndefault_action = \"allow\"\n");
  write_corp("threads = 3\n[filter]\ndefault_action = \"block\"\n[limits]\nconnections = 5\n");
  Configuration out = good({.overrides = {{"threads", {"4"}, "--threads"}, {"listen", {"0"}, "--listen"}}});
  EXPECT_EQ(out.settings.threads, 3u);
  EXPECT_EQ(out.settings.limits.connections, 5u);
  EXPECT_EQ(out.settings.log_level, log::Level::warn);
  EXPECT_EQ(out.settings.listen[0].port, 0);
  EXPECT_EQ(effective_default(out.settings.filter), Action::block);
  EXPECT_EQ(of(out, Layer::user).default_action, Action::allow) << "kept, though without effect";
  EXPECT_EQ(out.origin("threads").str(), corp_ + ":1");
  EXPECT_EQ(out.file, user_);
  EXPECT_THAT(texts(out.warnings), ElementsAre("--threads: has no effect: ~/corp.toml:1 sets threads"));
}

TEST_F(LayersTest, NoLayersRulesReplaceAnothers) {
  const std::string rules = "[[filter.rules]]\npattern = \"x.test\"\naction = \"block\"\n";
  write(user_, rules);
  write_corp(rules);
  write_trusted(rules);
  Configuration out = good({.rules = {{.pattern = "x.test", .source = "--block-domain"}}});
  for (Layer layer : {Layer::corp, Layer::command_line, Layer::user, Layer::project}) {
    ASSERT_THAT(of(out, layer).rules, SizeIs(1));
    EXPECT_EQ(of(out, layer).rules[0].layer, layer);
  }
  EXPECT_EQ(of(out, Layer::corp).rules[0].source, corp_ + ":1");
  std::vector<std::string> watched;
  for (const auto& [path, stamp] : out.watched) {
    watched.push_back(path);
    EXPECT_EQ(stamp, stamp_of(path)) << path;
  }
  EXPECT_THAT(watched,
              ElementsAre(project_, trust_file(project_).value(), user_, corp_, "/etc/weir/corp.toml"));
}

TEST_F(LayersTest, ABrokenOrMissingCorpFileStops) {
  write_corp("threads = [\n");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("~/corp.toml:1:13: not valid TOML: ")));
  write_corp("bogus = 1\n");
  EXPECT_THAT(problems(), ElementsAre("~/corp.toml:1:1: unknown key bogus"));
  fs::remove(corp_);
  EXPECT_THAT(problems(), ElementsAre("~/corp.toml: cannot be read: No such file or directory"));
  fs::create_directory(corp_);
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("Is a directory")));
}

TEST_F(LayersTest, ALinkThatLeadsNowhereIsNotAnAbsentFile) {
  fs::create_symlink("gone.toml", user_);
  EXPECT_THAT(problems(),
              ElementsAre("~/.config/weir/config.toml: cannot be read: No such file or directory"));
}

TEST_F(LayersTest, AStampTellsAFileFromAnother) {
  write(user_, "a");
  FileStamp first = stamp_of(user_);
  EXPECT_EQ(stamp_of(user_), first);
  // Saved by rename, of the same size and time.
  write(user_ + "~", "b");
  fs::last_write_time(user_ + "~", fs::last_write_time(user_));
  fs::rename(user_ + "~", user_);
  EXPECT_NE(stamp_of(user_), first);
  EXPECT_EQ(stamp_of(home_ + "/gone"), FileStamp());
}

TEST_F(LayersTest, TheVariableAddsACorpFileAndReplacesNone) {
  auto paths = [] {
    std::vector<std::string> out;
    for (const CorpFile& file : corp_files()) out.push_back(file.path);
    return out;
  };
  EXPECT_THAT(paths(), ElementsAre("/etc/weir/corp.toml"));
  ::setenv("WEIR_CORP_CONFIG", "/tmp/x.toml", 1);
  EXPECT_THAT(paths(), ElementsAre("/tmp/x.toml", "/etc/weir/corp.toml")) << "the last weighs most";
}

TEST_F(LayersTest, TheNearestProjectFileIsFoundNoFurtherUpThanTheHome) {
  EXPECT_EQ(find_project_file(home_ + "/code/inner"), "");
  write(home_ + "/.weir.toml", "");
  EXPECT_EQ(find_project_file(home_ + "/code/inner"), home_ + "/.weir.toml");
  write(project_, "");
  EXPECT_EQ(find_project_file(home_ + "/code/inner/"), project_);
  ASSERT_EQ(::mkfifo((home_ + "/code/inner/.weir.toml").c_str(), 0600), 0);
  EXPECT_EQ(find_project_file(home_ + "/code/inner"), project_) << "a pipe would hang whoever reads it";
  ::setenv("HOME", (home_ + "/code/inner").c_str(), 1);
  EXPECT_EQ(find_project_file(home_ + "/code/inner"), "");
}

TEST_F(LayersTest, AProjectFileIsSkippedUntilItIsTrusted) {
  write(project_, "this is no TOML");
  Configuration out = good();
  EXPECT_THAT(texts(out.warnings),
              ElementsAre("~/code/.weir.toml: is not used: you have not trusted it. Look at it, then: weir "
                          "trust"));
  EXPECT_EQ(out.project.path, project_);
  EXPECT_EQ(out.project.trust, ProjectTrust::none);

  write_trusted("[filter]\ndefault_action = \"block\"\n");
  out = good();
  EXPECT_THAT(out.warnings, IsEmpty());
  EXPECT_EQ(of(out, Layer::project).default_action, Action::block);
  EXPECT_EQ(out.origin("filter.default_action").str(), project_ + ":2");

  write(project_, "[filter]\ndefault_action = \"ask\"\n");
  out = good();
  EXPECT_THAT(texts(out.warnings), ElementsAre(HasSubstr("it has changed since you trusted it. Look at")));
  EXPECT_EQ(of(out, Layer::project).default_action, std::nullopt);
}

TEST_F(LayersTest, AProjectFileThatCannotBeReadStopsNobodyWhoDoesNotTrustIt) {
  write(project_, std::string(5 << 20, '#'));
  EXPECT_THAT(texts(good().warnings), ElementsAre(HasSubstr("is not used: you have not trusted it")));
  ASSERT_TRUE(store_trust({project_, content_hash("a"), false}));
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("is longer than 4194304 bytes")));
}

TEST_F(LayersTest, AProjectMayNarrow) {
  write(user_, "[[filter.domains]]\npattern = \"*\"\nread = \"allow\"\n[filter]\ndefault_action = \"ask\"\n");
  write_trusted(R"([filter]
default_action = "block"
ask_timeout = 5
[[filter.rules]]
pattern = "a.test"
action = "ask"
[[filter.domains]]
pattern = "b.test"
write = "block"
)");
  Configuration out = good();
  EXPECT_THAT(of(out, Layer::project).rules, SizeIs(1));
  EXPECT_THAT(of(out, Layer::project).domains, SizeIs(1));
  EXPECT_EQ(out.settings.filter.ask_timeout, std::chrono::seconds(5));
}

TEST_F(LayersTest, WhatWidensIsRefused) {
  write(user_, "[filter]\ndefault_action = \"block\"\n");
  write_trusted(R"(threads = 3
[filter]
default_action = "ask"
[[filter.rules]]
pattern = "a.test"
action = "allow"
[[filter.rules]]
pattern = "b.test"
action = "ask"
[[filter.domains]]
pattern = "c.test"
read = "block"
paths = [{ path = "/", action = "allow" }]
[[filter.domains]]
pattern = "d.test"
write = "ask"
)");
  EXPECT_THAT(
      problems(),
      ElementsAre("~/code/.weir.toml:1:1: threads is not for a project to set: a project's file may only "
                  "narrow what is allowed. To accept it as it stands: weir trust --widen",
                  std::string("~/code/.weir.toml:3: filter.default_action: \"ask\" is weaker than the "
                              "\"block\" of the layers above") +
                      kNarrow,
                  std::string("~/code/.weir.toml:4: filter.rules: the rule \"a.test\" allows") + kNarrow,
                  std::string("~/code/.weir.toml:7: filter.rules: the rule \"b.test\" asks, which would lift "
                              "a block of the layers above") +
                      kNarrow,
                  std::string("~/code/.weir.toml:10: filter.domains: the entry \"c.test\" allows") + kNarrow,
                  std::string("~/code/.weir.toml:14: filter.domains: the entry \"d.test\" asks, which would "
                              "lift a block of the layers above") +
                      kNarrow));
}

TEST_F(LayersTest, NoProjectLiftsTheBlockThatTheCommandLineImplies) {
  const Sources allowing{
      .rules = {{.pattern = "a.test", .action = Action::allow, .source = "--allow-domain"}}};
  const Sources blocking{
      .rules = {{.pattern = "a.test", .action = Action::block, .source = "--block-domain"}}};
  write_trusted("[filter]\ndefault_action = \"allow\"\n");
  EXPECT_THAT(problems(allowing), ElementsAre(HasSubstr("\"allow\" is weaker than the \"block\"")));
  write_trusted("[filter]\ndefault_action = \"ask\"\n");
  EXPECT_THAT(problems(allowing), ElementsAre(HasSubstr("\"ask\" is weaker than the \"block\"")));
  EXPECT_EQ(effective_default(good(blocking).settings.filter), Action::ask) << "allow would be implied";
  const std::string ask = "[[filter.rules]]\npattern = \"b.test\"\naction = \"ask\"\n";
  write_trusted("[filter]\ndefault_action = \"block\"\n" + ask);
  EXPECT_THAT(problems(allowing), ElementsAre(HasSubstr("would lift a block")));
  write_trusted("[filter]\ndefault_action = \"allow\"\n", true);
  EXPECT_EQ(effective_default(good(allowing).settings.filter), Action::allow) << "the user said --widen";
}

TEST_F(LayersTest, AQuestionInPlaceOfADomainsBlockWidens) {
  write_trusted("[[filter.rules]]\npattern = \"a.test\"\naction = \"ask\"\n");
  EXPECT_THAT(problems(), IsEmpty());
  write(user_, "[[filter.domains]]\npattern = \"a.test\"\nwrite = \"block\"\n");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("would lift a block")));
}

TEST_F(LayersTest, ATrustedFileMayWidenWhereThatWasSaid) {
  write(user_, "threads = 2\n[filter]\ndefault_action = \"block\"\n");
  write_trusted("threads = 3\nlog_level = \"warn\"\n[[filter.rules]]\npattern = \"a\"\naction = \"allow\"\n",
                true);
  Configuration out = good();
  EXPECT_EQ(out.settings.threads, 2u) << "the user's weighs more";
  EXPECT_EQ(out.settings.log_level, log::Level::warn);
  EXPECT_THAT(of(out, Layer::project).rules, SizeIs(1));
}

TEST_F(LayersTest, TrustIsKeptForEachFile) {
  EXPECT_EQ(find_trust(project_).value(), std::nullopt);
  EXPECT_THAT(all_trust().value(), IsEmpty());
  ASSERT_TRUE(store_trust({project_, content_hash("a"), false}));
  ASSERT_TRUE(store_trust({home_ + "/a \"b\"\n/.weir.toml", content_hash("b"), true}));
  ASSERT_TRUE(store_trust({project_, content_hash("c"), true}));
  auto all = all_trust().value();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].file, home_ + "/a \"b\"\n/.weir.toml");
  EXPECT_EQ(all[1].sha256, content_hash("c"));
  EXPECT_TRUE(all[1].widen);
  EXPECT_TRUE(remove_trust(project_).value());
  EXPECT_FALSE(remove_trust(project_).value());
  EXPECT_EQ(find_trust(project_).value(), std::nullopt);
}

TEST_F(LayersTest, DamagedTrustIsNotTaken) {
  ASSERT_TRUE(store_trust({project_, content_hash("a"), true}));
  for (const auto& entry : fs::directory_iterator(home_ + "/.local/state/weir/trust"))
    write(entry.path(), "file = \"x\"\n");
  write(project_, "a");
  EXPECT_THAT(problems(), ElementsAre(HasSubstr("is damaged; remove it and trust the project's file again")));
}

TEST_F(LayersTest, OneFileHasOneName) {
  fs::create_directory_symlink(home_ + "/code", home_ + "/link");
  EXPECT_EQ(canonical_file(home_ + "/link/inner/../.weir.toml"), project_);
  EXPECT_EQ(canonical_file("../.weir.toml"), project_);
  EXPECT_EQ(canonical_file(home_ + "/gone/.weir.toml"), home_ + "/gone/.weir.toml");
}

}  // namespace
}  // namespace weir::config
