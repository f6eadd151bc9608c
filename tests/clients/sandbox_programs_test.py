"""Real programs under `weir run --sandbox`, told of no proxy: all of them reach their hosts and are seen."""

import gzip
import hashlib
import os
import pathlib
import shlex
import shutil
import time

import git_test
import kit
import npm_test
import sandbox_test
from origin import OriginHandler

PACKAGE = b"not much of a package"


class Archive(OriginHandler):
    """A flat Debian archive of one package."""

    def any_debian(self):
        index = (f"Package: tiny-example\nVersion: 1.2.3\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: one\n"
                 f"Filename: ./tiny-example_1.2.3_all.deb\nSize: {len(PACKAGE)}\nSHA256: {hashlib.sha256(PACKAGE).hexdigest()}\n\n").encode()
        files = {"Packages": index, "Packages.gz": gzip.compress(index, mtime=0), "tiny-example_1.2.3_all.deb": PACKAGE}
        release = "Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n" + "".join(
            f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in files.items())
        files["Release"] = release.encode()
        name = self.rest.removeprefix("./").split("?")[0]
        if name not in files:
            return self.reply(404, b"")
        self.reply(200, files[name], "application/octet-stream")


class Programs(sandbox_test.InSandbox):
    def need(self, *programs):
        for program in programs:
            if not shutil.which(program):
                self.skipTest(f"not installed: {program}")

    def folder(self, name):
        place = self.home / name
        place.mkdir()
        return self.give(place)

    def origin(self, handler):
        return self.enterContext(kit.Origin(kit.identity("DNS:far.test"), handler))

    def test_curl_and_wget(self):
        self.need("wget")
        for origin in (self.plain, self.secure):
            self.assertEqual(len(self.check(self.run_weir("curl", "-sSf", self.url(origin, "/bytes/70000")))), 70000)
            # Debian's wget reads its certificates from no variable.
            self.assertEqual(len(self.check(self.run_weir("sh", "-c", 'wget -qO- --ca-certificate="$SSL_CERT_FILE" "$0"',
                                                          self.url(origin, "/bytes/70000")))), 70000)
        self.assertEqual([flow["status"] for flow in self.flows()], [200] * 4)

    def test_http2(self):
        self.assertEqual(self.check(self.run_weir("curl", "-sSf", "-o", "/dev/null", "-w", "%{http_version}", self.url(self.secure, "/bytes/7"))), b"2")

    def test_git_clone(self):
        self.need("git")
        origin = self.origin(git_test.GitHandler)
        root = self.home / "repositories"
        origin.cgi = {"GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1",
                      "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        for words in (["init", "--quiet", "--bare", "--initial-branch=main", root / "a.git"],
                      ["init", "--quiet", "--initial-branch=main", self.home / "work"],
                      ["-C", self.home / "work", "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet",
                       "--allow-empty", "-m", "first"],
                      ["-C", self.home / "work", "push", "--quiet", root / "a.git", "HEAD:main"]):
            self.check(kit.run(["git", *words], self.env, cwd="/"))
        self.check(self.run_weir("git", "clone", "--quiet", f"https://far.test:{origin.port}/git/a.git", "copy"))
        self.assertTrue((self.home / "copy" / ".git").is_dir())
        self.assertEqual({flow["status"] for flow in self.flows()}, {200})

    def test_npm_install(self):
        self.need("node", "npm")
        registry = self.origin(npm_test.Registry)
        registry.url = f"https://far.test:{registry.port}"
        project = self.folder("project")
        self.check(self.run_weir("npm", "install", "tiny-example", f"--registry={registry.url}/", "--no-audit", "--no-fund",
                                 "--no-update-notifier", "--fetch-retries=0", cwd=project))
        self.assertEqual((project / "node_modules" / "tiny-example" / "index.js").read_text(), "module.exports = 42;\n")
        self.assertEqual({flow["status"] for flow in self.flows()}, {200})

    def test_python(self):
        code = "import sys, urllib.request; print(len(urllib.request.urlopen(sys.argv[1]).read()))"
        for origin in (self.plain, self.secure):
            self.assertEqual(self.python(code, self.url(origin, "/bytes/70000")), "70000\n")

    def test_node(self):
        self.need("node")
        code = "require('https').get(process.argv[1], r => { let n = 0; r.on('data', d => n += d.length).on('end', () => console.log(n)) })"
        self.assertEqual(self.check(self.run_weir("node", "-e", code, self.url(self.secure, "/bytes/70000"))), b"70000\n")

    def test_java(self):
        self.need("java", "javac")
        program = self.home / "Fetch.java"
        shutil.copyfile(pathlib.Path(__file__).with_name("Fetch.java"), program)
        program.chmod(0o644)
        out = self.check(self.run_weir("java", program, self.url(self.secure, "/bytes/70000")))
        self.assertEqual(out.split(), [b"200", b"70000"] * 2)

    def apt(self, *words):
        """apt with folders of its own, so that anybody may run it."""
        return self.run_weir("apt-get", "-q", *(word for option in self.apt_options for word in ("-o", option)), *words, cwd=self.project)

    def use_archives(self, *urls):
        self.need("apt-get")
        self.project = self.folder("project")
        (self.project / "sources.list").write_text("".join(f"deb [trusted=yes] {url}/debian ./\n" for url in urls))
        (self.project / "status").touch()
        for name in ("lists", "lists/partial", "archives", "archives/partial", "state"):
            self.folder(f"project/{name}")
        places = {"Etc::SourceList": "sources.list", "State": "state", "State::Lists": "lists", "State::status": "status",
                  "Cache": "archives", "Cache::archives": "archives"}
        self.apt_options = [f"Dir::{name}={self.project / place}" for name, place in places.items()] + [
            "Dir::Etc::SourceParts=/dev/null", "Dir::Etc::Preferences=/dev/null", "APT::Sandbox::User=root",
            "Acquire::Languages=none", "Debug::NoLocking=1", "Acquire::Retries=0"]

    def test_apt_get(self):
        plain, secure = self.enterContext(kit.Origin(None, Archive)), self.origin(Archive)
        for flags in ([], ["--fs", "project"]):
            self.flags = flags
            with self.subTest(flags=flags):
                if not flags:
                    self.use_archives(f"http://far.test:{plain.port}", f"https://far.test:{secure.port}")
                self.check(self.apt("update"))
                self.check(self.apt("download", "tiny-example"))
                package = self.project / "tiny-example_1.2.3_all.deb"
                self.assertEqual(package.read_bytes(), PACKAGE)
                package.unlink()

    def test_apt_get_where_it_may_write_nothing(self):
        self.use_archives(f"https://far.test:{self.origin(Archive).port}")
        self.flags = ["--fs", "ro"]
        self.assertNotEqual(self.apt("update").returncode, 0)
        self.assertEqual(list((self.project / "lists").glob("*tiny*")), [])


class Terminal(sandbox_test.InSandbox):
    """In a real terminal: tmux's."""

    def setUp(self):
        super().setUp()
        for program in ("tmux", "less"):
            if not shutil.which(program):
                self.skipTest(f"not installed: {program}")
        self.socket = self.home / "tmux.sock"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24", "env", "PS1=$ ", "bash", "--norc", "--noprofile")
        self.addCleanup(kit.run, ["tmux", "-S", str(self.socket), "kill-server"], self.env)

    def tmux(self, *words):
        return self.check(kit.run(["tmux", "-S", str(self.socket), *words], {**self.env, "TERM": "xterm"}, cwd=self.home)).decode()

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def start(self, *command):
        words = self.words(*command)
        script = self.home / "start.sh"
        script.write_text(f"exec {shlex.join(words)}\n")
        self.type(f"sh {script}", "Enter")

    def screen_shows(self, text):
        end = time.monotonic() + kit.PATIENCE
        while text not in (screen := self.tmux("capture-pane", "-p")):
            self.assertLess(time.monotonic(), end, f"{text!r} is not on the screen:\n{screen}")
        return screen

    def screen_shows_end(self, text):
        self.screen_shows(text)
        self.type("echo; echo the shell is back", "Enter")
        self.screen_shows("\nthe shell is back")

    def test_a_program_that_owns_the_screen(self):
        text = self.home / "text"
        text.write_text("".join(f"line {i}\n" for i in range(1, 101)))
        self.screen_shows("$")
        self.start("less", "--no-init", text)
        self.assertIn("line 1\n", self.screen_shows("line 23"))
        self.type("G")
        self.screen_shows("line 100")
        self.tmux("resize-window", "-x", "100", "-y", "12")
        self.type("g")
        screen = self.screen_shows("line 11")
        self.assertNotIn("line 13", screen)
        self.type("q")
        self.screen_shows_end("weir: less ended with 0")

    def test_stopping_and_going_on(self):
        self.screen_shows("$")
        self.start("/usr/bin/python3", "-c", "import signal\n"
                   "signal.signal(signal.SIGCONT, lambda *_: print('here again', flush=True))\n"
                   "print('ready', flush=True)\n"
                   "print('got', input())")
        self.screen_shows("ready")
        self.type("C-z")
        self.screen_shows("Stopped")
        self.type("echo the shell is here", "Enter")
        self.screen_shows("\nthe shell is here")
        self.type("fg", "Enter")
        # Before that, the terminal may still be as the shell wants it.
        self.screen_shows("here again")
        self.type("word", "Enter")
        self.screen_shows("got word")
        self.screen_shows_end("python3 ended with 0")

    def test_interrupting(self):
        self.screen_shows("$")
        self.start("sh", "-c", "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.05; done")
        self.screen_shows("ready")
        self.type("C-c")
        self.screen_shows("interrupted")
        self.screen_shows_end("weir: sh ended with 3")

    def test_the_terminal_goes_away(self):
        fifo = self.home / "fifo"
        os.mkfifo(fifo)
        self.give(fifo)
        self.screen_shows("$")
        self.start("sh", "-c", f"exec 5>{fifo}; while :; do sleep 0.05; done")
        with open(fifo, "rb") as held:
            self.tmux("kill-session")
            self.assertEqual(held.read(), b"", "the last process inside has ended")


class ProgramsOfAnOrdinaryUser(sandbox_test.AsNobody, Programs):
    pass


class TerminalOfAnOrdinaryUser(sandbox_test.AsNobody, Terminal):
    pass


if __name__ == "__main__":
    kit.main()
