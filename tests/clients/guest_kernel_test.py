"""weir-guest in a Linux kernel of Debian's: over streams of AF_VSOCK, and to the Weir of this machine."""

import json
import unittest

import guest_machine
import guest_test
import kit
import proxies
from guest_machine import PLACES

PROXY = 1080
DOOR = 5002

# In the machine, what the host would be is beside the guest: vsock has a loopback (CID 1), which network namespaces share. The
# relay and its programs are in a namespace of their own, so that its rules are not the host's.
INSIDE = "nsenter --net=/proc/$(cat /relay.pid)/ns/net"


class InMachine(unittest.TestCase):
    """Tests in one machine that is started once, and the servers that it may reach."""

    @classmethod
    def setUpClass(cls):
        guest_machine.check_needs()
        cls.far = cls.enterClassContext(proxies.Socks5Proxy(names=("far.test",)))
        cls.secure = cls.enterClassContext(kit.Origin(kit.identity("DNS:far.test")))
        cls.plain = cls.enterClassContext(kit.Origin())

    @classmethod
    def boot(cls, *programs, **options):
        cls.machine = guest_machine.Machine(programs, **options)
        cls.addClassCleanup(cls.machine.stop)

    def check(self, line, *codes):
        got, said = self.machine.sh(line)
        self.assertIn(got, codes or (0,), f"{line}\n{said}\n{self.machine.sh('cat /weir.log /relay.log')[1]}")
        return said

    def wait_for(self, text, log):
        self.check(f"timeout 50 sh -c 'until grep -q \"{text}\" {log}; do usleep 50000; done'")

    def start_relay(self, to, before=""):
        self.check(f"rm -f /relay.log; {before} sh -c 'echo $$ >/relay.pid; exec weir-guest --to {to}' >/relay.log 2>&1 &")
        self.addCleanup(self.machine.sh, "kill -INT $(cat /relay.pid)")
        self.wait_for(f"to {to}", "/relay.log")

    def curl(self, *words, inside="", codes=()):
        # The environment is that of a login, which `weir ca bake` wrote.
        words = " ".join(f"'{word}'" for word in words)
        return self.check(f". /etc/profile.d/weir.sh; {inside} curl -sS --max-time 50 {words}", *codes)


class OverVsock(InMachine):
    """Weir itself runs in the machine, too, where streams of AF_VSOCK are to be had."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        files = kit.scratch()
        (files / "origins.pem").write_bytes(kit.authority().certificate.read_bytes())
        cls.boot(kit.binary(), guest_test.GUEST, files=files, places=[(PROXY, "tcp", cls.far.port)])

    def setUp(self):
        self.check("rm -rf /data")
        self.start_host()
        self.addCleanup(self.stop_host)
        self.check("weir ca bake / --ca-dir /ca")
        self.start_relay(f"vsock:1:{DOOR}", "unshare --net")

    def start_host(self):
        self.check("rm -f /weir.log; weir serve --listen 127.0.0.1:0 --data /data --ca-dir /ca --upstream-ca /origins.pem "
                   f"--upstream-proxy socks5://{PLACES}:{PROXY} --vsock {DOOR} >/weir.log 2>&1 & echo $! >/weir.pid")
        self.wait_for(f"vsock port {DOOR}", "/weir.log")

    def stop_host(self):
        self.check("kill -INT $(cat /weir.pid); timeout 50 sh -c 'while kill -0 $(cat /weir.pid); do usleep 50000; done'")
        self.assertNotRegex(self.check("cat /weir.log"), "runtime error:|Sanitizer")

    def flows(self):
        self.stop_host()
        return json.loads(self.check("weir logs --json --last 0 --data /data"))

    def curl(self, *words, codes=()):
        return super().curl(*words, inside=INSIDE, codes=codes)

    def test_the_whole_way(self):
        self.assertEqual(self.curl(f"https://far.test:{self.secure.port}/hello"), "no such endpoint\n")
        for address in ("192.0.2.7", "[2001:db8::7]"):
            self.curl(f"http://{address}:{self.plain.port}/literal", "-o", "/dev/null")
        flows = self.flows()
        self.assertEqual([flow["url"] for flow in flows], [f"https://far.test:{self.secure.port}/hello"] + [
            f"http://{address}:{self.plain.port}/literal" for address in ("192.0.2.7", "[2001:db8::7]")])
        self.assertEqual({flow["process"] for flow in flows}, {"curl"})
        self.assertIn(f"far.test:{self.secure.port}", self.far.asked)

    def test_much_at_once_arrives_whole(self):
        self.check("dd if=/dev/urandom of=/large bs=1M count=8 2>/dev/null")
        echo = json.loads(self.curl("--data-binary", "@/large", f"https://far.test:{self.secure.port}/echo"))
        self.assertEqual(echo["sha256"], self.check("sha256sum /large").split()[0])
        self.curl("--parallel", "--parallel-max", "50", "-o", "/got#1", f"http://far.test:{self.plain.port}/bytes/100000?[1-100]")
        self.assertEqual(self.check("sha256sum /got* | cut -d' ' -f1 | sort | uniq -c").split()[0], "100")

    def test_half_close_reaches_a_server_that_waits_for_it(self):
        with guest_test.Echo() as echo:
            self.assertEqual(self.check(f"printf '\\1\\2 no protocol' | {INSIDE} nc far.test {echo.port}"), "\1\2 no protocol")

    def test_a_host_that_goes_and_comes(self):
        url = f"http://far.test:{self.plain.port}/"
        self.curl(url)
        self.stop_host()
        self.curl("--connect-timeout", 9, url, codes=(6,))  # there are no names; a resolver without an answer takes 10 s
        self.curl(f"http://192.0.2.7:{self.plain.port}/", codes=(7, 55, 56))  # reset, maybe before curl saw that it was connected
        said = self.check("cat /relay.log")
        self.assertIn(f"names cannot be looked up: vsock:1:{DOOR}: Connection reset by peer", said)
        self.assertIn(f"the host cannot be reached: vsock:1:{DOOR}: Connection reset by peer", said)
        self.start_host()
        self.curl(url)

    def test_check_says_what_works(self):
        self.assertEqual(self.check(f"{INSIDE} weir-guest --check --to vsock:1:{DOOR}").count("ok "), 4)
        # What docs/guest.md says of what is seen when something is missing.
        self.assertIn(f"vsock:1:{DOOR + 1}: Connection reset by peer",
                      self.check(f"weir-guest --check --to vsock:1:{DOOR + 1}", 1))
        self.assertIn("vsock:2:5002: No such device", self.check("weir-guest --check", 1))

    def test_a_sandbox_has_no_vsock(self):
        said = self.check(f"weir run --sandbox --data /data2 --ca-dir /ca -- weir-guest --check --to vsock:1:{DOOR}", 1)
        self.assertIn(f"vsock:1:{DOOR}: Address family not supported", said)
        self.assertEqual(said.count("FAIL "), 1, said)  # by Weir's own door it has all else


class OverNetwork(InMachine):
    """The Weir of this machine, of which the guest knows an address of its network."""

    def test_the_whole_way(self):
        place, root = kit.scratch() / "weir.sock", kit.scratch()
        self.weir = kit.Weir("--uds", str(place), "--upstream-proxy", f"socks5://{self.far.place}")
        self.addCleanup(self.weir.kill)
        baked = kit.run([kit.binary(), "ca", "bake", root, "--ca-dir", self.weir.ca_dir], self.weir.env)
        self.assertEqual(baked.returncode, 0, baked)
        self.boot(guest_test.GUEST, files=root, places=[(DOOR, "unix", place)])
        self.start_relay(f"tcp:{PLACES}:{DOOR}")
        self.assertEqual(self.check(f"weir-guest --check --to tcp:{PLACES}:{DOOR}").count("ok "), 4)
        self.assertEqual(self.curl(f"https://far.test:{self.secure.port}/hello"), "no such endpoint\n")
        self.weir.stop()
        flow, = self.weir.flows()
        self.assertEqual((flow["url"], flow["process"]), (f"https://far.test:{self.secure.port}/hello", "curl"))


if __name__ == "__main__":
    kit.main()
