"""Ask mode: a real client waits, and somebody answers over the socket, in a terminal or from a script."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import termios
import time

import kit

ASKING = ("--filter-default", "ask")


@contextlib.contextmanager
def _folder(path):
    descriptor = os.open(path, os.O_PATH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Monitor:
    """A client of the ask socket (docs/formats/ask.md); a monitor once its first list has come."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(kit.PATIENCE)
        # A path may be longer than an address.
        with _folder(path.parent) as folder:
            self.socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        self._lines = self.socket.makefile("r", encoding="utf-8")
        self.says(type="list")
        while self.hears()["type"] != "end":
            pass

    def says(self, **line):
        self.socket.sendall(json.dumps(line).encode() + b"\n")

    def answers(self, question, action, **more):
        self.says(id=question["id"], action=action, remember=False, permanent=False, **more)

    def hears(self, *types):
        """The next line, or the next of these types."""
        for line in self._lines:
            said = json.loads(line)
            if not types or said["type"] in types:
                return said
        raise AssertionError("the session closed its ask socket")

    def question(self):
        return self.hears("question")

    def closes(self):
        self._lines.close()
        self.socket.close()


class AskTest(kit.Client):
    needs = ("curl",)
    flags = ASKING

    def socket_path(self, data=None):
        (path,) = (data or self.weir.data).glob("sessions/*/ask.sock")
        return path

    def monitor(self):
        monitor = Monitor(self.socket_path())
        self.addCleanup(monitor.closes)
        return monitor

    def curl(self, url, *words):
        """curl under way; its output is the body and a line with the status."""
        return self.spawn(["curl", "--silent", "--max-time", str(kit.PATIENCE), "--proxy", self.weir.url, "--cacert",
                           self.weir.ca, "--write-out", "\n%{http_code}", *words, url])

    def ends(self, curl):
        """Body and status of what curl got."""
        out = curl.communicate(timeout=kit.PATIENCE)[0].decode()
        body, _, status = out.rpartition("\n")
        return body, int(status)

    def ask(self, *words):
        return kit.run([kit.binary(), "ask", *words], self.env)


class Socket(AskTest):
    def test_nobody_to_ask(self):
        body, status = self.ends(self.curl(f"{self.plain.url}/echo?token=s3cret"))
        self.assertEqual(status, 403)
        self.assertIn("unanswered: no monitor connected", body)
        self.assertEqual(self.plain.connections, 0)
        flow = self.only_flow()
        self.assertEqual((flow["filter_action"], flow["filter_reason"]), ("block", "unanswered: no monitor connected"))
        self.assertRegex(self.weir.said, r"UNANSWERED: GET http://\S+/echo\?token=\[REDACTED\] - no monitor connected \(rejected\)")
        self.assertNotIn("s3cret", self.weir.said)

    def test_what_is_logged_is_bounded(self):
        self.ends(self.curl(f"{self.plain.url}/{'x' * 5000}"))
        line = self.weir.wait_for_line(r"UNANSWERED: .*\(rejected\)")[0]
        self.assertLess(len(line), 1200)

    def test_allowed_and_blocked(self):
        monitor = self.monitor()
        for origin in (self.plain, self.tls):
            with self.subTest(origin.url):
                curl = self.curl(f"{origin.url}/echo", "-H", "Authorization: Bearer s3cret")
                question = monitor.question()
                self.assertEqual((question["method"], question["url"]), ("GET", f"{origin.url}/echo"))
                self.assertEqual(question["headers"]["Authorization"], "[REDACTED]")
                self.assertEqual(origin.connections, 0, "something was dialled before the answer")
                monitor.answers(question, "allow")
                self.assertEqual(self.ends(curl)[1], 200)
                curl = self.curl(f"{origin.url}/echo")
                monitor.answers(monitor.question(), "block")
                body, status = self.ends(curl)
                self.assertEqual(status, 403)
                self.assertIn("blocked by user", body)
        self.assertEqual([(flow["filter_action"], flow["filter_reason"]) for flow in self.stop()],
                         [("allow", "allowed by user decision"), ("block", "blocked by user decision")] * 2)

    def test_tunnel_that_is_not_decrypted(self):
        self.weir.stop()
        self.weir = self.start(*ASKING, "--passthrough", "localhost")
        monitor = self.monitor()
        curl = self.curl(f"{self.tls.url}/echo", "--cacert", kit.authority().certificate)
        question = monitor.question()
        self.assertEqual((question["method"], question["tunnel"]), ("CONNECT", True))
        self.assertEqual(self.tls.connections, 0)
        monitor.answers(question, "allow", scope="host")
        self.assertEqual(self.ends(curl)[1], 200)

    def test_first_answer_counts(self):
        one, two = self.monitor(), self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = one.question()
        self.assertEqual(two.question(), question)
        two.answers(question, "block")
        self.assertEqual(self.ends(curl)[1], 403)
        self.assertEqual(one.hears("ended")["by"], "user")
        one.answers(question, "allow")
        self.assertEqual(one.hears("error")["error"], "late")
        one.answers({"id": "4711"}, "allow")
        self.assertEqual(one.hears("error")["error"], "unknown_id")
        self.assertEqual(self.plain.connections, 0)

    def test_monitor_that_dies(self):
        one = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = one.question()
        one.closes()
        two = Monitor(self.socket_path())
        self.addCleanup(two.closes)
        two.answers(question, "allow")
        self.assertEqual(self.ends(curl)[1], 200)

    def test_no_answer_in_time(self):
        self.weir.stop()
        config = self.weir.home / "weir.toml"
        config.write_text('filter.default_action = "ask"\nfilter.ask_timeout = 1\n')
        self.weir = self.start("--config", str(config))
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        self.assertEqual(monitor.question()["timeout"], 1)
        body, status = self.ends(curl)
        self.assertEqual(status, 403)
        self.assertIn("request timed out (1s) waiting for user response", body)
        self.assertEqual(monitor.hears("ended")["by"], "timeout")
        self.assertEqual(self.plain.connections, 0)

    def test_client_that_goes(self):
        monitor = self.monitor()
        curl = self.curl(f"{self.tls.url}/echo")
        question = monitor.question()
        curl.kill()
        ended = monitor.hears("ended")
        self.assertEqual((ended["id"], ended["by"]), (question["id"], "client_gone"))
        self.assertEqual(self.only_flow("/echo")["error_code"], "client_closed")

    def test_streams_of_one_connection(self):
        if b"HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True).stdout:
            self.skipTest("this curl speaks no HTTP/2")
        monitor = self.monitor()
        curl = self.spawn(["curl", "--silent", "--http2", "--parallel", "--parallel-immediate", "--proxy", self.weir.url,
                           "--cacert", self.weir.ca, "--write-out", "%{http_code} %{url_effective}\n", "-o", "/dev/null",
                           "-o", "/dev/null", f"{self.tls.url}/echo?1", f"{self.tls.url}/echo?2"],
                          stderr=subprocess.DEVNULL)
        first, second = sorted((monitor.question() for _ in "12"), key=lambda question: question["url"])
        monitor.answers(second, "allow")
        monitor.answers(first, "block")
        said = sorted(curl.communicate(timeout=kit.PATIENCE)[0].decode().split("\n"))
        self.assertEqual([line[:3] for line in said if line], ["200", "403"])

    def test_a_rule_beats_what_is_remembered(self):
        self.weir.stop()
        config = self.weir.home / "weir.toml"
        config.write_text('filter.default_action = "ask"\n')
        self.weir = self.start("--config", str(config))
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = monitor.question()
        monitor.says(id=question["id"], action="allow", remember=True)
        self.assertEqual(self.ends(curl)[1], 200)
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo?again"))[1], 200, "remembered")
        waiting = self.curl(f"{self.tls.url}/echo")
        other = monitor.question()
        config.write_text(config.read_text() + '[[filter.rules]]\npattern = "*"\naction = "block"\nreason = "closed"\n')
        os.kill(self.weir.pid, signal.SIGHUP)
        self.weir.wait_for_line("the filter was read again")
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo?again"))[1], 403)
        monitor.answers(other, "allow")
        body, status = self.ends(waiting)
        self.assertEqual(status, 403)
        self.assertIn("closed", body)
        self.assertEqual(self.tls.connections, 0)

    def test_end_while_a_question_is_open(self):
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        monitor.question()
        begun = time.monotonic()
        self.weir.stop()
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(self.ends(curl)[1], 403)
        self.assertEqual(monitor.hears("ended")["by"], "shutdown")
        self.assertEqual(list(self.weir.data.glob("sessions/*/ask.sock")), [])

    def test_past_traffic(self):
        monitor = self.monitor()
        for _ in "12":
            curl = self.curl(f"{self.plain.url}/echo?n=1")
            monitor.answers(monitor.question(), "allow")
            self.ends(curl)
        self.weir.stop()
        self.weir.kill()
        again = subprocess.Popen([kit.binary(), "serve", "--listen", "127.0.0.1:0", *self.weir.places, *ASKING], env=self.env,
                                 stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (again.kill(), again.wait(), again.stderr.close()))
        url = next(m[1] for m in (re.search(rb"listening on (\S+)", line) for line in again.stderr) if m).decode()
        for line in again.stderr:
            if b"rejected" in line:
                break
        monitor = self.monitor()
        self.spawn(["curl", "--silent", "--proxy", f"http://{url}", f"{self.plain.url}/echo?n=2"])
        question, history = monitor.question(), monitor.hears("history")
        self.assertEqual(history["id"], question["id"])
        self.assertEqual((history["scopes"]["host"]["requests"], history["scopes"]["url"]["requests"]), (2, 0))

    def test_who_may_connect(self):
        path = self.socket_path()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        if os.geteuid() != 0:
            self.skipTest("only root can try as another user")
        # Even where the folders let him through.
        for folder in path.parents:
            if str(folder).startswith(str(self.weir.home)):
                folder.chmod(0o711)
        path.chmod(0o666)

        def drop():
            os.setgid(65534)
            os.setuid(65534)

        stranger = subprocess.run(
            ["/usr/bin/env", "python3", "-c",
             "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\nos.chdir(sys.argv[1])\ns.connect('ask.sock')\n"
             "s.settimeout(20)\nsys.stdout.write(repr(s.recv(100)))", path.parent], preexec_fn=drop, capture_output=True,
            text=True, timeout=kit.PATIENCE)
        self.assertEqual(stranger.stdout, "b''", stranger.stderr)
        self.weir.wait_for_line("another user has tried to connect")

    def test_without_a_filter_there_is_no_socket(self):
        self.weir.stop()
        self.weir = self.start()
        self.assertEqual(list(self.weir.data.glob("sessions/*/ask.sock")), [])
        done = self.ask("list", "--data", self.weir.data)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"has no filter", done.stderr)

    def test_where_nothing_is_recorded(self):
        self.weir.stop()
        self.weir = self.start(*ASKING, "--no-capture")
        (path,) = self.weir.data.glob("asking-*/ask.sock")
        monitor = Monitor(path)
        self.addCleanup(monitor.closes)
        curl = self.curl(f"{self.plain.url}/echo")
        monitor.question()
        done = self.ask("allow", "1", "--data", self.weir.data)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ends(curl)[1], 200)
        self.weir.stop()
        self.assertFalse(path.parent.exists())

    def test_what_a_killed_server_leaves(self):
        self.weir.stop()
        self.weir = self.start(*ASKING, "--no-capture")
        (left,) = self.weir.data.glob("asking-*/ask.sock")
        self.weir.kill()
        self.assertIn(b"no session of this project is live", self.ask("list", "--data", self.weir.data).stderr)
        again = self.spawn([kit.binary(), "serve", "--listen", "127.0.0.1:0", *self.weir.places, *ASKING, "--no-capture"],
                           stderr=subprocess.PIPE)
        for line in again.stderr:
            if b"rejected" in line:
                break
        self.assertFalse(left.parent.exists())
        self.assertEqual(len(list(self.weir.data.glob("asking-*/ask.sock"))), 1)

    def test_a_filter_that_asks_only_after_it_was_read_again(self):
        self.weir.stop()
        config = self.weir.home / "weir.toml"
        config.write_text("")
        self.weir = self.start("--config", str(config))
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo"))[1], 200)
        config.write_text('filter.default_action = "ask"\nfilter.ask_timeout = 7\n')
        os.kill(self.weir.pid, signal.SIGHUP)
        self.weir.wait_for_line("within 7s will be rejected")
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = monitor.question()
        self.assertEqual(question["timeout"], 7)
        monitor.answers(question, "allow")
        self.assertEqual(self.ends(curl)[1], 200)


class Scripts(AskTest):
    def test_list_and_answer(self):
        place = ["--data", self.weir.data]
        self.assertEqual(self.check(self.ask("list", *place)), b"")
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo?a=1")
        question = monitor.question()
        follow = self.spawn([kit.binary(), "ask", "list", "--follow", "--json", *place])
        self.assertEqual(json.loads(follow.stdout.readline())["id"], question["id"])
        monitor.closes()
        listed = self.check(self.ask("list", *place)).decode()
        self.assertRegex(listed, rf"^ +{question['id']} +\d+s left  GET {self.plain.url}/echo\?a=1  no rule matched")
        self.assertEqual(listed.count("\n"), 1)
        as_json = [json.loads(line) for line in self.check(self.ask("list", "--json", *place)).splitlines()]
        self.assertEqual([line["id"] for line in as_json if line["type"] == "question"], [question["id"]])
        done = self.ask("allow", question["id"], "--remember", "--scope", "path", "--socket", self.socket_path())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"names the scopes that it has", done.stderr)
        allowed = self.check(self.ask("allow", question["id"], "--remember", "--scope", "method", "--for", "2h", *place))
        self.assertEqual(allowed, f"{question['id']} allowed, and remembered (method, for 2h)\n".encode())
        self.assertEqual(self.ends(curl)[1], 200)
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo?b=2"))[1], 200)
        late = self.ask("block", question["id"], "4711", "--json", *place)
        self.assertEqual(late.returncode, 1)
        self.assertEqual([json.loads(line)["error"] for line in late.stdout.splitlines()], ["late", "unknown_id"])

    def test_a_follower_that_nobody_reads_is_no_monitor(self):
        follow = self.spawn([kit.binary(), "ask", "list", "--follow", "--data", self.weir.data])
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = monitor.question()
        follow.stdout.readline()  # however late it began, the question is open still
        follow.stdout.close()
        monitor.answers(question, "block")
        self.ends(curl)
        self.assertEqual(follow.wait(kit.PATIENCE), 0)

    def test_an_answer_is_for_one_session(self):
        monitor = self.monitor()
        curl = self.curl(f"{self.plain.url}/echo")
        question = monitor.question()
        other = self.spawn([kit.binary(), "serve", "--listen", "127.0.0.1:0", *self.weir.places, *ASKING],
                           stderr=subprocess.PIPE)
        for line in other.stderr:
            if b"rejected" in line:
                break
        first, second = sorted(path.parent.name for path in self.weir.data.glob("sessions/*/ask.sock"))
        done = self.ask("allow", question["id"], "--data", self.weir.data)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"2 sessions are live ({second}, {first})".encode(), done.stderr)
        self.assertEqual(self.ask("list", "--data", self.weir.data).returncode, 0)
        ours = first if f"session {first}" in self.weir.said else second
        self.check(self.ask("block", question["id"], "--data", self.weir.data, "--session", ours))
        self.assertEqual(self.ends(curl)[1], 403)

    def test_wrong_words(self):
        for words in (["allow"], ["allow", "1", "--scope", "host"], ["allow", "1", "--remember", "--scope", "world"], [],
                      ["allow", "1", "--for", "2h"], ["allow", "1", "--remember", "--for", "soon"],
                      ["allow", "1", "--remember", "--for", "0h"], ["allow", "1", "--remember", "--for", "366d"]):
            self.assertEqual(self.ask(*words).returncode, 2, words)

    def test_no_session(self):
        for words in (["list"], ["allow", "1"]):
            done = self.ask(*words, "--data", self.weir.home)
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"no session of this project is live", done.stderr)
        done = self.ask("list", "--socket", self.weir.home / "no.sock")
        self.assertIn(b"nobody listens on", done.stderr)


class Terminal:
    """A program on a terminal of its own, that the test types on and reads."""

    def __init__(self, words, env, cwd=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if cwd:
                os.chdir(cwd)
            os.execvpe(str(words[0]), [str(word) for word in words], env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        self.shown = ""
        self._status = None

    def sees(self, pattern):
        """Reads until this is on the screen, behind what was seen before."""
        deadline = time.monotonic() + kit.PATIENCE
        while not (found := re.search(pattern, self.shown)):
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"no {pattern!r} in:\n{self.shown}")
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                raise AssertionError(f"it ended without {pattern!r}:\n{self.shown}") from None
            self.shown += part.decode(errors="replace")
        self.shown = self.shown[found.end():]
        return found

    def types(self, keys):
        os.write(self.fd, keys)

    def cooked(self):
        """True while the terminal shows what is typed, and takes it by lines."""
        return bool(termios.tcgetattr(self.fd)[3] & termios.ICANON) and bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def status(self):
        if self._status is None:
            # What it still says must be read, or it waits for us.
            with contextlib.suppress(OSError):
                while part := os.read(self.fd, 65536):
                    self.shown += part.decode(errors="replace")
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def ends(self):
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.status()
        os.close(self.fd)


class InATerminal(AskTest):
    def terminal(self, *words, cwd=None):
        terminal = Terminal([kit.binary(), "monitor", *words], {**self.env, "TERM": "xterm"}, cwd)
        self.addCleanup(terminal.ends)
        terminal.sees("Waiting for questions of session")
        return terminal

    def test_keys(self):
        terminal = self.terminal("--data", self.weir.data)
        self.assertFalse(terminal.cooked())
        for key, status, outcome in ((b"a", 200, "allowed"), (b"b", 403, "blocked"), (b"Y", 200, "allowed")):
            curl = self.curl(f"{self.plain.url}/echo")
            terminal.sees(r"Request #\d+")
            terminal.sees(r"Method: GET")
            terminal.sees(r"Decision \(\d+s left\): ")
            terminal.types(b"x\x1b[A\r" + key)
            terminal.sees(rf"#\d+ {outcome}\r\n")
            self.assertEqual(self.ends(curl)[1], status)
        terminal.types(b"\x03")
        self.assertEqual(terminal.status(), 0)
        self.assertTrue(terminal.cooked())

    def test_remembering_with_another_scope(self):
        terminal = self.terminal(self.socket_path())
        curl = self.curl(f"{self.plain.url}/echo?1")
        terminal.sees(r"Decision \(\d+s left\): ")
        terminal.types(b"?")
        terminal.sees(r"> \d  everything at localhost:\d+")
        terminal.types(b"1")
        terminal.sees(r"> 1  GET \S+/echo\?1")
        terminal.sees(r"s and n: url\): ")
        terminal.types(b"n")
        terminal.sees(r"blocked, and remembered: GET \S+/echo\?1\r\n")
        self.assertEqual(self.ends(curl)[1], 403)
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo?1"))[1], 403)
        curl = self.curl(f"{self.plain.url}/echo?2")
        terminal.sees(r"Decision \(\d+s left\): ")
        terminal.types(b"s")
        terminal.sees(r"allowed, and remembered: everything at")
        self.assertEqual(self.ends(curl)[1], 200)
        self.assertEqual(self.ends(self.curl(f"{self.plain.url}/echo?3"))[1], 200)

    def test_questions_that_end_otherwise(self):
        terminal, other = self.terminal("--data", self.weir.data), self.monitor()
        first = self.curl(f"{self.plain.url}/echo?1")
        question = other.question()
        terminal.sees(r"Decision \(\d+s left\): ")
        second = self.curl(f"{self.tls.url}/echo?2")
        other.question()
        terminal.sees(r"1 more waiting\): ")
        other.answers(question, "block")
        terminal.sees(r"#1 blocked by another monitor\r\n")
        self.ends(first)
        terminal.sees(r"Request #2")
        terminal.sees(r"Decision \(\d+s left\): ")
        second.kill()
        terminal.sees(r"#2 the client went away\r\n")
        terminal.sees("Waiting for questions")
        self.weir.stop()
        terminal.sees("The session has ended.")
        self.assertEqual(terminal.status(), 0)

    def test_killed_it_gives_the_terminal_back(self):
        terminal = self.terminal("--data", self.weir.data)
        os.kill(terminal.pid, signal.SIGTERM)
        self.assertEqual(terminal.status(), 0)
        self.assertTrue(terminal.cooked())

    def test_without_a_terminal(self):
        done = kit.run([kit.binary(), "monitor", "--data", self.weir.data], self.env)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"weir ask", done.stderr)

    def serve_in(self, project):
        """A server of that project, and all it said until it could be asked."""
        process = subprocess.Popen([kit.binary(), "serve", "--listen", "127.0.0.1:0", "--ca-dir", str(self.weir.ca_dir), *ASKING],
                                   env=self.env, cwd=project, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(lambda: (process.send_signal(signal.SIGINT), process.wait(kit.PATIENCE), process.stderr.close()))
        said = ""
        for line in process.stderr:
            said += line.decode()
            if "rejected" in said:
                return said
        raise AssertionError(said)

    def test_the_session_of_the_working_directory(self):
        project = self.weir.home / "project"
        (project / "below").mkdir(parents=True)
        said = self.serve_in(project)
        self.assertIn("Filter: ask mode (default action for unmatched requests)", said)
        self.assertIn("\n  weir monitor\n", said)
        self.assertIn("Requests without response within 30s will be rejected.", said)
        first = re.search(r"session (\S+),", said)[1]
        terminal = Terminal([kit.binary(), "monitor"], {**self.env, "TERM": "xterm"}, project / "below")
        self.addCleanup(terminal.ends)
        terminal.sees(f"Waiting for questions of session {first}")
        second = re.search(r"session (\S+),", self.serve_in(project))[1]
        newest = max(first, second)
        both = Terminal([kit.binary(), "monitor"], {**self.env, "TERM": "xterm"}, project)
        self.addCleanup(both.ends)
        both.sees(f"2 sessions are live; this is {newest}")
        both.sees(f"another: {min(first, second)}")
        both.sees(f"Waiting for questions of session {newest}")


class Commands(kit.Run):
    def test_run_says_how_to_answer(self):
        words = self.words("true")
        words[2:2] = ASKING
        done = kit.run(words, self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr.decode(), r"weir monitor '?\S*/sessions/\S+/ask\.sock'?\n")
        words[2:2] = ["--quiet"]
        self.assertEqual(kit.run(words, self.env).stderr, b"")


if __name__ == "__main__":
    kit.main()
