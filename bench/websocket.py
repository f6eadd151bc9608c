#!/usr/bin/env python3
"""What it costs to search WebSockets and tunnels for secrets: processor time for a GiB that a client sends, and memory.

    WEIR_BIN=build/release/weir bench/websocket.py [--rounds N] [--gib X] [bytes] [memory]

`bytes`: messages of 1 MiB through `weir serve` (one thread, capture off) without TLS, and the same bytes in a protocol that Weir does
not know; without credentials and with two, in turns; medians. Compressed messages count as what they say. `memory`: what one message of
2 GiB adds to the resident memory, plain and compressed.
"""

import argparse
import base64
import os
import pathlib
import random
import shutil
import socket
import statistics
import tempfile
import threading
import zlib

import relay

MIB = 1 << 20
CREDENTIALS = "".join(f"""
[credentials.{name}]
hosts = "{name}.test"
source = {{ value = "{name}-secret-{'0815' * 8}" }}
""" for name in ("one", "two"))


def json_text(size):
    words = random.Random(1)
    part = "".join('{"role":"user","content":"%s\\n%s"},' % (words.random(), words.getrandbits(200)) for _ in range(2000))
    return (part * (size // len(part) + 1))[:size].encode()


class Origin:
    """Consents to any upgrade, and takes what comes; says "k" when nothing more does."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            head = relay.read_head(sock).decode().lower()
            protocol = "websocket" if "upgrade: websocket" in head else "other"
            deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if "permessage-deflate" in head else ""
            sock.sendall(f"HTTP/1.1 101 X\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n{deflate}\r\n".encode())
            buffer = bytearray(relay.CHUNK)
            while sock.recv_into(buffer):
                pass
            sock.sendall(b"k")


def head(first, size):
    short = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0xFE]) + size.to_bytes(2, "big") if size < 65536 else (
        bytes([first, 0xFF]) + size.to_bytes(8, "big"))
    return short + MASK


MASK = b"\x5a\xa5\x3c\xc3"


def masked(data):
    key = (MASK * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")


def packed(data):
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def contents():
    """Name, protocol, extension, the bytes of one message, and how many bytes it says."""
    noise, text = os.urandom(MIB), json_text(MIB)
    small = packed(text)
    yield "random bytes", "websocket", "", head(0x82, MIB) + masked(noise), MIB
    yield "JSON", "websocket", "", head(0x81, MIB) + masked(text), MIB
    yield "JSON, in messages of 100 bytes", "websocket", "", b"".join(
        head(0x81, 100) + masked(text[at:at + 100]) for at in range(0, MIB - 100, 100)), MIB
    yield "JSON, compressed", "websocket", "permessage-deflate; client_no_context_takeover", head(0xC1, len(small)) + masked(small), MIB
    yield "JSON, another protocol", "other", "", text, MIB


def opened(weir, origin, protocol, extension):
    sock = relay.dial(weir.port)
    more = f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""
    key = base64.b64encode(bytes(16)).decode()
    place = f"127.0.0.1:{origin.port}"
    sock.sendall(f"GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
                 f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n".encode())
    answer = relay.read_head(sock)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return sock


def end(sock):
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b"k"


def serve(home, name, *flags):
    return relay.start([relay.WEIR, "serve", "--listen", "127.0.0.1:0", "--threads", "1", "--no-capture", "--data", home / name, *flags],
                       r"127\.0\.0\.1:(\d+)", home)


def contenders(home):
    config = home / "credentials.toml"
    config.write_text(CREDENTIALS)
    return {"without": serve(home, "without"), "with": serve(home, "with", "--config", config)}


def bytes_figures(home, rounds, gib):
    origin, weirs = Origin(), contenders(home)
    for content, protocol, extension, message, size in contents():
        took = {name: [] for name in weirs}
        count = int(gib * (1 << 30) / size)
        for _ in range(rounds):
            for name, weir in weirs.items():
                with opened(weir, origin, protocol, extension) as sock:
                    before = relay.spent(weir.pid)
                    for _ in range(count):
                        sock.sendall(message)
                    end(sock)
                    took[name].append((relay.spent(weir.pid) - before) * (1 << 30) / (count * size))
        print(f"{content:32} " + ", ".join(f"{name} {statistics.median(each):.3f}" for name, each in took.items()) + " s/GiB", flush=True)
    for weir in weirs.values():
        weir.terminate()


def memory_figures(home, _rounds, _gib):
    origin, weirs = Origin(), contenders(home)
    text = json_text(MIB)
    deflate = zlib.compressobj(wbits=-15)
    fragments = [deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH) for _ in range(512)]
    fragments[-1] = fragments[-1][:-4]
    parts = {"plain": ("", 0x01, [text] * 2048), "compressed": ("permessage-deflate", 0x41, fragments)}
    for name, weir in weirs.items():
        for kind, (extension, first, fragments) in parts.items():
            before = most = relay.resident(weir.pid)
            with opened(weir, origin, "websocket", extension) as sock:
                for number, fragment in enumerate(fragments):
                    sock.sendall(head(first if number == 0 else 0, len(fragment)) + masked(fragment))
                    most = max(most, relay.resident(weir.pid))
                sock.sendall(head(0x80, 0))
                end(sock)
            print(f"one message, {kind}, {name} credentials: {before} KiB before, {most} at most", flush=True)
        weir.terminate()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("parts", nargs="*", default=["bytes", "memory"])
    options = parser.parse_args()
    for part in options.parts:
        home = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-"))
        try:
            {"bytes": bytes_figures, "memory": memory_figures}[part](home, options.rounds, options.gib)
        finally:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
