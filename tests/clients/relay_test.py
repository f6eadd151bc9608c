"""`weir relay` against a gateway of the test's own: what goes over the wire, who may come through, and what is told."""

import base64
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

import kit
from kit import PATIENCE, Client, Origin, authority, binary, environment, identity, run, scratch
from relay_gateway import Gateway, chunk, frame

GATES = {"CLAUDE_CODE_REMOTE": "1", "CCR_UPSTREAM_PROXY_ENABLED": "true"}
EIGHT = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
         "CURL_CA_BUNDLE"]
SHOW = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]


class Relay(Client):
    """Each test has a gateway with TLS, an origin with TLS, and a token of its own."""

    def setUp(self):
        self.home = scratch()
        self.tls = self.enterContext(Origin(identity()))
        self.gateway = self.gateway_of(identity())
        self.token = "canary-" + secrets.token_hex(20)
        self.token_file = self.home / "token"
        self.new_token()
        self.bundle = self.home / "deep" / "down" / "bundle.crt"
        self.runtime = self.home / "run"
        self.runtime.mkdir(0o700, exist_ok=True)
        self.env = environment(self.home, XDG_RUNTIME_DIR=str(self.runtime))

    def gateway_of(self, certificate, **options):
        gateway = Gateway(certificate, authority().certificate.read_bytes(), **options)
        self.addCleanup(gateway.close)
        return gateway

    def new_token(self, mode=0o600, text=None):
        self.token_file.unlink(missing_ok=True)
        self.token_file.write_text(f"\n  {self.token} \n" if text is None else text)
        self.token_file.chmod(mode)

    def words(self, *more, base=None):
        return [str(word) for word in
                (binary(), "relay", "--base", base or self.gateway.base, "--session", "sess-1", "--token-file", self.token_file,
                 "--ca-bundle-out", self.bundle, "--upstream-ca", authority().certificate, *more)]

    def run_relay(self, *command, flags=(), base=None, **options):
        done = run([*self.words(*flags, base=base), "--", *command], {**self.env, **options.pop("env", {})}, **options)
        if re.search(rb"runtime error:|AddressSanitizer|LeakSanitizer|ThreadSanitizer", done.stderr):
            raise AssertionError(f"a sanitizer complained:\n{done.stderr.decode(errors='replace')}")
        self.assertNotIn(self.token.encode(), done.stdout + done.stderr)
        return done

    def start_relay(self, *flags, base=None):
        """A relay without a command; its process. self.port is where it listens."""
        self.relay = self.spawn(self.words(*flags, base=base), stderr=subprocess.PIPE, cwd=self.home)
        self.said = []
        while "listening on" not in (line := self.relay.stderr.readline().decode()):
            self.assertTrue(line, self.said)
            self.said.append(line)
        self.port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", line)[1])
        self.said.append(line)

        def read():
            for more in self.relay.stderr:
                self.said.append(more.decode(errors="replace"))

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        return self.relay

    def stop_relay(self):
        self.relay.send_signal(signal.SIGTERM)
        code = self.relay.wait(PATIENCE)
        self.reader.join(PATIENCE)
        said = "".join(self.said)
        self.assertEqual(code, 0, said)
        self.assertNotRegex(said, r"runtime error:|Sanitizer")
        self.assertNotIn(self.token, said)
        return said

    def connect(self):
        self.addCleanup((sock := socket.create_connection(("127.0.0.1", self.port), PATIENCE)).close)
        return sock

    def ask(self, request, sock=None):
        """What comes back until the end."""
        sock = sock or self.connect()
        sock.sendall(request)
        return self.rest(sock)

    @staticmethod
    def rest(sock):
        out = b""
        try:
            while part := sock.recv(65536):
                out += part
        except ConnectionResetError:
            out += b"<reset>"
        return out

    def status(self):
        done = run([binary(), "relay", "status", "--json"], self.env)
        self.check_output(done)
        return json.loads(done.stdout)

    def trouble(self, kind):
        for each in self.status()["troubles"]:
            if each["kind"] == kind:
                return each
        self.fail(f"no {kind} in {self.status()}")

    def check_output(self, done):
        self.assertEqual(done.returncode, 0, f"{done.args}\n{done.stdout}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    check = check_output

    def tunnel(self, host="localhost", port=None):
        """A tunnel that stands."""
        sock = self.connect()
        sock.sendall(f"CONNECT {host}:{port or self.tls.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = sock.recv(1)
            self.assertTrue(byte, head)
            head += byte
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
        return sock


class Wire(Relay):
    def test_the_upgrade_and_the_first_chunk_are_what_the_protocol_says(self):
        self.start_relay()
        sock = self.connect()
        sock.sendall(b"CONNECT LocalHost:%d HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic bWluZQ==\r\nUser-Agent: y\r\n\r\n"
                     b"early bytes" % self.tls.port)
        self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200 Connection established\r\n\r\n"))
        sock.close()
        head = self.gateway.upgrades[0].decode()
        key = re.search(r"Sec-WebSocket-Key: (\S+)", head)[1]
        self.assertEqual(len(base64.b64decode(key)), 16)
        self.assertEqual(head, "GET /v1/code/upstreamproxy/ws HTTP/1.1\r\n"
                         f"Host: localhost:{self.gateway.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Authorization: Bearer {self.token}\r\nContent-Type: application/proto\r\n"
                         f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n")
        login = base64.b64encode(f"sess-1:{self.token}".encode()).decode()
        self.assertEqual(self.gateway.firsts[0].decode(),
                         f"CONNECT localhost:{self.tls.port} HTTP/1.1\r\nProxy-Authorization: Basic {login}\r\n\r\nearly bytes")
        self.stop_relay()

    def test_answers_to_those_who_get_it_wrong(self):
        self.start_relay()
        for request, status in ((b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", b"405 Method Not Allowed"),
                                (b"GET / HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
                                (b"CONNECT a.test HTTP/1.1\r\n\r\n", b"400 Bad Request"),
                                (b"CONNECT me@a.test:1 HTTP/1.1\r\n\r\n", b"400 Bad Request"),
                                (b"CONNECT a.test:443 HTTP/2.0\r\n\r\n", b"400 Bad Request"),
                                (b"\x16\x03\x01\x02\x00\x01\x00", b"400 Bad Request"),
                                (b"CONNECT a.test:443 HTTP/1.1\r\nX: " + b"y" * 9000, b"400 Bad Request")):
            with self.subTest(request[:40]):
                self.assertTrue(self.ask(request).startswith(b"HTTP/1.1 " + status + b"\r\n"))
        self.assertEqual(self.gateway.upgrades, [])
        self.assertEqual(self.trouble("client")["count"], 7)
        self.stop_relay()

    def test_a_head_in_pieces_and_one_that_never_ends(self):
        self.start_relay()
        sock = self.connect()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"CONNECT localhost:%d HTTP/1.1\r\nA: b\r\n\r\n" % self.tls.port:
            sock.sendall(bytes([byte]))
        self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 200"))
        half = self.connect()
        half.sendall(b"CONNECT localhost:1 HTTP/1.1\r\n")
        half.shutdown(socket.SHUT_WR)
        self.assertTrue(self.rest(half).startswith(b"HTTP/1.1 400 Bad Request\r\n"))

    def test_both_directions_end_on_their_own(self):
        done = threading.Event()

        async def echo_after_the_end(gateway, link, line, early):
            await link.send(b"HTTP/1.1 200 OK\r\n\r\n")
            got = b""
            while data := await link.data():
                got += data
            await link.send(b"you said " + got)
            await link.close()
            done.set()

        self.gateway.plans["half.test"] = echo_after_the_end
        self.start_relay()
        sock = self.tunnel("half.test", 1)
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(sock), b"you said hello")
        self.assertTrue(done.wait(PATIENCE))

    def test_megabytes_both_ways_come_whole(self):
        size = 6 << 20
        data = os.urandom(size)

        async def echo(gateway, link, line, early):
            await link.send(b"HTTP/1.1 200 OK\r\n\r\n")
            left = size
            while left and (part := await link.data()):
                left -= len(part)
                await link.send(part)
            await link.close()

        self.gateway.plans["echo.test"] = echo
        self.start_relay()
        sock = self.tunnel("echo.test", 1)
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        got = self.rest(sock)
        sender.join()
        self.assertEqual(len(got), size)
        self.assertEqual(got, data)
        status = self.status()
        self.assertGreaterEqual(status["bytes"]["sent"], size)
        self.assertGreaterEqual(status["bytes"]["received"], size)

    def test_texts_and_empty_chunks_are_no_data(self):
        async def noise(gateway, link, line, early):
            link.writer.write(frame(1, b"a text") + chunk(b"") + frame(9, b"ping") + chunk(b"HTTP/1.1 200 OK\r\n\r\n") + chunk(b"") +
                              frame(1, b"more") + chunk(b"data"))
            await link.writer.drain()
            opcode, payload = await link.message()
            await link.send(b" %d %s" % (opcode, payload))
            await link.close()

        self.gateway.plans["noise.test"] = noise
        self.start_relay()
        got = self.ask(b"CONNECT noise.test:1 HTTP/1.1\r\n\r\n")
        self.assertEqual(got, b"HTTP/1.1 200 OK\r\n\r\ndata 10 ping")


class Failures(Relay):
    def plan(self, *frames, keep=False):
        async def it(gateway, link, line, early):
            for each in frames:
                link.writer.write(each)
            await link.writer.drain()
            if keep:
                await link.reader.read()
        return it

    def test_what_fails_before_the_first_byte_is_a_502(self):
        self.gateway.plans["silent.test"] = self.plan()
        self.gateway.plans["garbage.test"] = self.plan(b"\xff" * 20, keep=True)
        self.gateway.plans["large.test"] = self.plan(b"\x82\x7f" + (1 << 40).to_bytes(8, "big"), keep=True)
        self.start_relay()
        for host in ("silent.test", "garbage.test", "large.test"):
            with self.subTest(host):
                got = self.ask(b"CONNECT %s:1 HTTP/1.1\r\n\r\n" % host.encode())
                self.assertTrue(got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"), got)
        self.assertEqual(self.trouble("gateway_down")["count"], 1)
        self.assertEqual(self.trouble("gateway_fault")["count"], 2)
        self.assertIn("512 KiB", self.trouble("gateway_fault")["detail"])
        self.stop_relay()

    def test_what_fails_later_just_ends_and_not_as_if_whole(self):
        self.gateway.plans["dies.test"] = self.plan(chunk(b"HTTP/1.1 200 OK\r\n\r\n"), chunk(b"part"))
        self.start_relay()
        got = self.ask(b"CONNECT dies.test:1 HTTP/1.1\r\n\r\n")
        self.assertNotIn(b"502", got)
        self.assertTrue(got.endswith(b"<reset>"), got)
        self.assertIn("midst", self.trouble("gateway_down")["detail"])
        self.stop_relay()

    def test_a_denial_reaches_the_client_verbatim_and_is_told(self):
        denial = b"HTTP/1.1 403 Forbidden\r\nx-deny-reason: host_not_allowed\r\nContent-Length: 2\r\n\r\nno"
        self.gateway.plans["evil.test"] = self.plan(chunk(denial[:30]), chunk(denial[30:]), frame(8, b"\x03\xe8"))
        self.start_relay()
        self.assertEqual(self.ask(b"CONNECT evil.test:443 HTTP/1.1\r\n\r\n"), denial)
        trouble = self.trouble("policy_denied")
        self.assertEqual((trouble["host"], trouble["status"], trouble["count"]), ("evil.test:443", 403, 1))
        self.assertEqual(trouble["detail"], "403 Forbidden: host_not_allowed")
        self.assertTrue(self.status()["gateway_reachable"])
        text = self.check_output(run([binary(), "relay", "status"], self.env)).decode()
        for part in ("denied by the gateway's policy: 1 time", "evil.test:443", "host_not_allowed", "-> ", "reachable, last"):
            self.assertIn(part, text)
        self.stop_relay()

    def test_kinds_of_trouble_are_told_apart(self):
        self.start_relay()
        for answer, kind in ((b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "authentication"),
                             (b"HTTP/1.1 403 Forbidden\r\nx-deny-reason: expired\r\nContent-Length: 0\r\n\r\n", "policy_denied"),
                             (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "gateway_down"),
                             (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "gateway_fault"),
                             (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
                              "gateway_fault"),
                             (b"SSH-2.0-x\r\n\r\n", "gateway_fault")):
            with self.subTest(answer):
                self.gateway.upgrade_answer = answer
                before = {each["kind"]: each["count"] for each in self.status()["troubles"]}.get(kind, 0)
                self.assertTrue(self.ask(b"CONNECT a.test:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
                self.assertEqual(self.trouble(kind)["count"], before + 1)
        self.gateway.upgrade_answer = None
        got = self.ask(b"CONNECT localhost:1 HTTP/1.1\r\n\r\n")  # nobody listens there
        self.assertEqual(got, b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        self.assertEqual(self.trouble("target")["count"], 1)
        self.gateway.close()
        self.assertTrue(self.ask(b"CONNECT a.test:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 Bad Gateway\r\n"))
        self.assertFalse(self.status()["gateway_reachable"])
        self.stop_relay()

    def test_tls_trouble_towards_the_gateway(self):
        self.start_relay()
        port = self.gateway.port
        self.gateway.close()
        self.gateway_of(identity(issuer="Somebody Else"), port=port)
        got = self.ask(b"CONNECT a.test:1 HTTP/1.1\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"), got)
        self.assertIn("--upstream-ca", self.trouble("gateway_tls")["advice"])
        self.stop_relay()

    def test_a_client_that_goes_while_the_gateway_thinks_lets_it_go(self):
        gone = threading.Event()

        async def stall(gateway, link, line, early):
            try:
                await link.message()
            finally:
                gone.set()

        self.gateway.plans["stall.test"] = stall
        self.start_relay()
        sock = self.connect()
        sock.sendall(b"CONNECT stall.test:1 HTTP/1.1\r\n\r\n")
        while not self.gateway.firsts:
            self.status()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        self.assertTrue(gone.wait(PATIENCE))
        self.stop_relay()

    def test_a_stuck_tunnel_does_not_keep_the_relay_from_ending(self):
        self.gateway.plans["stuck.test"] = self.plan(chunk(b"HTTP/1.1 200 OK\r\n\r\n"), keep=True)
        self.start_relay()
        sock = self.tunnel("stuck.test", 1)
        self.assertEqual(self.status()["tunnels"]["open"], 1)
        self.stop_relay()
        self.assertIn(self.rest(sock), (b"", b"<reset>"))
        done = run([binary(), "relay", "status"], self.env)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no relay of yours runs", done.stderr)


class Programs(Relay):
    def test_the_environment_is_the_eight_variables(self):
        done = self.run_relay(*SHOW, env={"HTTP_PROXY": "", "https_proxy": "http://other.test:1"}, flags=["--direct", "my.test"])
        seen = json.loads(self.check_output(done))
        proxy = seen["HTTPS_PROXY"]
        self.assertRegex(proxy, r"^http://127\.0\.0\.1:\d+$")
        self.assertEqual(seen["https_proxy"], proxy)
        self.assertEqual({seen[name] for name in EIGHT[4:]}, {str(self.bundle)})
        self.assertEqual(seen["NO_PROXY"], seen["no_proxy"])
        hosts = seen["NO_PROXY"].split(",")
        for host in ("localhost", "127.0.0.1", "::1", "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                     "anthropic.com", ".anthropic.com", "*.anthropic.com", "github.com", "api.github.com", "*.github.com",
                     "*.githubusercontent.com", "my.test"):
            self.assertIn(host, hosts)
        self.assertNotIn("http_proxy", seen)
        self.assertEqual(seen["HTTP_PROXY"], "", "left as it was")

    def test_the_bundle_is_the_systems_and_the_gateways(self):
        system = self.home / "system.pem"
        system.write_text("# of the system\n" + authority("System").certificate.read_text().rstrip("\n"))
        done = self.run_relay("true", flags=["--system-ca", system])
        self.check_output(done)
        text = self.bundle.read_text()
        self.assertTrue(text.startswith(system.read_text() + "\n"), text[:100])
        self.assertIn(authority().certificate.read_text().strip(), text)
        self.assertEqual(stat.S_IMODE(self.bundle.stat().st_mode), 0o644)
        self.assertEqual([each.name for each in self.bundle.parent.iterdir()], [self.bundle.name])
        # Once more, on top of itself.
        self.new_token()
        self.check_output(self.run_relay("true", env={"CCR_SYSTEM_CA_BUNDLE": str(self.bundle)}))
        self.assertEqual(self.bundle.read_text(), text)

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_curl(self):
        done = self.run_relay("curl", "-sS", "--noproxy", "", self.tls.url + "/bytes/5", flags=["-q"])
        self.check_output(done)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(len(self.gateway.upgrades), 1)

    def test_python(self):
        code = ("import os, urllib.request as u\n"
                "os.environ.update(NO_PROXY='', no_proxy='')\n"
                f"o = u.build_opener(u.ProxyHandler({{'https': os.environ['HTTPS_PROXY']}}))\n"
                f"print(o.open('{self.tls.url}/bytes/5').status)")
        self.assertEqual(self.check_output(self.run_relay(sys.executable, "-c", code)).strip(), b"200")
        self.assertEqual(len(self.gateway.firsts), 1)

    @unittest.skipUnless(shutil.which("git"), "no git")
    def test_git(self):
        repository = self.home / "work"
        env = {**self.env, **{f"GIT_{who}_{what}": f"{who}@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
        for words in (["init", "-q", repository], ["-C", repository, "commit", "-q", "--allow-empty", "-m", "one"],
                      ["clone", "-q", "--bare", repository, self.home / "site" / "repo.git"],
                      ["-C", self.home / "site" / "repo.git", "update-server-info"]):
            self.check_output(run(["git", *words], env))
        served = subprocess.Popen(
            [sys.executable, "-c",
             "import http.server, ssl, sys, functools\n"
             "h = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])\n"
             "s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), h)\n"
             "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(sys.argv[2], sys.argv[3])\n"
             "s.socket = c.wrap_socket(s.socket, server_side=True)\n"
             "print(s.server_address[1], flush=True); s.serve_forever()",
             self.home / "site", identity().certificate, identity().key], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(served.stdout.close)
        self.addCleanup(served.wait)
        self.addCleanup(served.kill)
        port = int(served.stdout.readline())
        # Localhost is on NO_PROXY; and git is built with GnuTLS in places, which knows of no variable but git's own.
        done = self.run_relay("sh", "-c", f"no_proxy= NO_PROXY= GIT_SSL_CAINFO=$SSL_CERT_FILE git clone -q https://localhost:{port}/repo.git {self.home}/out")
        self.check_output(done)
        self.assertTrue((self.home / "out" / ".git").is_dir())
        self.assertGreater(len(self.gateway.upgrades), 0)

    def test_exit_codes_and_signals_are_the_commands(self):
        self.assertEqual(self.run_relay("sh", "-c", "exit 7").returncode, 7)
        self.new_token()
        self.assertEqual(self.run_relay("sh", "-c", "kill -TERM $$").returncode, 143)
        self.new_token()
        self.assertEqual(self.run_relay("/nowhere/at/all").returncode, 127)

    def test_another_process_finds_the_relay(self):
        self.start_relay()
        done = run(["sh", "-c", f"eval \"$({binary()} relay env)\" && " + " ".join(f"echo ${name};" for name in EIGHT)], self.env)
        lines = self.check_output(done).decode().split("\n")
        self.assertEqual(lines[0], f"http://127.0.0.1:{self.port}")
        self.assertEqual(lines[4], str(self.bundle))
        sockets = list((self.runtime / "weir").iterdir())
        self.assertEqual(len(sockets), 1)
        self.assertEqual(stat.S_IMODE(sockets[0].stat().st_mode), 0o600)
        self.stop_relay()
        self.assertEqual(list((self.runtime / "weir").iterdir()), [])

    def test_one_that_was_killed_leaves_nothing_in_the_way(self):
        self.start_relay()
        self.relay.kill()
        self.relay.wait()
        self.assertEqual(run([binary(), "relay", "status"], self.env).returncode, 1)
        self.new_token()
        self.start_relay()
        self.assertEqual(len(list((self.runtime / "weir").iterdir())), 1)
        self.stop_relay()


class Starts(Relay):
    def failed(self, flags=(), why="", base=None, **options):
        """Open: the command runs, without a relay, and one line says why. Closed: it does not run."""
        done = self.run_relay("sh", "-c", "echo ran $HTTPS_PROXY", flags=flags, base=base, **options)
        self.assertEqual((done.returncode, done.stdout), (0, b"ran\n"), done.stderr)
        lines = [line for line in done.stderr.decode().splitlines() if "relay" in line]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn("the command runs without a relay", lines[0])
        self.assertIn(why, lines[0])
        closed = self.run_relay("echo", "ran", flags=[*flags, "--required"], base=base, **options)
        self.assertEqual((closed.returncode, closed.stdout), (78, b""), closed.stderr)
        self.assertIn(b"the command was not run", closed.stderr)

    def test_nothing_to_relay_to(self):
        self.token_file.unlink()
        self.failed(why="token cannot be read")
        for mode in (0o644, 0o640, 0o666):
            self.new_token(mode)
            self.failed(why="others may read or write it")
        self.new_token(text="  \n ")
        self.failed(why="empty")
        self.new_token(text="two\nlines")
        self.failed(why="cannot be sent")
        self.token_file.unlink()
        self.token_file.symlink_to(self.home / "elsewhere")
        (self.home / "elsewhere").write_text(self.token)
        self.failed(why="link")

    def test_bases_that_would_give_the_token_away(self):
        for base, why in (("http://gateway.test", "in clear"), ("ftp://localhost", "begins with neither"),
                          ("https://user@gateway.test", "names no place"), ("https://gateway.test?x", "no place")):
            self.failed(base=base, why=why)
        self.assertTrue(self.token_file.exists())

    def test_certificates_that_are_none(self):
        long = b"x" * (2 << 20)
        for answer, why in ((b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
                            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "certificate"),
                            (b"HTTP/1.1 200 OK\r\nContent-Length: 57\r\n\r\n-----BEGIN CERTIFICATE-----\nAAAA\n"
                             b"-----END CERTIFICATE-----", "certificate"),
                            (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(long) + long, "more than 1 MiB")):
            self.gateway.ca_answer = answer
            self.failed(why=why)
        self.assertTrue(self.token_file.exists(), "another start may do better")
        self.assertFalse(self.bundle.exists())

    def test_a_certificate_that_does_not_come_is_waited_for_five_seconds(self):
        async def drip(writer):
            writer.write(b"HTTP/1.1 200 OK\r\n")
            import asyncio
            while True:
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)

        self.gateway.ca_answer = drip
        begun = time.monotonic()
        done = self.run_relay("true", flags=["--required"])
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"in time", done.stderr)
        self.assertLess(time.monotonic() - begun, 15)

    def test_the_gateways_certificate_is_verified(self):
        self.gateway.close()
        self.gateway = self.gateway_of(identity(issuer="Somebody Else"))
        self.failed(why="CA certificate of the gateway")
        self.assertEqual(self.gateway.upgrades, [])

    def test_the_token_file_goes_when_the_relay_listens_or_at_once(self):
        self.check_output(self.run_relay("test", "!", "-e", self.token_file))
        self.new_token()
        self.gateway.ca_answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
        self.run_relay("true")
        self.assertTrue(self.token_file.exists())
        self.run_relay("true", flags=["--unlink-first"])
        self.assertFalse(self.token_file.exists())

    def test_gates_count_where_nobody_asked(self):
        bare = [binary(), "relay", "--upstream-ca", str(authority().certificate), "--", "sh", "-c", "echo $HTTPS_PROXY"]
        env = {**self.env, "ANTHROPIC_BASE_URL": self.gateway.base, "CLAUDE_CODE_REMOTE_SESSION_ID": "s",
               "CCR_SESSION_TOKEN_PATH": str(self.token_file), "CCR_CA_BUNDLE_PATH": str(self.bundle)}
        for gates in ({}, {"CLAUDE_CODE_REMOTE": "1"}, {**GATES, "CLAUDE_CODE_REMOTE": "0"}):
            done = run(bare, {**env, **gates})
            self.assertEqual((done.returncode, done.stdout), (0, b"\n"), done.stderr)
            self.assertIn(b"is not set to 1", done.stderr)
        done = run(bare, {**env, **GATES})
        self.assertRegex(self.check_output(done), rb"^http://127")

    def test_without_a_relay_an_outer_ones_variables_pass_through(self):
        self.token_file.unlink()
        outer = {name: f"outer-{name}" for name in EIGHT}
        outer.update(HTTPS_PROXY="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1")
        seen = json.loads(self.check_output(self.run_relay(*SHOW, env={**outer, "SSL_CERT_FILE": ""})))
        self.assertEqual({name: seen[name] for name in EIGHT}, {**outer, "SSL_CERT_FILE": ""})

    def test_usage(self):
        for words, why in ((["true"], b"what is"), (["--"], b"no command"), (["--listen", "0.0.0.0:0", "--", "true"], b"")):
            done = run(self.words(*words), self.env)
            self.assertIn(why, done.stderr)
        self.assertIn(b"this machine alone", done.stderr)


class Outage(Relay):
    def test_new_tunnels_work_within_a_second_of_the_gateways_return(self):
        self.gateway.close()
        here = pathlib.Path(__file__).parent

        def gateway(port):
            process = self.spawn([sys.executable, here / "relay_gateway.py", port, authority().certificate, identity().certificate,
                                  identity().key], stdin=subprocess.PIPE)
            return process, json.loads(process.stdout.readline())

        process, place = gateway(0)
        self.start_relay(base=place["base"])
        socks = [self.tunnel() for _ in range(20)]
        process.kill()
        process.wait()
        for sock in socks:
            self.assertIn(self.rest(sock), (b"", b"<reset>"))
        self.assertTrue(self.ask(b"CONNECT a.test:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502"))
        before = len(os.listdir(f"/proc/{self.relay.pid}/fd"))
        gateway(place["port"])
        begun = time.monotonic()
        self.tunnel().close()
        self.assertLess(time.monotonic() - begun, 1 if not kit.sanitized() else 5)
        while self.status()["tunnels"]["open"]:
            pass
        self.assertLessEqual(len(os.listdir(f"/proc/{self.relay.pid}/fd")), before)
        self.assertGreater(self.trouble("gateway_down")["count"], 0)
        self.stop_relay()


class Secrecy(Relay):
    def spellings(self):
        token, login = self.token.encode(), f"sess-1:{self.token}".encode()
        return [token, base64.b64encode(login)]

    def test_the_token_is_nowhere_but_where_it_is_kept(self):
        self.start_relay("--log-level", "debug")
        socks = [self.tunnel() for _ in range(5)]
        proc = pathlib.Path(f"/proc/{self.relay.pid}")
        self.assertNotIn(self.token.encode(), (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes())
        self.assertNotIn(self.token, json.dumps(self.status()))
        for path in self.home.rglob("*"):
            if path.is_file():
                self.assertNotIn(self.token.encode(), path.read_bytes(), path)
        if os.geteuid() == 0:
            self.judge(self.places(proc), (proc / "smaps").read_text())
        for sock in socks:
            sock.close()
        self.stop_relay()

    def judge(self, found, smaps):
        """Where the kernel has no memory that even root cannot read, the two that are kept lie in pages of their own, locked
        and left out of dumps."""
        if self.status()["token_memory"] == "secret":
            return self.assertEqual(found, [])
        self.assertEqual(sorted(spelling for _, spelling in found), sorted(each[:7] for each in self.spellings()), found)
        for line, _ in found:
            self.assertRegex(line, r"^\S+ rw-p 0+ 00:00 0\s*$")
            flags = re.search(re.escape(line.split()[0]) + r" .*?VmFlags: ([^\n]*)", smaps, re.DOTALL)[1].split()
            self.assertIn("dd", flags)
            if self.status()["token_memory"] == "locked":
                self.assertIn("lo", flags)

    def places(self, proc):
        """The readable mappings that hold the token, or the login; the secret ones cannot be read even by root."""
        found = []
        with open(proc / "mem", "rb", 0) as memory:
            for line in (proc / "maps").read_text().splitlines():
                begin, end = (int(word, 16) for word in line.split()[0].split("-"))
                if end - begin > 64 << 20 or "[v" in line:  # what a sanitizer reserves; the kernel's own
                    continue
                try:
                    memory.seek(begin)
                    content = memory.read(end - begin)
                except (OSError, OverflowError, ValueError):
                    continue
                found += [(line, spelling[:7]) for spelling in self.spellings() if spelling in content]
        return found

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_another_process_of_the_same_user_cannot_look_into_it(self):
        probe = ("import os, sys\nout = []\n"
                 "for name in ('mem', 'environ', 'maps', 'auxv'):\n"
                 "  try: open(f'/proc/{sys.argv[1]}/{name}', 'rb').read(1); out.append(name)\n"
                 "  except OSError: pass\n"
                 "try: os.listdir(f'/proc/{sys.argv[1]}/fd'); out.append('fd')\nexcept OSError: pass\n"
                 "print(out)")
        uid = 61234
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, uid, uid)
        place = binary()
        if run(["true"], self.env, user=uid).returncode or run(["test", "-x", place], self.env, user=uid).returncode:
            place = self.home / "weir"
            shutil.copy(binary(), place)
            place.chmod(0o755)
        public = self.home / "root.pem"
        shutil.copy(authority().certificate, public)
        public.chmod(0o644)
        words = [place if word == binary() else str(public) if word == str(authority().certificate) else word for word in self.words()]
        relay = self.spawn(words, stderr=subprocess.PIPE, user=uid, group=uid, extra_groups=[], cwd="/")
        line = relay.stderr.readline().decode()
        self.assertIn("listening on", line)
        done = run(["/usr/bin/python3", "-c", probe, relay.pid], self.env, user=uid, group=uid, extra_groups=[], cwd="/")
        self.assertEqual(done.stdout.strip(), b"[]", done.stderr)
        limits = pathlib.Path(f"/proc/{relay.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size\s+0\s+0")


class OwnGateway(Relay):
    """The other end is `weir gateway`."""

    def test_a_tunnel_and_a_denial(self):
        made = run([binary(), "gateway", "token", "agent-7"], self.env)
        self.token = self.check_output(made).decode().strip()
        self.new_token()
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        sessions = self.home / "sessions.toml"
        sessions.write_text(f'[[session]]\nid = "agent-7"\ntoken_sha256 = "{digest}"\nallowed_hosts = ["localhost"]\n')
        config = self.home / "gateway.toml"
        config.write_text('[upstream]\nprivate_hosts = ["localhost"]\n')
        leaf = identity()
        gateway = self.spawn([binary(), "gateway", "--config", config, "--sessions", sessions, "--listen", "127.0.0.1:0", "--cert",
                              leaf.certificate, "--key", leaf.key, "--upstream-ca", authority().certificate, "--data",
                              self.home / "data", "--ca-dir", self.home / "ca"], stderr=subprocess.STDOUT)
        while not (found := re.search(rb"127\.0\.0\.1:(\d+)", line := gateway.stdout.readline())):
            self.assertTrue(line, "the gateway ended")
        base = f"https://localhost:{int(found[1])}"
        words = self.words("-q", base=base)
        words[words.index("sess-1")] = "agent-7"
        script = (f"curl -sS --noproxy '' {self.tls.url}/bytes/5 | wc -c; "
                  "curl -s --noproxy '' -o /dev/null -w '%{http_connect}' https://evil.test/; "
                  f"{binary()} relay status --json")
        done = run([*words, "--", "sh", "-c", script], self.env)
        out = self.check_output(done).decode()
        size, rest = out.split("\n", 1)
        self.assertEqual(size.strip(), "5", out + done.stderr.decode())
        self.assertEqual(rest[:3], "403")
        status = json.loads(rest[3:])
        self.assertEqual([(each["kind"], each["host"], each["detail"]) for each in status["troubles"]],
                         [("policy_denied", "evil.test:443", "403 Forbidden: host_not_allowed")])
        gateway.send_signal(signal.SIGINT)
        self.assertEqual(gateway.wait(PATIENCE), 0)


class Crowd(Relay):
    def test_a_thousand_tunnels_at_once(self):
        count = 1000 if not kit.sanitized() else 200
        self.start_relay()
        self.tunnel().close()
        rss = lambda: int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.relay.pid}/status").read_text())[1])
        before = rss()
        socks = []
        for _ in range(count // 50):
            batch = [self.connect() for _ in range(50)]
            for sock in batch:
                sock.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % self.tls.port)
            for sock in batch:
                self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 200"))
            socks += batch
        self.assertEqual(self.status()["tunnels"]["open"], count)
        each = (rss() - before) / count
        print(f"{count} tunnels, {each:.1f} KiB each", flush=True)
        if not kit.sanitized():
            self.assertLess(each, 48)
        for sock in socks:
            sock.close()
        while self.status()["tunnels"]["open"]:
            pass
        self.stop_relay()


if __name__ == "__main__":
    kit.main()
