"""Python's urllib (proxy and trust from variables) and http.client (a CONNECT of its own, pipelined by hand)."""

import hashlib
import http.client
import json
import socket
import ssl
import sys

import kit
from origin import BLOCK

FETCH = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as response:
    sys.stdout.buffer.write(response.read())
"""


class Urllib(kit.Client):
    def test_variables_are_enough(self):
        env = {**self.env, "http_proxy": self.weir.url, "https_proxy": self.weir.url, "SSL_CERT_FILE": str(self.weir.ca)}
        for origin in (self.plain, self.tls):
            done = kit.run([sys.executable, "-c", FETCH, f"{origin.url}/bytes/100000"], env)
            self.assertEqual(self.check(done), (BLOCK * 2)[:100000])
        self.assertEqual([flow["interception"] for flow in self.stop()], ["plain", "intercepted"])


class HttpClient(kit.Client):
    def connect(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.weir.port, timeout=kit.PATIENCE,
                                                 context=ssl.create_default_context(cafile=str(self.weir.ca)))
        connection.set_tunnel("localhost", self.tls.port)
        self.addCleanup(connection.close)
        return connection

    def test_many_requests_on_one_tunnel(self):
        connection = self.connect()
        for number in range(200):
            connection.request("POST", f"/echo?{number}", body=b"x" * number)
            seen = json.load(connection.getresponse())
            self.assertEqual((seen["path"], seen["length"]), (f"/echo?{number}", number))
        self.assertEqual(self.tls.connections, 1)
        flows = self.stop()
        self.assertEqual([flow["url"] for flow in flows], [f"{self.tls.url}/echo?{n}" for n in range(200)])

    def test_generated_body_is_streamed(self):
        connection = self.connect()
        connection.request("PUT", "/upload", body=(BLOCK for _ in range(100)), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(json.load(connection.getresponse()),
                         {"length": 100 * len(BLOCK), "sha256": hashlib.sha256(BLOCK * 100).hexdigest()})

    def test_methods(self):
        connection = self.connect()
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH"):
            connection.request(method, "/echo")
            self.assertEqual(json.load(connection.getresponse())["method"], method)

    def test_pipelined_requests_are_answered_in_order(self):
        with socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
            head = f"GET {self.plain.url}/%s HTTP/1.1\r\nHost: {self.plain.host}\r\n%s\r\n"
            sock.sendall("".join([head % ("status/404", ""), head % ("chunked", ""), head % ("bytes/10", ""),
                                  head % ("status/500", "Connection: close\r\n")]).encode())
            answers = b"".join(iter(lambda: sock.recv(65536), b""))
        places = [answers.index(mark) for mark in (b"HTTP/1.1 404", b"two,", BLOCK[:10], b"HTTP/1.1 500")]
        self.assertEqual(places, sorted(places))
        self.assertEqual([flow["status"] for flow in self.stop()], [404, 200, 200, 500])

    def test_answer_before_the_body_has_ended(self):
        with socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
            sock.sendall(f"POST {self.plain.url}/refuse HTTP/1.1\r\nHost: {self.plain.host}\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b""))  # ends, though our body never does
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertTrue(answer.endswith(b"too much for me\n"), answer)
        self.assertEqual(self.only_flow()["status"], 413)

    def test_bad_requests_are_refused_and_recorded(self):
        host = self.plain.host
        bad = [
            (b"GET http://%s/ HTTP/1.1\r\n\r\n", 400),  # no Host
            (b"GET http://%s/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"POST http://%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
            (b"POST http://%s/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"GET http://%s/ HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),  # obs-fold
            (b"GET http://%s/ HTTP/1.1\nHost: a\n\n", 400),  # bare LF
            (b"GET http://%s/ HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", 431),
            (b"CONNECT nonsense HTTP/1.1\r\nHost: nonsense\r\n\r\n", 400),
            (b"\x00\x01\x02\x03 garbage\r\n\r\n", 400),
        ]
        for template, status in bad:
            text = template.replace(b"%s", host.encode())
            with self.subTest(text[:80]), socket.create_connection(("127.0.0.1", self.weir.port), kit.PATIENCE) as sock:
                try:
                    sock.sendall(text)
                except ConnectionError:
                    pass  # refused before it was all said: the answer may still be read
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:200])
                self.assertIn(b"x-weir-error:", answer.lower())
        self.assertEqual(self.plain.requests, [], "nothing of it reached the origin")
        self.assertEqual([flow["status"] for flow in self.stop()], [status for _, status in bad])


if __name__ == "__main__":
    kit.main()
