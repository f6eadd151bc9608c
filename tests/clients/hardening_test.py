"""What others can learn from a Weir that serves, and what it could be made to do: attacked as the same user and from inside.

Each attack is also made on a Weir that is not hardened (WEIR_NO_HARDENING), where it must succeed: so it is the guard that holds.
"""

import base64
import ctypes
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import unittest

import kit

NOBODY = 65534
PYTHON = "/usr/bin/python3"
REFUSED = {"EPERM", "EACCES"}

# Looks into process argv[1] in every way there is, and prints what came of each as JSON: "got it", or the name of the error.
SPY = r"""
import ctypes, errno, json, os, subprocess, sys
pid, libc = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True)
folder = f"/proc/{pid}"

def call(*arguments):
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

def stack():
    line = next(l for l in open(f"{folder}/maps") if "[stack]" in l)
    return int(line.split("-")[0], 16) if line else 0

def memory():
    with open(f"{folder}/mem", "rb", 0) as file:
        at = int(open(f"{folder}/maps").readline().split("-")[0], 16)
        file.seek(at)
        return file.read(16)

def vm():
    # Nothing is mapped at the address: EFAULT says that looking was allowed.
    here = ctypes.create_string_buffer(16)
    try:
        call(310, pid, ctypes.byref(Piece(ctypes.addressof(here), 16)), 1, ctypes.byref(Piece(4096, 16)), 1, 0)
    except OSError as e:
        if e.errno != errno.EFAULT:
            raise

def trace(request):
    if request == 16:
        call(101, 16, pid, 0, 0)
        os.waitpid(pid, 0x40000000)
        call(101, 17, pid, 0, 0)
    else:
        call(101, request, pid, 0, 0)
        call(101, 0x4207, pid, 0, 0)  # stops, so that it can be let go again, for the next to try
        os.waitpid(pid, 0x40000000)
        call(101, 17, pid, 0, 0)

def gdb():
    done = subprocess.run(["gdb", "-batch", "-p", str(pid), "-ex", "bt 1"], capture_output=True, text=True, timeout=120)
    if "ptrace: Operation not permitted" in done.stderr or "Could not attach" in done.stderr:
        raise OSError(errno.EPERM, "")

WAYS = {
    "mem": memory,
    "task mem": lambda: open(f"{folder}/task/{pid}/mem", "rb", 0).close(),
    "environ": lambda: open(f"{folder}/environ", "rb").read(),
    "maps": lambda: open(f"{folder}/maps").read(),
    "smaps": lambda: open(f"{folder}/smaps").readline(),
    "auxv": lambda: open(f"{folder}/auxv", "rb").read(),
    "descriptors": lambda: os.listdir(f"{folder}/fd"),
    "descriptor": lambda: os.readlink(f"{folder}/fd/2"),
    "mapped files": lambda: os.listdir(f"{folder}/map_files"),
    "folder": lambda: os.readlink(f"{folder}/cwd"),
    "root": lambda: os.readlink(f"{folder}/root"),
    "process_vm_readv": vm,
    "pidfd_getfd": lambda: call(438, os.pidfd_open(pid), 2, 0),
    "ptrace attach": lambda: trace(16),
    "ptrace seize": lambda: trace(0x4206),
}
if len(sys.argv) > 2:
    WAYS["gdb"] = gdb

def tried(way):
    try:
        way()
        return "got it"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno))

print(json.dumps({name: tried(way) for name, way in WAYS.items()}))
"""

# A client of the proxy at port argv[1] that is there until it is told to go.
WAITER = r"""
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.sendall(f"GET {sys.argv[2]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
client.recv(1000)
print("answered", flush=True)
sys.stdin.read()
"""

# What CMD is, in its own eyes.
MYSELF = r"""
import ctypes, json, os, resource
libc = ctypes.CDLL(None)
def fields(pid):
    lines = dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{pid}/status") if ":\t" in line)
    return {name: lines[name] for name in ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd")}
pid = os.fork()
if pid == 0:
    libc.ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), 19)
    os._exit(0)
_, status = os.waitpid(pid, 0x40000000 | 2)
traced = os.WIFSTOPPED(status)
os.kill(pid, 9)
print(json.dumps({"own": fields("self"), "spawner": fields(os.getppid()), "traced": traced, "dumpable": libc.prctl(3, 0, 0, 0, 0),
                  "core": resource.getrlimit(resource.RLIMIT_CORE), "spawner_owner": os.stat(f"/proc/{os.getppid()}/environ").st_uid}))
"""

SECRET = "canary-7d1f0c5be2a94c-redacted"
PASSWORD = "canary-90ab3e77f1c2-upstream"
USER_PASSWORD = "canary-51d3aa20e8bb-door"


def status_of(folder):
    lines = (line.split(":\t", 1) for line in pathlib.Path(folder, "status").read_text().splitlines() if ":\t" in line)
    return dict(lines)


def as_user(user):
    return [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "becoming an ordinary user takes root and setpriv")
class Hardened(kit.Client):
    """A Weir of `user`, who has the program where that user may run it."""

    user = NOBODY
    core = False

    def setUp(self):
        certificate = kit.authority().certificate
        certificate.chmod(0o644)
        certificate.parent.chmod(0o755)
        super().setUp()

    def start(self, *flags, env=None, **options):
        return super().start(*flags, env=env, as_user=self.user, **options)

    def unhardened(self, *flags):
        return self.start(*flags, env={"WEIR_NO_HARDENING": "1"})

    def spied(self, pid, *more, user=None):
        done = kit.run([*as_user(self.user if user is None else user), PYTHON, "-c", SPY, pid, *more], self.env, timeout=240)
        return json.loads(self.check(done))

    def threads(self, weir):
        return [status_of(folder) for folder in pathlib.Path(f"/proc/{weir.pid}/task").iterdir()]

    def doctor(self, weir, user=None):
        """Its exit code and what it said, as `user`."""
        done = kit.run([*as_user(user), weir.program, "doctor", "--self", weir.pid], self.env)
        return done.returncode, done.stdout.decode()


class SameUser(Hardened):
    def ways(self):
        return ["gdb"] if shutil.which("gdb") else []

    def test_nobody_of_the_same_user_looks_in(self):
        found = self.spied(self.weir.pid, *self.ways())
        self.assertEqual({name: what for name, what in found.items() if what not in REFUSED}, {})
        self.assertEqual(os.stat(f"/proc/{self.weir.pid}/mem").st_uid, 0, "what is not dumpable is root's")

    def test_without_it_they_would(self):
        weir = self.unhardened()
        self.assertIn("WEIR_NO_HARDENING is set", weir.said)
        found = self.spied(weir.pid, *self.ways())
        found.pop("mapped files")  # takes a capability, whoever looks
        self.assertEqual({name: what for name, what in found.items() if what != "got it"}, {})

    def test_no_thread_is_left_out(self):
        self.check(kit.run(["curl", "-sS", "--proxy", self.weir.url, "--cacert", self.weir.ca, self.tls.url], self.env))
        for thread in self.threads(self.weir):
            with self.subTest(thread["Name"]):
                self.assertEqual((thread["NoNewPrivs"], thread["Seccomp"]), ("1", "2"))
                for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                    self.assertEqual(int(thread[name], 16), 0, name)
        limits = pathlib.Path(f"/proc/{self.weir.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")

    def test_no_core(self):
        for signo in (signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT):
            weir = self.start()
            os.kill(weir.pid, signo)
            if signo != signal.SIGQUIT:  # which is an orderly end
                weir.wait()
            else:
                weir.stop(signal.SIGTERM)
            self.assertEqual([str(place) for place in weir.home.rglob("core*")], [])

    @unittest.skipIf(kit.sanitized(), "sanitizers leave no core files by themselves")
    def test_without_it_there_would_be_one(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if not re.fullmatch(r"core\S*", pattern) or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest(f"core files go elsewhere here: {pattern}")
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        try:
            weir = self.unhardened()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        os.kill(weir.pid, signal.SIGABRT)
        weir.wait()
        self.assertNotEqual(list(weir.home.rglob("core*")), [])

    def test_doctor_tells(self):
        for user in (self.user, None):
            code, said = self.doctor(self.weir, user)
            self.assertEqual((code, said.splitlines()[-1]), (0, "everything is in order"), said)
            self.assertNotIn("FAIL", said)
        open_weir = self.unhardened()
        for user in (self.user, None):
            code, said = self.doctor(open_weir, user)
            self.assertEqual(code, 1)
            for row in ("memory", "new privileges", "system calls"):
                self.assertRegex(said, rf"FAIL  {row}")
        code, said = self.doctor(self.weir, NOBODY - 1)
        self.assertRegex(said, r"note  memory +it belongs to user")

    def test_doctor_says_how_secrets_are_kept(self):
        home = kit.scratch()
        (home / "given").write_text("a-secret-of-some-length")
        config = home / "config.toml"
        config.write_text(f'[credentials.corp]\nhosts = "localhost"\nsource = {{ file = "{home}/given" }}\n')
        for path in (home, home / "given", config):
            os.chown(path, self.user, self.user)
        kept = self.start("--config", config, home=home)
        code, said = self.doctor(kept)
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"ok +secrets +\d+ KiB that not even root can read|note  secrets +in \d+ KiB that are never swapped")
        self.assertRegex(self.doctor(kept, self.user)[1], r"ok +secrets +in \d+ KiB that are never swapped out; root can tell more")
        # One that may lock nothing keeps them all the same, and it is said.
        kept.stop()
        soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, hard))
        try:
            kept = self.start("--config", config, home=home)
        finally:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard))
        self.assertRegex(self.doctor(kept)[1], r"note  secrets +\d+ KiB of locked memory are in use, and no more than 4 KiB allowed")

    def test_doctor_and_a_process_that_is_not_there(self):
        done = kit.run([kit.binary(), "doctor", "--self", "4194305"], self.env)
        self.assertEqual((done.returncode, done.stderr), (1, b"weir doctor: there is no process 4194305\n"))


class Root(Hardened):
    """As root, who keeps nothing of it but what finding processes takes."""

    user = None
    LOOKING = (1 << 19) | (1 << 2)  # CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH

    def test_capabilities(self):
        for thread in self.threads(self.weir):
            allowed = self.LOOKING if thread["Name"] == "weir-process" else 0
            with self.subTest(thread["Name"]):
                for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    self.assertEqual(int(thread[name], 16) & ~allowed, 0, name)
        self.assertEqual(self.doctor(self.weir)[0], 0)

    def test_other_users_programs_are_still_found(self):
        for user in (None, NOBODY):
            for _ in range(10):
                weir = self.start()
                client = self.spawn([*as_user(user), PYTHON, "-c", WAITER, weir.port, self.plain.url], stdin=subprocess.PIPE)
                self.assertEqual(client.stdout.readline(), b"answered\n")
                weir.stop()
                flow = weir.flows()[-1]
                if "executable" in flow["process_info"]:
                    break
                self.assertIn("ended", flow["process_info"].get("unknown", "ended"))
            self.assertEqual(flow["process_info"].get("executable"), os.path.realpath(PYTHON), flow["process_info"])

    def test_a_folder_of_another_user(self):
        """`sudo weir serve` records into its user's folder, for which it keeps one capability."""
        home = kit.scratch()
        os.chown(home, NOBODY, NOBODY)
        weir = self.start(home=home)
        self.check(kit.run(["curl", "-sS", "--proxy", weir.url, self.plain.url], self.env))
        self.assertEqual({int(thread["CapEff"], 16) & ~self.LOOKING for thread in self.threads(weir)
                          if thread["Name"] != "weir-process"}, {1 << 1})
        self.assertRegex(self.doctor(weir)[1], "note  capabilities +CAP_DAC_OVERRIDE alone")
        weir.stop()
        self.assertEqual(len(weir.flows()), 1)


class Canaries(Hardened):
    """Secrets that Weir was given are nowhere but in its memory."""

    def setUp(self):
        super().setUp()
        self.weir.kill()

    def config(self, home):
        path = home / "secret.toml"
        path.write_text(f'[upstream]\nproxy = "http://someone:{PASSWORD}@127.0.0.1:9"\n'
                        f'[proxy_auth]\nusers = ["someone:{USER_PASSWORD}"]\n'
                        f'[[redaction.rules]]\nname = "canary"\nsource = {{ value = "{SECRET}" }}\n')
        path.chmod(0o600)
        os.chown(path, self.user, self.user)
        home.chmod(0o755)
        return path

    def spellings(self, secret):
        raw = secret.encode()
        return {raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode(), raw.replace(b"-", b"%2D")}

    def places_of(self, secret, files):
        return [str(file) for file in files if any(one in file.read_bytes() for one in self.spellings(secret))]

    def test_they_are_nowhere_else(self):
        weir = self.start("--config", self.config(kit.scratch()), "--log-level", "debug")
        for words in (["--proxy-user", "someone:wrong"], ["--proxy-user", f"someone:{USER_PASSWORD}", "-H", f"X-Test: {SECRET}"]):
            kit.run(["curl", "-sS", "--proxy", weir.url, *words, self.plain.url], self.env)
        for folder in pathlib.Path(f"/proc/{weir.pid}/task").iterdir():
            for name in ("cmdline", "comm", "environ"):
                for secret in (SECRET, PASSWORD, USER_PASSWORD):
                    self.assertNotIn(secret.encode(), (folder / name).read_bytes())
        weir.stop()
        key = "".join((weir.ca_dir / "ca.key").read_text().splitlines()[1:-1])
        for secret in (SECRET, PASSWORD, USER_PASSWORD, key[:64]):
            self.assertNotIn(secret, weir.said)
            self.assertEqual(self.places_of(secret, [place for place in weir.data.rglob("*") if place.is_file()]), [], secret)

    def test_the_text_of_the_authoritys_key_is_not_kept(self):
        """What was read from ca.key is wiped once the key has been made of it; found by root alone, who looks for it here."""
        weir = self.start()
        body = (weir.ca_dir / "ca.key").read_text().splitlines()[1].encode()
        weir.stop()
        weir = self.start(home=weir.home)  # which reads it
        self.assertEqual(mappings_with(weir.pid, body), [])


def mappings_with(pid, needle):
    """Where in the memory of a process these bytes are, for root."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, access, *rest = line.split(maxsplit=5)
            begin, end = (int(part, 16) for part in place.split("-"))
            if not access.startswith("rw") or end - begin > 1 << 30:
                continue  # what sanitizers set aside
            try:
                memory.seek(begin)
                if needle in memory.read(end - begin):
                    found.append(line)
            except OSError:
                continue
    return found


# -- from inside: what a Weir that was taken over can do

class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in
                ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
                 "fs gs").split()]


class Puppet:
    """A thread of another process that makes the system calls it is told to (x86-64; for root)."""

    ATTACH, DETACH, STEP, GETREGS, SETREGS, POKE, PEEK = 16, 17, 9, 12, 13, 4, 1
    ALL = 0x40000000

    def __init__(self, tid):
        self.tid = tid
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        self.trace(self.ATTACH)
        os.waitpid(tid, self.ALL)
        self.before = self.registers()

    def trace(self, request, at=None, what=None):
        if self.libc.ptrace(request, self.tid, at, what) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request}")

    def registers(self):
        registers = Registers()
        self.trace(self.GETREGS, None, ctypes.addressof(registers))
        return registers

    def poke(self, at, data):
        with open(f"/proc/{self.tid}/mem", "r+b", 0) as memory:
            memory.seek(at)
            memory.write(data)

    def call(self, number, *arguments):
        """What it returned, or "ended" where that was the end of the process."""
        now = Registers.from_buffer_copy(self.before)
        now.orig_rax = 2 ** 64 - 1  # no call is to be begun again
        # The thread waits in a call: the two bytes before are the instruction.
        now.rip = self.before.rip - 2
        now.rax = number
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
            setattr(now, name, value & (2 ** 64 - 1))
        self.trace(self.SETREGS, None, ctypes.addressof(now))
        return self.step()

    def step(self):
        while True:
            self.trace(self.STEP)
            _, status = os.waitpid(self.tid, self.ALL)
            if os.WIFEXITED(status) or os.WIFSIGNALED(status):
                return "ended"
            signo = os.WSTOPSIG(status)
            if signo == signal.SIGTRAP:
                now = self.registers()
                if now.rip == self.before.rip - 2:
                    continue  # of the step before, which ended in SIGSYS
                return ctypes.c_longlong(now.rax).value
            if signo == signal.SIGSYS:
                return "SIGSYS"

    def text(self, words):
        """Where in its memory these bytes are now: below its stack."""
        at = self.before.rsp - 4096
        self.poke(at, words + b"\0")
        return at

    def release(self):
        self.trace(self.SETREGS, None, ctypes.addressof(self.before))
        self.trace(self.DETACH)


@unittest.skipUnless(platform.machine() == "x86_64", "registers of x86-64 are meant")
class TakenOver(Hardened):
    user = NOBODY

    def puppet(self, weir=None):
        puppet = Puppet((weir or self.weir).pid)
        return puppet

    def ends(self, number, *arguments):
        weir = self.start()
        puppet = self.puppet(weir)
        result = puppet.call(number, *arguments)
        if result != "ended":
            puppet.release()
        weir.kill()
        return result == "ended"

    def test_what_only_an_intruder_does_is_the_end(self):
        calls = {"process_vm_writev": 311, "pidfd_getfd": 438, "keyctl": 250, "bpf": 321, "mount": 165, "init_module": 175,
                 "kexec_load": 246, "userfaultfd": 323, "io_uring_setup": 425, "perf_event_open": 298, "unshare": 272,
                 "setns": 308, "setuid": 105}
        if not kit.sanitized():
            calls |= {"execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310}
        for name, number in calls.items():
            with self.subTest(name):
                self.assertTrue(self.ends(number), name)

    def test_what_is_not_on_the_list_is_refused_and_told_once(self):
        puppet = self.puppet()
        self.assertEqual(puppet.call(180), "SIGSYS")  # nfsservctl, which no kernel has any more
        puppet.release()

    def test_what_is_refused_without_an_end(self):
        if kit.sanitized():
            self.skipTest("sanitizers take some of these")
        puppet = self.puppet()
        self.addCleanup(puppet.release)
        for name, call in {"dumpable again": (157, 4, 1), "a process": (56, 17), "a raw socket": (41, 17, 3, 0), "vsock": (41, 40, 1, 0),
                           "crypto": (41, 38, 5, 0), "code": (9, 0, 4096, 7, 0x22, 2 ** 64 - 1, 0), "a core": (160, 4, 0),
                           "a signal to another": (62, 1, 15)}.items():
            with self.subTest(name):
                self.assertEqual(puppet.call(*call), "SIGSYS")

    def test_files_elsewhere_are_closed(self):
        elsewhere = kit.HERE if self.user is None else kit.scratch()
        os.chown(elsewhere, NOBODY, NOBODY)
        mine = elsewhere / "mine"
        # Temporary folders are open to it: the test's own are one. A place that is none:
        place = pathlib.Path(f"/var/weir-hardening-test-{os.getpid()}")
        place.mkdir()
        self.addCleanup(shutil.rmtree, place)
        os.chown(place, NOBODY, NOBODY)
        target = place / "mine"
        for weir, expected in ((self.weir, -13), (self.unhardened(), None)):
            puppet = self.puppet(weir)
            result = puppet.call(2, puppet.text(str(target).encode()), os.O_WRONLY | os.O_CREAT, 0o600)
            puppet.release()
            if expected is None:
                self.assertGreaterEqual(result, 0)
            elif landlock():
                self.assertEqual(result, expected)
        self.assertEqual([entry.name for entry in place.iterdir()], ["mine"])


def landlock():
    return ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


class Command(kit.Run):
    """CMD and the spawner are as plain as they were born."""

    def test_cmd_keeps_what_the_user_has(self):
        mine = status_of("/proc/self")
        seen = json.loads(self.check(self.run_weir(PYTHON, "-c", MYSELF)))
        for who in ("own", "spawner"):
            self.assertEqual(seen[who], {name: mine[name] for name in seen[who]}, who)
        self.assertTrue(seen["traced"])
        self.assertEqual(seen["dumpable"], 1)
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        self.assertEqual(seen["core"], [1 if kit.sanitized() and hard != 0 else soft, hard])
        self.assertEqual(seen["spawner_owner"], os.geteuid())

    def test_what_runs_it_is_hardened(self):
        weir = self.spawn(self.words("sh", "-c", "echo ready; read line"), stdin=subprocess.PIPE)
        self.assertEqual(weir.stdout.readline(), b"ready\n")
        for folder in pathlib.Path(f"/proc/{weir.pid}/task").iterdir():
            status = status_of(folder)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), status["Name"])
        self.assertEqual(kit.run([kit.binary(), "doctor", "--self", weir.pid], self.env).returncode, 0)
        weir.stdin.close()
        self.assertEqual(weir.wait(kit.PATIENCE), 1)  # read met the end of its input


if __name__ == "__main__":
    kit.main()
