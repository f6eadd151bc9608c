"""`weir serve` itself: how it starts, ends and dies."""

import http.client
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import time

import kit

# Fetches the same URL again and again until it is killed, and says so after each.
LOAD = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
while True:
    connection.request("POST", sys.argv[2], body=b"x" * 1000)
    connection.getresponse().read()
    print(".", flush=True)
"""


class Start(kit.Client):
    def refuses(self, *flags):
        done = kit.run([kit.binary(), "serve", *self.weir.places, *flags], self.env, timeout=20)
        self.assertIn(done.returncode, (1, 2), done)
        self.assertTrue(done.stderr.startswith(b"weir"), done.stderr)
        return done.stderr.decode()

    def test_address_in_use(self):
        self.assertIn(self.weir.address, self.refuses("--listen", self.weir.address))

    def test_bad_address(self):
        self.assertIn("not-an-address", self.refuses("--listen", "not-an-address"))

    def test_unknown_flag(self):
        self.assertIn("--no-such-flag", self.refuses("--no-such-flag"))

    def test_data_folder_that_cannot_be_made(self):
        file = self.weir.home / "file"
        file.write_text("")
        done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", "--ca-dir", self.weir.ca_dir, "--data", file / "data"],
                       self.env)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(str(file), done.stderr.decode())

    def test_roots_that_are_none(self):
        file = self.weir.home / "no.pem"
        file.write_text("no certificate\n")
        self.assertIn(str(file), self.refuses("--listen", "127.0.0.1:0", "--upstream-ca", file))

    def test_private_key_is_private(self):
        keys = [path for path in self.weir.ca_dir.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
        self.assertEqual([path.stat().st_mode & 0o777 for path in keys], [0o600])

    def test_same_authority_after_a_restart(self):
        first = self.weir.ca.read_bytes()
        self.weir.stop()
        again = kit.run([kit.binary(), "ca", "export", "--ca-dir", self.weir.ca_dir], self.env)
        self.assertEqual(again.stdout, first)


class End(kit.Client):
    def ends_at_once(self, signo=signal.SIGINT):
        begun = time.monotonic()
        self.weir.stop(signo)
        self.assertLess(time.monotonic() - begun, 5, "an idle connection held up the end until the drain ran out")

    def test_sigterm(self):
        self.ends_at_once(signal.SIGTERM)

    def test_connection_that_says_nothing(self):
        with socket.create_connection(("127.0.0.1", self.weir.port)):
            self.ends_at_once()

    def test_idle_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=kit.PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", f"{self.plain.url}/echo")
        connection.getresponse().read()
        self.ends_at_once()

    def test_idle_intercepted_connection(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.weir.port, timeout=kit.PATIENCE,
                                                 context=ssl.create_default_context(cafile=str(self.weir.ca)))
        self.addCleanup(connection.close)
        connection.set_tunnel("localhost", self.tls.port)
        connection.request("GET", "/echo")
        connection.getresponse().read()
        self.ends_at_once()

    def test_tunnel_without_a_hello(self):
        with socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
            sock.sendall(f"CONNECT {self.tls.host} HTTP/1.1\r\nHost: {self.tls.host}\r\n\r\n".encode())
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200"))
            self.ends_at_once()

    def test_second_signal_cuts(self):
        with socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
            sock.sendall(f"GET {self.plain.url}/held HTTP/1.1\r\nHost: {self.plain.host}\r\n\r\n".encode())
            self.assertTrue(self.plain.holding.wait(kit.PATIENCE))
            os.kill(self.weir.pid, signal.SIGINT)
            self.weir.wait_for_line("stopping")
            self.ends_at_once()
        self.assertEqual([flow["error_code"] for flow in self.weir.flows()], ["shutting_down"])


class Wait(kit.Client):
    def test_client_that_leaves_before_the_answer(self):
        """Its exchange ends then and there: the origin is let go, and nothing is left for the end to wait for."""
        for origin in (self.plain, self.tls):
            with self.subTest(origin.url), socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
                if origin is self.tls:
                    sock.sendall(f"CONNECT {origin.host} HTTP/1.1\r\nHost: {origin.host}\r\n\r\n".encode())
                    self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200"))
                    sock = ssl.create_default_context(cafile=str(self.weir.ca)).wrap_socket(sock, server_hostname="localhost")
                target = "/held" if origin is self.tls else f"{origin.url}/held"
                sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {origin.host}\r\n\r\n".encode())
                self.assertTrue(origin.holding.wait(kit.PATIENCE))
                # A reset: a mere half-close may still wait for its answer.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
        begun = time.monotonic()
        flows = self.stop()
        self.assertLess(time.monotonic() - begun, 5)
        for flow in flows:
            self.assertIn(flow["error_code"], ("client_closed", "client_reset"))


class Crash(kit.Client):
    def test_kill_under_load(self):
        """What was recorded a second before the end is there, whole; what was open is marked."""
        with socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
            sock.sendall(f"GET {self.plain.url}/held HTTP/1.1\r\nHost: {self.plain.host}\r\n\r\n".encode())
            self.assertTrue(self.plain.holding.wait(kit.PATIENCE))
            load = self.spawn([sys.executable, "-c", LOAD, self.weir.port, f"{self.plain.url}/echo"],
                              stderr=subprocess.DEVNULL)  # it ends by losing its proxy
            answered_at = []
            while len(answered_at) < 200 or answered_at[-1] - answered_at[0] < 1.5:
                self.assertTrue(load.stdout.readline())
                answered_at.append(time.monotonic())
            self.weir.kill()
            killed = time.monotonic()
        databases = [path for path in self.weir.data.rglob("*.db") if path.is_file()]
        self.assertTrue(databases)
        for path in databases:
            copy = pathlib.Path(shutil.copytree(path.parent, kit.scratch() / "copy"), path.name)
            with sqlite3.connect(copy) as database:
                self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        flows = self.weir.flows()
        echoes = [flow for flow in flows if flow["url"].endswith("/echo")]
        self.assertGreaterEqual(len(echoes), sum(at < killed - 1 for at in answered_at))
        self.assertEqual({(flow["status"], flow["state"], flow["req_body_bytes"]) for flow in echoes if flow["state"] == "closed"},
                         {(200, "closed", 1000)})
        self.assertEqual([flow["state"] for flow in flows if flow["url"].endswith("/held")], ["incomplete"])


if __name__ == "__main__":
    kit.main()
