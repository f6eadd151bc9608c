"""`weir serve --transparent`: a client behind a router that runs Weir, and an origin on its other side.

Three network namespaces of the test's own; this process and Weir are in that of the router.
"""

import concurrent.futures
import contextlib
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import unittest

import kit
from kit import PATIENCE

NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK = 0x40000000
PORT = 10443

CLIENT = {4: "10.1.0.2", 6: "fd01::2"}
ROUTER = {4: "10.1.0.1", 6: "fd01::1"}  # as the client sees it
UPLINK = {4: "1.2.3.1", 6: "2600:1234::1"}
ORIGIN = {4: "1.2.3.4", 6: "2600:1234::4"}
OTHER = {4: "1.2.3.5", 6: "2600:1234::5"}  # another machine of the world
INSIDE = {4: "10.9.9.9", 6: "fd02::9"}
SITE = {4: "site4.test", 6: "site6.test"}  # at ORIGIN
LURE = {4: "lure4.test", 6: "lure6.test"}  # at OTHER

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "transparent.md"


def documented(name, user):
    """The rules that the user is told to load, for our interface and the user that Weir has here."""
    rules = re.search(rf"```nft\n# {re.escape(name)}\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    return rules.replace("lan0", "client").replace('"weir"', str(user))


REDIRECT = documented("redirect.nft", 0)
TPROXY = documented("tproxy.nft", 0)
LOCAL = documented("local.nft", 0)
LOCAL_AND_FORGOTTEN = re.sub(r".*meta skuid.*\n", "", LOCAL)

ANYWHERE = ("--transparent", f"[::]:{PORT}", "--allow-open-proxy")  # IPv4, too
HERE = ("--transparent", f"127.0.0.1:{PORT}", "--transparent", f"[::1]:{PORT}")


def in_own_network():
    """Runs this file again where the network is ours to make."""
    if os.environ.get("WEIR_TEST_NETWORK") == "own":
        return
    missing = [command for command in ("unshare", "ip", "nft", "curl") if not shutil.which(command)]
    if missing:
        print(f"skipped: not installed: {', '.join(missing)}")
        sys.exit(kit.SKIPPED)
    own = ["unshare", "--net", "--mount"]
    if os.geteuid() == 0 and len(sys.argv) == 1 and as_ordinary_user("RedirectV6", "TproxyV4", "LocalLoop"):
        sys.argv += ["RedirectV4", "TproxyV6", "LocalV4", "LocalV6", "Doctor"]
    if os.geteuid() != 0:
        own += ["--user", "--map-root-user"]
        os.environ["WEIR_TEST_USER"] = "ordinary"
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        print("skipped: no network namespaces of one's own here")
        sys.exit(kit.SKIPPED)
    os.environ["WEIR_TEST_NETWORK"] = "own"
    os.execvp(own[0], [*own, sys.executable, *sys.argv])


def as_ordinary_user(*tests):
    """These for somebody who is root in a namespace of his own alone; false when he cannot run them."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    env = {**os.environ, "HOME": "/"}
    for python in (sys.executable, "/usr/bin/python3"):
        able = subprocess.run([*user, "sh", "-c", f"{python} -c '' && {kit.binary()} --version"], env=env, cwd="/", capture_output=True)
        if able.returncode == 0:
            code = subprocess.run([*user, python, __file__, *tests], env=env, cwd="/").returncode
            return code == 0 or code != kit.SKIPPED and sys.exit(code)
    return False


class Space:
    """Another network namespace. What is opened in it stays in it, whoever uses it."""

    def __init__(self):
        self.file = None
        self.file = self._thread(self._make)

    def _make(self):
        if LIBC.unshare(NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        ip("link", "set", "lo", "up")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def _enter(self, work):
        if LIBC.setns(self.file, NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
        return work()

    @staticmethod
    def _thread(work):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()

    def run(self, work):
        return self._thread(lambda: self._enter(work))

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.file}"


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True)


def nft(rules):
    subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)


def join(space, name, router, others):
    """A cable between the router's `name` and eth0 of `space`."""
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", space.path)
    for family, size in ((4, 24), (6, 64)):
        ip("address", "add", f"{router[family]}/{size}", "dev", name, *(["nodad"] if family == 6 else []))
    ip("link", "set", name, "up")

    def inside():
        for each in others:
            for family, size in ((4, 24), (6, 64)):
                ip("address", "add", f"{each[family]}/{size}", "dev", "eth0", *(["nodad"] if family == 6 else []))
        ip("link", "set", "eth0", "up")
        for family in (4, 6):
            ip(f"-{family}", "route", "add", "default", "via", router[family])

    space.run(inside)


def furnish():
    ip("link", "set", "lo", "up")
    spaces = Space(), Space()
    join(spaces[0], "client", ROUTER, [CLIENT])
    join(spaces[1], "world", UPLINK, [ORIGIN, OTHER])
    for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        pathlib.Path("/proc/sys/net", switch).write_text("1")
    for family, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
        ip(f"-{family}", "rule", "add", "fwmark", 1, "lookup", 100)
        ip(f"-{family}", "route", "add", "local", everything, "dev", "lo", "table", 100)
    names = "".join(f"{where[family]} {name[family]}\n" for name, where in ((SITE, ORIGIN), (LURE, OTHER)) for family in (4, 6))
    for file, text in (("hosts", names), ("resolv.conf", "nameserver 127.0.0.1\n")):
        path = kit.scratch() / file
        path.write_text(text)
        subprocess.run(["mount", "--bind", path, f"/etc/{file}"], check=True)
    return spaces


class Greeter(socketserver.BaseRequestHandler):
    """Speaks first, as SMTP does, then says back what it hears until the end."""

    greeting = b"220 ready\r\n"

    def handle(self):
        self.request.settimeout(PATIENCE)
        self.server.peers.append(self.client_address)
        self.request.sendall(self.greeting)
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.request.sendall(data)
            self.request.sendall(b"bye")


class Echo(Greeter):
    greeting = b""


class Silent(Greeter):
    """Says nothing until the client has gone."""

    def handle(self):
        self.server.peers.append(self.client_address)
        self.request.recv(1)
        self.server.gone.set()


class Http2(socketserver.StreamRequestHandler):
    """HTTP/2 without TLS, just enough: 200 without a body to everything."""

    timeout = PATIENCE

    def handle(self):
        if self.rfile.read(24) != b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
            return
        self.wfile.write(bytes(3) + b"\4\0" + bytes(4))
        while head := self.rfile.read(9):
            kind, flags, stream = head[3], head[4], head[5:9]
            self.rfile.read(int.from_bytes(head[:3], "big"))
            if kind == 4 and not flags & 1:
                self.wfile.write(bytes(3) + b"\4\1" + bytes(4))
            if kind == 1:
                self.server.peers.append(self.client_address)
                self.wfile.write(b"\0\0\1\1\5" + stream + b"\x88")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 1024

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.peers, self.gone = [], threading.Event()
        super().__init__((address, 0), handler)
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Transparent(kit.Client):
    """`rules` are in force while the tests of a class run."""

    rules = REDIRECT
    doors = ANYWHERE
    family = 4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        nft(cls.rules)
        cls.addClassCleanup(nft, "flush ruleset")
        cls.address, cls.site, cls.lure = ORIGIN[cls.family], SITE[cls.family], LURE[cls.family]
        cls.identity = kit.identity(f"DNS:{cls.site},IP:{cls.address}")

    def setUp(self):
        self.plain = self.world(kit.Origin)
        self.tls = self.world(kit.Origin, self.identity)
        self.weir = self.start_weir()
        self.env = self.weir.env

    def start_weir(self, *flags):
        weir = self.start(*self.doors, *flags)
        weir.wait_for_line(r"redirected connections come in at \S+:10443")
        return weir

    def again(self, *flags):
        """Weir with other settings."""
        self.weir.stop()
        self.weir = self.start_weir(*flags)
        self.env = self.weir.env

    def world(self, kind, *words, at=ORIGIN, **options):
        """A server out there, until the test ends."""
        server = WORLD.run(lambda: kind(*words, address=at[self.family], **options) if kind is kit.Origin
                           else Server(at[self.family], kind))
        return self.enterContext(server)

    def from_client(self, work):
        return BEHIND.run(work)

    def connect(self, port, address=None):
        sock = self.from_client(lambda: socket.create_connection((address or self.address, port), PATIENCE))
        self.addCleanup(sock.close)
        return sock

    def secured(self, port, name, address=None, ca=None):
        context = ssl.create_default_context(cafile=ca or self.weir.ca)
        context.check_hostname = name is not None
        secured = context.wrap_socket(self.connect(port, address), server_hostname=name)
        self.addCleanup(secured.close)
        return secured

    def ask(self, sock, host, path="/echo"):
        """One request on a connection that is there: status and body."""
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return answer.status, answer.read()

    def curl(self, *words):
        return self.from_client(lambda: kit.run(["curl", "-sS", "--noproxy", "*", "--max-time", PATIENCE, *words], self.env))

    def literal(self, port):
        return f"[{self.address}]:{port}" if self.family == 6 else f"{self.address}:{port}"

    def open_files(self):
        return len(os.listdir(f"/proc/{self.weir.pid}/fd"))

    def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def drained(self, sock):
        data = b""
        while part := sock.recv(65536):
            data += part
        return data


class Cases:
    """What must hold however connections get here."""

    def test_https_by_name(self):
        words = ["--cacert", self.weir.ca, "--resolve", f"{self.site}:{self.tls.port}:{self.address}"]
        self.check(self.curl(*words, f"https://{self.site}:{self.tls.port}/echo"))
        flow = self.only_flow()
        self.assertEqual((flow["url"], flow["status"], flow["interception"]),
                         (f"https://{self.site}:{self.tls.port}/echo", 200, "intercepted"))
        self.assertEqual(self.tls.paths, ["/echo"])

    def test_https_without_a_name(self):
        sock = self.secured(self.tls.port, None)
        self.assertEqual(self.ask(sock, self.literal(self.tls.port))[0], 200)
        self.assertEqual(self.only_flow()["url"], f"https://{self.literal(self.tls.port)}/echo")

    def test_http_by_name_and_by_address(self):
        for host in (f"{self.site}:{self.plain.port}", self.literal(self.plain.port)):
            self.assertEqual(self.ask(self.connect(self.plain.port), host)[0], 200)
        self.assertEqual([flow["url"] for flow in self.stop()],
                         [f"http://{self.site}:{self.plain.port}/echo", f"http://{self.literal(self.plain.port)}/echo"])
        self.assertEqual([fields["Host"] for _, _, fields in self.plain.requests],
                         [f"{self.site}:{self.plain.port}", self.literal(self.plain.port)])

    def test_http2_without_tls(self):
        far = self.world(Http2)
        self.check(self.curl("--http2-prior-knowledge", f"http://{self.literal(far.port)}/x"))
        self.assertEqual(len(far.peers), 1)
        flow = self.only_flow()
        self.assertEqual((flow["http_version"], flow["resp_http_version"], flow["status"]), ("HTTP/2", "HTTP/2", 200))

    def test_a_server_that_speaks_first(self):
        far = self.world(Greeter)
        sock = self.connect(far.port)
        self.assertEqual(sock.recv(100), b"220 ready\r\n")
        sock.sendall(b"EHLO here\r\n")
        self.assertEqual(sock.recv(100), b"EHLO here\r\n")
        sock.shutdown(socket.SHUT_WR)
        self.assertEqual(self.drained(sock), b"bye")
        flow = self.only_flow()
        self.assertEqual((flow["interception"], flow["host"]), ("opaque", self.address))

    def test_bytes_that_nobody_knows_and_half_a_close(self):
        far = self.world(Echo)
        for first in (b"\x01\x02\x03 what is this", b"\0\0\0\x10{\"a\":\"preamble\"}"):
            sock = self.connect(far.port)
            sock.sendall(first)
            self.assertEqual(sock.recv(100), first, "passed on as it is, whatever it looks like")
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(self.drained(sock), b"bye")
        self.assertEqual([(flow["interception"], flow["error_code"]) for flow in self.stop()], [("opaque", "")] * 2)

    def test_tls_that_is_not_looked_into(self):
        self.again("--passthrough", self.site)
        sock = self.secured(self.tls.port, self.site, ca=kit.authority().certificate)
        self.assertEqual(self.ask(sock, self.site)[0], 200)
        flow = self.only_flow()
        self.assertEqual((flow["interception"], flow["host"]), ("passthrough", self.site))

    def test_a_client_that_says_nothing(self):
        far = self.world(Silent)
        sock = self.connect(far.port)
        self.wait_until(lambda: far.peers)
        sock.close()
        self.assertTrue(far.gone.wait(PATIENCE))
        self.assertEqual(self.only_flow()["interception"], "opaque")

    def test_the_answer_comes_from_where_the_client_called(self):
        sock = self.connect(self.plain.port)
        self.assertEqual(sock.getpeername()[:2], (self.address, self.plain.port))
        self.assertEqual(self.ask(sock, self.site)[0], 200)

    # A client names whom it likes: it gets to that name, not to the address that it had in mind.
    def test_a_name_that_does_not_belong_to_the_address(self):
        lure = self.world(kit.Origin, kit.identity(f"DNS:{self.lure}"), at=OTHER)
        self.again("--block-domain", self.site)
        sock = self.secured(lure.port, self.lure)  # at the address of the site
        self.assertEqual(self.ask(sock, f"{self.lure}:{lure.port}")[0], 200)
        self.assertEqual(self.tls.connections, 0)
        flow = self.only_flow()
        self.assertEqual(flow["url"], f"https://{self.lure}:{lure.port}/echo")

    def test_a_name_does_not_lead_past_us_to_another_address(self):
        lure = self.world(kit.Origin, kit.identity(f"DNS:{self.lure}"), at=OTHER)
        self.again("--passthrough", self.lure)
        sock = self.secured(lure.port, self.lure, ca=kit.authority().certificate)  # at the address of the site
        self.assertEqual(self.ask(sock, self.lure)[0], 200)
        self.assertEqual(self.only_flow()["interception"], "passthrough")

    def test_without_weir_nothing_gets_out(self):
        self.weir.stop()
        self.assertRaises(ConnectionRefusedError, self.connect, self.plain.port)

    def test_a_blocked_name_stays_blocked_wherever_its_client_goes(self):
        self.again("--block-domain", self.site)
        self.assertEqual(self.ask(self.connect(self.plain.port), f"{self.site}:{self.plain.port}")[0], 403)
        sock = self.secured(self.tls.port, self.site, address=OTHER[self.family])
        self.assertEqual(self.ask(sock, f"{self.site}:{self.tls.port}")[0], 403)
        self.assertEqual([flow["error_code"] for flow in self.stop()], ["blocked"] * 2)
        self.assertEqual(self.plain.connections + self.tls.connections, 0)

    def test_what_is_allowed_by_name_is_not_there_for_whoever_says_the_name(self):
        self.again("--filter-default", "block", "--allow-domain", self.lure)
        far = self.world(kit.Origin, at=ORIGIN)
        self.assertEqual(self.ask(self.connect(far.port), f"{self.lure}:{far.port}")[0], 502, "nobody is there at that port")
        self.assertEqual(self.ask(self.connect(far.port), self.literal(far.port))[0], 403)
        sock = self.connect(far.port)
        sock.sendall(b"\x01 neither")
        self.assertRaises(ConnectionResetError, sock.recv, 1)
        self.assertEqual(far.connections, 0)

    def test_addresses_of_the_inside_are_not_for_clients_of_a_gateway(self):
        target = INSIDE[self.family]
        status, body = self.ask(self.connect(80, target), f"[{target}]" if self.family == 6 else target)
        self.assertEqual(status, 403)
        self.assertIn(b"gateway", body)

    def test_a_direct_connection_is_told_what_is_wrong(self):
        there = {4: "127.0.0.1", 6: "::1"} if self.doors is HERE else ROUTER
        go = self.from_client if self.doors is not HERE else lambda work: work()
        sock = go(lambda: socket.create_connection((there[self.family], PORT), PATIENCE))
        self.addCleanup(sock.close)
        status, body = self.ask(sock, "weir.test")
        self.assertEqual(status, 508)
        self.assertIn(b"takes redirected connections only", body)
        self.assertEqual(self.only_flow()["error_code"], "loop_detected")

    def test_quic_is_refused_at_once(self):
        with self.from_client(lambda: socket.socket(socket.AF_INET6 if self.family == 6 else socket.AF_INET,
                                                    socket.SOCK_DGRAM)) as quic:
            quic.settimeout(PATIENCE)
            quic.connect((self.address, 443))
            quic.send(b"hello")
            self.assertRaises(ConnectionRefusedError, quic.recv, 1)


class RedirectV4(Cases, Transparent):
    def test_a_large_upload(self):
        size = 64 << 20
        data = kit.scratch() / "data"
        with data.open("wb") as out:
            out.truncate(size)
        words = ["-H", "Expect:", "-T", data, f"http://{self.literal(self.plain.port)}/upload"]
        said = json.loads(self.check(self.curl(*words)))
        digest = hashlib.sha256()
        for _ in range(64):
            digest.update(bytes(1 << 20))
        self.assertEqual(said, {"length": size, "sha256": digest.hexdigest()})

    def say(self, port, *parts):
        """All that is answered to these parts, which go in packets of their own, and the end."""
        sock = self.connect(port)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            sock.sendall(part)
            time.sleep(0.02)
        sock.shutdown(socket.SHUT_WR)
        return self.drained(sock)

    def test_a_relay_says_whose_it_is_where_it_is_asked_to(self):
        echo = self.world(Echo)
        self.again("--transparent-preamble")
        request = b"GET /own HTTP/1.0\r\n\r\n"
        self.assertIn(b"404", self.say(self.plain.port, b"\0", b"WEIR_", b"META:1 pid=7 na", b"me=one\n" + request))
        elsewhere = b"\0WEIR_META:1 to=%s name=two\n" % self.literal(echo.port).encode()
        self.assertEqual(self.say(self.plain.port, elsewhere + b"\1\2\3"), b"\1\2\3bye")
        for alike in (b"\0\0\0\x08", b"\0WEIR_MET"):
            self.assertEqual(self.say(echo.port, alike), alike + b"bye")
        with self.assertRaises(OSError):
            self.say(echo.port, b"\0WEIR_META:9\n")
        flows = self.stop()
        self.assertEqual([flow.get("process") for flow in flows], ["one", "two", None, None, None])
        self.assertEqual([flow["error_code"] for flow in flows], ["", "", "", "", "bad_request"])

    def test_a_relays_word_is_not_taken_unasked(self):
        echo = self.world(Echo)
        line = b"\0WEIR_META:1 pid=7 name=claimed\n"
        self.assertEqual(self.say(echo.port, line), line + b"bye")
        self.assertNotIn("process", self.only_flow())

    def test_descriptors_are_given_back(self):
        far = self.world(Echo)
        for round in range(2):
            for _ in range(150):
                with self.connect(far.port) as sock:
                    sock.sendall(b"\1")
                    sock.shutdown(socket.SHUT_WR)
                    self.assertEqual(self.drained(sock), b"\1bye")
            if round == 0:
                before = self.open_files()
        self.wait_until(lambda: self.open_files() <= before + 2)

    def test_a_thousand_at_once(self):
        request = f"GET /echo HTTP/1.1\r\nHost: {self.site}\r\nConnection: close\r\n\r\n".encode()

        def all_of_them():
            return [socket.create_connection((self.address, self.plain.port), PATIENCE) for _ in range(1000)]
        with contextlib.ExitStack() as open_ones:
            socks = [open_ones.enter_context(sock) for sock in self.from_client(all_of_them)]
            for sock in socks:
                sock.sendall(request)
            self.assertEqual({self.drained(sock)[:12] for sock in socks}, {b"HTTP/1.1 200"})
        self.assertEqual(len(self.stop()), 1000)


class RedirectV6(Cases, Transparent):
    family = 6


class TproxyV4(Cases, Transparent):
    rules = TPROXY
    doors = HERE


class TproxyV6(TproxyV4):
    family = 6


class Local(Transparent):
    """Programs of the machine that runs Weir."""

    doors = HERE

    def from_client(self, work):
        return work()


@unittest.skipIf(os.environ.get("WEIR_TEST_USER") == "ordinary", "an ordinary user has no second one to run Weir as")
class LocalV4(Local):
    """Weir has a user of its own, whose connections are left alone."""

    rules = LOCAL

    def test_programs_of_others_are_seen(self):
        other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        for origin, scheme in ((self.plain, "http"), (self.tls, "https")):
            words = ["curl", "-sSk", "--noproxy", "*", "--max-time", PATIENCE, f"{scheme}://{self.site}:{origin.port}/echo"]
            self.check(kit.run([*other, *words], self.env, cwd="/"))
        self.assertEqual([flow["url"] for flow in self.stop()],
                         [f"http://{self.site}:{self.plain.port}/echo", f"https://{self.site}:{self.tls.port}/echo"])

    def test_weirs_own_are_not(self):
        self.assertEqual(self.ask(self.connect(self.plain.port), self.site)[0], 200)
        self.assertEqual(self.stop(), [])


class LocalV6(LocalV4):
    family = 6


class Doctor(Local):
    rules = ""

    def test_doctor_says_what_the_listener_is_good_for(self):
        self.weir.stop()
        words = [kit.binary(), "doctor", "--transparent", f"127.0.0.1:{PORT}", *self.weir.places]
        less = ["setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw"]
        for before, said in (([], b"for REDIRECT and TPROXY"), (less, b"for REDIRECT; TPROXY is not allowed")):
            done = kit.run([*before, *words], self.env)
            self.assertIn(said, done.stdout)
            self.assertNotIn(b"in use", done.stdout + done.stderr)


class LocalLoop(Local):
    """Nobody has thought of Weir itself."""

    rules = LOCAL_AND_FORGOTTEN

    def test_weirs_own_connections_do_not_go_round(self):
        before = self.open_files()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            told = list(pool.map(lambda _: self.told(), range(20)))
        self.assertLessEqual(set(told), {502, 508})
        self.weir.wait_for_line("redirects Weir's own connections to Weir")
        self.wait_until(lambda: self.open_files() <= before + 2)
        flows = self.stop()
        self.assertIn("loop_detected", {flow["error_code"] for flow in flows})
        self.assertLessEqual(len(flows), 40, "its own and that of the connection that came back, for each")
        self.assertEqual(self.plain.connections, 0)
        self.assertEqual(self.weir.said.count("redirects Weir's own connections"), 1)

    def told(self):
        with self.connect(self.plain.port) as sock:
            return self.ask(sock, self.site)[0]


if __name__ == "__main__":
    in_own_network()
    BEHIND, WORLD = furnish()
    kit.main()
