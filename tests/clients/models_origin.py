"""An origin that speaks as the providers of models do: the conversations of tests/fixtures/conversations, event by event.

The field `x-conversation` of a request names the conversation. Its pieces are written apart and flushed. With `x-pace: step` each waits
until the client has all of the one before, so that a proxy in between that keeps anything back stops the conversation.
"""

import base64
import collections
import dataclasses
import functools
import itertools
import pathlib
import queue
import re
import struct
import subprocess
import time
import urllib.parse
import zlib

from origin import PATIENCE, Origin, OriginHandler
from proxies import Socks5Proxy

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "conversations"
PACE = 0.001  # seconds between pieces, where nobody steps
COLUMNS = ("name", "provider", "protocol", "asked", "served", "input", "fresh", "read", "write_5m", "write_1h", "output", "reasoning",
           "usd", "source", "stop", "finish", "tools", "marks")
Totals = collections.namedtuple("Totals", COLUMNS)


# -- the fixtures

def _aws_field(name, value):
    return struct.pack(">B", len(name)) + name.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()


def aws_frame(kind, payload):
    """A frame of Amazon's event stream; an exception where `kind` begins with "!"."""
    exception = kind.startswith("!")
    fields = (_aws_field(":message-type", "exception" if exception else "event")
              + _aws_field(":exception-type" if exception else ":event-type", kind.lstrip("!"))
              + _aws_field(":content-type", "application/json"))
    prelude = struct.pack(">II", len(fields) + len(payload) + 16, len(fields))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + fields + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


def _aws_chunk(line):
    return aws_frame("chunk", b'{"bytes":"%s","p":"abcdefgh"}' % base64.b64encode(line.encode()))


def _event(line, eol, named):
    if line.startswith(":"):
        return f"{line}{eol}{eol}".encode()
    event = re.search(r'"type":"([^"]*)"', line) if named and line.startswith("{") else None
    return f"{f'event: {event[1]}{eol}' if event else ''}data: {line}{eol}{eol}".encode()


def _parted(text, count):
    """Some text in so many pieces."""
    size = len(text) // count + 1
    return [text[start:start + size] for start in range(0, len(text), size)]


def _pieces(frames, lines, eol):
    if frames == "document":
        return _parted("".join(line + eol for line in lines).encode(), 3)
    if frames == "raw":
        text = "".join(line + eol for line in lines) + eol
        return [f"{event}{eol}{eol}".encode() for event in text.removesuffix(eol + eol).split(eol + eol)]
    lines = [line for line in lines if line]
    if frames == "lines":
        return [(line + eol).encode() for line in lines]
    if frames == "aws":
        return [aws_frame(kind, payload.encode()) for kind, _, payload in (line.partition(" ") for line in lines)]
    if frames == "aws-chunks":
        return [_aws_chunk(line) for line in lines]
    return [_event(line, eol, frames == "named") for line in lines]


def _without_end(pieces, size):
    """The pieces but for their last bytes."""
    pieces = list(pieces)
    while size:
        kept = pieces.pop()
        if len(kept) > size:
            pieces.append(kept[:len(kept) - size])
        size -= min(size, len(kept))
    return pieces


def compressed(coding, body):
    if coding == "gzip":
        return _gzip([body])[0]
    return subprocess.run(["zstd", "--quiet", "--stdout"], input=body, stdout=subprocess.PIPE, check=True).stdout


def _gzip(pieces, end=True):
    """Each piece can be undone when it is there."""
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    if end:
        out[-1] += packer.flush()
    return out


@dataclasses.dataclass
class Conversation:
    name: str
    keys: dict
    fields: list
    plain: list  # the pieces of the answer, not compressed

    @property
    def url(self):
        return urllib.parse.urlsplit(self.keys["url"])

    @property
    def target(self):
        return self.url.path + (f"?{self.url.query}" if self.url.query else "")

    @property
    def status(self):
        return int(self.keys.get("status", 200))

    @property
    def cut(self):
        return "cut" in self.keys

    @property
    def document(self):
        return self.keys["frames"] == "document"

    @property
    def dated(self):
        return "at" in self.keys

    @functools.cached_property
    def ask(self):
        """The request's body as it is sent."""
        body, coding = self.keys["ask"].encode(), self.keys.get("ask-coding")
        return compressed(coding, body) if coding else body

    @functools.cached_property
    def pieces(self):
        """Those of the response as they are sent."""
        pieces = self.plain
        if self.keys.get("coding") == "gzip":
            pieces = _gzip(pieces, end=not self.cut)
        return pieces


def _conversation(text):
    head, _, body = text.partition("\n--\n")
    name, *head = head.splitlines()
    pairs = [(key, value.strip()) for key, _, value in (line.partition(":") for line in head if line)]
    keys = {key: value for key, value in pairs if key != "field"}
    eol = "\r\n" if keys.get("lines") == "crlf" else "\n"
    lines = [line for line in body.split("\n") if not line.startswith("#")]
    while lines and not lines[-1]:
        lines.pop()
    pieces = _pieces(keys["frames"], lines, eol)
    if "mark" in keys:
        pieces[0] = b"\xef\xbb\xbf" + pieces[0]
    if "cut" in keys:
        pieces = _without_end(pieces, int(keys["cut"]))
    return Conversation(name.strip(), keys, [tuple(value.split(": ", 1)) for key, value in pairs if key == "field"], pieces)


def conversations():
    """All of them, by their names."""
    texts = itertools.chain.from_iterable(
        re.split(r"^== ", path.read_text(), flags=re.MULTILINE)[1:]
        for path in sorted(FIXTURES.glob("*.txt")) if path.name != "totals.txt")
    return {each.name: each for each in map(_conversation, texts)}


def totals():
    """The table of what they come to, by name; cells are as they are written."""
    rows = (line.partition("#")[0].split() for line in (FIXTURES / "totals.txt").read_text().splitlines())
    return {row[0]: Totals(*row) for row in rows if row}


# -- the origin

class Said(queue.Queue):
    """What a conversation came to at the origin: after each piece, how many bytes of its answer have been written."""

    def __init__(self):
        super().__init__()
        self.heard = queue.Queue()  # the client has all that was written
        self.ask = b""
        self.answer = b""


class ModelsHandler(OriginHandler):
    def answer(self):
        origin = self.server.origin
        origin.seen(self)
        name = self.headers.get("x-conversation", "")
        said = origin.said[name]
        said.ask = b"".join(self.body())
        if name.startswith("flood"):
            return self.flood(name, said)
        conversation = origin.conversations[name]
        body = b"".join(conversation.pieces)
        coding = conversation.keys.get("coding")
        fields = [("Content-Type", conversation.keys["type"]), *conversation.fields]
        if coding:
            fields.append(("Content-Encoding", coding))
        framing = ("Content-Length", str(len(body))) if conversation.document else ("Transfer-Encoding", "chunked")
        self.head(conversation.status, [*fields, framing])
        self.write_paced(conversation, said)
        if conversation.cut:
            self.close_connection = True
        elif not conversation.document:
            self.wfile.write(b"0\r\n\r\n")

    do_POST = answer

    def write_paced(self, conversation, said):
        stepping = self.headers.get("x-pace") == "step"
        for piece in filter(None, conversation.pieces):
            (self.wfile.write if conversation.document else self.chunk)(piece)
            said.answer += piece
            if not stepping:
                time.sleep(PACE)
                continue
            said.put(len(said.answer))
            said.heard.get(timeout=PATIENCE)

    def flood(self, name, said):
        """So many bytes of an answer in events, made as they go, some 50 MB a second; the first waits for the client to have it."""
        size, coding = int(self.headers["x-flood"]), self.headers.get("x-flood-coding")
        fields = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]
        self.head(200, fields + ([("Content-Encoding", coding)] if coding else []))
        packer = zlib.compressobj(level=1, wbits=31) if coding else None

        def pack(piece, mode=zlib.Z_SYNC_FLUSH):
            return packer.compress(piece) + packer.flush(mode) if packer else piece

        first, block, last = flood_pieces()
        piece = pack(first)
        self.chunk(piece)
        said.put(len(piece))
        said.heard.get(timeout=PATIENCE)
        for _ in range(size // len(block)):
            self.chunk(pack(block))
            time.sleep(PACE)
        self.chunk(pack(last, zlib.Z_FINISH))
        self.wfile.write(b"0\r\n\r\n")


@functools.cache
def flood_pieces():
    """Beginning, what is repeated, and end of an answer of any size, by Anthropic's protocol."""
    words = "".join(f"word{number} " for number in range(20))
    delta = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}' % words
    first = [
        '{"type":"message_start","message":{"id":"msg_f","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],'
        '"usage":{"input_tokens":10,"output_tokens":1}}}',
        '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}', delta]
    last = ['{"type":"content_block_stop","index":0}',
            '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1000000}}', '{"type":"message_stop"}']
    block = _event(delta, "\n", True)
    return (b"".join(_event(each, "\n", True) for each in first), block * (65536 // len(block)),
            b"".join(_event(each, "\n", True) for each in last))


class ModelsOrigin(Origin):
    def __init__(self, identity=None, handler=ModelsHandler):
        super().__init__(identity, handler)
        self.conversations = conversations()
        self.said = collections.defaultdict(Said)


class EveryName(Socks5Proxy):
    """Every name is that of one of two origins on this machine: by TLS where the port says so."""

    def __init__(self, secure, plain):
        super().__init__()
        self._secure, self._plain = secure, plain

    async def dial(self, host, port):
        self.names = (host,)
        return await super().dial(host, (self._secure if port == 443 else self._plain).port)
