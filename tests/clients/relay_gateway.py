"""A gateway for `weir relay`, by hand: TLS or not, and as wrong as it is told to be. Runs on a thread of its own, or
as a program (`relay_gateway.py PORT CERTIFICATE`) that can be killed.

It notes each upgrade request and each first chunk as they came, and carries tunnels to 127.0.0.1 whatever their name.
"""

import asyncio
import base64
import hashlib
import json
import os
import ssl
import struct
import sys
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MOST = 512 << 10


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def frame(opcode, payload):
    size = len(payload)
    if size < 126:
        return bytes([0x80 | opcode, size]) + payload
    if size < 1 << 16:
        return bytes([0x80 | opcode, 126]) + struct.pack(">H", size) + payload
    return bytes([0x80 | opcode, 127]) + struct.pack(">Q", size) + payload


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def chunk(data):
    return frame(2, b"\x0a" + varint(len(data)) + data if data else b"")


def data_of(message):
    """The data of a chunk, which must be spelled as the protocol has it."""
    if not message:
        return b""
    assert message[0] == 0x0A, message[:10]
    size = shift = 0
    at = 1
    while True:
        byte = message[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if not byte & 0x80:
            break
    assert len(message) - at == size, (len(message), at, size)
    return message[at:]


class Gone(Exception):
    pass


class Link:
    """One WebSocket, the server's end."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.keep_alives = 0

    async def message(self):
        """(opcode, payload); unmasked, whole frames only."""
        try:
            first, second = await self.reader.readexactly(2)
            assert second & 0x80, "a client masks"
            size = second & 0x7F
            if size == 126:
                size, = struct.unpack(">H", await self.reader.readexactly(2))
            elif size == 127:
                size, = struct.unpack(">Q", await self.reader.readexactly(8))
            mask = await self.reader.readexactly(4)
            payload = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            raise Gone from None
        pad = int.from_bytes((mask * (size // 4 + 1))[:size], "big") ^ int.from_bytes(payload, "big")
        return first & 0x0F, pad.to_bytes(size, "big")

    async def data(self):
        """The next bytes of the tunnel; empty at its end."""
        while True:
            opcode, payload = await self.message()
            if opcode == 8:
                return b""
            if opcode == 2:
                data = data_of(payload)
                if data:
                    return data
                self.keep_alives += 1

    async def send(self, data):
        for at in range(0, len(data), MOST):
            self.writer.write(chunk(data[at:at + MOST]))
            await self.writer.drain()

    async def close(self):
        self.writer.write(frame(8, b"\x03\xe8"))
        await self.writer.drain()


class Gateway:
    """Serves when it is made, until close(). `certificate` has the attributes certificate and key; None: no TLS.

    `plans` maps a host to a coroutine function (gateway, link, line, early) that is done in place of carrying it.
    """

    def __init__(self, certificate=None, ca_pem=b"", port=0, plans=None):
        self.upgrades, self.firsts, self.links = [], [], []
        self.plans, self.ca_pem = dict(plans or {}), ca_pem
        self.upgrade_answer = None   # bytes in place of the 101
        self.ca_answer = None        # bytes in place of the certificate's answer
        self.open = self.most_open = 0
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, ready), daemon=True)
        self._thread.start()
        assert ready.wait(30)
        self.base = f"{'https' if certificate else 'http'}://localhost:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, port, ready):
        asyncio.set_event_loop(self._loop)

        async def begin():
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self._context, backlog=2048)
            self.port = self._server.sockets[0].getsockname()[1]
            self._end = asyncio.Event()
            ready.set()
            await self._end.wait()
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(begin())
        self._loop.close()

    def close(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(30)

    async def _serve(self, reader, writer):
        try:
            await self._talk(reader, writer)
        except (Gone, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, OSError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1]
        if path.endswith(b"/v1/code/upstreamproxy/ca-cert"):
            body = self.ca_pem
            answer = self.ca_answer or (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-pem-file\r\nContent-Length: %d\r\n\r\n"
                                        % len(body) + body)
            if callable(answer):
                return await answer(writer)
            writer.write(answer)
            return await writer.drain()
        self.upgrades.append(head)
        if self.upgrade_answer is not None:
            if callable(self.upgrade_answer):
                return await self.upgrade_answer(writer)
            writer.write(self.upgrade_answer)
            return await writer.drain()
        key = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")][0]
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n")
        await writer.drain()
        link = Link(reader, writer)
        self.links.append(link)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            first = await link.data()
            self.firsts.append(first)
            head, _, early = first.partition(b"\r\n\r\n")
            line = head.split(b"\r\n")[0].decode()
            host, _, port = line.split(" ")[1].rpartition(":")
            plan = self.plans.get(host)
            await (plan(self, link, line, early) if plan else self._carry(link, int(port), early))
        finally:
            self.open -= 1

    async def _carry(self, link, port, early):
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await link.send(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
            return await link.close()
        await link.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def up():
            data = early
            while True:
                if data:
                    inner_writer.write(data)
                    await inner_writer.drain()
                data = await link.data()
                if not data:
                    break
            if inner_writer.can_write_eof():
                inner_writer.write_eof()

        async def down():
            while data := await inner_reader.read(256 << 10):
                await link.send(data)
            await link.close()

        try:
            await asyncio.gather(up(), down())
        finally:
            inner_writer.close()


def main():
    """PORT and, for TLS, CERTIFICATE and KEY; then the PEM file it serves. Says where it is in a line of JSON."""
    import types
    port, ca_pem, *tls = sys.argv[1:]
    certificate = types.SimpleNamespace(certificate=tls[0], key=tls[1]) if tls else None
    with open(ca_pem, "rb") as file:
        gateway = Gateway(certificate, file.read(), int(port))
    print(json.dumps({"base": gateway.base, "port": gateway.port, "pid": os.getpid()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
