"""Proxies for tests of chaining: SOCKS5, and HTTP that may be spoken to over TLS.

Both know the names in `names` and no others, whatever the resolver of this machine says.
"""

import asyncio
import base64
import ipaddress
import ssl
import threading

PATIENCE = 30


async def _copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


class Proxy:
    """`with SomeProxy(...) as proxy:` serves at proxy.place until the block ends; proxy.asked has what it was asked for."""

    def __init__(self, login=None, identity=None, names=("localhost", "far.test")):
        self.login, self.names = login, names
        self.asked = []
        self.refused = 0
        self._tls = None
        if identity:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(identity.certificate, identity.key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls), self._loop)
        self._server = started.result(PATIENCE)
        self.port = self._server.sockets[0].getsockname()[1]
        self.place = f"localhost:{self.port}"
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _end(self):
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        try:
            await self.talk(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # how a client leaves is the test's business
        finally:
            writer.close()

    async def dial(self, host, port):
        """A connection to the origin; None where this proxy cannot reach it."""
        self.asked.append(f"{host}:{port}")
        if host in self.names:
            host = "127.0.0.1"
        elif host != "127.0.0.1":
            return None
        try:
            return await asyncio.open_connection(host, port)
        except OSError:
            return None

    async def relay(self, reader, writer, origin):
        try:
            await asyncio.gather(_copy(reader, origin[1]), _copy(origin[0], writer))
        finally:
            origin[1].close()


class Socks5Proxy(Proxy):
    """RFC 1928; `login` is the (user, password) it wants, by RFC 1929."""

    async def talk(self, reader, writer):
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        method = 2 if self.login else 0
        if method not in offered:
            self.refused += 1
            return writer.write(b"\5\xff")
        writer.write(bytes([5, method]))
        if self.login:
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            if (user.decode(), password.decode()) != self.login:
                self.refused += 1
                return writer.write(b"\1\1")
            writer.write(b"\1\0")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        origin = await self.dial(host, port)
        writer.write(bytes([5, 0 if origin else 4, 0, 1, 0, 0, 0, 0, 0, 0]))
        if origin:
            await self.relay(reader, writer, origin)


class HttpProxy(Proxy):
    """CONNECT and absolute-form; `login` is the (user, password) it wants, by the Basic scheme."""

    async def talk(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        wanted = base64.b64encode(":".join(self.login or ()).encode())
        if self.login and b"\r\nProxy-Authorization: Basic " + wanted + b"\r\n" not in head:
            self.refused += 1
            return writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        place = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = place.partition(":")
        origin = await self.dial(host, int(port or 80))
        if not origin:
            return writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            origin[1].write(head)
        await self.relay(reader, writer, origin)
