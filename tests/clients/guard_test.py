"""Which addresses are reached for whom, with real DNS: in a network of the test's own, whose name server changes its mind.

1.2.3.4 stands for the world, 10.9.9.9 for a machine of the neighbourhood; both are this machine.
"""

import http.server
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from unittest import mock

import kit
from kit import PATIENCE

WORLD, INSIDE, NEIGHBOUR = "1.2.3.4", "127.0.0.1", "10.9.9.9"
METADATA = "169.254.169.254"


def in_own_network():
    """Runs this file again where the network, its name server and its port 53 are ours to make."""
    if os.environ.get("WEIR_TEST_NETWORK") == "own":
        return
    for command in ("unshare", "ip", "curl"):
        if not shutil.which(command):
            sys.exit(kit.SKIPPED)
    own = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if subprocess.run([*own, "true"], capture_output=True).returncode:
        print("skipped: no user namespaces here")
        sys.exit(kit.SKIPPED)
    os.environ["WEIR_TEST_NETWORK"] = "own"
    os.execvp(own[0], [*own, sys.executable, *sys.argv])


class NameServer:
    """Answers A with what `addresses` says at the moment, for no time at all; keeps every question."""

    def __init__(self):
        self.addresses, self.asked = {}, []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((INSIDE, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, sender = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(question), sender)

    def _answer(self, message):
        at, labels = 12, []
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        kind = struct.unpack_from("!H", message, at + 1)[0]
        name = ".".join(labels).lower()
        self.asked.append(name)
        known = self.addresses.get(name, [])
        found = known if kind == 1 else []
        records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(each) for each in found)
        code = 0 if known else 3
        return message[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(found), 0, 0) + message[12:at + 5] + records


class Site(http.server.ThreadingHTTPServer):
    """Says who it is, and hangs up after each answer, so that every request is a connection of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.visits += 1
            said = self.server.name.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *words):
            pass

    def __init__(self, address, port, name, identity=None):
        super().__init__((address, port), self.Handler)
        self.name, self.visits = name, 0
        if identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.certificate, identity.key)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def furnish():
    """The addresses and the name server of this network."""
    for words in (["link", "set", "lo", "up"], *(["address", "add", f"{each}/32", "dev", "lo"]
                                                 for each in (WORLD, NEIGHBOUR, METADATA))):
        subprocess.run(["ip", *words], check=True)
    config = kit.scratch() / "resolv.conf"
    config.write_text(f"nameserver {INSIDE}\n")
    subprocess.run(["mount", "--bind", config, "/etc/resolv.conf"], check=True)
    return NameServer()


class Guard(kit.Client):
    flags = ("--listen", f"{NEIGHBOUR}:0", "--auth", "u:p")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world = Site(WORLD, 80, "world")
        cls.inside = Site(INSIDE, 80, "inside")
        cls.neighbour = Site(NEIGHBOUR, 80, "neighbour")
        cls.metadata = Site(METADATA, 80, "metadata")
        cls.secure = Site(WORLD, 443, "secure world", kit.identity("DNS:site.test"))

    def setUp(self):
        super().setUp()
        for site in (self.world, self.inside, self.neighbour, self.metadata, self.secure):
            site.visits = 0
        NAMES.asked.clear()
        NAMES.addresses = {"site.test": [WORLD]}

    def ask(self, url, *words, foreign=True, weir=None):
        """Status and body. A foreign client calls from another address than the loopback."""
        weir = weir or self.weir
        if foreign:
            port = weir.wait_for_line(rf"listening on {NEIGHBOUR}:(\d+)")[1]
            way = ["--interface", NEIGHBOUR, "--proxy", f"http://u:p@{NEIGHBOUR}:{port}"]
        else:
            way = ["--proxy", f"http://u:p@{weir.address}"]
        done = kit.run(["curl", "--silent", "--show-error", "--max-time", PATIENCE, "--write-out", "\n%{http_code}",
                        "--cacert", weir.ca, *way, *words, url], self.env)
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), body

    def test_a_name_that_moves_inside_is_not_followed(self):
        self.assertEqual(self.ask("http://site.test/"), (200, "world"))
        NAMES.addresses["site.test"] = [INSIDE]
        deadline = time.monotonic() + PATIENCE
        while (answer := self.ask("http://site.test/"))[0] == 200:  # until Weir asks again
            self.assertEqual(answer[1], "world")
            self.assertLess(time.monotonic(), deadline)
        self.assertEqual(answer[0], 403)
        self.assertIn("address_refused", answer[1])
        self.assertIn("site.test:80 is at 127.0.0.1, a loopback address", answer[1])
        self.assertEqual(self.inside.visits, 0)
        self.assertEqual(self.stop()[-1]["error_code"], "address_refused")

    def test_of_many_addresses_only_the_fit_are_dialled(self):
        NAMES.addresses["site.test"] = [INSIDE, NEIGHBOUR, WORLD]
        for _ in range(3):
            self.assertEqual(self.ask("http://site.test/"), (200, "world"))
        self.assertEqual((self.inside.visits, self.neighbour.visits), (0, 0))

    def test_a_client_of_this_machine_goes_anywhere_but_to_metadata(self):
        NAMES.addresses = {"near.test": [NEIGHBOUR], "meta.test": [METADATA]}
        self.assertEqual(self.ask("http://near.test/", foreign=False), (200, "neighbour"))
        for host in ("meta.test", METADATA, "2852039166", "[::ffff:169.254.169.254]"):
            status, body = self.ask(f"http://{host}/", foreign=False)
            self.assertEqual(status, 403, (host, body))
            self.assertIn("cloud metadata", body)
        self.assertEqual(self.metadata.visits, 0)
        flows = self.stop()
        self.assertEqual(flows[0]["marks"], ["to_private"])

    def test_literals_in_every_spelling_are_held_back_too(self):
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "[::1]",
                     "[::ffff:7f00:1]", NEIGHBOUR):
            self.assertEqual(self.ask(f"http://{host}/")[0], 403, host)
        self.assertEqual((self.inside.visits, self.neighbour.visits), (0, 0))

    def test_tunnels_are_held_back_as_requests_are(self):
        NAMES.addresses["deep.test"] = [INSIDE]
        weir = self.start(*self.flags, "--passthrough", "*")
        done = self.ask("https://deep.test:80/", weir=weir)
        self.assertEqual(done[0], 0)  # no tunnel, so no request
        weir.stop()
        self.assertEqual([(flow["status"], flow["error_code"]) for flow in weir.flows()], [(403, "address_refused")])
        self.assertEqual(self.inside.visits, 0)

    def test_what_is_named_may_be_inside(self):
        home = kit.scratch()
        (home / "weir.toml").write_text('[upstream]\nprivate_hosts = ["near.test", "127.0.0.0/8"]\n')
        NAMES.addresses |= {"near.test": [NEIGHBOUR], "deep.test": [INSIDE], "other.test": [NEIGHBOUR]}
        weir = self.start(*self.flags, "--config", str(home / "weir.toml"))
        self.assertEqual(self.ask("http://near.test/", weir=weir), (200, "neighbour"))
        self.assertEqual(self.ask("http://deep.test/", weir=weir), (200, "inside"))
        self.assertEqual(self.ask("http://other.test/", weir=weir)[0], 403)

    def test_nobody_is_asked_about_a_host_that_is_blocked(self):
        weir = self.start(*self.flags, "--block-domain", "site.test")
        self.assertEqual(self.ask("http://site.test/", weir=weir)[0], 403)
        self.ask("https://site.test/", weir=weir)
        self.assertEqual(NAMES.asked, [])

    def test_a_name_for_a_bare_address_is_looked_up_by_weir(self):
        # The client says that site.test is the neighbour; it may be mistaken, or lie.
        trusting = ["--upstream-ca", str(kit.authority().certificate)]
        weir = self.start(*self.flags, *trusting)
        answer = self.ask("https://site.test/", "--connect-to", f"site.test:443:{NEIGHBOUR}:443", weir=weir)
        self.assertEqual(answer, (200, "secure world"))
        self.assertEqual(set(NAMES.asked), {"site.test"})
        self.assertEqual(self.neighbour.visits, 0)

    def test_the_filter_is_changed_under_connections_that_are_kept(self):
        """A network that a rule named no longer does: connections into it are not used any more."""
        home = kit.scratch()
        config = home / "weir.toml"
        rule = f'[[filter.rules]]\npattern = "{NEIGHBOUR}"\naction = "allow"\n'
        config.write_text(rule)
        keeping = self.enterContext(kit.Origin(address=NEIGHBOUR))
        weir = self.start(*self.flags, "--config", str(config))
        self.assertEqual(self.ask(f"{keeping.url}/echo", weir=weir)[0], 200)
        config.write_text("# nothing\n")
        weir.wait_for_line("the filter was read again")
        self.assertEqual(self.ask(f"{keeping.url}/echo", weir=weir)[0], 403)

    def test_of_a_syslog_receivers_addresses_the_one_that_listens_is_found(self):
        """That nobody listens at an address is known after a datagram is lost there; then it is another's turn."""
        NAMES.addresses |= {"logs.test": [INSIDE, NEIGHBOUR]}
        for place in (INSIDE, NEIGHBOUR):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
                receiver.bind((place, 0))
                receiver.settimeout(PATIENCE)
                home = kit.scratch()
                (home / "weir.toml").write_text('[[logging.receivers]]\ntype = "syslog"\ntransport = "udp"\ninterval = "20ms"\n'
                                                f'address = "logs.test:{receiver.getsockname()[1]}"\n')
                weir = self.start(*self.flags, "--config", str(home / "weir.toml"))
                for number in range(3):
                    self.ask(f"http://site.test/{number}", weir=weir)
                self.assertRegex(receiver.recv(65536).decode(), r"site.test/\d 200")
                weir.stop()

    def test_a_projects_file_is_in_force_when_it_is_trusted(self):
        """An edit is not, but its trust is; neither while the file is gone for a moment."""
        home = kit.scratch()
        project = home / ".weir.toml"

        def block(host):
            # Of one length and time: only the file itself is another.
            (home / "next").write_text(f'[[filter.rules]]\npattern = "{host}"\naction = "block"\n')
            os.utime(home / "next", (1, 1))
            (home / "next").rename(project)

        def trust():
            done = kit.run([kit.binary(), "trust"], weir.env, cwd=home)
            self.assertEqual(done.returncode, 0, done)

        def blocked():
            return [host for host in ("one.test", "two.test") if self.ask(f"http://{host}/", weir=weir)[0] == 403]

        NAMES.addresses = {"one.test": [WORLD], "two.test": [WORLD]}
        block("one.test")
        with mock.patch.object(kit, "scratch", lambda: home):
            weir = self.start(*self.flags)
        weir.wait_for_line("you have not trusted it")
        self.assertEqual(blocked(), [])
        trust()
        weir.wait_for_line("the filter was read again")
        self.assertEqual(blocked(), ["one.test"])
        project.unlink()
        weir.wait_for_line("the filter stays as it was")
        block("two.test")
        weir.wait_for_line("it has changed since you trusted it")
        self.assertEqual(blocked(), ["one.test"])
        trust()
        deadline = time.monotonic() + PATIENCE
        while (now := blocked()) != ["two.test"]:  # it may come between the two questions
            self.assertIn("one.test", now)
            self.assertLess(time.monotonic(), deadline)


if __name__ == "__main__":
    in_own_network()
    NAMES = furnish()
    kit.main()
