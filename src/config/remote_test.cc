#include "config/remote.h"

#include <gmock/gmock.h>

#include "config/toml_file.h"

namespace weir::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ReceiversTest : public testing::Test {
 protected:
  Complaints read(const std::string& text) {
    Document document = parse_toml(text);
    EXPECT_EQ(document.syntax_error, "");
    for (const Entry& entry : document.entries) {
      if (entry.key != "logging.receivers") continue;
      receivers_.clear();
      return read_receivers(entry.value, {"/etc/weir", "/home/a", policy::Layer::user, "config.toml"},
                            receivers_);
    }
    ADD_FAILURE() << "no receivers in it";
    return {};
  }
  std::string complaint(const std::string& table) {
    Complaints complaints = read("[[logging.receivers]]\n" + table);
    return complaints.empty() ? "" : complaints.front().text;
  }

  std::vector<LogReceiver> receivers_;
};

TEST_F(ReceiversTest, EveryKey) {
  EXPECT_THAT(read(R"(
[[logging.receivers]]
name = "central"
type = "syslog"
transport = "tcp"
address = "Logs.Example:514"
facility = "local3"
app_name = "proxy"
max_bytes = "4KiB"
text = "json"
[[logging.receivers]]
type = "syslog"
[[logging.receivers]]
type = "otlp"
url = "https://c.example:4318/v1/logs"
encoding = "protobuf"
attributes = { "deployment.environment" = "prod" }
headers = { X-Key = "secret", X-Env = { env = "KEY" } }
bearer_token = { file = "~/.token" }
gzip = true
ca = "ca.pem"
proxy = "http://user:pass@p.example:3128"
bodies = true
batch = 7
interval = "2s"
queue_bytes = "1MiB"
timeout = "3s"
[[logging.receivers]]
type = "http"
url = "http://h.example/in?token=hide"
method = "put"
)"),
              IsEmpty());
  ASSERT_EQ(receivers_.size(), 4u);
  EXPECT_EQ(receivers_[0].address.str(), "logs.example:514");
  EXPECT_EQ(receivers_[0].text, LogReceiver::Text::json);
  EXPECT_EQ(receivers_[0].max_bytes, 4096u);
  EXPECT_EQ(receivers_[1].name, "syslog-2");
  EXPECT_EQ(receivers_[1].path, "/dev/log");
  EXPECT_EQ(receivers_[2].encoding, LogReceiver::Encoding::protobuf);
  EXPECT_EQ(receivers_[2].headers[0].value.kind, SecretSource::Kind::env);
  EXPECT_EQ(receivers_[2].bearer_token->text, "/home/a/.token");
  EXPECT_EQ(receivers_[2].ca, "/etc/weir/ca.pem");
  EXPECT_EQ(receivers_[3].method, "PUT");
  EXPECT_EQ(to_table(receivers_[0]).toml(),
            "{ name = \"central\", type = \"syslog\", transport = \"tcp\", address = \"logs.example:514\", "
            "facility = "
            "\"local3\", app_name = \"proxy\", max_bytes = \"4KiB\", text = \"json\", batch = 100, interval "
            "= \"1s\", "
            "queue_bytes = \"16MiB\", timeout = \"10s\" }");
  std::string shown = to_table(receivers_[2]).toml() + to_table(receivers_[3]).toml();
  for (const char* secret : {"secret", "pass@", "hide"}) EXPECT_THAT(shown, Not(HasSubstr(secret)));
  EXPECT_THAT(shown, HasSubstr("X-Env = { env = \"KEY\" }"));
}

TEST_F(ReceiversTest, Mistakes) {
  struct Row {
    const char* table;
    const char* complaint;
  };
  const Row rows[] = {
      {"name = \"a\"", "type is missing"},
      {"type = \"sylog\"", "\"syslog\", \"otlp\" or \"http\""},
      {"type = \"http\"", "url is missing"},
      {"type = \"http\"\nurl = \"ftp://a.example/\"", "http://host"},
      {"type = \"http\"\nurl = \"https://a:secret@a.example/\"", "without user and password"},
      {"type = \"syslog\"\ntransport = \"udp\"", "address is missing"},
      {"type = \"syslog\"\ntransport = \"udp\"\naddress = \"a.example\"", "host:port"},
      {"type = \"syslog\"\nurl = \"http://a.example/\"", "unknown key url"},
      {"type = \"syslog\"\nfacility = \"local9\"", "a facility"},
      {"type = \"syslog\"\nmax_bytes = 100", "480"},
      {"type = \"syslog\"\ntimeout = 0", "for ever"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = \"a: secret\"", "wanted is a table"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = { \"a b\" = \"secret\" }",
       "not the name of a header"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = { a = \"secret\\n\" }", "wanted is a text"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = { a = 1 }", "wanted is a text"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nbearer_token = { enw = \"A\" }", "did you mean env"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nattributes = { a = 1 }", "attributes: a"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = []", "wanted is a table"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nheaders = { a = [] }", "wanted is a text"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nbearer_token = []", "wanted is a text"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nattributes = []", "wanted is a table"},
      {"type = \"otlp\"\nurl = \"http://a/\"\nattributes = { a = [] }", "attributes: a"},
      {"type = \"http\"\nurl = \"http://a/\"\nheaders = { content-LENGTH = \"3\" }", "is for Weir to set"},
      {"type = \"http\"\nurl = \"http://a/\"\nheaders = { authorization = \"a\" }\nbearer_token = \"b\"",
       "keep one of them"},
      {"type = \"http\"\nurl = \"http://a/\"\nproxy = \"http://u:secret@a b/\"", "URL of a proxy"},
      {"type = \"http\"\nurl = \"http://a/\"\nproxy = \"ftp://u:secret@a.example/\"", "URL of a proxy"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(complaint(row.table), HasSubstr(row.complaint)) << row.table;
    EXPECT_THAT(complaint(row.table), Not(HasSubstr("secret"))) << row.table;
  }
}

TEST_F(ReceiversTest, NoProxyHasTwoNames) {
  for (const char* proxy : {"", "direct"}) {
    EXPECT_EQ(complaint("type = \"http\"\nurl = \"http://a/\"\nproxy = \"" + std::string(proxy) + "\""), "");
    EXPECT_EQ(receivers_[0].proxy, "");
  }
}

TEST_F(ReceiversTest, LayersAddAndNamesAreUnique) {
  LoggingSettings settings;
  settings.receivers[0].push_back({.name = "a", .place = "corp.toml:1"});
  settings.receivers[3].push_back({.name = "b", .place = "config.toml:1"});
  auto all = all_receivers(settings);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 2u);
  settings.receivers[3].push_back({.name = "a", .place = "config.toml:5"});
  auto twice = all_receivers(settings);
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().context(), testing::AllOf(HasSubstr("config.toml:5"), HasSubstr("corp.toml:1")));
}

TEST(ControlTest, BeyondThisMachineItTakesBoth) {
  ControlSettings settings;
  EXPECT_TRUE(check_control(settings));
  settings.listen = HostPort{"127.0.0.1", 0};
  EXPECT_TRUE(check_control(settings));
  settings.listen = HostPort{"0.0.0.0", 0};
  EXPECT_FALSE(check_control(settings));
  settings.allow_remote = true;
  EXPECT_FALSE(check_control(settings));
  settings.token_file = "/a";
  EXPECT_TRUE(check_control(settings));
  settings.allow_remote = false;
  EXPECT_FALSE(check_control(settings));
}

}  // namespace
}  // namespace weir::config
