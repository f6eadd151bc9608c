"""curl: the whole of HTTP/1.1 as the most used client speaks it, and the answers Weir gives for itself."""

import contextlib
import hashlib
import json
import socket
import ssl
import threading

import kit
from kit import PATIENCE, Origin, authority, identity
from origin import BLOCK


class CurlTest(kit.Client):
    needs = ("curl",)

    def curl(self, *words, ca=None, **options):
        command = ["curl", "--silent", "--show-error", "--max-time", "120", "--suppress-connect-headers", "--proxy", self.weir.url,
                   "--cacert", ca or self.weir.ca, *words]
        return kit.run(command, self.env, timeout=150, **options)

    def status_and_fields(self, done):
        """Of the final response in `curl --include` output, with its body."""
        head, _, body = self.check(done).partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 1"):
            head, _, body = body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}, body


class Messages(CurlTest):
    def test_http(self):
        seen = json.loads(self.check(self.curl(f"{self.plain.url}/echo?a=1", "-H", "X-Odd-Case: yes")))
        self.assertEqual((seen["method"], seen["path"], seen["version"]), ("GET", "/echo?a=1", "HTTP/1.1"))
        self.assertIn(["X-Odd-Case", "yes"], seen["fields"])
        self.assertIn(["Host", self.plain.host], seen["fields"])
        self.assertNotIn("proxy-connection", [name.lower() for name, _ in seen["fields"]])
        flow = self.only_flow()
        self.assertEqual((flow["method"], flow["url"], flow["status"]), ("GET", f"{self.plain.url}/echo?a=1", 200))
        self.assertEqual(json.loads(kit.body_of(flow, "resp")), seen)

    def test_https(self):
        seen = json.loads(self.check(self.curl(f"{self.tls.url}/echo", "--data", "hello")))
        self.assertEqual((seen["method"], seen["body"]), ("POST", "hello"))
        flow = self.only_flow()
        self.assertEqual((flow["method"], flow["url"], flow["status"]), ("POST", f"{self.tls.url}/echo", 200))
        self.assertEqual(kit.body_of(flow, "req"), b"hello")

    def test_https_by_address(self):
        url = f"https://127.0.0.1:{self.tls.port}/echo"
        self.check(self.curl(url))
        self.assertEqual(self.only_flow()["url"], url)

    def test_http_1_0(self):
        for origin in (self.plain, self.tls):
            self.assertEqual(self.check(self.curl("--http1.0", f"{origin.url}/chunked")), b"one,two,three")

    def test_head(self):
        status, fields, body = self.status_and_fields(self.curl("--head", f"{self.tls.url}/bytes/12345"))
        self.assertEqual((status, fields["content-length"], body), (200, "12345", b""))

    def test_statuses_without_body(self):
        for number in (204, 304):
            status, fields, body = self.status_and_fields(self.curl("--include", f"{self.tls.url}/status/{number}"))
            self.assertEqual((status, fields["etag"], body), (number, '"tag"', b""))
            self.assertNotIn("transfer-encoding", fields)

    def test_error_statuses_are_the_origins_own(self):
        for number in (404, 500, 503):
            status, fields, body = self.status_and_fields(self.curl("--include", f"{self.tls.url}/status/{number}"))
            self.assertEqual((status, body), (number, b"status %d\n" % number))
            self.assertNotIn("x-weir-error", fields)

    def test_range(self):
        status, fields, body = self.status_and_fields(
            self.curl("--include", "--range", "100-199", f"{self.tls.url}/bytes/1000"))
        self.assertEqual((status, fields["content-range"], body), (206, "bytes 100-199/1000", BLOCK[100:200]))

    def test_redirect_is_followed_by_the_client(self):
        self.assertIn(b'"path": "/echo"', self.check(self.curl("--location", f"{self.tls.url}/redirect")))
        self.assertEqual([flow["status"] for flow in self.stop()], [302, 200])

    def test_early_hints(self):
        done = self.curl("--http1.1", "--include", f"{self.tls.url}/early-hints")
        self.assertIn(b"HTTP/1.1 103", self.check(done))
        self.assertEqual(self.status_and_fields(done)[2], b"after the hints\n")

    def test_body_that_the_close_ends(self):
        for origin in (self.plain, self.tls):
            self.assertEqual(self.check(self.curl(f"{origin.url}/until-close")), b"until the end")

    def test_trailers(self):
        done = self.curl("--http1.1", "--include", "--raw", f"{self.tls.url}/trailers")
        self.assertTrue(self.check(done).endswith(b"0\r\nX-Checksum: 41b5\r\n\r\n"), done.stdout)

    def test_content_coding_is_left_alone(self):
        raw = self.check(self.curl("--header", "Accept-Encoding: gzip", f"{self.tls.url}/gzip"))
        self.assertEqual(raw[:2], b"\x1f\x8b")
        self.assertEqual(self.check(self.curl("--compressed", f"{self.tls.url}/gzip")), b"compressed text\n" * 100)

    def test_keep_alive(self):
        self.check(self.curl(*[f"{self.tls.url}/echo?{n}" for n in range(10)]))
        self.assertEqual(self.tls.connections, 1, "upstream connections for ten requests of one client connection")
        self.assertEqual(len(self.stop()), 10)

    def test_parallel(self):
        urls = [f"{self.tls.url}/bytes/100000?{n}" for n in range(40)]
        out = self.weir.home / "out"
        out.mkdir()
        targets = [word for n, url in enumerate(urls) for word in ("--output", str(out / str(n)), url)]
        self.check(self.curl("--parallel", "--parallel-max", "20", *targets))
        self.assertEqual({path.stat().st_size for path in out.iterdir()}, {100000})
        self.assertEqual(len(self.stop()), 40)

    def test_secrets_are_not_stored(self):
        self.check(self.curl("--http1.1", f"{self.tls.url}/cookies", "-H", "Authorization: Bearer t0psecret", "-H", "Cookie: a=cr0wn"))
        self.assertIn(("Authorization", "Bearer t0psecret"), self.tls.requests[0][2].items())
        flow = self.only_flow()
        for secret in ("t0psecret", "cr0wn", "s3cret"):
            self.assertNotIn(secret, json.dumps(flow))
            for path in filter(lambda p: p.is_file(), self.weir.data.rglob("*")):
                self.assertNotIn(secret.encode(), path.read_bytes(), path)
        self.assertEqual(kit.field_of(flow, "req", "Authorization"), ["Bearer [REDACTED]"])


class OneThread(CurlTest):
    flags = ("--threads", "1")  # each thread keeps upstream connections of its own

    def test_upstream_connection_is_reused_by_the_next_client(self):
        for _ in range(3):
            for origin in (self.plain, self.tls):
                self.check(self.curl(f"{origin.url}/echo"))
        self.assertEqual((self.plain.connections, self.tls.connections), (1, 1))


class Uploads(CurlTest):
    def upload(self, url, size, *words):
        data = (BLOCK * (size // len(BLOCK) + 1))[:size]
        seen = json.loads(self.check(self.curl("--request", "POST", *words, "--upload-file", "-", url, input=data, stdin=None)))
        self.assertEqual(seen, {"length": size, "sha256": hashlib.sha256(data).hexdigest()})

    def test_chunked(self):
        for origin in (self.plain, self.tls):
            self.upload(f"{origin.url}/upload", 10_000_000)
            self.assertEqual(origin.requests[0][2].get("Transfer-Encoding"), "chunked")
        flows = self.stop()
        self.assertEqual([(flow["req_body_bytes"], flow["req_truncated"]) for flow in flows], [(10_000_000, True)] * 2)
        for flow in flows:
            self.assertEqual(kit.body_of(flow, "req"), (BLOCK * 16)[:1 << 20])

    def test_expect_continue(self):
        self.upload(f"{self.tls.url}/upload", 100_000, "-H", "Expect: 100-continue", "--expect100-timeout", "60")

    def test_refused_expectation(self):
        done = self.curl("--http1.1", "--include", "-H", "Expect: 100-continue", "--expect100-timeout", "60", "--data", "x" * 2000,
                         f"{self.tls.url}/reject-expect")
        self.assertEqual(self.status_and_fields(done)[0], 417)
        self.assertEqual(len(self.tls.requests), 1)


class Streams(CurlTest):
    size = 256 << 20

    @contextlib.contextmanager
    def flat_memory(self):
        """Weir's memory stays near what it was before the block, all through it."""
        self.check(self.curl(f"{self.tls.url}/bytes/1000"))
        idle, top, ended = self.weir.memory(), 0, threading.Event()

        def watch():
            nonlocal top
            while not ended.wait(0.02):
                top = max(top, self.weir.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
        if not kit.sanitized():
            self.assertLess(top - idle, 64 << 20)

    def wanted(self):
        digest = hashlib.sha256()
        for _ in range(self.size // len(BLOCK)):
            digest.update(BLOCK)
        return digest.hexdigest()

    def test_big_download(self):
        with self.flat_memory():
            curl = self.spawn(["curl", "-sS", "--proxy", self.weir.url, "--cacert", self.weir.ca,
                               f"{self.tls.url}/bytes/{self.size}"])
            digest = hashlib.file_digest(curl.stdout, "sha256").hexdigest()
        self.assertEqual((curl.wait(PATIENCE), digest), (0, self.wanted()), self.weir.said)
        flow = self.stop()[-1]
        self.assertEqual((flow["resp_body_bytes"], flow["resp_truncated"]), (self.size, True))

    def test_big_upload(self):
        path = self.weir.home / "big"
        with path.open("wb") as file:
            for _ in range(self.size // len(BLOCK)):
                file.write(BLOCK)
        with self.flat_memory():
            seen = json.loads(self.check(self.curl("--upload-file", path, f"{self.tls.url}/upload")))
        self.assertEqual(seen, {"length": self.size, "sha256": self.wanted()})
        flow = self.stop()[-1]
        self.assertEqual((flow["req_body_bytes"], flow["req_truncated"]), (self.size, True))

    def test_client_that_leaves(self):
        for origin in (self.plain, self.tls):
            curl = self.spawn(["curl", "-sS", "--proxy", self.weir.url, "--cacert", self.weir.ca, f"{origin.url}/endless"])
            self.assertEqual(len(curl.stdout.read(1 << 20)), 1 << 20)
            curl.kill()
            self.assertTrue(origin.gone.wait(PATIENCE), "the origin's connection outlived the client")
        flows = self.stop()
        self.assertEqual([flow["status"] for flow in flows], [200, 200])
        for flow in flows:
            self.assertIn(flow["error_code"], ("client_closed", "client_reset"))
            self.assertGreaterEqual(flow["resp_body_bytes"], 1 << 20)

    def test_each_event_comes_when_it_is_sent(self):
        for origin in (self.plain, self.tls):
            curl = self.spawn(["curl", "-sS", "--no-buffer", "--proxy", self.weir.url, "--cacert", self.weir.ca,
                               f"{origin.url}/sse/3"])
            for number in range(3):
                # The origin makes the next event only after this one was read here.
                self.assertEqual(curl.stdout.readline(), b"data: %d\n" % number)
                self.assertEqual(curl.stdout.readline(), b"\n")
                origin.next_event.release()
            self.assertEqual(curl.stdout.read(), b"")
            self.assertEqual(curl.wait(PATIENCE), 0)
        self.assertEqual([kit.body_of(flow, "resp") for flow in self.stop()], [b"data: 0\n\ndata: 1\n\ndata: 2\n\n"] * 2)

    def test_drain(self):
        """A request that is under way when Ctrl-C comes is finished."""
        curl = self.spawn(["curl", "-sS", "--proxy", self.weir.url, f"{self.plain.url}/held"])
        self.assertTrue(self.plain.holding.wait(PATIENCE))
        stopping = threading.Thread(target=self.weir.stop)
        stopping.start()
        self.weir.wait_for_line(r"(?i)drain|stopping|shutting down|finishing")
        self.plain.release.set()
        self.assertEqual(curl.communicate(timeout=PATIENCE)[0], b"released\n")
        stopping.join(PATIENCE)
        self.assertEqual([(flow["status"], flow["error_code"]) for flow in self.weir.flows()], [(200, "")])


class Failures(CurlTest):
    def refused(self, url, status, code, phase, *words, origin_ca=None):
        """Weir answers for itself: readable, and in JSON for those who ask."""
        for accept, kind in (("application/json", "application/json"), ("*/*", "text/")):
            got, fields, body = self.status_and_fields(self.curl("--include", "-H", f"Accept: {accept}", *words, url))
            self.assertEqual((got, fields.get("x-weir-error")), (status, code), body)
            self.assertTrue(fields["content-type"].startswith(kind), fields)
            self.assertIn(code.encode(), body)
            if kind == "application/json":
                self.assertIn(phase, json.dumps(json.loads(body)))
        flows = self.stop()
        self.assertEqual([(flow["status"], flow["error_code"]) for flow in flows], [(status, code)] * 2)
        return flows

    def closed_port(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return sock.getsockname()[1]

    def test_nobody_listens(self):
        self.refused(f"http://localhost:{self.closed_port()}/", 502, "connect_refused", "dial")

    def test_nobody_listens_https(self):
        self.refused(f"https://localhost:{self.closed_port()}/", 502, "connect_refused", "dial")

    def test_name_that_does_not_exist(self):
        # RFC 6761: no resolver knows .invalid. Without a network it is a failure of another name in the same phase.
        got, fields, body = self.status_and_fields(self.curl("--include", "-H", "Accept: application/json", "http://no.invalid/"))
        self.assertIn(got, (502, 504))
        self.assertIn(fields["x-weir-error"], ("dns_not_found", "dns_failed", "dns_timeout"))
        self.assertIn('"dns"', json.dumps(json.loads(body)))
        self.assertEqual(self.only_flow()["error_code"], fields["x-weir-error"])

    def test_origin_that_closes_without_answer(self):
        self.refused(f"{self.tls.url}/close-silently", 502, "upstream_closed", "upstream")

    def test_origin_that_resets(self):
        self.refused(f"{self.plain.url}/reset", 502, "upstream_reset", "upstream")

    def test_origin_that_speaks_no_http(self):
        self.refused(f"{self.plain.url}/garbage", 502, "upstream_bad_response", "upstream")

    def test_body_that_ends_early(self):
        done = self.curl("--http1.1", f"{self.tls.url}/close-early")
        self.assertIn(done.returncode, (18, 56), "curl knows that the body is short")
        self.assertEqual(done.stdout, b"0123456789")
        flow = self.only_flow()
        self.assertEqual((flow["status"], flow["error_code"]), (200, "upstream_body_incomplete"))

    def test_no_connect_to_ourselves(self):
        self.refused(f"http://{self.weir.address}/", 508, "loop_detected", "policy")


class Certificates(CurlTest):
    refused = Failures.refused

    def test_untrusted(self):
        with Origin(identity(issuer="Stranger")) as stranger:
            flows = self.refused(f"{stranger.url}/echo", 502, "upstream_cert_untrusted", "upstream_tls")
            self.assertEqual(stranger.requests, [], "no byte of the request reaches an origin that was not verified")
            self.assertEqual(flows[0]["url"], f"{stranger.url}/echo")

    def test_expired(self):
        with Origin(identity(expired=True)) as old:
            self.refused(f"{old.url}/echo", 502, "upstream_cert_expired", "upstream_tls")

    def test_wrong_name(self):
        with Origin(identity("DNS:other.example")) as other:
            self.refused(f"{other.url}/echo", 502, "upstream_cert_name_mismatch", "upstream_tls")

    def test_leaf_that_the_client_sees(self):
        with socket.create_connection(("127.0.0.1", self.weir.port), PATIENCE) as raw:
            raw.sendall(f"CONNECT {self.tls.host} HTTP/1.1\r\nHost: {self.tls.host}\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += raw.recv(1)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
            context = ssl.create_default_context(cafile=str(self.weir.ca))
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            with context.wrap_socket(raw, server_hostname="localhost") as tls:
                leaf = tls.getpeercert()
        self.assertIn(("DNS", "localhost"), leaf["subjectAltName"])
        days = (ssl.cert_time_to_seconds(leaf["notAfter"]) - ssl.cert_time_to_seconds(leaf["notBefore"])) / 86400
        self.assertLessEqual(days, 197)

    def test_client_that_does_not_trust_us(self):
        done = self.curl(f"{self.tls.url}/echo", ca=authority().certificate)
        self.assertEqual(done.returncode, 60)
        flow = self.only_flow()
        self.assertIn(flow["error_code"], ("client_rejected_certificate", "client_tls_failed"))
        self.assertIn(f"localhost:{self.tls.port}", flow["url"])


class PassThrough(CurlTest):
    flags = ("--passthrough", "localhost")

    def test_origin_is_seen_as_it_is(self):
        body = self.check(self.curl(f"{self.tls.url}/bytes/5000", ca=authority().certificate))
        self.assertEqual(len(body), 5000)
        flow = self.only_flow()
        self.assertEqual((flow["kind"], flow["interception"]), ("tunnel", "passthrough"))
        self.assertIn(f"localhost:{self.tls.port}", flow["url"])
        self.assertGreater(flow["resp_body_bytes"], 5000)

    def test_other_hosts_are_intercepted(self):
        self.check(self.curl(f"https://127.0.0.1:{self.tls.port}/echo"))
        self.assertEqual(self.only_flow()["interception"], "intercepted")


class InterceptList(CurlTest):
    flags = ("--intercept", "127.0.0.1")

    def test_only_listed_hosts_are_intercepted(self):
        self.check(self.curl(f"{self.tls.url}/echo", ca=authority().certificate))
        self.check(self.curl(f"https://127.0.0.1:{self.tls.port}/echo"))
        self.assertEqual([flow["interception"] for flow in self.stop()], ["passthrough", "intercepted"])


class Chained(CurlTest):
    """Weir behind another proxy, for which a second Weir stands in."""

    def setUp(self):
        super().setUp()
        self.corporate = self.weir
        self.weir = self.start("--upstream-proxy", f"http://user:pass@{self.corporate.address}",
                               "--upstream-ca", self.corporate.ca)
        self.env = self.weir.env

    def test_both_see_it(self):
        self.check(self.curl(f"{self.plain.url}/echo"))
        self.check(self.curl(f"{self.tls.url}/echo"))
        urls = [f"{self.plain.url}/echo", f"{self.tls.url}/echo"]
        self.assertEqual([flow["url"] for flow in self.stop()], urls)
        self.corporate.stop()
        self.assertEqual([flow["url"] for flow in self.corporate.flows()], urls)
        self.assertNotIn("proxy-authorization", [name.lower() for name in self.plain.requests[0][2]])


if __name__ == "__main__":
    kit.main()
