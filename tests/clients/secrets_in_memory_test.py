"""Secrets lie in memory that even root cannot read, and their copies on the way out are gone when they have left.

P2 and P3 of what docs/hardening.md promises: after some fifty requests all that the kernel shows of a Weir's memory is looked
through, and that of what it started.
"""

import http.server
import json
import os
import shutil
import ssl
import threading
import time
import unittest
import urllib.parse

import kit
import memory_scan
from memory_scan import MARK, secret
from gateway_test import TOKEN, GatewayTest
from origin import OriginHandler
from proxies import HttpProxy, Socks5Proxy
from relay_test import Relay
from remote_test import Receiver

H2_ORIGIN = """
const http2 = require('http2'), fs = require('fs'), [key, cert] = process.argv.slice(1).map((file) => fs.readFileSync(file));
const server = http2.createSecureServer({ key, cert });
server.on('stream', (stream, fields) => {
  console.log(JSON.stringify(fields));
  stream.resume();
  stream.on('end', () => { stream.respond({ ':status': 200 }); stream.end('ok'); });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


class Quiet(OriginHandler):
    """Says nothing of what it was asked: what an origin sends back is the client's."""

    def not_found(self):
        for _ in self.body():
            pass
        self.reply(200, b"ok")


class Tokens(http.server.BaseHTTPRequestHandler):
    """A token endpoint; each token of its own is good for a minute, and each refresh token once."""

    def log_message(self, *words):
        pass

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.server.asked.append(form)
        body = json.dumps({"access_token": secret("access"), "token_type": "Bearer", "expires_in": 3600,
                           "refresh_token": secret("renewed")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@unittest.skipIf(memory_scan.can_look(), memory_scan.can_look())
class InMemory(kit.Client):
    needs = ("curl",)

    def setUp(self):
        self.home = kit.scratch()
        self.tls = self.enterContext(kit.Origin(kit.identity(), handler=Quiet))
        self.plain = self.enterContext(kit.Origin(handler=Quiet))

    def given(self, name, text=None):
        path = self.home / name
        path.write_text(secret(name) if text is None else text)
        path.chmod(0o600)
        return path

    def serve(self, text, *flags, env=None):
        self.config = self.given("config.toml", text)
        # A sanitizer's stack frames on the heap are beyond what overwrites a stack.
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "detect_stack_use_after_return=0")))
        self.weir = self.start("--config", self.config, *flags, home=self.home, env={"ASAN_OPTIONS": options, **(env or {})})
        self.env = self.weir.env

    def nowhere(self, pid=None):
        """No secret is in the memory of the process, or of one that it started."""
        pid = pid or self.weir.pid
        # What is sent or torn down still has a moment.
        deadline = time.monotonic() + 5
        while True:
            found = {who: places for who in (pid, *memory_scan.children(pid)) if (places := memory_scan.find(who))}
            if not found or time.monotonic() > deadline:
                break
        self.assertEqual(found, {}, "\n" + "\n".join(place for places in found.values() for place in places))

    def curl(self, *words):
        done = kit.run(["curl", "-sS", "--proxy", self.weir.url, "--cacert", self.weir.ca, *words], self.env)
        return self.check(done)


class Credentials(InMemory):
    """Every source, and every place that a secret is put into."""

    # A sanitizer's runtime keeps a copy of the environment of its own.
    VARIABLE = "a-variable-without-the-mark" if kit.sanitized() else secret("variable")
    ENV = {"ENV_TOKEN": VARIABLE, "CLIENT_SECRET": VARIABLE}

    def setUp(self):
        super().setUp()
        self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        self.tokens.asked = []
        identity = kit.identity()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.tokens.socket = context.wrap_socket(self.tokens.socket, server_side=True)
        threading.Thread(target=self.tokens.serve_forever, daemon=True).start()
        self.addCleanup(self.tokens.server_close)
        self.addCleanup(self.tokens.shutdown)
        env_file = self.given("given.env", f"OTHER=1\nexport CORP='{secret('envfile')}'\n")
        url = f"https://localhost:{self.tokens.server_port}/token"
        self.serve(f"""
[credentials.file]
hosts = "localhost"
headers = ["X-File"]
source = {{ file = "{self.given("file")}" }}
[credentials.query]
hosts = "localhost"
query = ["key"]
source = {{ env_file = "{env_file}", env_file_key = "CORP" }}
[credentials.basic]
hosts = "localhost"
headers = ["Authorization"]
source = {{ command = ["cat", "{self.given("command")}"], ttl = "1s" }}
[credentials.variable]
hosts = "localhost"
headers = ["X-Variable"]
source = {{ env = "ENV_TOKEN" }}
[credentials.injected]
hosts = "localhost"
path = "/injected"
headers = ["X-Injected"]
inject = true
format = "Basic {{user:secret}}"
user = "somebody"
source = {{ file = "{self.given("injected")}" }}
[credentials.oauth]
hosts = "localhost"
headers = ["X-OAuth"]
source = {{ file = "{self.given("refresh")}" }}
oauth = {{ token_url = "{url}", client_id = "weir", client_secret = {{ env = "CLIENT_SECRET" }} }}
[credentials.aws]
preset = "aws"
hosts = "localhost"
access_key_id = {{ value = "AKIAREALREALREALREAL" }}
session_token = {{ file = "{self.given("session")}" }}
source = {{ file = "{self.given("key")}" }}
""", env=self.ENV)
        listed = kit.run([kit.binary(), "credentials", "list", "--json", "--config", self.config], self.env)
        self.placeholders = {one["name"]: one for one in json.loads(self.check(listed))}

    def placeholder(self, name):
        return self.placeholders[name]["placeholder"]

    def ask(self, port, *words):
        """Some 25 requests, with all of them."""
        base = f"https://localhost:{port}"
        fields = [word for name in ("File", "Variable", "OAuth")
                  for word in ("-H", f"X-{name}: {self.placeholder(name.lower())}")]
        self.assertEqual(self.curl(*words, *fields, "-u", f"somebody:{self.placeholder('basic')}",
                                   f"{base}/a?n=[1-12]&key={self.placeholder('query')}"), b"ok" * 12)
        self.assertEqual(self.curl(*words, "-d", "x=1", f"{base}/injected/[1-6]"), b"ok" * 6)
        keys = self.placeholders["aws"]
        self.assertEqual(self.curl(*words, "--aws-sigv4", "aws:amz:us-east-1:s3", "-u",
                                   f"{keys['placeholder']}:{keys['placeholder_secret']}", f"{base}/bucket/[1-6]"), b"ok" * 6)

    def test_http1(self):
        self.nowhere()
        for _ in range(2):
            self.ask(self.tls.port)
        seen = {name.lower(): value for _, path, fields in self.tls.requests for name, value in fields.items()}
        self.assertEqual(seen["x-file"], secret("file"))
        self.assertEqual(seen["x-oauth"], secret("access"))
        self.assertEqual(seen["x-amz-security-token"], secret("session"))
        self.assertIn("key=" + urllib.parse.quote(secret("envfile"), safe="-._~"), self.tls.requests[0][1])
        self.nowhere()
        self.weir.stop()

    def test_http2(self):
        if not shutil.which("node"):
            self.skipTest("not installed: node")
        identity = kit.identity()
        origin = self.spawn(["node", "-e", H2_ORIGIN, identity.key, identity.certificate])
        port = int(origin.stdout.readline())
        for _ in range(2):
            self.ask(port, "--http2")
        seen = json.loads(origin.stdout.readline())
        self.assertEqual((seen["x-file"], seen["x-oauth"]), (secret("file"), secret("access")))
        self.nowhere()
        self.weir.stop()

    def test_what_is_left_of_one_that_was_replaced(self):
        self.ask(self.tls.port)
        (self.home / "file").write_text(secret("later"))

        def renewed():
            self.ask(self.tls.port)
            return any(fields.get("X-File") == secret("later") for _, _, fields in self.tls.requests)
        kit.until(renewed)
        self.nowhere()


class Others(InMemory):
    """What is looked for, and what lets somebody in."""

    def test_values_to_redact(self):
        file = self.given("file")
        env_file = self.given("given.env", f"CORP=\"{secret('envfile')}\"\n")
        self.serve("".join(f"""
[[redaction.rules]]
name = "{name}"
source = {source}
""" for name, source in (("file", f'{{ file = "{file}" }}'),
                         ("env_file", f'{{ env_file = "{env_file}", env_file_key = "CORP" }}'))))
        self.assertEqual(self.curl(f"{self.plain.url}/[1-20]"), b"ok" * 20)
        self.nowhere()

    def test_the_relays_token(self):
        relay = Relay("start_relay")
        relay.setUp()
        self.addCleanup(relay.doCleanups)
        relay.start_relay()
        for _ in range(20):
            done = kit.run(["curl", "-sS", "--proxy", f"http://127.0.0.1:{relay.port}", "--cacert", relay.bundle, relay.tls.url], relay.env)
            self.check_relay(done)
        found = memory_scan.find(relay.relay.pid, relay.token)
        relay.stop_relay()
        self.assertEqual(found, [])

    def check_relay(self, done):
        self.assertEqual(done.returncode, 0, done)

    def test_the_gateways_tokens(self):
        gateway = GatewayTest("echoing")
        gateway.setUp()
        self.addCleanup(gateway.doCleanups)
        gateway.gateway()
        tunnels = [gateway.echoing() for _ in range(20)]
        for tunnel in tunnels:
            tunnel.close()
        self.assertEqual(memory_scan.find(gateway.weir.pid, TOKEN), [])


class Written(InMemory):
    """What the configuration itself holds, and what lets Weir in elsewhere."""

    PLACE = f"somebody:{urllib.parse.quote(secret('password'), safe='')}"

    def test_credentials_and_values_to_redact(self):
        self.serve(f"""
[credentials.corp]
hosts = "localhost"
headers = ["X-Corp"]
placeholder = "corp-placeholder-0123456789"
source = {{ value = "{secret('written')}" }}
[[redaction.rules]]
name = "written"
source = {{ value = "{secret('looked-for')}" }}
""")
        self.nowhere()
        self.assertEqual(self.curl("-H", "X-Corp: corp-placeholder-0123456789", f"{self.tls.url}/[1-20]"), b"ok" * 20)
        self.assertEqual(self.tls.requests[0][2]["X-Corp"], secret("written"))
        self.nowhere()
        # Read again, and thrown away again.
        self.given("config.toml", self.config.read_text() + '[filter]\ndefault_action = "allow"\n')
        self.weir.wait_for_line("the filter was read again")
        self.nowhere()

    def test_who_may_use_the_proxy(self):
        user = f"somebody:{secret('password')}"
        self.serve(f"[proxy_auth]\nusers = ['{user}']\n")
        self.nowhere()
        for words in (["--proxy-user", user], ["--proxy-user", user, "--proxytunnel"],
                      ["--proxy-user", user, "--proxy", f"socks5h://{self.weir.address}"]):
            self.assertEqual(self.curl(*words, f"{self.plain.url}/[1-10]", f"{self.tls.url}/[1-10]"), b"ok" * 20)
        self.assertEqual(self.curl("--proxy-user", "somebody:else", "-w", "%{http_code}", "-o", "/dev/null", self.plain.url), b"407")
        self.nowhere()

    def behind(self, url):
        self.serve(f"[upstream]\nproxy = '{url}'\n")
        self.nowhere()
        self.assertEqual(self.curl(f"{self.plain.url}/[1-10]", f"{self.tls.url}/[1-10]"), b"ok" * 20)
        self.nowhere()

    def test_behind_an_http_proxy(self):
        proxy = self.enterContext(HttpProxy(login=("somebody", secret("password"))))
        self.behind(f"http://{self.PLACE}@{proxy.place}")

    def test_behind_a_socks_proxy(self):
        proxy = self.enterContext(Socks5Proxy(("somebody", secret("password"))))
        self.behind(f"socks5://{self.PLACE}@{proxy.place}")

    def receivers(self, *proxies):
        """One that goes straight, and one behind each proxy."""
        receiver = self.enterContext(Receiver(kit.identity()))
        tables = "".join(f"""
[[logging.receivers]]
type = "http"
name = "number-{number}"
url = "{receiver.url}"
ca = "{kit.authority().certificate}"
interval = "10ms"
{f"proxy = '{proxy}'" if proxy else ''}
bearer_token = '{secret("token")}'
headers = {{ X-Key = '{secret("key")}', X-File = {{ file = '{self.given("file")}' }} }}
""" for number, proxy in enumerate(("", *proxies)))
        self.serve(tables)
        self.nowhere()
        for _ in range(5):
            self.curl(f"{self.plain.url}/[1-3]")
        receiver.wait_for(lambda: len(receiver.lines()) >= 15 * (1 + len(proxies)))
        fields = receiver.kept[0].headers
        self.assertEqual((fields["Authorization"], fields["X-Key"], fields["X-File"]),
                         (f"Bearer {secret('token')}", secret("key"), secret("file")))
        self.nowhere()
        self.weir.stop()

    def test_receivers_of_the_log(self):
        http, socks = self.enterContext(HttpProxy(login=("somebody", secret("password")))), self.enterContext(
            Socks5Proxy(("somebody", secret("password"))))
        self.receivers(f"http://{self.PLACE}@{http.place}", f"socks5://{self.PLACE}@{socks.place}")

    def test_the_token_of_the_control_port(self):
        self.serve(f"[control]\nlisten = '127.0.0.1:0'\ntoken_file = '{self.given('file')}'\n")
        place = self.weir.wait_for_line(r"metrics.*http://(127\.0\.0\.1:\d+)")[1]
        done = kit.run(["curl", "-sS", "-H", f"Authorization: Bearer {secret('file')}", f"http://{place}/metrics?[1-10]"], self.env)
        self.assertIn(b"weir_build_info", self.check(done))
        self.nowhere()


if __name__ == "__main__":
    kit.main()
