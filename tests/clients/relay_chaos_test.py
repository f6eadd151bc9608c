"""`weir relay` and `weir gateway` together, under load, while either is killed and peers misbehave: nobody ends but who was killed,
no descriptor is left, and whoever is cut learns of it."""

import hashlib
import os
import re
import secrets
import socket
import struct
import subprocess
import threading
import time
import unittest

import kit
from kit import PATIENCE
from relay_wire import BINARY, Tunnel, chunk, frame

BLOCK = os.urandom(64 << 10)
TUNNELS = 24
SOON = 1 if not kit.sanitized() else 5


class Gateway(kit.Weir):
    verb = ("gateway",)
    greeting = r"relays come in at https?://127\.0\.0\.1:(\d+)"


class Echo:
    """Sends back what it gets, byte for byte, and ends when its client does; 'S' first: swallows and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            try:
                while data := peer.recv(65536):
                    if data.startswith(b"S"):
                        while peer.recv(1):
                            pass
                    peer.sendall(data)
            except OSError:
                pass


class Pump:
    """One program behind the relay: keeps sending and comparing what comes back, until it is stopped or cut."""

    def __init__(self, port, place):
        self.ended, self.error, self.rounds, self._stop = threading.Event(), None, 0, False
        self._port, self._place = port, place
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            with connected(self._port, self._place) as sock:
                while not self._stop:
                    sender = threading.Thread(target=self._send, args=(sock,), daemon=True)
                    sender.start()
                    left, got = len(BLOCK), b""
                    while left and (part := sock.recv(left)):
                        got += part
                        left -= len(part)
                    sender.join()
                    if left:
                        raise EOFError("ended in the midst of it")
                    if got != BLOCK:
                        raise AssertionError("other bytes than were sent")
                    self.rounds += 1
        except (OSError, EOFError, AssertionError) as error:
            self.error = error
        self.ended.set()

    def _send(self, sock):
        try:
            sock.sendall(BLOCK)
        except OSError:
            pass  # the reader learns of it

    def stop(self):
        self._stop = True
        self.ended.wait(PATIENCE)


def connected(port, place):
    """A tunnel to `place` through the relay at `port`; EOFError when it answers otherwise than by 200."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.settimeout(PATIENCE)
    sock.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            break
        head += byte
    if not head.startswith(b"HTTP/1.1 200"):
        sock.close()
        raise EOFError(head)
    return sock


class Chaos(kit.Client):
    def setUp(self):
        self.home = kit.scratch()
        self.echo = Echo()
        self.addCleanup(self.echo.close)
        self.place = f"127.0.0.1:{self.echo.port}"
        self.token = secrets.token_hex(20)
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        (self.home / "sessions.toml").write_text(f'[[session]]\nid = "s"\ntoken_sha256 = "{digest}"\n')
        self.config = self.home / "weir.toml"
        self.configure(0)
        self.weir = self.start_gateway()
        self.configure(self.weir.port)  # when it comes again it is there
        self.env = kit.environment(self.home)

    def configure(self, port):
        self.config.write_text('[upstream]\nprivate_hosts = ["127.0.0.0/8"]\n[tls]\npassthrough = "*"\n'
                               f'[gateway]\nlisten = "127.0.0.1:{port}"\nsessions = "sessions.toml"\n')

    def start_gateway(self):
        weir = Gateway("--config", self.config, "--threads", "1")
        self.addCleanup(weir.kill)
        return weir

    def start_relay(self):
        token = self.home / "token"
        token.unlink(missing_ok=True)
        token.write_text(self.token)
        token.chmod(0o600)
        process = self.spawn([kit.binary(), "relay", "--base", f"http://127.0.0.1:{self.weir.port}", "--session", "s", "--token-file", token,
                              "--ca-bundle-out", self.home / "ca.crt"], stderr=subprocess.STDOUT, cwd=self.home)
        while not (found := re.search(rb"listening on 127\.0\.0\.1:(\d+)", line := process.stdout.readline())):
            self.assertTrue(line, "the relay did not start")
        process.port = int(found[1])
        said = []
        threading.Thread(target=lambda: said.extend(process.stdout), daemon=True).start()
        process.said = said
        return process

    def load(self, relay, count=TUNNELS):
        pumps = [Pump(relay.port, self.place) for _ in range(count)]
        self.wait_for(lambda: all(pump.rounds for pump in pumps), [pump.error for pump in pumps])
        return pumps

    def wait_for(self, holds, what=""):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    @staticmethod
    def descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def settles(self, pid, before):
        """The process is there, with no more descriptors than it had (the record may have opened one or two)."""
        self.wait_for(lambda: self.descriptors(pid) <= before + 3, f"{before} before")

    def clean(self, relay):
        relay.terminate()
        self.assertEqual(relay.wait(PATIENCE), 0, relay.said)
        self.assertNotRegex(b"".join(relay.said), rb"runtime error:|Sanitizer")

    def test_the_gateway_is_killed(self):
        relay = self.start_relay()
        connected(relay.port, self.place).close()
        before = self.descriptors(relay.pid)
        for _ in range(2):
            pumps = self.load(relay)
            self.weir.kill()
            for pump in pumps:
                self.assertTrue(pump.ended.wait(PATIENCE), "a program waits for ever")
                self.assertIsInstance(pump.error, (OSError, EOFError))
            with self.assertRaisesRegex(EOFError, "502 Bad Gateway"):
                connected(relay.port, self.place)
            self.settles(relay.pid, before)
            self.weir = self.start_gateway()
            begun = time.monotonic()
            connected(relay.port, self.place).close()
            self.assertLess(time.monotonic() - begun, SOON)
        self.settles(relay.pid, before)
        self.clean(relay)

    def test_the_relay_is_killed(self):
        connected((relay := self.start_relay()).port, self.place).close()
        before = self.descriptors(self.weir.pid)
        for _ in range(2):
            pumps = self.load(relay)
            relay.kill()
            relay.wait()
            for pump in pumps:
                self.assertTrue(pump.ended.wait(PATIENCE), "a program waits for ever")
                self.assertIsInstance(pump.error, (OSError, EOFError))
            self.settles(self.weir.pid, before)
            relay = self.start_relay()
        for pump in self.load(relay, 4):
            pump.stop()
            self.assertIsNone(pump.error)
        self.clean(relay)
        self.stop()

    def test_slow_stuck_and_broken_peers_beside_others(self):
        relay = self.start_relay()
        connected(relay.port, self.place).close()
        before = self.descriptors(relay.pid), self.descriptors(self.weir.pid)
        pumps = self.load(relay, 6)
        stuck = [connected(relay.port, self.place) for _ in range(6)]
        for number, sock in enumerate(stuck):  # half send to who does not read, half do not read
            sock.setblocking(False)
            try:
                sock.send(b"S") if number % 2 else None
                for _ in range(200):
                    sock.send(BLOCK)
            except BlockingIOError:
                pass
        slow = connected(relay.port, self.place)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for number in range(30):  # WebSockets that end within a frame, or in nonsense
            tunnel = Tunnel(self.weir.port, self.token)
            self.assertEqual(tunnel.connect(self.place, "s", self.token, b"\x01")[0], 200)
            whole = frame(BINARY, chunk(BLOCK))
            try:
                tunnel.sock.sendall((whole[:5], whole[:40_000], os.urandom(300))[number % 3])
                if number % 2:
                    tunnel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # it was cut for what came first
            tunnel.close()
        for byte in b"slow":
            slow.sendall(bytes([byte]))
            self.assertEqual(slow.recv(1), bytes([byte]))
        rounds = [pump.rounds for pump in pumps]
        self.wait_for(lambda: all(pump.rounds > count + 2 for pump, count in zip(pumps, rounds)), "the others are held up")
        for pump in pumps:
            pump.stop()
            self.assertIsNone(pump.error)
        for sock in (*stuck, slow):
            sock.close()
        self.settles(relay.pid, before[0])
        self.settles(self.weir.pid, before[1])
        self.clean(relay)
        self.stop()


if __name__ == "__main__":
    kit.main()
