"""The door for virtual machines: weir-guest in a network namespace of its own, `weir serve --uds` outside."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest

import kit
import proxies

GUEST = os.environ.get("WEIR_GUEST_BIN") or str(pathlib.Path(kit.binary()).parent / "weir-guest")

PREAMBLE = b"\0WEIR_META:1"


def new_namespace():
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]


class FirecrackerDevice:
    """What a VMM does for its guest's connections to the host: takes each to the Unix socket PATH_PORT.

    `port` is what the guest asked for; a Unix socket stands in for the guest's AF_VSOCK.
    """

    def __init__(self, folder, port):
        self.guest_side, self.uds = folder / "guest.sock", folder / "vsock.sock"
        self.port, self.connections = port, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.guest_side))
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                guest, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            host = socket.socket(socket.AF_UNIX)
            host.connect(f"{self.uds}_{self.port}")
            for ends in ((guest, host), (host, guest)):
                threading.Thread(target=self._copy, args=ends, daemon=True).start()

    @staticmethod
    def _copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


class Guest(kit.Client):
    """A guest that is a network namespace, with the relay in it."""

    needs = ("unshare", "nsenter", "curl")

    def setUp(self):
        if not os.access(GUEST, os.X_OK):
            self.skipTest(f"not built: {GUEST}")
        tried = subprocess.run([*new_namespace(), "true"], capture_output=True, text=True)
        if tried.returncode:
            self.skipTest(f"no network namespace can be made here: {tried.stderr.strip()}")
        self.far = self.enterContext(proxies.Socks5Proxy(names=("far.test", "localhost")))
        self.plain = self.enterContext(kit.Origin())
        self.secure = self.enterContext(kit.Origin(kit.identity("DNS:far.test,IP:127.0.0.1")))
        self.place = kit.scratch() / "weir.sock"
        self.weir = self.start_host()
        self.env = self.weir.env

    def start_host(self, *flags):
        return self.start("--uds", self.place, "--upstream-proxy", f"socks5://{self.far.place}", *flags)

    def start(self, *flags, **options):
        return super().start(*map(str, flags), **options)

    def start_relay(self, *flags, to=None):
        """Returns when it serves, and its rules are there."""
        self.relay = self.spawn([*new_namespace(), GUEST, "--to", to or f"unix:{self.place}", *flags], stderr=subprocess.PIPE)
        said = self.relay.stderr.readline().decode()
        if "to unix:" not in said and "to tcp:" not in said:
            said += self.relay.stderr.read().decode()
            if "nf_tables" in said:
                self.skipTest(said.strip())
            self.fail(said)

    def inside(self, *command):
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", *user, "--net", f"--target={self.relay.pid}", *map(str, command)]

    def run_inside(self, *command, **options):
        return kit.run(self.inside(*command), self.env, **options)

    def python(self, code, *words):
        return self.check(self.run_inside("/usr/bin/python3", "-c", code, *words)).decode()

    def curl(self, *words):
        return self.run_inside("curl", "-sS", "--cacert", self.weir.ca, *words)

    # -- the whole way

    def test_https_by_name(self):
        self.start_relay()
        self.assertEqual(self.check(self.curl(f"https://far.test:{self.secure.port}/hello")), b"no such endpoint\n")
        flow = self.only_flow()
        self.assertEqual(flow["url"], f"https://far.test:{self.secure.port}/hello")
        self.assertEqual(flow["process"], "curl")
        self.assertGreater(flow["process_info"]["pid"], 0)
        self.assertEqual(self.far.asked, [f"far.test:{self.secure.port}"])

    def test_plain_http_by_name(self):
        self.start_relay()
        self.check(self.curl(f"http://far.test:{self.plain.port}/plain"))
        self.assertEqual(self.only_flow()["url"], f"http://far.test:{self.plain.port}/plain")

    def test_by_literal_address(self):
        self.start_relay()
        for address in ("192.0.2.7", "[2001:db8::7]"):
            self.curl(f"http://{address}:{self.plain.port}/literal")
        self.assertEqual([flow["url"] for flow in self.stop()],
                         [f"http://{address}:{self.plain.port}/literal" for address in ("192.0.2.7", "[2001:db8::7]")])

    def test_names_over_tcp_and_udp_have_one_address_each(self):
        self.start_relay()
        code = ("import socket, struct\n"
                "query = b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4some\\4test\\0\\0\\1\\0\\1'\n"
                "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.settimeout(30)\n"
                "udp.sendto(query, ('192.0.2.53', 53)); one, where = udp.recvfrom(1000)\n"
                "tcp = socket.create_connection(('192.0.2.53', 53))\n"
                "tcp.sendall(struct.pack('>H', len(query)) + query)\n"
                "two = tcp.makefile('rb').read(2 + len(one))[2:]\n"
                "six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); six.settimeout(30)\n"
                "six.sendto(query, ('2001:db8::53', 53)); three, _ = six.recvfrom(1000)\n"
                "print(where[0], one == two == three, one[-4], one[-3])")
        self.assertEqual(self.python(code).split()[:2], ["192.0.2.53", "True"])

    def test_hundreds_of_names_at_once(self):
        self.start_relay()
        code = ("import concurrent.futures, socket\n"
                "def one(i): return socket.getaddrinfo(f'n{i}.test', 80)[0][4][0]\n"
                "with concurrent.futures.ThreadPoolExecutor(50) as pool:\n"
                "    print(len(set(pool.map(one, range(500)))))")
        self.assertEqual(self.python(code), "500\n")

    def test_no_other_datagram_leaves(self):
        self.start_relay()
        code = ("import errno, socket\n"
                "for family, host in ((socket.AF_INET, '192.0.2.1'), (socket.AF_INET6, '2001:db8::1')):\n"
                "    try: socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (host, 443)); print('sent')\n"
                "    except OSError as e: print(errno.errorcode[e.errno])")
        self.assertEqual(self.python(code), "EPERM\nEPERM\n")

    def test_own_loopback_services_work(self):
        self.start_relay()
        code = ("import socket, threading\n"
                "for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
                "    server = socket.create_server((host, 0), family=family)\n"
                "    def serve():\n"
                "        c, _ = server.accept(); c.sendall(b'inside'); c.close()\n"
                "    threading.Thread(target=serve).start()\n"
                "    print(socket.create_connection((host, server.getsockname()[1])).makefile().read())")
        self.assertEqual(self.python(code), "inside\ninside\n")
        self.assertEqual(self.stop(), [])

    def test_a_thousand_connections_lose_none(self):
        self.start_relay()
        code = ("import concurrent.futures, http.client, sys\n"
                "connections = [http.client.HTTPConnection('far.test', int(sys.argv[1]), timeout=120) for _ in range(1000)]\n"
                "def open(i): connections[i].connect()\n"
                "def ask(i):\n"
                "    connections[i].request('GET', f'/{i}'); return connections[i].getresponse().status\n"
                "with concurrent.futures.ThreadPoolExecutor(200) as pool:\n"
                "    list(pool.map(open, range(1000)))\n"  # all are open at once
                "    print(sum(status == 404 for status in pool.map(ask, range(1000))))")
        self.assertEqual(self.python(code, self.plain.port), "1000\n")
        self.assertEqual(len({flow["url"] for flow in self.stop() if flow["method"] == "GET"}), 1000)

    def test_a_large_upload_and_download_arrive_whole(self):
        self.start_relay()
        code = ("import hashlib, socket, sys, threading\n"
                "data = bytes(range(256)) * 65536\n"
                "s = socket.create_connection(('far.test', int(sys.argv[1])))\n"
                "threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()\n"
                "digest, size = hashlib.sha256(), 0\n"
                "while part := s.recv(65536): digest.update(part); size += len(part)\n"
                "print(size == len(data), digest.digest() == hashlib.sha256(data).digest())")
        with Echo() as echo:
            self.assertEqual(self.python(code, echo.port), "True True\n")

    def test_half_close_reaches_a_server_that_waits_for_it(self):
        self.start_relay()
        code = ("import socket, sys\n"
                "s = socket.create_connection(('far.test', int(sys.argv[1])))\n"
                "s.sendall(b'\\1\\2\\3 no protocol'); s.shutdown(socket.SHUT_WR)\n"
                "print(s.makefile('rb').read() == b'\\1\\2\\3 no protocol')")
        with Echo() as echo:
            self.assertEqual(self.python(code, echo.port), "True\n")

    # -- when something is missing

    def test_without_a_host_connections_and_names_fail_at_once(self):
        self.start_relay()
        self.weir.stop()
        self.assertFalse(self.place.exists())
        code = ("import errno, socket\n"
                "try: s = socket.create_connection(('192.0.2.1', 80)); print(s.recv(1) == b'')\n"
                "except ConnectionError: print('reset')\n"
                "query = b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4some\\4test\\0\\0\\1\\0\\1'\n"
                "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.settimeout(30)\n"
                "udp.sendto(query, ('192.0.2.53', 53)); print(udp.recv(1000)[3] & 15)")
        self.assertEqual(self.python(code), "reset\n2\n")
        self.assertIn("cannot be reached", self.relay.stderr.readline().decode())
        # It comes back without anything being done here.
        self.weir = self.start_host()
        self.check(self.curl(f"http://far.test:{self.plain.port}/"))

    def test_the_end_of_the_host_ends_a_connection(self):
        self.start_relay()
        code = ("import socket, sys\n"
                "s = socket.create_connection(('far.test', int(sys.argv[1])))\n"
                "s.sendall(b'\\1\\2 no protocol'); print(len(s.recv(100)), flush=True)\n"
                "try: print(len(s.recv(1)))\n"
                "except ConnectionError: print('reset')")
        with Echo() as echo:
            program = self.spawn(self.inside("/usr/bin/python3", "-c", code, echo.port))
            self.assertEqual(program.stdout.readline(), b"14\n")
            self.weir.kill()
            self.assertIn(program.stdout.readline(), (b"0\n", b"reset\n"))

    def test_a_connection_to_the_relay_itself_is_refused(self):
        self.start_relay()
        rules = self.check(self.run_inside("cat", "/proc/net/tcp")).decode().splitlines()[1:]
        port = next(int(row.split()[1].split(":")[1], 16) for row in rules if row.split()[3] == "0A")
        code = ("import socket, sys\n"
                "try: print(socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1))\n"
                "except ConnectionError: print('reset')")
        self.assertEqual(self.python(code, port), "reset\n")
        self.assertIn("not redirected", self.relay.stderr.readline().decode())

    def test_rules_go_with_the_relay_and_stay_when_it_is_killed(self):
        if not shutil.which("nft"):
            self.skipTest("not installed: nft")
        holder = self.spawn([*new_namespace(), "sh", "-c", "echo ready; exec sleep 600"])
        holder.stdout.readline()
        self.relay = holder
        for signo, left in ((signal.SIGKILL, True), (signal.SIGTERM, False)):
            relay = self.spawn(self.inside(GUEST, "--to", f"unix:{self.place}"), stderr=subprocess.PIPE)
            said = relay.stderr.readline().decode()
            if "nf_tables" in said:
                self.skipTest(said)
            self.assertIn("is redirected", said)
            rules = self.check(self.run_inside("nft", "list", "table", "inet", "weir_guest")).decode()
            for rule in ("udp dport 53 redirect", "tcp dport 53 meta mark != 0x57656972 redirect", "ip daddr 127.0.0.0/8 accept",
                         "meta l4proto tcp meta mark != 0x57656972 redirect", "icmpv6 type 133-137 accept", "\treject\n"):
                self.assertIn(rule, rules)
            relay.send_signal(signo)
            self.assertEqual(relay.wait(kit.PATIENCE), -signal.SIGKILL if left else 0)
            tables = self.check(self.run_inside("nft", "list", "tables")).decode()
            self.assertEqual("weir_guest" in tables, left, tables)
            routes = self.check(self.run_inside("cat", "/proc/net/route")).decode()
            self.assertEqual(routes.count("\n") > 1, left, routes)

    def test_check_says_what_works(self):
        self.start_relay()
        done = self.run_inside(GUEST, "--check", "--to", f"unix:{self.place}")
        self.assertEqual((done.returncode, done.stdout.count(b"ok ")), (0, 4), done)
        self.weir.stop()
        done = self.run_inside(GUEST, "--check", "--to", f"unix:{self.place}")
        self.assertEqual((done.returncode, done.stdout.count(b"FAIL  ")), (1, 3), done)

    def test_doctor_inside(self):
        self.weir.stop()
        self.weir = self.start_host("--block-domain", "blocked.test")
        self.start_relay()
        url = f"https://far.test:{self.secure.port}"
        words = [kit.binary(), "doctor", "--guest", "--to", f"unix:{self.place}", "--url", f"{url}/", "--blocked",
                 f"https://blocked.test:{self.secure.port}/", "--download", f"{url}/bytes/1000000"]
        done = self.run_inside(*words)
        said = done.stdout.decode()
        self.assertEqual(done.returncode, 1, said)
        self.assertRegex(said, r"ok +certificates: they are issued by Weir\n")
        self.assertRegex(said, r"FAIL +curl: .*certificate")
        self.assertRegex(said, r"ok +policy: ")
        self.assertRegex(said, r"ok +throughput: .* bytes a second")
        # What `weir ca bake` writes is enough.
        root = kit.scratch()
        self.check(kit.run([kit.binary(), "ca", "bake", root, "--ca-dir", self.weir.ca_dir], self.env))
        entries = (line.split("=", 1) for line in (root / "etc/environment").read_text().splitlines() if "=" in line)
        baked = {name: f"{root}{path}" for name, path in entries}
        done = kit.run(self.inside(*words), {**self.env, **baked})
        said = done.stdout.decode()
        self.assertEqual(len(re.findall(r"FAIL  (?!wget)", said)), 0, said)  # Debian's knows no variable

    def test_the_command_line(self):
        for words, said in ((["--too", "x"], b"--too"), (["--to"], b"wants a value"), (["--to", "udp:1"], b"vsock:2:PORT"),
                            (["--no-setup"], b"--port"), (["--port=0"], b"65535"), (["--to", "tcp:host.test:1"], b"ADDRESS")):
            done = kit.run([GUEST, *words], self.env)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(said, done.stderr)
        self.assertIn(b"--no-setup", kit.run([GUEST, "--help"], self.env).stdout)

    # -- other ways to the host

    def test_through_the_vsock_device_of_a_vmm(self):
        folder = kit.scratch()
        device = FirecrackerDevice(folder, 5002)
        self.addCleanup(device.close)
        self.weir.stop()
        self.weir = self.start("--vsock-uds", device.uds, "--upstream-proxy", f"socks5://{self.far.place}")
        self.start_relay(to=f"unix:{device.guest_side}")
        self.check(self.curl(f"https://far.test:{self.secure.port}/vm"))
        self.assertEqual(self.only_flow()["url"], f"https://far.test:{self.secure.port}/vm")
        self.assertGreaterEqual(device.connections, 2)  # names, and the connection

    # -- what a guest may send

    def talk(self, sent):
        """All that the host answers to these bytes on a connection of their own."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(kit.PATIENCE)
            stream.connect(str(self.place))
            for part in sent if isinstance(sent, list) else [sent]:
                stream.sendall(part)
            stream.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := stream.recv(65536):
                    answer += part
            except ConnectionError:
                pass
            return answer

    def request(self):
        return b"GET /x HTTP/1.1\r\nHost: far.test:%d\r\nConnection: close\r\n\r\n" % self.plain.port

    def test_a_preamble_in_single_bytes(self):
        preamble = PREAMBLE + b" to=far.test:%d pid=7 name=x\n" % self.plain.port
        answer = self.talk([bytes([byte]) for byte in preamble + self.request()])
        self.assertTrue(answer.startswith(b"HTTP/1.1 404"), answer)
        self.assertEqual(self.only_flow()["process"], "x")

    def test_without_a_preamble_the_host_field_says_where(self):
        self.assertTrue(self.talk(self.request()).startswith(b"HTTP/1.1 404"))
        self.assertNotIn("process", self.only_flow())

    def test_hostile_preambles(self):
        for hostile in (PREAMBLE + b" " + b"a" * 5000, b"\0" * 100, PREAMBLE + b" to=far.test:0\n",
                        PREAMBLE + b" to=far.test:80 name=\x1b[31m\n", b"\0WEIR_META:9\n", PREAMBLE, b"\0", b"\x01\x02\x03"):
            self.assertEqual(self.talk(hostile), b"", hostile)
        self.assertEqual(self.talk(b""), b"")
        self.assertTrue(self.talk(self.request()).startswith(b"HTTP/1.1 404"), "it serves on")

    def test_an_address_that_nobody_looked_up_is_refused(self):
        self.assertEqual(self.talk(PREAMBLE + b" to=198.18.7.7:80\n" + self.request()), b"")
        flow = self.only_flow()
        self.assertEqual(flow["error_code"], "bad_target")
        self.assertEqual(self.far.asked, [])

    def test_what_only_the_host_may_reach_is_refused(self):
        self.weir.stop()
        self.weir = self.start("--uds", self.place)  # no proxy on the way, which would look up names itself
        port = self.plain.port
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"):
            request = f"GET /x HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
            to_proxy = f"GET http://{host}:{port}/x HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
            tunnel = f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() + request
            for sent in (PREAMBLE + f" to={host}:{port}\n".encode() + request, request, to_proxy, tunnel,
                         PREAMBLE + f" to={host}:{port}\n".encode() + b"\1\2\3 no protocol"):
                self.assertNotIn(b"no such endpoint", self.talk(sent), sent)
        self.assertEqual(self.plain.requests, [])
        refused = {flow["error_code"] for flow in self.stop()}
        self.assertTrue(refused <= {"address_refused", "bad_target", "bad_host", "port_refused", "blocked"}, refused)

    def test_a_stream_of_dns(self):
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4some\4test\0\0\1\0\1"
        framed = len(query).to_bytes(2, "big") + query
        answer = self.talk(PREAMBLE + b" dns=tcp\n" + framed * 3)
        self.assertEqual(answer.count(b"\x12\x34\x81\x80"), 3)
        self.assertEqual(self.talk(PREAMBLE + b" dns=udp\n\0\1x" + framed)[:2], b"\0\0", "not to be answered")

    def test_a_guest_that_says_nothing_holds_nothing_up(self):
        idle = [socket.socket(socket.AF_UNIX) for _ in range(50)]
        for each in idle:
            each.connect(str(self.place))
            each.sendall(b"\0WEIR")
        self.assertTrue(self.talk(self.request()).startswith(b"HTTP/1.1 404"))
        for each in idle:
            each.close()


class SlowGuest(Guest):
    """Where the time for a preamble is short."""

    def start_host(self, *flags):
        return super().start_host("--config", self.settings(), *flags)

    @staticmethod
    def settings():
        path = kit.scratch() / "weir.toml"
        path.write_text("[limits]\nhead_timeout = '200ms'\n")
        return path

    def test_an_unfinished_preamble_has_its_time(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(kit.PATIENCE)
            stream.connect(str(self.place))
            stream.sendall(b"\0WEIR_META:1 to=far.test")
            self.assertEqual(stream.recv(1), b"")


for name in [name for name in dir(Guest) if name.startswith("test_")]:
    setattr(SlowGuest, name, None)


class Echo:
    """A server that sends back what it gets, and ends when its client does."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(client,), daemon=True).start()

    @staticmethod
    def _echo(client):
        with client:
            try:
                while data := client.recv(65536):
                    client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass


class Program(unittest.TestCase):
    def test_it_is_small_and_needs_no_library(self):
        self.assertLess(os.path.getsize(GUEST), 2 << 20)
        said = subprocess.run(["readelf", "--program-headers", GUEST], capture_output=True, text=True)
        if said.returncode:
            self.skipTest("not installed: readelf")
        self.assertNotIn("INTERP", said.stdout)


if __name__ == "__main__":
    kit.main()
