"""`weir run`: CMD is on its own, but for what it reaches the network with."""

import json
import pathlib
import signal
import subprocess
import sys

import kit

# Prints the environment, and which of the files it names are there and hold how many certificates.
REPORT = """
import json, os, sys
def certificates(path):
    return open(path).read().count("BEGIN CERTIFICATE") if os.path.isfile(path) else None
print(json.dumps({name: [value, certificates(value)] for name, value in os.environ.items()}))
"""

# Ends with 42 when it is asked to.
CATCHER = """
import signal, sys
def caught(*_):
    print("caught", flush=True)
    sys.exit(42)
signal.signal(signal.SIGTERM, caught)
print("ready", flush=True)
while True:
    signal.pause()
"""

PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "YARN_HTTP_PROXY",
         "YARN_HTTPS_PROXY", "npm_config_proxy", "npm_config_https_proxy")
REPLACES = ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CARGO_HTTP_CAINFO",
            "AWS_CA_BUNDLE", "NIX_SSL_CERT_FILE", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
            "BUNDLE_SSL_CA_CERT", "HTTPLIB2_CA_CERTS", "npm_config_cafile")
ADDS = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


class Command(kit.Run):
    def test_exit_code(self):
        for code in (0, 1, 7, 255):
            self.assertEqual(self.run_weir("sh", "-c", f"exit {code}").returncode, code)

    def test_death_by_signal(self):
        self.assertEqual(self.run_weir("sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)

    def test_command_that_is_not_there(self):
        done = self.run_weir("no-such-command-here")
        self.assertEqual(done.returncode, 127)
        self.assertIn(b"no-such-command-here", done.stderr)

    def test_command_that_is_not_executable(self):
        path = self.home / "text"
        path.write_text("no program\n")
        self.assertEqual(self.run_weir(path).returncode, 126)

    def test_signals_are_passed_on(self):
        weir = self.spawn(self.words(sys.executable, "-c", CATCHER), stderr=subprocess.DEVNULL)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        weir.send_signal(signal.SIGTERM)
        self.assertEqual(weir.stdout.readline(), b"caught\n")
        self.assertEqual(weir.wait(kit.PATIENCE), 42)

    def test_standard_streams_are_the_commands_own(self):
        data = bytes(range(256)) * 1000
        done = self.run_weir("sh", "-c", "cat; echo err >&2", input=data, stdin=None)
        self.assertEqual((done.returncode, done.stdout), (0, data))
        self.assertIn(b"err\n", done.stderr)

    def test_no_other_descriptor_is_inherited(self):
        done = self.run_weir(sys.executable, "-c", "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")
        self.assertEqual(done.stdout.strip(), b"[0, 1, 2, 3]", "3 is the folder being read")

    def test_flags_after_the_command_are_its_own(self):
        self.assertEqual(self.run_weir("echo", "--help", "-x", "--", "--data").stdout, b"--help -x -- --data\n")

    def test_flags_that_may_be_repeated_take_one_value(self):
        """`--passthrough a b` is the pattern a and the command b."""
        for flags in (["--passthrough", "a.example"], ["--passthrough", "a.example", "--passthrough", "b.example"]):
            for mark in ([], ["--"]):
                words = [kit.binary(), "run", "--data", self.data, *self.flags_but_data, *flags, *mark, "echo", "hello"]
                self.assertEqual(self.check(kit.run(words, self.env)), b"hello\n")

    def test_no_command(self):
        done = self.run_weir()
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"weir run", done.stderr)

    def test_folder_and_arguments(self):
        folder = self.home / "a folder"
        folder.mkdir()
        self.assertEqual(self.run_weir("sh", "-c", 'pwd; printf "%s|" "$@"', "sh", "", "a b", "ü", cwd=folder).stdout,
                         f"{folder}\n|a b|ü|".encode())


class Environment(kit.Run):
    loopback = ()

    def report(self, **env):
        return json.loads(self.check(self.run_weir(sys.executable, "-c", REPORT, env=env)))

    def test_variables(self):
        env = self.report(KEPT="as it is")
        self.assertEqual(env["KEPT"], ["as it is", None])
        proxy = env["HTTP_PROXY"][0]
        self.assertRegex(proxy, r"^http://127\.0\.0\.1:\d+/?$")
        self.assertEqual({name: env.get(name, [None])[0] for name in PROXY}, dict.fromkeys(PROXY, proxy))
        for name in ("NO_PROXY", "no_proxy"):
            self.assertEqual(env[name][0], "localhost,127.0.0.1,::1")
        self.assertEqual((env["NODE_USE_ENV_PROXY"][0], env["WEIR"][0]), ("1", "1"))
        self.assertTrue(env["WEIR_SESSION"][0])
        self.assertEqual({name: env.get(name, [None, None])[1] for name in ADDS}, dict.fromkeys(ADDS, 1))
        for name in REPLACES:
            self.assertGreater(env.get(name, [None, 0])[1] or 0, 10, f"{name} names system roots and our CA")
        self.assertIn("-Djavax.net.ssl.trustStore=", env["JAVA_TOOL_OPTIONS"][0])

    def test_loopback_is_left_alone(self):
        self.check(self.run_weir("curl", "-sS", f"{self.plain.url}/echo"))
        self.assertEqual(len(self.plain.requests), 1)
        self.assertEqual(kit.recorded(self.data, self.env, missing_is_empty=True), [])

    def test_other_spellings_do_not_undo_ours(self):
        env = self.report(http_proxy="http://other.example:1", No_Proxy="*", no_proxy="*")
        self.assertEqual(env["http_proxy"], env["HTTP_PROXY"])
        self.assertEqual(env["no_proxy"][0], "localhost,127.0.0.1,::1")


class Traffic(kit.Run):
    needs = ("curl",)

    def test_curl_needs_no_flags(self):
        done = self.run_weir("curl", "-sS", f"{self.tls.url}/echo", f"{self.plain.url}/status/500")
        self.assertIn(b'"method": "GET"', self.check(done))
        self.assertEqual([(flow["url"], flow["status"]) for flow in self.flows()],
                         [(f"{self.tls.url}/echo", 200), (f"{self.plain.url}/status/500", 500)])

    def test_python_needs_no_flags(self):
        fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"
        self.assertEqual(self.check(self.run_weir(sys.executable, "-c", fetch, f"{self.tls.url}/echo")), b"200\n")

    def test_summary(self):
        done = self.run_weir("curl", "-sS", "-o", "/dev/null", f"{self.tls.url}/bytes/5000", "-o", "/dev/null",
                             f"{self.tls.url}/status/404")
        self.check(done)
        self.assertEqual(done.stdout, b"")
        said = done.stderr.decode()
        self.assertRegex(said, r"curl ended with 0 .*2 requests to 1 host, .* 1 error\b")
        self.assertRegex(said, r"localhost +2 ")
        self.assertRegex(said, rf"slowest .*{self.tls.url}/")

    def test_request_that_outlives_the_command_is_cut(self):
        weir = self.spawn(self.words("sh", "-c", f"curl -s {self.plain.url}/held >/dev/null 2>&1 & read line"),
                          stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertTrue(self.plain.holding.wait(kit.PATIENCE))
        weir.stdin.write(b"\n")
        weir.stdin.flush()
        self.assertEqual(weir.wait(kit.PATIENCE / 2), 0)
        self.assertEqual([flow["error_code"] for flow in self.flows()], ["shutting_down"])

    def test_filter_follows_its_file(self):
        config = self.home / "own.toml"
        config.write_text('[[filter.rules]]\npattern = "localhost"\naction = "block"\n')
        # Asks until somebody else has changed the file, and says each answer once.
        asking = """
import sys, urllib.error, urllib.request
said = None
while said != 200:
    try:
        status = urllib.request.urlopen(sys.argv[1]).status
    except urllib.error.HTTPError as error:
        status = error.code
    if status != said:
        print(status, flush=True)
    said = status
"""
        words = [str(word) for word in (kit.binary(), "run", "--data", self.data, *self.flags_but_data, "--config", config,
                                        "--", sys.executable, "-c", asking, f"{self.plain.url}/echo")]
        weir = self.spawn(words, stderr=subprocess.DEVNULL)
        self.assertEqual(weir.stdout.readline(), b"403\n")
        config.write_text("# nothing\n")
        self.assertEqual(weir.stdout.readline(), b"200\n")
        self.assertEqual(weir.wait(kit.PATIENCE), 0)

    def test_session_is_named(self):
        out = self.check(self.run_weir("sh", "-c", f'curl -sSo /dev/null {self.plain.url}/echo; echo "$WEIR_SESSION"'))
        self.assertEqual(len(self.flows("--session", out.decode().strip())), 1)

    def test_project_folder_is_found_from_below(self):
        """Without --data, a run in a folder is found by `weir logs` in that folder and below."""
        project = self.home / "project"
        below = project / "src"
        below.mkdir(parents=True)
        for folder, words in ((project, ["run", *self.flags_but_data, "--", "curl", "-sS", f"{self.tls.url}/echo"]),
                              (below, ["logs", "--json"])):
            done = kit.run([kit.binary(), *words], self.env, cwd=folder)
            self.check(done)
        self.assertEqual([flow["url"] for flow in json.loads(done.stdout)], [f"{self.tls.url}/echo"])
        states = [path for path in pathlib.Path(self.env["XDG_STATE_HOME"], "weir", "projects").iterdir()]
        self.assertRegex(" ".join(path.name for path in states), r"^project-[0-9a-f]{8}$")

    def test_runs_nest(self):
        """The inner one goes through the outer one and trusts it, by the variables that it finds."""
        inner = [kit.binary(), "run", "--include-loopback", "--data", self.home / "inner", "--ca-dir", self.home / "inner-ca"]
        out = self.check(self.run_weir(*inner, "--", "curl", "-sS", f"{self.tls.url}/echo"))
        self.assertIn(b'"method"', out)
        for data in (self.data, self.home / "inner"):
            self.assertEqual([flow["url"] for flow in kit.recorded(data, self.env)], [f"{self.tls.url}/echo"])


if __name__ == "__main__":
    kit.main()
