"""WebSockets by hand: either side of one over a pair of files, with permessage-deflate, in as many frames as it is told."""

import base64
import hashlib
import os
import struct
import zlib

TEXT, CLOSE = 1, 8


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


class WebSocket:
    """After the handshake. `masked`: this is the client."""

    def __init__(self, reader, writer, masked, deflate):
        self._reader, self._writer, self._masked = reader, writer, masked
        self._deflate = zlib.compressobj(wbits=-15) if deflate else None
        self._inflate = zlib.decompressobj(wbits=-15)

    def send(self, text, frames=1):
        """A text in so many frames."""
        data, first = text.encode(), TEXT
        if self._deflate:
            data = (self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
            first |= 0x40
        size = len(data) // frames + 1
        parts = [data[at:at + size] for at in range(0, len(data), size)] or [b""]
        for number, part in enumerate(parts):
            self._frame((first if number == 0 else 0) | (0x80 if number == len(parts) - 1 else 0), part)

    def close(self):
        self._frame(0x80 | CLOSE, struct.pack(">H", 1000))

    def receive(self):
        """The next text; None at the end."""
        data, packed = b"", False
        while True:
            head = self._reader.read(2)
            if len(head) < 2 or head[0] & 15 == CLOSE:
                return None
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self._reader.read(2 if size == 126 else 8), "big")
            mask = self._reader.read(4) if head[1] & 128 else bytes(4)
            part = self._reader.read(size)
            data += _masked(part, mask)
            packed = packed or bool(head[0] & 0x40)
            if head[0] & 0x80:
                return (self._inflate.decompress(data + b"\0\0\xff\xff") if packed else data).decode()

    def _frame(self, first, part):
        top = 128 if self._masked else 0
        size = bytes([top | len(part)]) if len(part) < 126 else (
            struct.pack(">BH", top | 126, len(part)) if len(part) < 65536 else struct.pack(">BQ", top | 127, len(part)))
        mask = os.urandom(4) if self._masked else b""
        self._writer.write(bytes([first]) + size + mask + (_masked(part, mask) if mask else part))
        self._writer.flush()


def _masked(part, mask):
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(part))
