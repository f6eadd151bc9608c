"""git over HTTPS: clone, fetch and a push in chunks, against git's own server program behind the origin."""

import os
import pathlib
import subprocess

import kit
from kit import Origin, identity
from origin import OriginHandler


class GitHandler(OriginHandler):
    """/git/... is answered by `git http-backend` (CGI, RFC 3875)."""

    def any_git(self):
        body = b"".join(self.body())
        fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env={
            **os.environ, **fields, **self.server.origin.cgi, "REQUEST_METHOD": self.command, "PATH_INFO": "/" + self.rest,
            "QUERY_STRING": self.path.partition("?")[2], "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "REMOTE_USER": "tester"})
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        given = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(given.pop("Status", "200").split()[0])
        self.reply(status, answer, given.pop("Content-Type", "text/plain"), given.items())


class Git(kit.Client):
    needs = ("git",)

    def setUp(self):
        super().setUp()
        self.origin = self.enterContext(Origin(identity(), GitHandler))
        root = self.weir.home / "repositories"
        self.origin.cgi = {"GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "HOME": str(self.weir.home)}
        self.env = {**self.env, "HTTPS_PROXY": self.weir.url, "GIT_SSL_CAINFO": str(self.weir.ca), "GIT_TERMINAL_PROMPT": "0",
                    "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
                    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"}
        self.git("init", "--quiet", "--bare", "--initial-branch=main", root / "a.git")
        self.git("-C", root / "a.git", "config", "http.receivepack", "true")
        self.url = f"{self.origin.url}/git/a.git"
        self.work = self.weir.home / "work"
        self.git("clone", "--quiet", self.url, self.work)

    def git(self, *words):
        return self.check(kit.run(["git", *words], self.env, cwd=self.weir.home))

    def commit(self, name, data):
        pathlib.Path(self.work, name).write_bytes(data)
        self.git("-C", self.work, "add", name)
        self.git("-C", self.work, "commit", "--quiet", "-m", name)

    def test_push_and_clone(self):
        noise = os.urandom(300_000)
        self.commit("noise", noise)
        # A small buffer makes git send the pack in chunks, after a probe.
        self.git("-C", self.work, "-c", "http.postBuffer=65536", "-c", "http.version=HTTP/1.1", "push", "--quiet", "origin", "HEAD:main")
        copy = self.weir.home / "copy"
        self.git("clone", "--quiet", self.url, copy)
        self.assertEqual((copy / "noise").read_bytes(), noise)

        self.commit("more", b"more\n")
        self.git("-C", self.work, "push", "--quiet", "origin", "HEAD:main")
        self.git("-C", copy, "pull", "--quiet")
        self.assertEqual((copy / "more").read_bytes(), b"more\n")

        flows = self.stop()
        self.assertEqual({flow["status"] for flow in flows}, {200})
        packs = [flow for flow in flows if flow["url"].endswith("/git-receive-pack") and flow["req_body_bytes"] > 300_000]
        self.assertEqual(len(packs), 1)
        self.assertEqual(kit.field_of(packs[0], "req", "Transfer-Encoding"), ["chunked"])


if __name__ == "__main__":
    kit.main()
