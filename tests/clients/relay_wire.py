"""A relay's client side by hand: the WebSocket, the chunks in it, and what a program behind it does (docs/formats/relay.md)."""

import base64
import os
import socket
import ssl
import struct

from origin import PATIENCE

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def chunk(data):
    return b"\x0a" + varint(len(data)) + data if data else b""


def data_of(message):
    """The data of one chunk."""
    if not message:
        return b""
    assert message[0] == 0x0a, message[:20]
    size, at, shift = 0, 1, 0
    while True:
        size |= (message[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not message[at - 1] & 128:
            break
    assert len(message) == at + size
    return message[at:]


def frame(opcode, payload, fin=True, masked=True):
    top = 128 if masked else 0
    size = bytes([top | len(payload)]) if len(payload) < 126 else (
        struct.pack(">BH", top | 126, len(payload)) if len(payload) < 65536 else struct.pack(">BQ", top | 127, len(payload)))
    head = bytes([(128 if fin else 0) | opcode]) + size
    if not masked:
        return head + payload
    mask = os.urandom(4)
    whole = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + mask + whole.to_bytes(len(payload), "big")


class Refused(Exception):
    """The upgrade was answered otherwise."""

    def __init__(self, status, fields, body):
        super().__init__(f"{status} {fields} {body!r}")
        self.status, self.fields, self.body = status, fields, body


def read_answer(file):
    """Status, fields (lower case) and body of an HTTP answer."""
    first = file.readline()
    if not first:
        raise EOFError("no answer")
    status, fields = int(first.split()[1]), {}
    while (line := file.readline().strip()):
        name, _, value = line.partition(b":")
        fields[name.decode().lower()] = value.strip().decode()
    return status, fields, b"" if status == 101 else file.read(int(fields.get("content-length", 0)))


def connected(port, context=None):
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(sock, server_hostname="localhost") if context else sock


class Tunnel:
    """One WebSocket of a relay. `fields` overrides fields of the upgrade; None leaves one out."""

    def __init__(self, port, token, context=None, path="/v1/code/upstreamproxy/ws", fields=None):
        self.sock = connected(port, context)
        self.file = self.sock.makefile("rb")
        sent = {"Host": f"localhost:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Content-Type": "application/proto",
                "Authorization": f"Bearer {token}", **(fields or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        self.sock.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        status, answer, body = read_answer(self.file)
        if status != 101:
            self.close()
            raise Refused(status, answer, body)
        self.left, self.closed = b"", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, data):
        """In chunks of a size that relays use."""
        for at in range(0, len(data), 128 << 10):
            self.sock.sendall(frame(BINARY, chunk(data[at:at + (128 << 10)])))

    def keep_alive(self):
        self.sock.sendall(frame(BINARY, b""))

    def end(self, code=1000):
        self.sock.sendall(frame(CLOSE, struct.pack(">H", code)))

    def receive_frame(self):
        """Opcode and payload; None at the end of the connection."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        assert not head[1] & 128, "a server does not mask"
        size = head[1] & 127
        if size > 125:
            size = int.from_bytes(self.file.read(2 if size == 126 else 8), "big")
        return head[0] & 15, self.file.read(size)

    def receive(self):
        """Bytes of the tunnel; b"" at its end. `closed` is the close frame's code then, or None if there was none."""
        while True:
            got = self.receive_frame()
            if got is None:
                return b""
            opcode, payload = got
            if opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2], "big")
                return b""
            if opcode == BINARY and payload:
                return data_of(payload)

    def read(self, size=1):
        """At least so many bytes, of which the rest is kept; fewer at the end."""
        while len(self.left) < size and (more := self.receive()):
            self.left += more
        out, self.left = self.left[:size], self.left[size:]
        return out

    def read_head(self):
        while b"\r\n\r\n" not in self.left and (more := self.receive()):
            self.left += more
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        return head.decode()

    def connect(self, place, session, token, more=b""):
        """The first chunk, and the whole answer to it: status, head and body."""
        shown = base64.b64encode(f"{session}:{token}".encode()).decode()
        self.send(f"CONNECT {place} HTTP/1.1\r\nProxy-Authorization: Basic {shown}\r\n\r\n".encode() + more)
        head = self.read_head()
        if not head:
            return 0, head, b""
        status = int(head.split()[1])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        return status, fields, self.read(int(fields.get("content-length", 0))) if status != 200 else b""


class Secured:
    """TLS in a tunnel, as the program behind the relay speaks it."""

    def __init__(self, tunnel, host, ca):
        self.tunnel = tunnel
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ssl.create_default_context(cafile=ca).wrap_bio(self._in, self._out, server_hostname=host)
        self._drive(self.tls.do_handshake)

    def _drive(self, step):
        while True:
            try:
                done = step()
                self._flush()
                return done
            except ssl.SSLWantReadError:
                self._flush()
                if not (got := self.tunnel.left or self.tunnel.receive()):
                    self._in.write_eof()
                self.tunnel.left = b""
                self._in.write(got) if got else None

    def _flush(self):
        if data := self._out.read():
            self.tunnel.send(data)

    def get(self, host, path):
        """Status and body of one exchange."""
        self._drive(lambda: self.tls.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()))
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._drive(lambda: self.tls.read(65536))
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        while len(body) < int(fields["content-length"]):
            body += self._drive(lambda: self.tls.read(65536))
        return int(head.split()[1]), body, fields
