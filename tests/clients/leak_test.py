"""Placeholders and secrets in messages of WebSockets, in tunnels and in names: they do not leave, and it is told."""

import json
import pathlib
import shutil
import socket
import struct
import threading

import kit
import websocket_test

PLACEHOLDER = "ghp_weirAbC123xyzAbC123xyz"
SECRET = "real-secret-0815-of-the-user"
CONFIG = f"""
[credentials.corp]
hosts = "api.corp.test"
header = "X-Api-Key"
placeholder = "{PLACEHOLDER}"
source = {{ value = "{SECRET}" }}
"""


class Leaks:
    def restart(self, *flags):
        self.weir.stop()
        home = self.weir.home
        config = home / "config.toml"
        config.write_text(CONFIG)
        self.weir = self.start("--config", config, *flags, home=home)
        self.env = self.weir.env

    def stop_and_search(self):
        """The flows; and the secret, and names that say it, are in no file."""
        self.weir.stop()
        flows = self.weir.flows()
        for path in pathlib.Path(self.weir.data).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                for text in (SECRET, SECRET.encode().hex()):
                    self.assertNotIn(text.encode(), data, path)
        return flows


class Messages(Leaks, websocket_test.WebSocketTest):
    def test_messages(self):
        self.restart()
        self.begin("websocket.mjs", "leaks", client=self.client, origin=self.origin, secure=self.secure,
                   leaks=[[PLACEHOLDER, "placeholder_leak"], [SECRET, "secret_leak"]]).end()
        flows = [flow for flow in self.stop_and_search() if "/chat" in flow["url"]]
        self.assertEqual([flow["error_code"] for flow in flows], ["placeholder_leak"] * 6 + ["secret_leak"] * 6)
        for flow in flows:
            self.assertEqual(flow["status"], 101 if self.origin == "h1" else 200)
            self.assertIn('"corp" in a message of a request to https://localhost', flow["error"])
            done = kit.run([kit.binary(), "show", "--json", "--data", self.weir.data, flow["id"]], self.env)
            messages = json.loads(self.check(done))["messages"]
            self.assertEqual([message.get("text") for message in messages if message["from"] == "client"][:1], ["fine"])
            self.assertNotIn(PLACEHOLDER, json.dumps(messages))


class OverHttp2(Messages):
    client, origin = "h2", "h2"


class FromHttp2(Messages):
    client = "h2"


class Listener:
    """Keeps what it is sent, and how that ended."""

    def __enter__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.ended = threading.Event()
        self.heard, self.reset = b"", False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self):
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(kit.PATIENCE)
            try:
                while data := connection.recv(65536):
                    self.heard += data
                    connection.sendall(b"heard: " + data)
            except ConnectionResetError:
                self.reset = True
        self.ended.set()

    def __exit__(self, *_):
        self._socket.close()


class Tunnels(Leaks, kit.Client):
    needs = ("curl",)

    def setUp(self):
        super().setUp()
        self.listener = self.enterContext(Listener())

    def connect(self, place):
        """A tunnel, or what Weir said in place of one."""
        connection = self.enterContext(socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE))
        connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536) or b"\r\n\r\n"
        return connection, head.decode()

    def test_bytes(self):
        self.restart()
        for text, code in ((PLACEHOLDER, "placeholder_leak"), (SECRET.encode().hex(), "secret_leak")):
            with self.subTest(code), Listener() as listener:
                connection, head = self.connect(f"localhost:{listener.port}")
                self.assertIn(" 200 ", head)
                connection.sendall(b"\x01LOGIN me\n")
                self.assertEqual(connection.recv(100), b"heard: \x01LOGIN me\n")
                connection.sendall(f"PASS {text[:9]}".encode())
                self.assertEqual(connection.recv(100), b"heard: PASS ")
                connection.sendall(text[9:].encode() + b"\n")
                with self.assertRaises(ConnectionResetError):
                    while connection.recv(65536):
                        pass
                self.assertTrue(listener.ended.wait(kit.PATIENCE))
                self.assertEqual((listener.heard, listener.reset), (b"\x01LOGIN me\nPASS ", True))
        flows = self.stop_and_search()
        self.assertEqual([flow["error_code"] for flow in flows], ["placeholder_leak", "secret_leak"])
        self.assertIn('"corp" in what was sent to localhost:', flows[0]["error"])

    def test_tls_that_nobody_reads_passes(self):
        self.restart("--passthrough", "localhost")
        curl = ["curl", "-sS", "--proxy", self.weir.url, "--cacert", kit.authority().certificate, "-H", f"X-Other: {PLACEHOLDER}"]
        self.check(kit.run([*curl, f"https://localhost:{self.tls.port}/echo"], self.env))
        body = self.weir.home / "body"
        body.write_bytes(PLACEHOLDER.encode() * 30000)
        self.check(kit.run([*curl, "-T", body, f"https://localhost:{self.tls.port}/upload"], self.env))
        codes = {flow["error_code"] for flow in self.stop_and_search()}
        self.assertFalse(codes & {"placeholder_leak", "secret_leak"}, codes)

    def test_names(self):
        self.restart()
        coded = SECRET.encode().hex()
        for name, code in ((PLACEHOLDER, "placeholder_leak"), (SECRET, "secret_leak"), (f"{coded[:40]}.{coded[40:]}", "secret_leak")):
            place = f"{name}.evil.test:443"
            with self.subTest(place):
                _, head = self.connect(place)
                self.assertIn(" 403 ", head)
                self.assertRegex(head, f"(?i)x-weir-error: {code}")
                for flags in (["--socks5-hostname", f"127.0.0.1:{self.weir.port}"], ["--proxy", self.weir.url, "-p"]):
                    done = kit.run(["curl", "-sS", *flags, f"https://{place}/"], self.env)
                    self.assertNotEqual(done.returncode, 0)
                done = kit.run(["curl", "-sS", "--proxy", self.weir.url, f"http://{place}/"], self.env)
                self.assertIn(f"code {code}".encode(), done.stdout)
                inside = ["--connect-to", f"{place}:localhost:{self.tls.port}"]
                done = kit.run(["curl", "-sS", "--proxy", self.weir.url, *inside, "--cacert", self.weir.ca, f"https://{place}/"], self.env)
                self.assertIn(b"access denied", done.stderr)
        flows = self.stop_and_search()
        self.assertEqual({flow["error_code"] for flow in flows}, {"placeholder_leak", "secret_leak"})
        self.assertEqual(len(flows), 15)
        for flow in flows:
            if flow["method"] == "CONNECT":
                flow.pop("process_info", None)  # its command line is as the system shows it
                self.assertNotIn("evil", json.dumps(flow))
        self.assertEqual(self.tls.requests, [])


if __name__ == "__main__":
    kit.main()
