"""An origin server for tests: plain or TLS, on a free port of the loopback, one thread a connection."""

import gzip
import hashlib
import http.server
import json
import socket
import socketserver
import ssl
import struct
import threading
import urllib.parse

PATIENCE = 30  # seconds that anything here waits for its peer before it gives up
BLOCK = bytes(range(256)) * 256  # what /bytes/N repeats: 64 KiB


class BodyEnded(Exception):
    """The client went away in the middle of its request body."""


class OriginHandler(http.server.BaseHTTPRequestHandler):
    """Each method `get_x` / `any_x` answers the path /x or /x/...; add more in a subclass."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    disable_nagle_algorithm = True  # head and body are written apart

    # -- plumbing

    def log_message(self, format, *args):
        pass

    def handle(self):
        self.server.origin.count_connection()
        try:
            super().handle()
        except (OSError, BodyEnded):
            pass  # how a client leaves is the test's business

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        first, _, self.rest = url.path.lstrip("/").partition("/")
        self.server.origin.seen(self)
        self.unread = True
        handler = getattr(self, "any_" + first.replace("-", "_"), self.not_found)
        handler()
        if self.unread and not self.close_connection:
            for _ in self.body():  # what the endpoint did not care for is not the next request
                pass

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

    def handle_expect_100(self):
        if self.path.startswith("/reject-expect"):
            self.server.origin.seen(self)
            self.reply(417, b"no", close=True)
            return False
        return super().handle_expect_100()

    def head(self, status, fields):
        """Status line and fields; `fields` is a list of pairs, sent as they are."""
        self.send_response_only(status)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()

    def reply(self, status, body, content_type="text/plain", fields=(), close=False):
        self.close_connection = self.close_connection or close
        closing = [("Connection", "close")] if close else []
        self.head(status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *fields, *closing])
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def body(self):
        """The request body in parts, without its framing."""
        self.unread = False
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.line().split(b";")[0], 16):
                yield self.exactly(size)
                self.line()
            while self.line().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            part = self.exactly(min(left, 65536))
            left -= len(part)
            yield part

    def line(self):
        line = self.rfile.readline(65537)
        if not line:
            raise BodyEnded
        return line

    def exactly(self, size):
        data = self.rfile.read(size)
        if len(data) != size:
            raise BodyEnded
        return data

    # -- endpoints

    def not_found(self):
        self.reply(404, b"no such endpoint\n")

    def any_echo(self):
        """What arrived, as JSON."""
        data = b"".join(self.body())
        seen = {"method": self.command, "path": self.path, "version": self.request_version,
                "fields": self.headers.items(), "length": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                "body": data[:4096].decode("latin-1")}
        self.reply(200, json.dumps(seen).encode(), "application/json")

    def any_upload(self):
        """Takes any amount without keeping it."""
        digest, length = hashlib.sha256(), 0
        for part in self.body():
            digest.update(part)
            length += len(part)
        self.reply(200, json.dumps({"length": length, "sha256": digest.hexdigest()}).encode(), "application/json")

    def any_bytes(self):
        """/bytes/N: N bytes, never in memory at once. Understands one simple range."""
        size = int(self.rest)
        start, end, status, fields = 0, size, 200, [("Accept-Ranges", "bytes")]
        if wanted := self.headers.get("Range", "").removeprefix("bytes="):
            first, _, last = wanted.partition("-")
            start, end, status = int(first), int(last) + 1 if last else size, 206
            fields.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
        self.head(status, [("Content-Type", "application/octet-stream"), ("Content-Length", str(end - start)), *fields])
        while self.command != "HEAD" and start < end:
            offset = start % len(BLOCK)
            part = BLOCK[offset:offset + min(end - start, len(BLOCK) - offset)]
            self.wfile.write(part)
            start += len(part)

    def any_endless(self):
        """Sends until the peer is gone, then tells origin.gone."""
        self.head(200, [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")])
        try:
            while True:
                self.chunk(BLOCK)
        except OSError:
            self.close_connection = True
            self.server.origin.gone.set()

    def any_chunked(self):
        self.head(200, [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")])
        if self.command != "HEAD":
            for part in (b"one,", b"two,", b"three"):
                self.chunk(part)
            self.wfile.write(b"0\r\n\r\n")

    def any_trailers(self):
        self.head(200, [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked"), ("Trailer", "X-Checksum")])
        self.chunk(b"body")
        self.wfile.write(b"0\r\nX-Checksum: 41b5\r\n\r\n")

    def any_sse(self):
        """/sse/N: N events, the first at once, each other when the test calls origin.next_event.release()."""
        self.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        for number in range(int(self.rest)):
            if number and not self.server.origin.next_event.acquire(timeout=PATIENCE):
                raise TimeoutError("the test asked for no further event")
            self.chunk(b"data: %d\n\n" % number)
        self.wfile.write(b"0\r\n\r\n")

    def any_held(self):
        """Answers when the test sets origin.release."""
        self.server.origin.holding.set()
        self.server.origin.release.wait(PATIENCE)
        self.reply(200, b"released\n")

    def any_refuse(self):
        """Answers in full without reading the request's body, then ends."""
        self.reply(413, b"too much for me\n", close=True)

    def any_close_early(self):
        """Promises 1000 bytes, sends 10, ends."""
        self.head(200, [("Content-Type", "text/plain"), ("Content-Length", "1000")])
        self.wfile.write(b"0123456789")
        self.close_connection = True

    def any_close_silently(self):
        """Ends without a single byte of response."""
        self.close_connection = True

    def any_reset(self):
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # The plain close of the descriptor is what sends the reset; TLS must not say goodbye first.
        socket.socket(fileno=self.connection.detach()).close()

    def any_garbage(self):
        self.wfile.write(b"this is no HTTP\r\n\r\n")
        self.close_connection = True

    def any_until_close(self):
        """A body that only the end of the connection ends, as HTTP/1.0 has it."""
        self.head(200, [("Content-Type", "text/plain"), ("Connection", "close")])
        self.wfile.write(b"until the end")
        self.close_connection = True

    def any_status(self):
        """/status/N, without a body where HTTP has none."""
        status = int(self.rest)
        if status in (204, 304):
            self.head(status, [("ETag", '"tag"')])
        else:
            self.reply(status, b"status %d\n" % status)

    def any_redirect(self):
        self.reply(302, b"", fields=[("Location", self.query.get("to", "/echo"))])

    def any_gzip(self):
        self.reply(200, gzip.compress(b"compressed text\n" * 100, mtime=0), fields=[("Content-Encoding", "gzip")])

    def any_early_hints(self):
        self.head(103, [("Link", "</style.css>; rel=preload")])
        self.reply(200, b"after the hints\n")

    def any_cookies(self):
        self.reply(200, b"two cookies\n", fields=[("Set-Cookie", "sid=s3cret; Path=/; HttpOnly"), ("Set-Cookie", "b=2")])


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    tls = None

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def finish_request(self, request, client_address):
        if self.tls:  # here and not at accept: a slow handshake holds up its own thread only
            request.settimeout(PATIENCE)
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError as error:
                self.origin.handshake_errors.append(str(error))
                return
        super().finish_request(request, client_address)
        # wrap_socket took the descriptor over, so that this class's own shutdown does not reach it.
        if self.tls and request.fileno() >= 0:
            try:
                request.settimeout(0)  # close_notify goes out; the peer's own is not waited for
                request.unwrap()
            except OSError:
                pass
            request.close()

    def handle_error(self, request, client_address):
        self.origin.errors.append(client_address)


class Origin:
    """`with Origin(identity) as origin:` serves at origin.url until the block ends.

    `identity` is a kit.Identity, or nothing for plain HTTP; `clients` is the file of the authority by which clients
    must introduce themselves.
    """

    def __init__(self, identity=None, handler=OriginHandler, clients=None, address="127.0.0.1"):
        self.requests = []  # (method, path, fields), in the order of arrival
        self.handshake_errors = []
        self.errors = []
        self.connections = 0
        self.gone = threading.Event()
        self.next_event = threading.Semaphore(0)
        self.release = threading.Event()
        self.holding = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server((address, 0), handler)
        self._server.origin = self
        if identity:
            self._server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._server.tls.load_cert_chain(identity.certificate, identity.key)
        if clients:
            self._server.tls.verify_mode = ssl.CERT_REQUIRED
            self._server.tls.load_verify_locations(clients)
        self.port = self._server.server_address[1]
        self.host = f"{'localhost' if address == '127.0.0.1' else address}:{self.port}"
        self.url = f"{'https' if identity else 'http'}://{self.host}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def count_connection(self):
        with self._lock:
            self.connections += 1

    def seen(self, request):
        with self._lock:
            self.requests.append((request.command, request.path, request.headers))

    @property
    def tls(self):
        """The SSLContext, to be changed before the first connection."""
        return self._server.tls

    @property
    def paths(self):
        return [path for _, path, _ in self.requests]
