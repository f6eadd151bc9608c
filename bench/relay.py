#!/usr/bin/env python3
"""What `weir relay` costs: processor time for a GiB, memory for a tunnel, time to the first byte.

    WEIR_BIN=build/release/weir bench/relay.py [--rounds N] [--gib X] [bytes] [pair] [memory] [first]

`bytes`: one tunnel, chunks of 512 KiB, each way; the processor time of the process in the middle alone (user and system), beside a
plain TCP relay (tcp_relay.c) and Weir's own tunnel (`weir serve --passthrough '*'`), in turns; medians. The other ends are this
program. `pair`: the same of `weir relay` and `weir gateway` together, with TLS between them and without. `memory`: 1,000 tunnels through `weir relay` and `weir gateway`, idle, and after 64 KiB each way. `first`: from the
CONNECT to the first byte of the host, one at a time. `stuck`: memory of 200 tunnels whose client reads nothing, and of 200 whose host
reads nothing, when nothing moves any more.
"""

import argparse
import base64
import hashlib
import os
import pathlib
import re
import resource
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CHUNK = 512 << 10
HERE = pathlib.Path(__file__).resolve().parent
WEIR = pathlib.Path(os.environ.get("WEIR_BIN", HERE.parent / "build/release/weir")).resolve()
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BLOCK = os.urandom(CHUNK)


def spent(pid):
    """Processor seconds of a process so far: its clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def frame(payload):
    size = len(payload)
    if size < 126:
        return bytes([0x82, size]) + payload
    return bytes([0x82, 126]) + size.to_bytes(2, "big") + payload if size < 65536 else bytes([0x82, 127]) + size.to_bytes(8, "big") + payload


def chunk(data):
    out, size = b"", len(data)
    while size >= 0x80:
        out += bytes([size & 0x7F | 0x80])
        size >>= 7
    return frame(b"\x0a" + out + bytes([size]) + data)


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            raise EOFError(head)
        head += byte
    return head


class Peer:
    """Where bytes come from, or go to: b"d" and eight bytes for so many of ours, b"u" for so many of theirs, b"e" an echo."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            try:
                self.talk(sock)
            except (OSError, EOFError):
                pass

    def talk(self, sock):
        self.obey(sock, sock.recv(1), BLOCK)

    def obey(self, sock, order, block):
        if order == b"d":
            left = int.from_bytes(sock.recv(8, socket.MSG_WAITALL), "big")
            for _ in range(left // CHUNK):
                sock.sendall(block)
        elif order == b"u":
            left, buffer = int.from_bytes(sock.recv(8, socket.MSG_WAITALL), "big"), bytearray(CHUNK)
            while left > 0 and (got := sock.recv_into(buffer)):
                left -= got
            sock.sendall(b"k")
        elif order == b"s":
            threading.Event().wait()
        elif order == b"e":
            while data := sock.recv(65536):
                sock.sendall(data)


class Gateway(Peer):
    """The far side of a relay, which sends chunks of 512 KiB and takes whatever comes."""
    ca = b""

    def talk(self, sock):
        head = read_head(sock)
        if b"/ca-cert " in head:
            return sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.ca) + self.ca)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
        sock.sendall(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
                     base64.b64encode(hashlib.sha1(key + GUID).digest()) + b"\r\n\r\n")
        self.message(sock)
        sock.sendall(chunk(b"HTTP/1.1 200 OK\r\n\r\n"))
        order = self.message(sock)
        size = int.from_bytes(order[1:9], "big")
        if order[:1] == b"d":
            block = chunk(BLOCK)
            for _ in range(size // CHUNK):
                sock.sendall(block)
            return sock.recv(1)
        # What comes is framed, a little more than its data: what is over is not waited for.
        left, buffer = size - len(order[9:]), bytearray(CHUNK)
        while left > 0 and (got := sock.recv_into(buffer)):
            left -= got
        sock.sendall(chunk(b"k"))
        while sock.recv_into(buffer):
            pass

    def message(self, sock):
        head = sock.recv(2, socket.MSG_WAITALL)
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(sock.recv(2 if size == 126 else 8, socket.MSG_WAITALL), "big")
        mask = sock.recv(4, socket.MSG_WAITALL)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(sock.recv(size, socket.MSG_WAITALL)))
        at = 1
        while payload[at] & 0x80:
            at += 1
        return payload[at + 1:]


def pin(pid, core):
    """What is measured has a core of its own, where there are two."""
    if os.cpu_count() > 1:
        for task in os.listdir(f"/proc/{pid or os.getpid()}/task"):
            os.sched_setaffinity(int(task), {core})


def environment(home):
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}


def start(words, pattern, home):
    process = subprocess.Popen([str(word) for word in words], env=environment(home), cwd=home, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(pattern, line):
            threading.Thread(target=lambda: list(process.stdout), daemon=True).start()
            process.port = int(found[1])
            pin(process.pid, 1)
            return process
    raise SystemExit("".join(said))


def start_relay(home, base, token="token-of-the-bench", session="bench", flags=()):
    file = home / "token"
    file.write_text(token)
    file.chmod(0o600)
    return start([WEIR, "relay", "--base", base, "--session", session, "--token-file", file, "--ca-bundle-out", home / "ca.pem", *flags],
                 r"listening on 127\.0\.0\.1:(\d+)", home)


def dial(port, connect=None):
    sock = socket.create_connection(("127.0.0.1", port), 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if connect:
        sock.sendall(f"CONNECT {connect} HTTP/1.1\r\nHost: {connect}\r\n\r\n".encode())
        head = read_head(sock)
        assert head.startswith(b"HTTP/1.1 200"), head
    return sock


def take(sock, left):
    while left > 0:
        got = sock.recv(left)
        assert got, "cut"
        left -= len(got)


def move(sock, order, size):
    sock.sendall(order + size.to_bytes(8, "big"))
    if order == b"d":
        left, buffer = size, bytearray(CHUNK)
        while left > 0:
            got = sock.recv_into(buffer)
            assert got, "cut"
            left -= got
    else:
        for _ in range(size // CHUNK):
            sock.sendall(BLOCK)
        assert sock.recv(1) == b"k"


def make_ca(home):
    subprocess.run([WEIR, "ca", "init", "--ca-dir", str(home / "ca")], env=environment(home), capture_output=True)
    done = subprocess.run([WEIR, "ca", "export", "--ca-dir", str(home / "ca")], env=environment(home), capture_output=True)
    return done.stdout


def bytes_figures(home, rounds, size):
    peer, gateway = Peer(), Gateway()
    Gateway.ca = make_ca(home)
    program = home / "tcp_relay"
    subprocess.run(["cc", "-O2", "-pthread", "-o", program, HERE / "tcp_relay.c"], check=True)
    contenders = {}
    for buffer in (32 << 10, 64 << 10, 512 << 10):
        process = start([program, peer.port, buffer], r"^(\d+)$", home)
        contenders[f"plain, {buffer >> 10} KiB"] = (process, None)
    tunnel = start([WEIR, "serve", "--listen", "127.0.0.1:0", "--passthrough", "*", "--threads", "1", "--no-capture", "--data", home / "data"],
                   r"127\.0\.0\.1:(\d+)", home)
    contenders["weir serve, tunnel"] = (tunnel, f"127.0.0.1:{peer.port}")
    relay = start_relay(home, f"http://127.0.0.1:{gateway.port}")
    contenders["weir relay"] = (relay, "host.example:443")
    took = {(name, order): [] for name in contenders for order in (b"d", b"u")}
    for number in range(rounds):
        for name, (process, connect) in contenders.items():
            for order in (b"d", b"u"):
                with dial(process.port, connect) as sock:
                    before = spent(process.pid)
                    move(sock, order, size)
                    took[name, order].append((spent(process.pid) - before) * (1 << 30) / size)
    for process, _ in contenders.values():
        process.terminate()
    for order, way in ((b"d", "to the client"), (b"u", "from the client")):
        base = min(statistics.median(took[name, order]) for name in contenders if name.startswith("plain"))
        for name in contenders:
            each = took[name, order]
            median = statistics.median(each)
            print(f"{way:16} {name:20} {median:6.3f} s/GiB  {median / base:5.2f}   ({', '.join(f'{one:.3f}' for one in each)})")


def start_pair(home, tls):
    """`weir relay` and the `weir gateway` it goes to."""
    home.mkdir()
    (home / "run").mkdir(0o700)
    token = "weir_gw_" + secrets.token_hex(32)
    sessions = home / "sessions.toml"
    sessions.write_text(f'[[session]]\nid = "bench"\ntoken_sha256 = "{hashlib.sha256(token.encode()).hexdigest()}"\n')
    config = home / "weir.toml"
    config.write_text('[upstream]\nprivate_hosts = ["127.0.0.0/8"]\n')
    certificate, trusted = [], []
    if tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-days", "2", "-keyout", home / "key.pem", "-out", home / "cert.pem"],
                       check=True, capture_output=True)
        certificate, trusted = ["--cert", home / "cert.pem", "--key", home / "key.pem"], ["--upstream-ca", home / "cert.pem"]
    gateway = start([WEIR, "gateway", "--config", config, "--listen", "127.0.0.1:0", "--sessions", sessions, "--passthrough", "*", "--most-tunnels", "5000",
                     "--threads", "1", "--data", home / "data", *certificate], r"come in at \S+127\.0\.0\.1:(\d+)", home)
    base = f"https://localhost:{gateway.port}" if tls else f"http://127.0.0.1:{gateway.port}"
    return start_relay(home, base, token, flags=trusted), gateway


def pair_figures(home, rounds, size):
    peer = Peer()
    pairs = {"ws://": start_pair(home / "plain", False), "wss://": start_pair(home / "tls", True)}
    took = {(name, order): [] for name in pairs for order in (b"d", b"u")}
    for _ in range(rounds):
        for name, pair in pairs.items():
            for order in (b"d", b"u"):
                with dial(pair[0].port, f"127.0.0.1:{peer.port}") as sock:
                    before = [spent(each.pid) for each in pair]
                    move(sock, order, size)
                    took[name, order].append([(spent(each.pid) - b) * (1 << 30) / size for each, b in zip(pair, before)])
    for (name, order), each in took.items():
        relay, gateway = (statistics.median(column) for column in zip(*each))
        print(f"{name:7} {'to the client' if order == b'd' else 'from the client':16} relay {relay:.3f} s/GiB, gateway {gateway:.3f} s/GiB")
    for process in (*pairs["ws://"], *pairs["wss://"]):
        process.terminate()


def memory_figures(home, count, tls):
    peer = Peer()
    relay, gateway = start_pair(home / str(tls), tls)
    place = f"127.0.0.1:{peer.port}"
    dial(relay.port, place).close()
    before = [resident(each.pid) for each in (relay, gateway)]
    socks = [dial(relay.port, place) for _ in range(count)]
    def tell(what):
        after = [resident(each.pid) for each in (relay, gateway)]
        print(f"{count} tunnels, {'wss' if tls else 'ws'}://, {what}: " + ", ".join(
            f"{name} {(a - b) / count:.1f} KiB each ({b >> 10} to {a >> 10} MiB)" for name, a, b in zip(("relay", "gateway"), after, before)))
    tell("idle, unused")
    for sock in socks:
        sock.sendall(b"e")
    data = os.urandom(65536)
    for sock in socks:
        sock.sendall(data)
        take(sock, 65536)
    tell("idle, used")
    for sock in socks:
        sock.sendall(data)
    for sock in socks:
        take(sock, 65536)
    tell("after all at once")
    for sock in socks:
        sock.close()
    for process in (relay, gateway):
        process.terminate()


def settled(socks, processes):
    """Sends what can be sent, until for a second nothing has moved; what each process then has in memory."""
    since, size = time.monotonic(), None
    while time.monotonic() - since < 1:
        for sock in socks:
            try:
                sock.send(BLOCK)
                since = time.monotonic()
            except BlockingIOError:
                pass
        now = [resident(process.pid) // 64 for process in processes]
        if now != size:
            since, size = time.monotonic(), now
        time.sleep(0.01)
    return [resident(process.pid) for process in processes]


def stuck_figures(home, count, tls):
    for what, order in (("client", b"d"), ("host", b"s")):
        peer = Peer()
        relay, gateway = pair = start_pair(home / f"{what}-{tls}", tls)
        place = f"127.0.0.1:{peer.port}"
        dial(relay.port, place).close()
        before = [resident(each.pid) for each in pair]
        socks = [dial(relay.port, place) for _ in range(count)]
        for sock in socks:
            sock.sendall(order + (64 << 20).to_bytes(8, "big"))
            sock.setblocking(False)
        after = settled(socks if order == b"s" else [], pair)
        print(f"{count} tunnels, {'wss' if tls else 'ws'}://, the {what} reads nothing: " + ", ".join(
            f"{name} {(a - b) / count:.1f} KiB each ({b >> 10} to {a >> 10} MiB)" for name, a, b in zip(("relay", "gateway"), after, before)))
        for sock in socks:
            sock.close()
        for process in pair:
            process.terminate()


def first_figures(home, rounds):
    peer = Peer()
    relay, gateway = start_pair(home / "pair", False)
    tunnel = start([WEIR, "serve", "--listen", "127.0.0.1:0", "--passthrough", "*", "--threads", "1", "--no-capture", "--data", home / "data2"],
                   r"127\.0\.0\.1:(\d+)", home)
    took = {"straight": [], "weir serve, tunnel": [], "weir relay, weir gateway": []}
    for number in range(rounds):
        for name, port in (("straight", peer.port), ("weir serve, tunnel", tunnel.port), ("weir relay, weir gateway", relay.port)):
            begun = time.monotonic()
            with dial(port, None if name == "straight" else f"127.0.0.1:{peer.port}") as sock:
                sock.sendall(b"e?")
                assert sock.recv(1) == b"?"
                took[name].append((time.monotonic() - begun) * 1e6)
    for name, each in took.items():
        each.sort()
        print(f"{name:26} first byte after {statistics.median(each):5.0f} us (99th percentile {each[len(each) * 99 // 100]:.0f})")
    for process in (relay, gateway, tunnel):
        process.terminate()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--tunnels", type=int, default=1000)
    flags = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pin(0, 0)
    for what in flags.what or ["bytes", "pair", "memory", "first", "stuck"]:
        home = pathlib.Path(tempfile.mkdtemp(prefix="relay-bench-"))
        (home / "run").mkdir(0o700)
        try:
            if what == "bytes":
                bytes_figures(home, flags.rounds, int(flags.gib * (1 << 30)) // CHUNK * CHUNK)
            elif what == "memory":
                for tls in (False, True):
                    memory_figures(home, flags.tunnels, tls)
            elif what == "stuck":
                for tls in (False, True):
                    stuck_figures(home, 200, tls)
            elif what == "pair":
                pair_figures(home, flags.rounds, int(flags.gib * (1 << 30)) // CHUNK * CHUNK)
            elif what == "first":
                first_figures(home, 300)
        finally:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
