"""`weir run --net pasta`: one port of one address is all that CMD reaches, as an ordinary user."""

import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import unittest

import kit
import proxies
import sandbox_test

NOBODY = 65534
GATEWAY = "10.0.2.2"

# The device is root's alone on many machines: here is one of the test's own, for every user.
OPEN_DEVICE = """set -e
mount -t tmpfs none /dev/net 2>/dev/null || { mkdir -p /dev/net; mount -t tmpfs none /dev/net; }
mknod -m 666 /dev/net/tun c 10 200
exec "$@"
"""


def as_nobody(words):
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words]


@unittest.skipUnless(shutil.which("pasta"), "not installed: pasta")
@unittest.skipUnless(os.geteuid() == 0, "the device for tunnels can be made for an ordinary user by root alone")
class Pasta(kit.Run):
    loopback = ()
    device = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for words in (["unshare", "--mount", "sh", "-c", OPEN_DEVICE, "sh", "sh", "-c", ": <>/dev/net/tun"],
                      as_nobody([kit.binary(), "--version"])):
            done = kit.run([str(word) for word in words], dict(os.environ), cwd="/")
            if done.returncode != 0:
                raise unittest.SkipTest(f"{words[0]}: {done.stderr.decode()}")
        # It copies what it does not know from the interface with the default route, and wants one.
        done = kit.run(["ip", "-4", "route", "show", "default"], dict(os.environ), cwd="/")
        if not done.stdout.strip():
            raise unittest.SkipTest("pasta finds no interface with a default route here")

    def setUp(self):
        super().setUp()
        self.far = self.enterContext(proxies.Socks5Proxy(names=("far.test", "localhost")))
        self.secure = self.enterContext(kit.Origin(kit.identity("DNS:far.test")))
        self.flags = []
        for place in (self.home, *self.home.rglob("*")):
            os.chown(place, NOBODY, NOBODY)
        for place in (kit.authority().certificate, kit.authority().certificate.parent):
            place.chmod(0o755)

    def words(self, *command):
        weir = [kit.binary(), "run", "--net", "pasta", "--upstream-proxy", f"socks5://{self.far.place}", "--data", self.data,
                *self.flags_but_data, *self.flags, "--", *command]
        words = as_nobody(weir)
        if self.device:
            words = ["unshare", "--mount", "sh", "-c", OPEN_DEVICE, "sh", *words]
        return [str(word) for word in words]

    def run_weir(self, *command, **options):
        return super().run_weir(*command, **{"cwd": self.home, **options})

    def python(self, code, *words):
        return self.check(self.run_weir("/usr/bin/python3", "-c", code, *words)).decode()

    def probe(self, *tries):
        return json.loads(self.python(sandbox_test.PROBE, json.dumps(tries)))

    # -- what works

    def test_programs_that_know_of_proxies_are_served(self):
        for origin, scheme in ((self.plain, "http"), (self.secure, "https")):
            url = f"{scheme}://far.test:{origin.port}/hello"
            self.assertEqual(self.check(self.run_weir("curl", "-sS", url)), b"no such endpoint\n")
            self.assertEqual(self.python("import urllib.request, urllib.error, sys\n"
                                         "try: urllib.request.urlopen(sys.argv[1])\n"
                                         "except urllib.error.HTTPError as e: print(e.code)", url), "404\n")
        self.assertEqual([flow["status"] for flow in self.flows()], [404] * 4)

    def test_many_connections_at_once_lose_none(self):
        code = ("import concurrent.futures, sys, urllib.request, urllib.error\n"
                "def one(i):\n"
                "    try: urllib.request.urlopen(f'http://far.test:{sys.argv[1]}/{i}')\n"
                "    except urllib.error.HTTPError as e: return e.code\n"
                "with concurrent.futures.ThreadPoolExecutor(20) as pool:\n"
                "    print(sum(status == 404 for status in pool.map(one, range(200))))")
        self.assertEqual(self.python(code, self.plain.port), "200\n")
        self.assertEqual(len(self.flows()), 200)

    def test_exit_code_and_signals(self):
        self.assertEqual(self.run_weir("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.run_weir("sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)

    def test_a_host_port_is_opened_by_its_number_alone(self):
        self.flags = ["--allow-host-port", self.plain.port]
        self.check(self.run_weir("curl", "-sS", "-4", f"http://127.0.0.1:{self.plain.port}/"))
        self.assertEqual(self.run_weir("curl", "-sS", f"http://127.0.0.1:{self.tls.port}/").returncode, 7, "refused")

    # -- what does not

    def test_one_port_of_one_address(self):
        place = ("import socket, sys, os, urllib.parse\n"
                 "def tried(host, port):\n"
                 "    try: socket.create_connection((host, port), timeout=20).close(); return 'connected'\n"
                 "    except OSError as e: return 'refused'\n"
                 "proxy = urllib.parse.urlsplit(os.environ['http_proxy'])\n"
                 "print(proxy.hostname, tried(proxy.hostname, proxy.port))\n"
                 "for host in ('10.0.2.2', '10.0.2.3', '127.0.0.1', '192.0.2.1', '169.254.169.254', '2001:db8::1', 'far.test'):\n"
                 "    print(host, tried(host, int(sys.argv[1])))\n")
        said = self.python(place, self.plain.port).splitlines()
        self.assertEqual(said[0], f"{GATEWAY} connected")
        self.assertEqual([line.split()[1] for line in said[1:]], ["refused"] * 7, said)

    def test_no_datagram_leaves(self):
        inet, inet6 = socket.AF_INET, socket.AF_INET6
        with socket.socket(inet, socket.SOCK_DGRAM) as here:
            here.bind(("127.0.0.1", 0))
            said = self.probe(["datagram", GATEWAY, here.getsockname()[1], inet], ["datagram", GATEWAY, 53, inet],
                              ["datagram", "192.0.2.1", 443, inet], ["datagram", "2001:db8::1", 443, inet6])
            self.assertEqual(said[:2], ["EPERM", "EPERM"])
            self.assertTrue(set(said[2:]) <= {"EPERM", "ENETUNREACH", "EACCES"}, said)
            here.setblocking(False)
            self.assertRaises(BlockingIOError, here.recv, 1)

    def test_no_privileges_are_left_nor_to_be_had(self):
        said = self.check(self.run_weir("sh", "-c", "grep -E '^(Cap(Eff|Bnd)|NoNewPrivs)' /proc/self/status; unshare -Un true || echo no")).decode()
        self.assertEqual(said.split(), ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "no"])

    def test_all_of_it_dies_with_weir(self):
        weir = self.spawn(self.words("sh", "-c", "echo ready; while :; do sleep 0.05; done"), cwd=self.home,
                          stderr=subprocess.PIPE)
        if weir.stdout.readline() != b"ready\n":
            self.run_weir("true")  # says why
            self.fail(weir.stderr.read())
        pastas = [pid for pid in descendants(weir.pid) if b"pasta" in command_line(pid).split(b"\0")[0]]
        self.assertEqual(len(pastas), 1)
        ended = os.pidfd_open(pastas[0])
        weir.kill()
        self.assertEqual(weir.stdout.read(), b"")
        self.assertTrue(select.select([ended], [], [], kit.PATIENCE)[0], "pasta goes on")
        os.close(ended)

    def test_the_doctor_tries_it(self):
        words = self.words("x")
        doctor = [*words[:words.index("run")], "doctor", "--data", str(self.data), "--ca-dir", str(self.home / "weir-ca")]
        said = kit.run(doctor, self.env, cwd=self.home).stdout.decode()
        self.assertRegex(said, r"ok +run --sandbox +made and verified in \d+ ms\n")
        self.assertRegex(said, r"ok +run --net pasta +made and verified in \d+ ms\n")
        said = kit.run([str(word) for word in doctor[doctor.index(str(kit.binary())):]], self.env, cwd=self.home).stdout.decode()
        self.assertRegex(said, r"note +run --net pasta +pasta refuses to serve root\n +mend: start weir as an ordinary user")

    # -- set-up that fails

    def refused(self, *words, **options):
        marker = self.home / "ran"
        done = kit.run(list(words) or self.words("/bin/touch", marker), {**self.env, **options}, cwd=self.home)
        self.assertEqual(done.returncode, 78, done)
        self.assertFalse(marker.exists())
        self.assertIn(b"weir: no sandbox, so the command was not run: ", done.stderr)
        return done.stderr.decode()

    def test_root_is_told_to_be_somebody_else(self):
        self.assertIn("pasta refuses to serve root", self.refused(kit.binary(), "run", "--net", "pasta", "--", "true"))

    def test_a_closed_device(self):
        self.device = False
        words = ["unshare", "--mount", "sh", "-c", OPEN_DEVICE.replace("666", "600"), "sh", *self.words("true")]
        self.assertIn("/dev/net/tun: Permission denied; as root: `chmod 0666 /dev/net/tun`", self.refused(*words))

    def test_no_device(self):
        self.device = False
        words = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /dev/net; exec \"$@\"", "sh", *self.words("true")]
        self.assertIn("`modprobe tun`", self.refused(*words))

    def with_program(self, text):
        """A program of the name that does something else."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "pasta").write_text("#!/bin/sh\n" + text)
        (folder / "pasta").chmod(0o755)
        return {"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin"}

    def test_it_is_not_installed(self):
        empty = self.home / "empty"
        empty.mkdir()
        words = ["/usr/bin/env", f"PATH={empty}", kit.binary(), "run", "--net", "pasta", "--", "/bin/true"]
        self.assertIn("`apt-get install passt`", self.refused(*words))

    def test_it_ends_with_words_of_its_own(self):
        said = self.refused(**self.with_program("echo no such luck >&2; exit 3\n"))
        self.assertIn("pasta ended: no such luck\n", said)

    def test_it_makes_no_network(self):
        said = self.refused(**self.with_program("exec sleep 100\n"))
        self.assertIn("pasta made no network within 5 seconds", said)

    def test_a_gateway_that_leads_elsewhere(self):
        real = shutil.which("pasta")
        said = self.refused(**self.with_program(f'exec {real} --no-map-gw "$@"\n'))
        self.assertIn("which should have arrived at Weir", said)


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid):
    try:
        children = [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return children + [below for child in children for below in descendants(child)]


if __name__ == "__main__":
    kit.main()
