"""A canary: secrets that the rules name go through every door and in every place of a message, and are nowhere on disk.

One more place that Weir writes or sends to is one more line in Canary.places().
"""

import base64
import gzip
import hashlib
import json
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import time
import unittest
import urllib.parse
import zlib

import kit
import remote_test
from origin import PATIENCE, OriginHandler

# What each rule looks for. The second has no character that a host or a header's name could not have.
CANARIES = {"by-value": 'Vc-7Qz/+?" \\9xV', "by-env": "EnvCanary0815Zulu", "by-file": "File/Canary+4711==",
            "by-env-file": "canary of.an:env&file"}
HOST_SAFE = CANARIES["by-env"]
PATTERN = "pat_" + "Ab1" * 8  # of the rule by-pattern
HOOK = "http://hooks.invalid/services/HookCanary0815"  # of the rule by-url


def compressors():
    """Every content coding that something here can make, "" among them."""
    out = {"": lambda data: data, "gzip": gzip.compress, "deflate": zlib.compress}
    if shutil.which("node"):
        script = "process.stdout.write(require('zlib').brotliCompressSync(require('fs').readFileSync(0)))"
        out["br"] = lambda data: subprocess.run(["node", "-e", script], input=data, capture_output=True, check=True).stdout
    if shutil.which("zstd"):
        out["zstd"] = lambda data: subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
    return out


def spellings(secret):
    """The forms in which a secret must not be found."""
    data = secret.encode()
    forms = {data, data.lower(), data.hex().encode(), data.hex().upper().encode(), data.replace(b" ", b"+"),
             urllib.parse.quote(secret).encode(), urllib.parse.quote_plus(secret, safe="").encode(),
             "".join(f"%{byte:02X}" for byte in data).encode(), "".join(f"%{byte:02x}" for byte in data).encode(),
             json.dumps(secret)[1:-1].encode(), json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
             "".join(f"\\u{byte:04x}" for byte in data).encode()}
    for behind in range(3):
        # The characters that hold nothing but bits of the secret.
        begin, end = -(-8 * behind // 6), 8 * (behind + len(data)) // 6
        coded = base64.b64encode(bytes(behind) + data)[begin:end]
        forms |= {coded, coded.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


FORMS = {form: name for name, secret in {**CANARIES, "by-pattern": PATTERN}.items()
         for form in (spellings(secret) if name != "by-pattern" else {secret.encode()})}


def unpacked(data):
    """The bytes, and what gzip and zstd among them hold."""
    yield data
    at = data.find(b"\x1f\x8b\x08")
    while at >= 0:
        stream = zlib.decompressobj(31)
        try:
            yield stream.decompress(data[at:])
        except zlib.error:
            pass
        at = data.find(b"\x1f\x8b\x08", at + 1)
    at = data.find(b"\x28\xb5\x2f\xfd")
    while at >= 0 and shutil.which("zstd"):
        yield subprocess.run(["zstd", "-qdc"], input=data[at:], capture_output=True).stdout
        at = data.find(b"\x28\xb5\x2f\xfd", at + 1)


class Handler(OriginHandler):
    """Gives back what it is told to by the test, secrets included."""

    def any_answer(self):
        for _ in self.body():
            pass
        self.reply(200, self.server.origin.answer_body, "text/plain", self.server.origin.answer_fields)

    def any_late_trailers(self):
        for _ in self.body():
            pass
        self.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Late")])
        self.chunk(b"body")
        self.wfile.write(b"0\r\nX-Late: " + self.server.origin.answer_body + b"\r\n\r\n")

    def any_reason(self):
        secret = self.server.origin.answer_body
        self.wfile.write(b"HTTP/1.1 200 " + secret + b"\r\nContent-Length: 0\r\n\r\n")

    def any_socket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)])
        length = self.exactly(2)[1] & 0x7F
        mask = self.exactly(4)
        text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.exactly(length)))
        self.wfile.write(bytes([0x81, len(text)]) + text)
        self.close_connection = True


class CanaryTest(kit.Client):
    """A Weir whose rules name the canaries, from each kind of source."""

    flags = ("--jsonl", "--log-level", "debug")
    config = ""
    needs = ("curl",)

    def setUp(self):
        self.home = kit.scratch()
        self.receiver = self.enterContext(remote_test.Receiver())
        self.syslog = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.syslog.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.syslog.bind(("127.0.0.1", 0))
        (self.home / "token").write_text(CANARIES["by-file"] + "\n")
        (self.home / ".env").write_text(f"OTHER=x\nexport DB='{CANARIES['by-env-file']}'\n")
        (self.home / "weir.toml").write_text(f"""
[redaction]
headers = ["X-Corp"]
[[redaction.rules]]
name = "by-value"
source = {{ value = {json.dumps(CANARIES["by-value"])} }}
[[redaction.rules]]
name = "by-env"
source = {{ env = "WEIR_TEST_CANARY" }}
[[redaction.rules]]
name = "by-file"
source = {{ file = "token" }}
[[redaction.rules]]
name = "by-env-file"
source = {{ env_file = ".env", env_file_key = "DB" }}
[[redaction.rules]]
name = "by-pattern"
pattern = 'pat_[A-Za-z0-9]{{24}}'
[[redaction.rules]]
name = "by-url"
source = {{ value = "{HOOK}" }}
[[logging.receivers]]
type = "http"
url = "{self.receiver.url}"
bodies = true
[[logging.receivers]]
type = "otlp"
url = "{self.receiver.url}"
encoding = "protobuf"
bodies = true
[[logging.receivers]]
type = "syslog"
transport = "udp"
address = "127.0.0.1:{self.syslog.getsockname()[1]}"
text = "json"
max_bytes = 60000
{self.config}
""")
        super().setUp()
        self.origin = self.enterContext(kit.Origin(handler=Handler))
        self.secure = self.enterContext(kit.Origin(kit.identity(), handler=Handler))

    def start(self, *flags, **options):
        return super().start("--config", str(self.home / "weir.toml"), *flags,
                             **{"env": {"WEIR_TEST_CANARY": HOST_SAFE}, **options})

    # -- what is searched

    def places(self):
        """(name, bytes) of all that Weir wrote: files as they are, what its own reader makes of them, what it said."""
        for path in sorted(self.weir.home.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()
        yield "standard output and error", self.weir.said.encode()
        for request in self.receiver.kept:
            yield f"{request.type} to a receiver", request.body
        yield "syslog", b"".join(self.datagrams())
        for database in self.weir.data.rglob("*.db"):
            connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
            for (data,) in connection.execute("SELECT data FROM bodies"):
                yield f"a body in {database}", data
            connection.close()
        for flow in self.weir.flows():
            for words in (["show", "--json"], ["show"], ["show", "--request-body"], ["show", "--response-body"]):
                done = kit.run([kit.binary(), *words, "--data", self.weir.data, flow["id"]], self.env)
                yield f"weir {' '.join(words)} of {flow['url']}", done.stdout + done.stderr
        done = kit.run([kit.binary(), "logs", "internal", "--data", self.weir.data], self.env)
        yield "weir logs internal", done.stdout + done.stderr

    def datagrams(self):
        self.syslog.setblocking(False)
        try:
            while True:
                yield self.syslog.recv(65536)
        except BlockingIOError:
            pass

    def assert_clean(self):
        found, everything = [], b""
        for name, data in self.places():
            for text in unpacked(data):
                found += [f"{rule} as {form!r} in {name}" for form, rule in FORMS.items() if form in text]
                everything += text
        self.assertEqual(found, [])
        return everything

    # -- what is sent

    def curl(self, url, *words, **options):
        """What comes back is the origin's own, whatever is recorded: the test's to look at."""
        return kit.run(["curl", "-sS", "-g", "--max-time", PATIENCE, "-x", self.weir.url, "--cacert", self.weir.ca, *words, url],
                       self.env, **options)

    def speak(self, data):
        """Bytes through the proxy on a connection of their own; all that comes back until it ends."""
        out = b""
        with socket.create_connection(("127.0.0.1", self.weir.port), PATIENCE) as connection:
            connection.sendall(data)
            try:
                while part := connection.recv(65536):
                    out += part
            except ConnectionError:
                pass  # a refusal may end so
        return out


class Everywhere(CanaryTest):
    config = """
[[filter.rules]]
pattern = "blocked.invalid"
action = "block"
reason = "never to EnvCanary0815Zulu"
[filter]
default_action = "allow"
"""

    def secrets(self):
        return [*CANARIES.values(), PATTERN]

    def test_urls_and_fields(self):
        for secret in self.secrets():
            quoted = urllib.parse.quote(secret, safe="")
            doubly = urllib.parse.quote(quoted, safe="")
            coded = base64.b64encode(f"user:{secret}".encode()).decode()
            for origin in (self.origin, self.secure):
                origin.answer_body = b"harmless"
                origin.answer_fields = [("X-Echo", secret), ("Set-Cookie", f"a={secret}"), ("Location", f"/{quoted}?x={doubly}"),
                                        ("X-Coded", coded)]
                done = self.curl(f"{origin.url}/answer/{quoted}?q={quoted}&next={doubly}&plain={coded}", "-i", "-H", f"X-One: {secret}",
                                 "-H", f"X-Auth: Basic {coded}", "-b", f"c={secret}", "-u", f"user:{secret}", "-H", f"X-Corp: {secret}")
                self.check(done)
                self.assertRegex(done.stdout, rb"(?i:x-echo): " + re.escape(secret.encode()), "nothing is changed on the wire")
                _, path, fields = origin.requests[-1]
                self.assertIn(quoted, path)
                self.assertEqual(fields["X-One"], secret)
        self.origin.answer_fields = []
        self.check(self.curl(f"{self.origin.url}/answer", "-H", f"X-{HOST_SAFE}: 1"))
        self.check(self.curl(f"{self.secure.url}/answer/{PATTERN}", "--http2", "-H", f"x-{HOST_SAFE.lower()}: {HOST_SAFE}"))
        self.origin.answer_body = HOST_SAFE.encode()
        self.check(self.curl(f"{self.origin.url}/reason"))
        self.weir.stop()
        text = self.assert_clean()
        for name in [*CANARIES, "by-pattern"]:
            self.assertIn(f"[REDACTED:{name}]".encode(), text)
        self.assertEqual({request.type for request in self.receiver.kept}, {"application/x-ndjson", "application/x-protobuf"})

    def bodies_with(self, secret):
        coded = base64.b64encode(f"user:{secret}".encode()).decode()
        yield f"text with {secret} in it"
        yield json.dumps({"a": {"b": secret, "c": json.dumps({"d": secret})}})
        yield urllib.parse.urlencode({"a": secret, "b": "c"})
        if secret != PATTERN:  # a pattern is what its text looks like, not what it stands for
            yield f"<auth>{coded}</auth>"
            yield secret.encode().hex() * 40

    def test_bodies(self):
        for coding, compress in compressors().items():
            for n, secret in enumerate(self.secrets()):
                bodies = list(self.bodies_with(secret))
                for body in [bodies[n % len(bodies)]] if coding else bodies:
                    data = compress(body.encode())
                    field = ["-H", f"Content-Encoding: {coding}"] if coding else []
                    self.origin.answer_body = data
                    self.origin.answer_fields = [("Content-Encoding", coding)] if coding else []
                    chunked = ["-H", "Transfer-Encoding: chunked"] if len(data) % 2 else []
                    done = self.curl(f"{self.origin.url}/answer", *field, *chunked, "--data-binary", "@-", input=data, stdin=None)
                    self.assertEqual(self.check(done), data, "nothing is changed on the wire")
        harmless = gzip.compress(b"nothing to hide" * 50, mtime=0)
        self.origin.answer_body, self.origin.answer_fields = harmless, [("Content-Encoding", "gzip")]
        self.check(self.curl(f"{self.origin.url}/answer/harmless"))
        self.origin.answer_fields = [("Content-Encoding", "unheard-of")]
        self.check(self.curl(f"{self.origin.url}/answer/unknown"))
        self.weir.stop()
        self.assert_clean()
        flows = self.weir.flows()
        kept, unknown = flows[-2:]
        self.assertEqual((kit.body_of(kept, "resp"), kept.get("marks", [])), (harmless, ["to_loopback"]))
        self.assertEqual(kit.body_of(unknown, "resp"), b"")
        self.assertIn("resp_withheld", unknown["marks"])
        for flow in flows[:-2]:
            self.assertIn("redacted", flow["marks"])
            self.assertIn(b"[REDACTED:by-", kit.body_of(flow, "req"))
            self.assertIn(b"[REDACTED:by-", kit.body_of(flow, "resp"))

    def test_trailers(self):
        for secret in self.secrets():
            self.origin.answer_body = secret.encode()
            answer = self.speak(f"POST {self.origin.url}/late-trailers HTTP/1.1\r\nHost: {self.origin.host}\r\nConnection: close\r\n"
                                f"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                                f"4\r\nbody\r\n0\r\nX-Sum: {secret}\r\n\r\n".encode())
            self.assertIn(f"X-Late: {secret}".encode(), answer)
        self.weir.stop()
        self.assert_clean()
        for flow in self.weir.flows():
            self.assertIn("[REDACTED:by-", flow["req_trailers"]["X-Sum"][0])
            self.assertIn("[REDACTED:by-", flow["resp_trailers"]["X-Late"][0])

    def test_websocket_messages(self):
        for secret in self.secrets():
            text = f"hello {secret} there".encode()
            mask = b"\x01\x02\x03\x04"
            frame = bytes([0x81, 0x80 | len(text)]) + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
            answer = self.speak(f"GET {self.origin.url}/socket HTTP/1.1\r\nHost: {self.origin.host}\r\nConnection: Upgrade\r\n"
                                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                                f"Sec-WebSocket-Protocol: chat, openai-insecure-api-key.{HOST_SAFE}\r\n\r\n".encode() + frame)
            self.assertTrue(answer.endswith(text))
        self.weir.stop()
        text = self.assert_clean()
        self.assertEqual(text.count(b'"text": "hello [REDACTED:by-'), 2 * len(self.secrets()))

    def test_names_of_hosts(self):
        """In errors, connections, tunnels, questions of policy, and what Weir says of itself."""
        host = f"{HOST_SAFE}.invalid"
        self.curl(f"http://{host}/x")
        self.curl(f"https://{host}/x")
        self.curl(f"https://{HOST_SAFE}.pass.invalid/x")
        self.curl("http://a.invalid/x", "-H", f"Host: {host}")
        self.check(self.curl(f"https://{HOST_SAFE}.localhost:{self.secure.port}/x"))
        self.curl(f"http://blocked.invalid/{HOST_SAFE}")
        self.speak(f"GET http://{HOST_SAFE}:99999/ HTTP/1.1\r\n\r\n".encode())
        self.speak(f"{HOST_SAFE} of no use\r\n\r\n".encode())
        self.speak(b"\x05\x01\x00" + b"\x05\x01\x00\x03" + bytes([len(host)]) + host.encode() + struct.pack(">H", 443))
        self.weir.stop()
        text = self.assert_clean()
        self.assertIn(b"[REDACTED:by-env].invalid", text)
        self.assertRegex(text, rb"WARN .*\[REDACTED:by-env\]\.localhost.*: bad upstream certificate accepted")
        self.assertTrue(any("never to [REDACTED:by-env]" == flow.get("filter_reason") for flow in self.weir.flows()))

    def test_a_url_that_is_a_secret(self):
        """It is kept in two parts, neither of which is the secret."""
        self.curl(f"{HOOK}?x=1")
        self.curl("http://hooks.invalid/services/Hook%43anary0815", "-H", f"Referer: {HOOK}")
        self.curl(HOOK + "/deeper", "-H", "Accept: application/json")
        self.weir.stop()
        text = self.assert_clean()
        self.assertNotIn(b"HookCanary0815", text)
        self.assertNotIn(b"/services/", text)
        self.assertEqual([flow["url"].split("/", 3)[3] for flow in self.weir.flows()],
                         ["[REDACTED:by-url]?x=1", "[REDACTED:by-url]", "[REDACTED:by-url]/deeper"])

    flags = (*CanaryTest.flags, "--passthrough", "*.pass.invalid", "--insecure", "*.localhost")

    def test_while_it_runs(self):
        """Early views and the write-ahead log."""
        with self.spawn(["curl", "-sS", "-x", self.weir.url, f"{self.origin.url}/held/{HOST_SAFE}?q={PATTERN}"]) as curl:
            self.assertTrue(self.origin.holding.wait(PATIENCE))
            deadline = time.monotonic() + PATIENCE
            while not (flows := self.weir.flows()) and time.monotonic() < deadline:
                pass
            self.assertEqual([(flow["state"], flow["url"]) for flow in flows],
                             [("open", f"{self.origin.url}/held/[REDACTED:by-env]?q=[REDACTED:by-pattern]")])
            self.assert_clean()
            self.origin.release.set()
            self.assertEqual(curl.wait(PATIENCE), 0)
        self.weir.stop()
        self.assert_clean()


class CutShort(CanaryTest):
    """Bodies of which only the beginning is kept, cut within a secret at every place."""

    config = """
[capture]
body_bytes = 300
"""

    def test_no_piece_of_a_secret_is_left(self):
        secret = HOST_SAFE
        for spelled in (secret, "".join(f"\\u{ord(c):04x}" for c in secret), secret.encode().hex()):
            for cut in range(4, len(spelled), 5):
                self.origin.answer_body = b"." * (300 - cut) + spelled.encode() + b"." * 50
                self.origin.answer_fields = []
                self.check(self.curl(f"{self.origin.url}/answer"))
        self.weir.stop()
        for flow in self.weir.flows():
            self.assertEqual(kit.body_of(flow, "resp").strip(b"."), b"", "kPatternEnd is more than all of it")
            self.assertTrue(flow["resp_truncated"])
        self.assert_clean()


class Skipped(CanaryTest):
    config = """
[[log_skip.rules]]
pattern = "*.skipped.invalid"
[[log_skip.rules]]
pattern = "/quiet/**"
scope = "path"
[[filter.rules]]
pattern = "blocked.skipped.invalid"
action = "block"
[[filter.rules]]
pattern = "asked.skipped.invalid"
action = "ask"
[filter]
default_action = "allow"
"""
    flags = (*CanaryTest.flags, "--passthrough", "tunnel.skipped.invalid")

    def test_nothing_is_recorded_of_it(self):
        for origin in (self.origin, self.secure):
            origin.answer_body, origin.answer_fields = b"answer", []
            self.assertEqual(self.check(self.curl(f"{origin.url}/quiet/echo-nothing")), b"no such endpoint\n")
        self.assertIn(b"403", self.check(self.curl("http://blocked.skipped.invalid/", "-i")), "policy applies")
        self.assertIn(b"403", self.check(self.curl("http://asked.skipped.invalid/", "-i")), "nobody is there to answer")
        for host in ("a.skipped.invalid", "tunnel.skipped.invalid"):
            self.curl(f"http://{host}/")
            self.curl(f"https://{host}/")
        self.weir.stop()
        self.assertRegex(self.weir.said, r"weir: 0 flows recorded, 8 not recorded \(log_skip\)")
        for name, data in self.places():
            for text in unpacked(data):
                self.assertNotIn(b"skipped.invalid", text, name)
                self.assertNotIn(b"/quiet", text, name)
        for database in self.weir.data.rglob("flows-*.db"):
            connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
            self.assertEqual(connection.execute("SELECT leg, host, sni FROM connections").fetchall(), [])
            connection.close()

    def test_others_are(self):
        self.origin.answer_body, self.origin.answer_fields = b"answer", []
        urls = [f"{self.origin.url}/quiet/1", f"{self.origin.url}/answer", f"{self.origin.url}/quiet/2"]
        self.check(self.curl(urls[0], urls[1], urls[2]))
        flow = self.only_flow()
        self.assertEqual(flow["url"], urls[1])
        done = kit.run([kit.binary(), "show", "--data", self.weir.data, flow["id"]], self.env)
        self.assertIn(b"Client connection", self.check(done))
        self.assertIn(b"Upstream connection", self.check(done))

    def places(self):
        for name, data in super().places():
            if not name.endswith("weir.toml"):
                yield name, data


class SummaryOfRun(kit.Run):
    def test_holds_no_secret(self):
        config = self.home / "weir.toml"
        config.write_text("[[redaction.rules]]\nname = \"env\"\nsource = { env = \"WEIR_TEST_CANARY\" }\n")
        words = self.words("curl", "-sS", f"{self.plain.url}/echo/{HOST_SAFE}?token=t0p-secret")
        words[2:2] = ["--config", str(config)]
        done = kit.run(words, {**self.env, "WEIR_TEST_CANARY": HOST_SAFE})
        self.check(done)
        self.assertIn(b"/echo/[REDACTED:env]?token=[REDACTED]", done.stderr)
        self.assertNotIn(HOST_SAFE.encode(), done.stderr)
        self.assertNotIn(b"t0p-secret", done.stderr)


class Refused(unittest.TestCase):
    def test_a_secret_that_is_not_there(self):
        home = kit.scratch()
        config = home / "weir.toml"
        config.write_text("[[redaction.rules]]\nname = \"gone\"\nsource = { file = \"nowhere\" }\n")
        done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", "--config", config], kit.environment(home))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b'redaction rule "gone"', done.stderr)
        self.assertIn(b"put the secret there, or remove the rule", done.stderr)


if __name__ == "__main__":
    kit.main()
