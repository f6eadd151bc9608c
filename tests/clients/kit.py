"""What every client test needs: identities, the program under test, and an environment that is the test's own.

The program is $WEIR_BIN. Nothing here touches the network beyond the loopback or files outside a temporary folder.
"""

import atexit
import base64
import dataclasses
import faulthandler
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from origin import PATIENCE, Origin

__all__ = ["PATIENCE", "Client", "Identity", "Origin", "Run", "Weir", "authority", "identity", "main", "python_with", "run",
           "scratch", "until"]

REFUSED_CALL = "is not on the list of those that serving takes"  # docs/hardening.md
SKIPPED = 77  # CTest shows a test that exits with this as "Skipped"
HERE = pathlib.Path(__file__).resolve().parent


def binary():
    path = os.environ.get("WEIR_BIN")
    if not path or not os.access(path, os.X_OK):
        sys.exit(f"WEIR_BIN must name the weir program (is: {path!r})")
    return path


@functools.cache
def sanitized():
    """True for sanitizer builds, whose memory says nothing about the product's."""
    text = pathlib.Path(binary()).read_bytes()
    return b"__asan_init" in text or b"__tsan_init" in text


@functools.cache
def program_for_all():
    """A copy of the program that every user can run."""
    folder = scratch()
    folder.chmod(0o755)
    copy = folder / "weir"
    shutil.copyfile(binary(), copy)
    copy.chmod(0o755)
    return str(copy)


def scratch():
    """A folder that is gone when the tests end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-clients-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def environment(home, **more):
    """Where clients run: nothing of the user's own proxies, certificates or settings."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
            "TSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH", "PYENV_ROOT")
    xdg = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "HOME": str(home), **xdg,
            "PYTHONDONTWRITEBYTECODE": "1", **more}


def run(command, env, timeout=PATIENCE * 2, **options):
    """subprocess.run with captured bytes; hanging is a failure."""
    return subprocess.run([str(word) for word in command], env=env, timeout=timeout,
                          **{"stdin": subprocess.DEVNULL, "capture_output": True, **options})


def python_with(*modules):
    """A Python that has these: what Debian packages is for Debian's own alone."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", f"import {', '.join(modules)}"], capture_output=True).returncode == 0:
            return python
    raise unittest.SkipTest(f"no Python with {', '.join(modules)} (tools/setup installs them)")


# -- identities

@dataclasses.dataclass(frozen=True)
class Identity:
    certificate: pathlib.Path
    key: pathlib.Path


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr}")


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


ROOT = "Origin Test Root"


def authority(name=ROOT):
    """A certificate authority of its own for each name."""
    return _authority(name)


@functools.cache
def _authority(name):
    folder = scratch()
    made = Identity(folder / "ca.pem", folder / "ca.key")
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", made.key, "-out", made.certificate, "-days", 30, "-subj", f"/CN={name}",
             "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return made


@functools.cache
def identity(names="DNS:localhost,IP:127.0.0.1", issuer=ROOT, expired=False, usage="serverAuth", subject="origin"):
    """A certificate from authority(issuer), a server's unless `usage` says otherwise."""
    folder, ca = scratch(), authority(issuer)
    made = Identity(folder / "leaf.pem", folder / "leaf.key")
    request, extensions = folder / "leaf.csr", folder / "leaf.ext"
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
    _openssl("req", "-new", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={subject}")
    if not expired:
        _openssl("x509", "-req", "-in", request, "-CA", ca.certificate, "-CAkey", ca.key, "-CAcreateserial", "-days", 30,
                 "-extfile", extensions, "-out", made.certificate)
        return made
    # Only `openssl ca` can date a certificate back.
    (folder / "index.txt").write_text("")
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={folder}/index.txt\nnew_certs_dir={folder}\n"
                                   "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
    _openssl("ca", "-batch", "-notext", "-config", folder / "ca.cnf", "-cert", ca.certificate, "-keyfile", ca.key, "-in",
             request, "-out", made.certificate, "-extfile", extensions, "-startdate", "20200101000000Z", "-enddate",
             "20200201000000Z")
    return made


# -- the program under test

class Weir:
    """`weir serve` on a free port, with its data, CA and settings in a temporary folder.

    stop() ends it as Ctrl-C does and demands a clean end; only then are all flows in the store. `as_user`: as the user of this
    number, with a copy of the program that this user may run. `home`: where an earlier one was.
    """

    verb = ("serve", "--listen", "127.0.0.1:0")
    greeting = r"listening on 127\.0\.0\.1:(\d+)"

    def __init__(self, *flags, trust=True, env=None, as_user=None, home=None):
        self.home = home or scratch()
        self.program = binary() if as_user is None else program_for_all()
        prefix = []
        if as_user is not None:
            os.chown(self.home, as_user, as_user)
            prefix = ["setpriv", f"--reuid={as_user}", f"--regid={as_user}", "--clear-groups"]
        self.data, self.ca_dir = self.home / "weir-data", self.home / "weir-ca"
        self.env = environment(self.home, **(env or {}))
        self.places = ["--data", str(self.data), "--ca-dir", str(self.ca_dir)]
        trusted = ["--upstream-ca", str(authority().certificate)] if trust else []
        self._lines, self._grew = [], threading.Condition()
        self._process = subprocess.Popen(
            [*prefix, self.program, *self.verb, *self.places, *trusted, *map(str, flags)], env=self.env, cwd=self.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for_line(self.greeting)[1])
        except AssertionError:
            self.kill()
            raise
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"

    def _read(self):
        for line in self._process.stdout:
            with self._grew:
                self._lines.append(line.decode(errors="replace"))
                self._grew.notify_all()
        self._process.stdout.close()
        with self._grew:
            self._lines.append("")  # the end
            self._grew.notify_all()

    @property
    def said(self):
        with self._grew:
            return "".join(self._lines)

    def wait_for_line(self, pattern):
        def found():
            return next(filter(None, (re.search(pattern, line) for line in self._lines)), None)
        with self._grew:
            self._grew.wait_for(lambda: found() or "" in self._lines, PATIENCE)
            match = found()
            if not match:
                raise AssertionError(f"weir did not say {pattern!r} but:\n{''.join(self._lines)}")
            return match

    @functools.cached_property
    def ca(self):
        """Our CA certificate, as a user would export it."""
        done = run([binary(), "ca", "export", "--ca-dir", self.ca_dir], self.env)
        if done.returncode or not done.stdout.startswith(b"-----BEGIN CERTIFICATE-----"):
            raise AssertionError(f"weir ca export: {done}")
        path = self.home / "exported-ca.pem"
        path.write_bytes(done.stdout)
        return path

    def memory(self):
        """Resident bytes of the serving process."""
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.poll() is None

    def stop(self, signo=signal.SIGINT):
        if self.running:
            self._process.send_signal(signo)
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"weir did not end after signal {signo}; it said:\n{self.said}") from None
        self._reader.join(PATIENCE)
        if code != 0:
            raise AssertionError(f"weir ended with {code}; it said:\n{self.said}")
        if re.search(r"runtime error:|Sanitizer", self.said):
            raise AssertionError(f"a sanitizer complained:\n{self.said}")
        if REFUSED_CALL in self.said:
            raise AssertionError(f"its own list of system calls lacks one:\n{self.said}")

    def wait(self):
        """For an end that comes by itself, whatever it is."""
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)

    def kill(self):
        if self.running:
            self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE)

    def flows(self, *filters):
        return recorded(self.data, self.env, *filters)


# What an entry leaves out when there is nothing to say, as far as tests ask for it.
LEFT_OUT = {"status": None, "error_code": "", "req_headers": {}, "resp_headers": {}, "req_body_bytes": 0, "resp_body_bytes": 0,
            "req_truncated": False, "resp_truncated": False}


def recorded(data, env, *filters, missing_is_empty=False):
    """Every flow of a data folder, oldest first, as `weir logs --json` prints them (docs/formats/flow_json.md)."""
    done = run([binary(), "logs", "--json", "--body", "--last", "0", "--data", data, *filters], env)
    if done.returncode and not (missing_is_empty and b"recorded" in done.stderr):
        raise AssertionError(f"weir logs ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return [{**LEFT_OUT, **flow} for flow in json.loads(done.stdout or "[]")]


def body_of(flow, side):
    """The captured bytes of `req` or `resp`."""
    return base64.b64decode(flow.get(f"{side}_body", ""))


def field_of(flow, side, name):
    """All values of a field of `req` or `resp`."""
    return [value for key, values in flow[f"{side}_headers"].items() if key.lower() == name.lower() for value in values]


def until(true):
    """Asks again and again, for PATIENCE at most: for what another process does a little later."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {PATIENCE} s")


# -- test cases

class Client(unittest.TestCase):
    """A test with a Weir of its own and plain and TLS origins. `needs` names the commands it cannot do without."""

    needs = ()
    flags = ()
    trust = True

    @classmethod
    def setUpClass(cls):
        missing = [command for command in cls.needs if not shutil.which(command)]
        if missing:
            raise unittest.SkipTest(f"not installed: {', '.join(missing)}")

    def run(self, result=None):
        faulthandler.dump_traceback_later(PATIENCE * 5, exit=True)  # a test that hangs shows where
        try:
            return super().run(result)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def setUp(self):
        self.plain = self.enterContext(Origin())
        self.tls = self.enterContext(Origin(identity()))
        self.weir = self.start(*self.flags, trust=self.trust)
        self.env = self.weir.env

    def start(self, *flags, **options):
        weir = Weir(*flags, **options)
        self.addCleanup(weir.kill)
        return weir

    def spawn(self, words, **options):
        """A process that is gone when the test ends, whatever happens; its output is a pipe."""
        process = subprocess.Popen([str(word) for word in words], **{"env": self.env, "stdout": subprocess.PIPE, **options})

        def end():
            process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
                pipe.close()

        self.addCleanup(end)
        return process

    def stop(self):
        """Ends Weir cleanly and returns all it recorded."""
        self.weir.stop()
        return self.weir.flows()

    def only_flow(self, url_part=""):
        flows = [flow for flow in self.stop() if url_part in flow["url"]]
        self.assertEqual(len(flows), 1, flows)
        return flows[0]

    def check(self, done):
        """The command succeeded; its standard output."""
        self.assertEqual(done.returncode, 0, f"{done.args}\n{done.stdout}\n{done.stderr}\nweir: {self.weir.said}")
        return done.stdout


class Run(Client):
    """A test of `weir run`: each run has the same data folder, and no server stands by."""

    loopback = ("--include-loopback",)

    def setUp(self):
        self.plain = self.enterContext(Origin())
        self.tls = self.enterContext(Origin(identity()))
        self.home = scratch()
        self.data = self.home / "weir-data"
        self.env = environment(self.home)

    @property
    def flags_but_data(self):
        return ["--ca-dir", self.home / "weir-ca", "--upstream-ca", authority().certificate, *self.loopback]

    def words(self, *command):
        return [str(word) for word in (binary(), "run", "--data", self.data, *self.flags_but_data, "--", *command)]

    def run_weir(self, *command, env=None, **options):
        done = run(self.words(*command), {**self.env, **(env or {})}, **options)
        if re.search(rb"runtime error:|AddressSanitizer|LeakSanitizer|ThreadSanitizer", done.stderr):
            raise AssertionError(f"a sanitizer complained:\n{done.stderr.decode(errors='replace')}")
        if REFUSED_CALL.encode() in done.stderr:
            raise AssertionError(f"its own list of system calls lacks one:\n{done.stderr.decode(errors='replace')}")
        return done

    def flows(self, *filters):
        return recorded(self.data, self.env, *filters)

    def check(self, done):
        self.assertEqual(done.returncode, 0, f"{done.args}\n{done.stdout}\n{done.stderr.decode(errors='replace')}")
        return done.stdout


def main():
    """Runs the tests of the calling file. When all of them were skipped, says why and exits with SKIPPED."""
    binary()  # stops here when there is none
    program = unittest.main(module="__main__", argv=[*sys.argv[:1], "-v", *sys.argv[1:]], exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if len(result.skipped) >= max(result.testsRun, 1):
        for test, reason in result.skipped:
            print(f"skipped: {test}: {reason}")
        sys.exit(SKIPPED)
