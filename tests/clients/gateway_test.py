"""`weir gateway` and a relay's client by hand: the door, its sessions, what is denied, what is under way, and how it ends."""

import concurrent.futures
import datetime
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import threading
import time
import unittest

import kit
from kit import PATIENCE
from relay_wire import BINARY, CLOSE, PING, PONG, Refused, Secured, Tunnel, chunk, connected, frame, read_answer

TOKEN, OTHER = "CANARY-9d2e71f0aa", "CANARY-b60c44d1ee"


def soon(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()


class Gateway(kit.Weir):
    verb = ("gateway", "--listen", "127.0.0.1:0")
    greeting = r"relays come in at https?://127\.0\.0\.1:(\d+)"


class Echo:
    """A server that sends back what it gets, and ends when its client does."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            try:
                while data := peer.recv(65536):
                    peer.sendall(data)
                peer.sendall(b"the end")
            except OSError:
                pass


class GatewayTest(kit.Client):
    tls_door = False

    def setUp(self):
        self.tls = self.enterContext(kit.Origin(kit.identity()))
        self.echo = self.enterContext(Echo())
        self.home = kit.scratch()
        self.sessions, self.config = self.home / "sessions.toml", self.home / "weir.toml"
        self.config.write_text('[upstream]\nprivate_hosts = ["127.0.0.0/8", "localhost"]\n[limits]\ndrain_timeout = "5s"\n'
                               "[capture]\njsonl = true\n")
        self.grant(self.session("one", TOKEN), self.session("two", OTHER))

    def session(self, name, token, **more):
        lines = [f'id = "{name}"', f'token_sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"']
        return "\n".join(["[[session]]", *lines, *(f"{key} = {json.dumps(value)}" for key, value in more.items())]) + "\n"

    def grant(self, *sessions):
        new = self.sessions.with_suffix(".new")
        new.write_text("".join(sessions))
        new.replace(self.sessions)

    def gateway(self, *flags, **options):
        self.weir = Gateway("--config", self.config, "--sessions", self.sessions, *flags, **options)
        self.addCleanup(self.weir.kill)
        self.env = self.weir.env
        return self.weir

    def tunnel(self, token=TOKEN, **options):
        tunnel = Tunnel(self.weir.port, token, **options)
        self.addCleanup(tunnel.close)
        return tunnel

    def echoing(self, session="one", token=TOKEN):
        """A tunnel to the echo server that has been used."""
        tunnel = self.tunnel(token)
        self.assertEqual(tunnel.connect(f"127.0.0.1:{self.echo.port}", session, token, b"\x01hello")[0], 200)
        self.assertEqual(tunnel.read(6), b"\x01hello")
        return tunnel

    def refused(self, token=TOKEN, **options):
        with self.assertRaises(Refused) as caught:
            self.tunnel(token, **options)
        return caught.exception

    def ask(self, request):
        with connected(self.weir.port) as sock:
            sock.sendall(request.encode())
            with sock.makefile("rb") as file:
                return read_answer(file)

    def without_tokens(self):
        """Nothing that Weir wrote anywhere has a token in it, in any spelling."""
        import base64
        spellings = []
        for session, token in (("one", TOKEN), ("two", OTHER), ("two", TOKEN), ("one", OTHER)):
            for text in (token, f"{session}:{token}"):
                spellings += [text.encode(), base64.b64encode(text.encode()).rstrip(b"="), text.encode().hex().encode()]
        seen = self.weir.said.encode()
        files = [path for path in self.weir.home.rglob("*") if path.is_file()]
        for name, data in [("what it said", seen), *((path, path.read_bytes()) for path in files)]:
            for spelling in spellings:
                self.assertNotIn(spelling, data, name)
        shown = kit.run([kit.binary(), "logs", "--json", "--body", "--last", "0", "--data", self.weir.data], self.env).stdout
        for spelling in spellings:
            self.assertNotIn(spelling, shown)


class Door(GatewayTest):
    def test_what_is_there(self):
        self.gateway("--prefix", "/relay")
        status, fields, body = self.ask("GET /relay/v1/code/upstreamproxy/ca-cert HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual((status, fields["content-type"], body), (200, "application/x-pem-file", self.weir.ca.read_bytes()))
        self.assertEqual(self.ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")[::2], (200, b"ok\n"))
        for path in ("/", "/v1/code/upstreamproxy/ca-cert", "/relay", "/relay/v1", "/relay/v1/code/upstreamproxy/ws/x"):
            self.assertEqual(self.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")[0], 404, path)
        self.assertEqual(self.ask("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")[0], 405)
        # It is no proxy.
        self.assertEqual(self.ask("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")[0], 400)
        self.assertEqual(self.ask(f"GET http://127.0.0.1:{self.echo.port}/ HTTP/1.1\r\nHost: a\r\n\r\n")[0], 404)
        self.assertEqual(self.ask("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 9000 + "\r\n\r\n")[0], 431)
        self.tunnel(path="/relay/v1/code/upstreamproxy/ws")

    def test_upgrades_that_are_refused(self):
        self.gateway()
        rows = [({"Upgrade": None}, 426), ({"Connection": None}, 426), ({"Sec-WebSocket-Version": "8"}, 426),
                ({"Sec-WebSocket-Key": "short"}, 400), ({"Sec-WebSocket-Key": None}, 400), ({"Content-Type": None}, 400),
                ({"Content-Type": "text/plain"}, 400), ({"Content-Length": "5"}, 400), ({"Authorization": None}, 401),
                ({"Authorization": f"Basic {TOKEN}"}, 401), ({"Authorization": f"Bearer {TOKEN}x"}, 401)]
        for fields, status in rows:
            refused = self.refused(fields=fields)
            self.assertEqual(refused.status, status, fields)
            self.assertTrue(refused.body.startswith(b"Weir: "), refused.body)
        self.assertEqual(refused.fields["www-authenticate"], 'Bearer realm="weir gateway"')
        flows = self.stop()
        codes = {426: "upgrade_required", 400: "bad_request", 401: "session_unknown"}
        self.assertEqual([(flow["status"], flow["error_code"]) for flow in flows],
                         [(status, codes[status]) for _, status in rows])
        self.without_tokens()

    def test_many_wrong_tokens_are_slowed_down(self):
        self.gateway()
        statuses = [self.refused("wrong").status for _ in range(30)]
        self.assertEqual(statuses[0], 401)
        self.assertIn(429, statuses)
        self.assertEqual(self.refused("wrong").fields.get("retry-after"), "1")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self.tunnel()
                return
            except Refused as refused:
                self.assertEqual(refused.status, 429)
        self.fail("the right token is not heard any more")

    def test_over_tls(self):
        leaf = kit.identity()
        self.gateway("--cert", leaf.certificate, "--key", leaf.key)
        context = ssl.create_default_context(cafile=kit.authority().certificate)
        tunnel = self.tunnel(context=context)
        self.assertEqual(tunnel.connect(f"127.0.0.1:{self.echo.port}", "one", TOKEN, b"\x01abc")[0], 200)
        self.assertEqual(tunnel.read(4), b"\x01abc")
        tunnel.end()
        self.assertEqual(tunnel.read(8), b"the end")
        self.assertEqual(tunnel.closed, 1000)

    def test_what_it_does_not_start_with(self):
        def start(*flags):
            return kit.run([kit.binary(), "gateway", *flags], kit.environment(self.home))
        for flags, said in [
                ((), b"--sessions FILE (gateway.sessions) is missing"),
                (("--sessions", self.home / "none.toml"), b"there is no such file"),
                (("--sessions", self.sessions, "--listen", "0.0.0.0:0"), b"tokens would come in clear"),
                (("--sessions", self.sessions, "--cert", self.sessions), b"--key is missing"),
                (("--sessions", self.sessions, "--prefix", "x/"), b"--prefix: gateway.prefix: "),
                (("--sessions", self.sessions, "--listen", "nonsense"), b"--listen: gateway.listen: ")]:
            done = start(*flags)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)
        self.sessions.write_text(f'[[session]]\nid = "a"\ntoken_sha256 = "{TOKEN}"\n')
        done = start("--sessions", self.sessions)
        self.assertIn(b"sessions.toml:3:", done.stderr)
        self.assertNotIn(TOKEN.encode(), done.stderr + done.stdout)

    def test_a_new_token_works(self):
        done = kit.run([kit.binary(), "gateway", "token", "made"], kit.environment(self.home))
        token = done.stdout.decode().strip()
        self.assertGreaterEqual(len(token), 64)
        self.assertNotIn(token.encode(), done.stderr)
        self.grant(done.stderr.decode().partition("\n\n")[2])
        self.gateway()
        self.weir.wait_for_line("1 sessions")
        self.echoing("made", token)


class Denial(GatewayTest):
    def denied(self, place, session="one", token=TOKEN, upgrade=None):
        tunnel = self.tunnel(upgrade or token)
        status, fields, body = tunnel.connect(place, session, token)
        self.assertEqual(status, 403, body)
        self.assertTrue(body.startswith(b"Weir: "), body)
        self.assertEqual(tunnel.read(), b"")
        return fields["x-deny-reason"], body

    def test_hosts_of_the_session(self):
        self.grant(self.session("one", TOKEN, allowed_hosts=["localhost"]), self.session("two", OTHER))
        self.gateway("--passthrough", "pass.example")
        for place in ("example.com:443", "127.0.0.1:443", "pass.example:443"):
            reason, body = self.denied(place)
            self.assertEqual(reason, "host_not_allowed")
            self.assertIn(f"{place} is not among the allowed_hosts of session one".encode(), body)
        flows = self.stop()
        self.assertEqual([(flow["device"], flow["status"], flow["error_code"]) for flow in flows], [("one", 403, "host_not_allowed")] * 3)
        self.assertEqual(len(self.weir.flows("--blocked")), 3)
        self.assertEqual(len(self.weir.flows("--device", "one")), 3)
        self.assertEqual(len(self.weir.flows("--device", "two")), 0)

    # A tunnel to a host that may be reached is no way to another: neither by its ClientHello nor by Host.
    def test_hosts_inside_the_tunnel(self):
        self.grant(self.session("one", TOKEN, allowed_hosts=["localhost", "127.0.0.1"]))
        self.gateway("--insecure", "*")
        tunnel = self.tunnel()
        self.assertEqual(tunnel.connect(f"localhost:{self.tls.port}", "one", TOKEN)[0], 200)
        inner = Secured(tunnel, "localhost", self.weir.ca)
        self.assertEqual(inner.get(f"localhost:{self.tls.port}", "/echo")[0], 200)
        status, body, fields = inner.get("elsewhere.example", "/echo")
        self.assertEqual((status, fields["x-weir-error"]), (403, "host_not_allowed"), body)
        tunnel = self.tunnel()
        self.assertEqual(tunnel.connect(f"127.0.0.1:{self.tls.port}", "one", TOKEN)[0], 200)
        inner = Secured(tunnel, "elsewhere.example", self.weir.ca)
        self.assertEqual(inner.get("elsewhere.example", "/echo")[0], 403)

    def test_policy(self):
        self.gateway("--block-domain", "*.blocked.example")
        reason, body = self.denied("www.blocked.example:443")
        self.assertEqual(reason, "policy")
        flow = self.only_flow("blocked.example")
        self.assertEqual((flow["device"], flow["error_code"], flow["filter_action"]), ("one", "blocked", "block"))

    # Where some requests may pass, the tunnel stands, and each is judged.
    def test_policy_about_paths(self):
        with self.config.open("a") as file:
            file.write('[filter]\ndefault_action = "allow"\n'
                       '[[filter.rules]]\npattern = "/secret/**"\nscope = "path"\ntype = "glob"\naction = "block"\n')
        self.gateway()
        tunnel = self.tunnel()
        self.assertEqual(tunnel.connect(f"localhost:{self.tls.port}", "one", TOKEN)[0], 200)
        inner = Secured(tunnel, "localhost", self.weir.ca)
        self.assertEqual(inner.get(f"localhost:{self.tls.port}", "/echo")[0], 200)
        self.assertEqual(inner.get(f"localhost:{self.tls.port}", "/secret/a")[0], 403)

    def test_another_session_in_the_first_chunk(self):
        self.gateway()
        self.assertEqual(self.denied("localhost:1", "two", OTHER, upgrade=TOKEN)[0], "session_mismatch")
        self.assertEqual(self.denied("localhost:1", "two", TOKEN, upgrade=TOKEN)[0], "session_mismatch")
        self.assertEqual(self.denied("localhost:1", "one", OTHER, upgrade=TOKEN)[0], "session_mismatch")
        self.stop()
        self.without_tokens()

    def test_first_bytes_that_are_no_connect(self):
        self.gateway()
        for first, status in [(b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
                              (b"CONNECT a:1 HTTP/1.1\r\nX: " + b"x" * 9000, "431"), (b"\x16\x03\x01\x00\x05hello", "400"),
                              (f"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic {TOKEN}\r\n bad\x01\r\n\r\n".encode(), "400")]:
            tunnel = self.tunnel()
            tunnel.send(first)
            self.assertEqual(tunnel.read_head().split()[1], status, first[:30])
        self.stop()
        self.without_tokens()

    def test_too_many_tunnels(self):
        self.gateway("--most-tunnels", "3")
        kept = [self.echoing() for _ in range(3)]
        self.assertEqual(self.denied("localhost:1")[0], "session_limit")
        kept.pop().close()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            tunnel = self.tunnel()
            if tunnel.connect(f"127.0.0.1:{self.echo.port}", "one", TOKEN)[0] == 200:
                return
        self.fail("a tunnel that has ended still counts")

    def test_addresses_of_the_gateways_own_network(self):
        self.config.write_text("")
        self.gateway("--passthrough", "127.0.0.1")
        self.assertEqual(self.denied(f"127.0.0.1:{self.echo.port}")[0], "address_refused")


class Tunnels(GatewayTest):
    def test_https_is_read_in_it(self):
        self.gateway()
        tunnel = self.tunnel()
        self.assertEqual(tunnel.connect(f"localhost:{self.tls.port}", "one", TOKEN)[0], 200)
        inner = Secured(tunnel, "localhost", self.weir.ca)
        for _ in range(2):
            status, body, _ = inner.get(f"localhost:{self.tls.port}", "/bytes/300000")
            self.assertEqual((status, len(body)), (200, 300000))
        flows = self.stop()
        self.assertEqual([(flow["device"], flow["status"], flow["interception"]) for flow in flows],
                         [("one", 200, "intercepted")] * 2)
        self.without_tokens()

    def test_early_bytes_and_half_close(self):
        self.gateway()
        tunnel = self.echoing()
        tunnel.send(b"more")
        self.assertEqual(tunnel.read(4), b"more")
        tunnel.end()
        self.assertEqual(tunnel.read(100), b"the end")
        self.assertEqual(tunnel.closed, 1000)

    def test_two_hundred_at_once(self):
        self.gateway()
        data = os.urandom(70_000)

        def use(number):
            session, token = (("one", TOKEN), ("two", OTHER))[number % 2]
            with Tunnel(self.weir.port, token) as tunnel:
                status, _, body = tunnel.connect(f"127.0.0.1:{self.echo.port}", session, token, b"\x01")
                self.assertEqual(status, 200, body)
                self.assertEqual(tunnel.read(1), b"\x01")
                together.wait(PATIENCE * 2)
                tunnel.send(data)
                self.assertEqual(tunnel.read(len(data)), data)
                tunnel.end()
                self.assertEqual(tunnel.read(7), b"the end")

        together = threading.Barrier(200)
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            for done in [pool.submit(use, number) for number in range(200)]:
                done.result()
        self.assertEqual(len(self.stop()), 200)
        self.assertEqual(len(self.weir.flows("--device", "two")), 100)

    def test_frames_in_pieces(self):
        self.gateway()
        tunnel = self.echoing()
        whole = chunk(b"0123456789" * 100)
        tunnel.sock.sendall(frame(BINARY, whole[:1], fin=False) + frame(PING, b"p") + frame(0, whole[1:500], fin=False) +
                            frame(0, b"", fin=False) + frame(0, whole[500:]))
        self.assertEqual(tunnel.receive_frame(), (PONG, b"p"))
        self.assertEqual(tunnel.read(1000), b"0123456789" * 100)
        for byte in frame(BINARY, chunk(b"slow")):
            tunnel.sock.sendall(bytes([byte]))
        self.assertEqual(tunnel.read(4), b"slow")

    def test_what_breaks_the_rules_ends_it(self):
        self.gateway()
        for bad in (frame(BINARY, b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), frame(BINARY, chunk(b"x" * (512 << 10)) + b"more"),
                    frame(BINARY, b"garbage"), b"\x82\xff" + b"\xff" * 12, frame(BINARY, chunk(b"x"), masked=False),
                    b"\xf2\x80\0\0\0\0", frame(BINARY, chunk(b"x" * ((512 << 10) + 1))), os.urandom(4096)):
            tunnel = self.echoing()
            try:
                tunnel.sock.sendall(bad)
                while tunnel.receive():
                    pass
            except OSError:
                pass  # reset with our bytes unread
            if tunnel.closed is not None:
                self.assertEqual(tunnel.closed, 1002)
        self.echoing()

    def test_a_slow_peer_costs_little(self):
        self.gateway()
        before = self.weir.memory()
        tunnels = []
        for _ in range(20):
            tunnel = self.tunnel()
            self.assertEqual(tunnel.connect(f"localhost:{self.tls.port}", "one", TOKEN)[0], 200)
            inner = Secured(tunnel, "localhost", self.weir.ca)
            inner._drive(lambda: inner.tls.write(f"GET /endless HTTP/1.1\r\nHost: localhost:{self.tls.port}\r\n\r\n".encode()))
            tunnels.append(inner)
        time.sleep(2)  # time to fill what they do not read
        if not kit.sanitized():
            self.assertLess(self.weir.memory() - before, 20 << 20)
        for inner in tunnels:
            inner.tunnel.close()
        self.echoing()

    def test_silence_ends_it_and_keep_alives_do_not(self):
        self.gateway("--idle", "2s")
        alive, silent = self.echoing(), self.echoing()  # it would have ended before the other
        begun = time.monotonic()
        stop = threading.Event()

        def keep():
            while not stop.wait(0.5):
                alive.keep_alive()

        threading.Thread(target=keep, daemon=True).start()
        self.addCleanup(stop.set)
        try:
            self.assertEqual(silent.read(), b"")
        except ConnectionResetError:
            pass
        self.assertGreater(time.monotonic() - begun, 1.5)
        alive.send(b"still here")
        self.assertEqual(alive.read(10), b"still here")


class Sessions(GatewayTest):
    def test_an_end_while_it_is_open(self):
        self.grant(self.session("one", TOKEN, expires=soon(3)), self.session("two", OTHER))
        self.gateway()
        tunnel, other = self.echoing(), self.echoing("two", OTHER)
        ends = time.time() + 3
        self.assertEqual(tunnel.read(), b"")
        self.assertLess(time.time() - ends, 1.5)
        self.assertEqual(tunnel.closed, 1001)
        refused = self.refused()
        self.assertEqual((refused.status, refused.fields["x-deny-reason"]), (403, "session_expired"))
        other.send(b"on")
        self.assertEqual(other.read(2), b"on")

    def test_the_file_is_followed(self):
        self.gateway()
        one, two = self.echoing(), self.echoing("two", OTHER)
        self.grant(self.session("two", OTHER, allowed_hosts=["only.example"]))
        self.weir.wait_for_line("the sessions were read again: 1")
        self.assertEqual(one.read(), b"")
        self.assertEqual(self.refused().status, 401)
        two.send(b"on")
        self.assertEqual(two.read(2), b"on")
        tunnel = self.tunnel(OTHER)
        self.assertEqual(tunnel.connect(f"127.0.0.1:{self.echo.port}", "two", OTHER)[0], 403)
        self.sessions.write_text("[[session]]\n")
        self.weir.wait_for_line("the sessions stay as they were")
        self.tunnel(OTHER)
        self.stop()
        self.without_tokens()

    def test_counts(self):
        self.gateway("--metrics", "127.0.0.1:0")
        port = int(self.weir.wait_for_line(r"metrics at http://127\.0\.0\.1:(\d+)")[1])
        kept = self.echoing()
        self.tunnel().connect("localhost:1", "two", OTHER)
        self.refused("wrong")
        with connected(port) as sock:
            sock.sendall(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            with sock.makefile("rb") as file:
                text = file.read().decode()
        for line in ('weir_gateway_tunnels_total{session="one"} 1', 'weir_gateway_denied_total{session="one"} 1',
                     "weir_gateway_refused_total 2"):
            self.assertIn(line, text)
        kept.close()


class Status(GatewayTest):
    def ask_status(self, *flags):
        return kit.run([kit.binary(), "gateway", "status", *flags], self.env)

    def status(self):
        done = self.ask_status("--json")
        self.check(done)
        return json.loads(done.stdout)

    def test_what_is_told(self):
        self.grant(self.session("one", TOKEN, note="nightly", expires=soon(3600), allowed_hosts=["127.0.0.1"]),
                   self.session("two", OTHER))
        self.gateway("--prefix", "/relay", "--block-domain", "*.blocked.example")
        place = "/relay/v1/code/upstreamproxy/ws"
        kept = self.tunnel(path=place)
        self.assertEqual(kept.connect(f"127.0.0.1:{self.echo.port}", "one", TOKEN, b"\x01hello")[0], 200)
        self.assertEqual(kept.read(6), b"\x01hello")
        for host, session, token in (("evil.example:1", "one", TOKEN), ("evil.example:2", "one", TOKEN),
                                     ("a.blocked.example:443", "two", OTHER)):
            self.assertEqual(self.tunnel(token, path=place).connect(host, session, token)[0], 403)
        self.refused("wrong", path=place)
        self.refused(path=place, fields={"Upgrade": None})
        status = self.status()
        self.assertEqual((status["version"], status["pid"], status["most_tunnels"]), (1, self.weir.pid, 1024))
        self.assertEqual(status["listen"], [f"http://127.0.0.1:{self.weir.port}/relay"])
        self.assertEqual((status["sessions_file"]["path"], status["sessions_file"]["mistake"]), (str(self.sessions), ""))
        self.assertEqual(sorted((each["reason"], each["count"]) for each in status["refused"]),
                         [("session_unknown", 1), ("upgrade_required", 1)])
        self.assertEqual(status["last_refusal"]["reason"], "upgrade_required")
        one, two = status["sessions"]
        self.assertEqual((one["id"], one["note"], one["expired"], one["any_host"]), ("one", "nightly", False, False))
        self.assertEqual(one["tunnels"], {"open": 1, "total": 1})
        self.assertGreater(one["bytes"]["received"], 6)  # the CONNECT is among them
        self.assertGreater(one["bytes"]["sent"], 6)
        self.assertEqual(one["denied"], [{"reason": "host_not_allowed", "count": 2}])
        self.assertIn("evil.example:2 is not among the allowed_hosts", one["last_denial"]["detail"])
        self.assertEqual((two["id"], two["expires"], two["any_host"]), ("two", None, True))
        self.assertEqual(two["denied"], [{"reason": "policy", "count": 1}])
        done = self.ask_status()
        self.check(done)
        for part in (f"gateway {self.weir.pid} at http://127.0.0.1:{self.weir.port}/relay", "session one (nightly), until 2",
                     "tunnels 1 open, 1 in all", "denied: host_not_allowed 2", "session two\n"):
            self.assertIn(part, done.stdout.decode())
        for token in (TOKEN, OTHER):
            for secret in (token, hashlib.sha256(token.encode()).hexdigest()):
                self.assertNotIn(secret, json.dumps(status) + done.stdout.decode())

    def test_a_mistake_in_the_file(self):
        self.gateway()
        before = self.status()["sessions_file"]["read"]
        self.sessions.write_text("[[session]]\n")
        self.weir.wait_for_line("the sessions stay as they were")
        file = self.status()["sessions_file"]
        self.assertEqual(file["read"], before)
        self.assertIn("sessions.toml:1:", file["mistake"])
        self.assertIn(b"NOT followed", self.ask_status().stdout)
        self.assertEqual(len(self.status()["sessions"]), 2)
        self.grant(self.session("two", OTHER))
        self.weir.wait_for_line("the sessions were read again: 1")
        self.assertEqual(self.status()["sessions_file"]["mistake"], "")

    def test_who_may_ask_and_what_stays(self):
        self.gateway()
        if not os.environ.get("WEIR_NO_HARDENING"):
            self.assertRegex(pathlib.Path(f"/proc/{self.weir.pid}/status").read_text(), r"Seccomp:\s+2")
        sockets = list(self.weir.home.rglob("gateway-*.sock"))
        self.assertEqual([path.name for path in sockets], [f"gateway-{self.weir.pid}.sock"])
        self.assertEqual(sockets[0].stat().st_mode & 0o777, 0o600)
        self.assertEqual(sockets[0].parent.stat().st_mode & 0o777, 0o700)
        # Who connects and does not read keeps nobody out, nor the gateway from its end.
        stuck = socket.socket(socket.AF_UNIX)
        self.addCleanup(stuck.close)
        stuck.connect(str(sockets[0]))
        self.status()
        done = self.ask_status("--pid", "1")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"no gateway of yours is process 1", done.stderr)
        self.stop()
        self.assertFalse(sockets[0].exists())
        done = self.ask_status()
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no gateway of yours runs", done.stderr)


class Configured(kit.Weir):
    verb = ("gateway",)
    greeting = Gateway.greeting


class Configuration(GatewayTest):
    def settings(self, text):
        with self.config.open("a") as file:
            file.write(f"[gateway]\n{text}")

    def configured(self, *flags):
        self.weir = Configured("--config", self.config, *flags)
        self.addCleanup(self.weir.kill)
        self.env = self.weir.env

    def test_in_place_of_flags(self):
        self.settings('listen = "127.0.0.1:0"\nsessions = "sessions.toml"\nprefix = "/relay"\nmost_tunnels = 1\nidle = "2s"\n')
        self.configured()
        place = "/relay/v1/code/upstreamproxy/ws"
        kept = self.tunnel(path=place)
        self.assertEqual(kept.connect(f"127.0.0.1:{self.echo.port}", "one", TOKEN, b"\x01a")[0], 200)
        status, fields, _ = self.tunnel(path=place).connect(f"127.0.0.1:{self.echo.port}", "one", TOKEN)
        self.assertEqual((status, fields["x-deny-reason"]), (403, "session_limit"))
        kept.read(2)
        try:
            self.assertEqual(kept.read(), b"")  # idle
        except ConnectionResetError:
            pass
        shown = kit.run([kit.binary(), "config", "show", self.config], self.env).stdout.decode()
        for key, value in (("prefix", '"/relay"'), ("most_tunnels", "1"), ("idle", '"2s"'), ("sessions", f'"{self.sessions}"')):
            self.assertRegex(shown, rf"gateway\.{key} +{re.escape(value)} +# .*weir\.toml:\d")

    def test_flags_weigh_more(self):
        self.settings('listen = "127.0.0.1:0"\nsessions = "none.toml"\nprefix = "/relay"\n')
        self.configured("--prefix", "/other", "--sessions", self.sessions)
        self.tunnel(path="/other/v1/code/upstreamproxy/ws")

    def test_mistakes(self):
        self.settings('prefix = "/relay/"\nmost_tunnels = 0\nlisten = ["here"]\n')
        done = kit.run([kit.binary(), "gateway", "--config", self.config], kit.environment(self.home))
        self.assertEqual(done.returncode, 2)
        for part in (b"gateway.prefix: ", b"gateway.most_tunnels: ", b"gateway.listen: "):
            self.assertIn(part, done.stderr)


class Ends(GatewayTest):
    def test_a_drain_closes_what_is_idle_and_cuts_the_rest(self):
        self.config.write_text(self.config.read_text().replace('"5s"', '"1s"'))
        self.gateway()
        waiting, busy = self.tunnel(), self.echoing()
        begun = time.monotonic()
        os.kill(self.weir.pid, signal.SIGTERM)
        self.assertEqual(waiting.read(), b"")
        self.assertEqual(waiting.closed, 1000)
        busy.send(b"more")
        self.assertEqual(busy.read(4), b"more")
        self.assertEqual(busy.read(), b"")
        self.assertEqual(busy.closed, 1001)
        self.weir.stop()
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_killed_and_started_again(self):
        self.gateway()
        tunnel, port = self.echoing(), self.weir.port
        self.weir.kill()
        try:
            self.assertEqual(tunnel.read(), b"")
        except OSError:
            pass
        self.assertIsNone(tunnel.closed)

        class Again(Gateway):
            verb = ("gateway", "--listen", f"127.0.0.1:{port}")

        begun = time.monotonic()
        self.weir = Again("--config", self.config, "--sessions", self.sessions)
        self.addCleanup(self.weir.kill)
        self.echoing()
        if not kit.sanitized():
            self.assertLess(time.monotonic() - begun, 1)

    def test_no_descriptor_is_left(self):
        self.gateway("--threads", "1")
        self.echoing().close()
        descriptors = lambda: len(os.listdir(f"/proc/{self.weir.pid}/fd"))
        # The record may open a file or two meanwhile; sixty tunnels that leak one each are more than that.
        before = descriptors() + 5
        for number in range(60):
            tunnel = self.tunnel() if number % 3 == 0 else self.echoing()
            if number % 2:
                tunnel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            tunnel.close()
        deadline = time.monotonic() + PATIENCE
        while descriptors() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertLessEqual(descriptors(), before)


if __name__ == "__main__":
    kit.main()
