"""`weir run --sandbox`: CMD reaches the world through Weir or not at all, as root and as an ordinary user."""

import errno
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

import kit
import proxies

NOBODY = 65534

# Tries things, each in the words of its kind, and prints what came of them as JSON.
PROBE = r"""
import ctypes, errno, json, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def datagram(host, port, family):
    return socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", (host, port))

def stream(family, path):
    socket.socket(family, socket.SOCK_STREAM).connect(path)
    return "connected"

def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments]) < 0:
        raise OSError(ctypes.get_errno(), "")
    return "done"

def tried(kind, *words):
    try:
        if kind == "socket":
            socket.socket(*words).close()
            return "opened"
        if kind == "datagram":
            return datagram(*words)
        if kind == "unix":
            path = words[0]
            return stream(socket.AF_UNIX, "\0" + path[1:] if path.startswith("@") else path)
        if kind == "call":
            return call(*words)
        if kind == "read":
            return len(open(words[0], "rb").read(64))
        if kind == "write":
            open(words[0], "r+b").close()
            return "opened"
        if kind == "list":
            return sorted(os.listdir(words[0]))
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))

print(json.dumps([tried(*one) for one in json.loads(sys.argv[1])]))
"""


class InSandbox(kit.Run):
    """As `user`; as who runs the tests when that is None."""

    loopback = ()
    user = None

    def setUp(self):
        super().setUp()
        self.far = self.enterContext(proxies.Socks5Proxy(names=("far.test", "localhost")))
        self.secure = self.enterContext(kit.Origin(kit.identity("DNS:far.test")))
        self.flags = []
        if self.user is not None:
            for place in (self.home, *self.home.rglob("*")):
                os.chown(place, self.user, self.user)
            for place in (kit.authority().certificate, kit.authority().certificate.parent):
                place.chmod(0o755)

    def words(self, *command):
        words = [kit.binary(), "run", "--sandbox", "--data", self.data, *self.flags_but_data,
                 *self.flags, "--", *command]
        if "--upstream-proxy" not in self.flags:
            words[3:3] = ["--upstream-proxy", f"socks5://{self.far.place}"]
        as_user = [] if self.user is None else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return [str(word) for word in as_user + words]

    def run_weir(self, *command, **options):
        return super().run_weir(*command, **{"cwd": self.home, **options})

    def python(self, code, *words):
        return self.check(self.run_weir("/usr/bin/python3", "-c", code, *words)).decode()

    def probe(self, *tries):
        return json.loads(self.python(PROBE, json.dumps(tries)))

    def url(self, origin, path="/"):
        scheme = "https" if origin is self.secure else "http"
        return f"{scheme}://far.test:{origin.port}{path}"

    def give(self, place):
        if self.user is not None:
            os.chown(place, self.user, self.user)
        return place

    def flows_or_none(self):
        return kit.recorded(self.data, self.env, missing_is_empty=True)


class Sandbox(InSandbox):
    """As who runs the tests; root, in most places where they run by themselves."""

    # -- what works

    def test_programs_that_know_nothing_of_proxies_are_seen(self):
        code = ("import socket, sys\n"
                "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
                "s.sendall(b'GET /raw HTTP/1.0\\r\\nHost: ' + sys.argv[1].encode() + b':' + sys.argv[2].encode() + b'\\r\\n\\r\\n')\n"
                "print(s.makefile('rb').read().split(b' ')[1].decode())")
        self.assertEqual(self.python(code, "far.test", self.plain.port), "404\n")
        self.assertEqual([flow["url"] for flow in self.flows()], [self.url(self.plain, "/raw")])

    def test_both_schemes_by_name(self):
        for origin in (self.plain, self.secure):
            origin.answer_body = b"hello"
            self.assertEqual(self.check(self.run_weir("curl", "-sS", self.url(origin, "/hello"))), b"no such endpoint\n")
        self.assertEqual([flow["status"] for flow in self.flows()], [404, 404])

    def test_variables_of_another_proxy_do_not_stand_in_the_way(self):
        env = {"http_proxy": "http://192.0.2.1:3128", "ALL_PROXY": "socks5://192.0.2.1:1080"}
        self.check(self.run_weir("curl", "-sS", self.url(self.plain), env=env))
        self.assertEqual(len(self.flows()), 1)

    def test_exit_code_and_signals(self):
        self.assertEqual(self.run_weir("sh", "-c", "exit 78").returncode, 78)
        self.assertEqual(self.run_weir("sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.run_weir("no-such-command-here").returncode, 127)
        weir = self.spawn(self.words("sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"),
                          cwd=self.home, stderr=subprocess.DEVNULL)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        self.signal_weir(weir, signal.SIGTERM)
        self.assertEqual(weir.wait(kit.PATIENCE), 42)

    def signal_weir(self, process, signo):
        process.send_signal(signo)  # setpriv has become weir: both are one process

    def test_own_loopback_services_work(self):
        code = ("import socket, threading\n"
                "for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n"
                "    server = socket.create_server((host, 0), family=family)\n"
                "    def serve():\n"
                "        c, _ = server.accept(); c.sendall(b'inside'); c.close()\n"
                "    threading.Thread(target=serve).start()\n"
                "    print(socket.create_connection((host, server.getsockname()[1])).makefile().read())")
        self.assertEqual(self.python(code), "inside\ninside\n")
        self.assertEqual(self.flows_or_none(), [])

    def test_many_connections_at_once_lose_none(self):
        code = ("import concurrent.futures, http.client, sys\n"
                "def one(i):\n"
                "    c = http.client.HTTPConnection('far.test', int(sys.argv[1]), timeout=60)\n"
                "    c.request('GET', f'/{i}'); return c.getresponse().status\n"
                "with concurrent.futures.ThreadPoolExecutor(100) as pool:\n"
                "    print(sum(status == 404 for status in pool.map(one, range(1000))))")
        self.assertEqual(self.python(code, self.plain.port), "1000\n")
        self.assertEqual(len(self.flows()), 1000)

    def test_a_host_port_is_opened_by_its_number_alone(self):
        self.flags = ["--allow-host-port", self.plain.port]
        self.check(self.run_weir("curl", "-sS", "-4", f"http://127.0.0.1:{self.plain.port}/"))
        self.check(self.run_weir("curl", "-sS", f"http://[::1]:{self.plain.port}/"))
        self.assertEqual(self.run_weir("curl", "-sS", f"http://127.0.0.1:{self.tls.port}/").returncode, 7, "refused")

    def test_a_published_port_is_reachable_from_here(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.flags = ["--publish", f"{port}:8080"]
        code = ("import socket\n"
                "server = socket.create_server(('127.0.0.1', 8080))\n"
                "print('ready', flush=True)\n"
                "c, _ = server.accept(); c.sendall(c.recv(10).upper()); c.close()")
        weir = self.spawn(self.words("/usr/bin/python3", "-c", code), cwd=self.home, stderr=subprocess.PIPE)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        with socket.create_connection(("127.0.0.1", port), timeout=kit.PATIENCE) as client:
            client.sendall(b"hello")
            self.assertEqual(client.makefile("rb").read(), b"HELLO")
        self.assertEqual(weir.wait(kit.PATIENCE), 0)

    def test_environment_of_choice(self):
        self.flags = ["--clear-env", "--pass-env", "KEPT", "--env", "GIVEN=a=b"]
        said = self.check(self.run_weir("env", env={"KEPT": "1", "SECRET": "2"})).decode()
        self.assertIn("KEPT=1\n", said)
        self.assertIn("GIVEN=a=b\n", said)
        self.assertIn("SSL_CERT_FILE=", said)
        self.assertNotIn("SECRET", said)
        self.assertNotIn("proxy", said.lower())

    def test_a_terminal_program_owns_the_terminal(self):
        if not shutil.which("script"):
            self.skipTest("not installed: script")
        inner = " ".join(self.words("sh", "-c", "'test -t 0 && stty size && tty'"))
        done = kit.run(["script", "-qec", inner, "/dev/null"], self.env, cwd=self.home)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"/dev/pts/", done.stdout)

    # -- what does not: the escape list

    def test_no_socket_of_another_family(self):
        families = [0, 3, 9, 17, 29, 31, 38, 40, 43, 44]
        self.assertEqual(self.probe(*(("socket", family, socket.SOCK_DGRAM) for family in families)),
                         ["EAFNOSUPPORT"] * len(families))
        netfilter, diagnosis = 12, 4
        self.assertEqual(self.probe(("socket", 16, socket.SOCK_RAW, netfilter), ("socket", 16, socket.SOCK_RAW, diagnosis),
                                    ("socket", 16, socket.SOCK_RAW, 0)), ["EAFNOSUPPORT", "EAFNOSUPPORT", "opened"])
        self.assertEqual(self.probe(("socket", 2, socket.SOCK_RAW, 1), ("socket", 10, socket.SOCK_RAW, 58),
                                    ("socket", 2, socket.SOCK_DGRAM, 1)), ["EPERM", "EPERM", "EACCES"])

    def test_a_family_hidden_in_the_upper_half_of_the_register(self):
        self.assertEqual(self.probe(("call", 41, 40 | 1 << 40, 1, 0), ("call", 41, 16 | 1 << 32, 3, 0)),
                         ["EAFNOSUPPORT", "EAFNOSUPPORT"])

    def test_no_datagram_leaves(self):
        far = [("8.8.8.8", 443, 2), ("2001:4860:4860::8888", 443, 10), ("224.0.0.251", 5353, 2), ("169.254.169.254", 80, 2),
               ("10.0.0.1", 123, 2)]
        said = self.probe(*(("datagram", *one) for one in far))
        self.assertTrue(set(said) <= {"EPERM", "ENETUNREACH"}, said)
        self.assertEqual(said[0], "EPERM")

    def test_names_are_answered_here_whatever_resolver_is_asked(self):
        code = ("import socket, sys\n"
                "query = b'\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + b'\\x3f' + b'x' * 63 + b'\\4leak\\4test\\0\\0\\1\\0\\1'\n"
                "for family, host in ((2, '9.9.9.9'), (10, '2620:fe::fe'), (2, '127.0.0.53')):\n"
                "    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(5); s.sendto(query, (host, 53))\n"
                "    answer = s.recv(512); print(answer[-4:-2].hex() in ('c612', 'c613'), answer[:2].hex())")
        self.assertEqual(self.python(code), "True 1234\n" * 3)
        self.assertEqual(self.flows_or_none(), [])
        self.assertEqual(self.far.asked, [])

    def test_addresses_are_judged_wherever_they_lead(self):
        self.flags = ["--upstream-proxy", "direct"]
        for place in ("169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "10.0.0.1", "[fc00::1]", "192.168.0.1"):
            done = self.run_weir("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://{place}/")
            self.assertEqual(done.stdout, b"403", (place, done.stderr))
        self.assertEqual({flow["error_code"] for flow in self.flows()}, {"address_refused"})

    def test_services_of_this_machine_are_not_there(self):
        for host in ("127.0.0.1", "[::1]", "0.0.0.0", "localhost"):
            self.assertEqual(self.run_weir("curl", "-sS", f"http://{host}:{self.plain.port}/").returncode, 7, host)

    def test_connect_chains_end_here(self):
        done = self.run_weir("curl", "-sS", "-x", "http://192.0.2.1:3128", self.url(self.secure))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.far.asked, [])

    def test_unix_sockets_of_this_machine_are_hidden(self):
        places = [self.home / "service.sock", self.home / "runtime" / "bus"]
        places[1].parent.mkdir()
        servers = []
        for place in places:
            server = self.enterContext(socket.socket(socket.AF_UNIX))
            server.bind(str(place))
            server.listen()
            os.chmod(place, 0o777)
            servers.append(server)
        abstract = self.enterContext(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0weir-test-{os.getpid()}")
        abstract.listen()
        tries = [("unix", str(place)) for place in places] + [("unix", f"@weir-test-{os.getpid()}")]
        self.env["XDG_RUNTIME_DIR"] = str(places[1].parent)
        self.assertEqual(self.probe(*tries), ["ECONNREFUSED", "ENOENT", "ECONNREFUSED"])
        self.flags = ["--allow-socket", places[0], "--allow-socket", places[1]]
        self.assertEqual(self.probe(*tries), ["connected", "connected", "ECONNREFUSED"])

    def test_what_is_weirs_own_is_hidden(self):
        self.assertEqual(self.probe(("list", str(self.data)), ("read", str(self.home / "weir-ca" / "ca.key")),
                                    ("list", str(self.home / "weir-ca"))),
                         [[], "ENOENT", ["bundle.pem", "ca.pem", "truststore.jks"]])
        self.assertTrue((self.home / "weir-ca" / "ca.key").exists())
        self.assertEqual(self.probe(("write", str(self.home / "weir-ca" / "ca.pem"))), ["EROFS"])

    def test_what_is_weirs_own_is_hidden_in_a_project_that_lies_in_a_temporary_folder(self):
        self.run_weir("true")
        self.flags = ["--fs", "project"]
        said = self.probe(("list", str(self.data)), ("read", str(self.home / "weir-ca" / "ca.key")),
                          ("list", str(self.home / "weir-ca")))
        self.assertEqual(said, [[], "ENOENT", ["bundle.pem", "ca.pem", "truststore.jks"]])

    def test_settings_at_another_place_are_hidden(self):
        chosen, corp = self.home / "chosen.toml", self.home / "corp.toml"
        for place in (chosen, corp):
            place.write_text("# secret\n")
            self.give(place)
        self.env["WEIR_CORP_CONFIG"] = str(corp)
        self.flags = ["--config", chosen]
        self.assertEqual(self.probe(("read", str(chosen)), ("read", str(corp))), [0, 0])

    def test_weirs_command_line_is_not_there(self):
        self.flags = ["--no-proxy", "secret.test"]
        said = self.python("print(open('/proc/1/cmdline', 'rb').read().strip(b'\\0'))")
        self.assertEqual(said, "b''\n")

    def test_a_service_that_is_started_again_stays_hidden(self):
        if os.geteuid() != 0:
            self.skipTest("root alone makes services in /run")
        folder = pathlib.Path(f"/run/weir-test-{os.getpid()}")
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        places = [folder / "socket", folder.with_suffix(".sock")]
        self.addCleanup(places[1].unlink, missing_ok=True)

        def bind():
            for place in places:
                place.unlink(missing_ok=True)
                server = self.enterContext(socket.socket(socket.AF_UNIX))
                server.bind(str(place))
                server.listen()
                place.chmod(0o777)

        bind()
        code = ("import socket, sys\n"
                "print('ready', flush=True); input()\n"
                "for place in sys.argv[1:]:\n"
                "    print(socket.socket(socket.AF_UNIX).connect_ex(place), flush=True)")
        weir = self.spawn(self.words("/usr/bin/python3", "-c", code, *places), cwd=self.home, stdin=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        bind()
        self.assertEqual(weir.communicate(b"\n", kit.PATIENCE)[0].split(), [str(errno.ENOENT).encode()] * 2)

    def test_cgroups_cannot_be_written(self):
        mounts = [line.split() for line in self.python("print(open('/proc/self/mountinfo').read())").splitlines() if line]
        below = {words[4]: words[5].split(",")[0] for words in mounts if words[4].startswith("/sys")}
        self.assertEqual(set(below.values()), {"ro"}, below)

    def test_other_terminals_of_the_user_are_not_there(self):
        other, slave = os.openpty()
        self.addCleanup(os.close, other)
        self.addCleanup(os.close, slave)
        name = os.ttyname(slave)
        self.give(name)
        self.assertEqual(self.probe(("read", name)), ["ENOENT"])
        if not shutil.which("script"):
            self.skipTest("not installed: script")
        inner = " ".join(self.words("sh", "-c", "'ls -x /dev/pts; tty'"))
        done = kit.run(["script", "-qec", inner, "/dev/null"], self.env, cwd=self.home)
        listed, terminal = done.stdout.split(b"\r\n")[:2]
        self.assertEqual([f"/dev/pts/{name}" for name in listed.decode().split()], [terminal.decode(), "/dev/pts/ptmx"])

    def test_settings_cannot_be_made_for_the_next_one(self):
        place = pathlib.Path(self.env["XDG_CONFIG_HOME"]) / "weir" / "config.toml"
        self.check(self.run_weir("sh", "-c", f"mkdir -p {place.parent}; echo '[filter]' > {place}; cat {place}"))
        self.assertFalse(place.exists())

    def test_calls_that_would_lead_out(self):
        calls = {"unshare(NEWUSER)": (272, 0x10000000), "setns": (308, 0, 0), "bpf": (321, 0, 0, 0), "keyctl": (250, 0, 0),
                 "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, 0, 0, 0), "pidfd_getfd": (438, 0, 0, 0),
                 "process_vm_readv": (310, 1, 0, 0, 0, 0, 0), "ptrace(ATTACH, init)": (101, 16, 1, 0, 0),
                 "unshare(NEWNET)": (272, 0x40000000), "ioctl(TIOCSTI)": (16, 0, 0x5412, 0)}
        said = self.probe(*(("call", *words) for words in calls.values()))
        self.assertEqual(dict(zip(calls, said)), dict.fromkeys(calls, "EPERM"))
        self.assertEqual(self.probe(("call", 435, 0, 0), ("call", 425, 1, 0)), ["ENOSYS", "ENOSYS"])

    def test_other_processes_are_not_there(self):
        code = "import os; print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit()), os.getpid())"
        self.assertEqual(self.python(code), "[1, 2] 2\n")
        said = self.probe(("read", "/proc/1/environ"), ("read", "/proc/1/mem"), ("list", "/proc/1/root"))
        self.assertEqual(said, ["EACCES"] * 3)

    def test_nothing_is_inherited_but_the_standard_three(self):
        marker = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, marker)
        os.set_inheritable(marker, True)
        done = self.run_weir("ls", "/proc/self/fd", pass_fds=[marker])
        self.assertEqual(self.check(done).split(), [b"0", b"1", b"2", b"3"])  # 3 is the folder itself

    def test_no_privileges_are_left_nor_to_be_had(self):
        status = self.python("print(open('/proc/self/status').read())")
        for line in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertRegex(status, rf"{line}:\t0{{16}}\n")
        self.assertIn("NoNewPrivs:\t1\n", status)
        self.assertIn("Seccomp:\t2\n", status)

    def test_the_kernels_settings_are_closed(self):
        said = self.probe(("write", "/proc/sys/kernel/core_pattern"), ("write", "/proc/sysrq-trigger"))
        self.assertTrue(set(said) <= {"EACCES", "EROFS", "ENOENT"}, said)

    def test_devices_are_not_there(self):
        computing = re.compile("dri|kfd|kvm|nvidia.*")
        self.assertEqual([name for name in self.probe(("list", "/dev"))[0] if not computing.fullmatch(name)], sorted(
            ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"]))

    def test_pseudoterminals_can_be_made(self):
        code = "import os\nm, s = os.openpty()\nos.write(s, b'x')\nprint(os.ttyname(s)[:9], os.read(m, 1))"
        self.assertEqual(self.python(code), "/dev/pts/ b'x'\n")

    def test_what_it_leaves_running_ends_with_it(self):
        marker = self.home / "alive"
        beat = f"while :; do echo >> {marker}; sleep 0.02; done"
        self.check(self.run_weir("sh", "-c", f"setsid sh -c '({beat}) & ' </dev/null >/dev/null 2>&1; "
                                             f"until [ -s {marker} ]; do sleep 0.01; done"))
        mine = [pid for pid in os.listdir("/proc") if pid.isdigit() and str(marker).encode() in self.command_line(pid)]
        self.assertEqual(mine, [])

    @staticmethod
    def command_line(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return b""

    def test_it_dies_with_weir(self):
        mark = f"weir-sandbox-test-{os.getpid()}-{self.id()}"
        weir = self.spawn(self.words("sh", "-c", f": {mark}; echo ready; while :; do sleep 0.05; done"), cwd=self.home,
                          stderr=subprocess.DEVNULL)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        weir.kill()
        # The pipe's other end closes with the last process inside.
        self.assertTrue(select.select([weir.stdout], [], [], 10)[0], "something goes on inside")
        self.assertEqual(weir.stdout.read(), b"")

    # -- files

    def test_read_only_files(self):
        self.flags = ["--fs", "ro"]
        said = self.check(self.run_weir("sh", "-c", "touch /usr/weir-new /var/weir-new 2>&1; touch /tmp/new; ls /tmp")).decode()
        self.assertEqual(said.count("Read-only file system" if self.user is None else "touch: "), 2, said)
        self.assertIn("\nnew\n", said)
        self.assertFalse(pathlib.Path("/tmp/new").exists())

    def test_only_the_project_is_written(self):
        project = self.home / "project"
        # Temporary folders are others inside: this one is as it is here.
        elsewhere = pathlib.Path(f"/run/weir-test-{os.getpid()}")
        if os.geteuid() != 0:
            self.skipTest("a folder that is no temporary one can be made by root alone")
        self.addCleanup(shutil.rmtree, elsewhere, ignore_errors=True)
        for folder in (project, elsewhere):
            folder.mkdir()
            if self.user is not None:
                os.chown(folder, self.user, self.user)
        self.run_weir("sh", "-c", f"echo a > made; touch {self.home}/new; touch {elsewhere}/before", cwd=project)
        self.assertTrue((elsewhere / "before").exists())
        (self.home / "new").unlink()
        self.flags = ["--fs", "project"]
        self.run_weir("sh", "-c", f"echo b >> made; touch {self.home}/new; touch {elsewhere}/new", cwd=project)
        self.assertFalse((self.home / "new").exists())
        self.assertFalse((elsewhere / "new").exists())
        self.assertEqual((project / "made").read_text(), "a\nb\n")

    # -- set-up that fails

    def test_without_a_sandbox_the_command_does_not_run(self):
        marker = self.home / "ran"
        words = self.words("touch", marker)
        if self.user is not None:
            self.skipTest("the number of network namespaces cannot be limited for another user here")
        limit = ["unshare", "--user", "--map-current-user", "--keep-caps"] if os.geteuid() == 0 else []
        script = "echo 0 > /proc/sys/user/max_net_namespaces && exec \"$@\""
        done = kit.run([*limit, "sh", "-c", script, "sh", *words], self.env, cwd=self.home)
        if b"cannot create" in done.stderr or b"Permission denied" in done.stderr and done.returncode == 2:
            self.skipTest("the number of network namespaces cannot be limited here")
        self.assertEqual(done.returncode, 78, done)
        self.assertIn(b"weir: no sandbox, so the command was not run: ", done.stderr)
        self.assertFalse(marker.exists())


class AsNobody:
    """To be mixed in: as an ordinary user, where root runs the tests."""

    user = NOBODY

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise unittest.SkipTest("the other class has run as an ordinary user")
        done = kit.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", kit.binary(), "--version"],
                       dict(os.environ), cwd="/")
        if done.returncode != 0:
            raise unittest.SkipTest(f"an ordinary user cannot run the program where it lies: {done.stderr.decode()}")


class SandboxOfAnOrdinaryUser(AsNobody, Sandbox):
    pass


if __name__ == "__main__":
    kit.main()
