"""HTTP/2 on either side or both: Node's http2 client and server, curl --http2."""

import hashlib
import json
import os
import unittest

import kit
import node_kit
from origin import BLOCK

BIG = 20 << 20


def sum_of(size):
    return hashlib.sha256((BLOCK * (size // len(BLOCK) + 1))[:size]).hexdigest()


class H2Test(node_kit.NodeTest):
    def scenario(self, name, **config):
        return self.node("h2.mjs", name, **config)

    def versions(self, flows):
        return {(flow["http_version"], flow["resp_http_version"]) for flow in flows}


class Exchanges:
    """What must hold with TLS and without. Each scenario asserts for itself; here is what was recorded."""

    secure = True

    def play(self, name):
        self.scenario(name, tls=self.secure)
        flows = self.stop()
        self.assertEqual({flow["interception"] for flow in flows}, {"intercepted"})
        return flows

    def test_exchanges(self):
        flows = self.play("exchanges")
        self.assertEqual(self.versions(flows), {("HTTP/2", "HTTP/2")})
        first = flows[0]
        self.assertEqual((first["method"], first["status"], kit.field_of(first, "req", "x-mine")), ("GET", 200, ["One, Two"]))
        self.assertEqual([kit.body_of(flow, "req") for flow in flows[1:3]], [b"one,two", b""])
        self.assertEqual(sorted(flow["status"] for flow in flows[-4:]), [204, 304, 404, 500])
        self.assertEqual({flow["state"] for flow in flows}, {"closed"})
        self.assertEqual({flow["error_code"] for flow in flows}, {""})
        self.assertEqual(len({flow["client_connection"] for flow in flows}), 1)
        self.assertEqual(len({flow["upstream_connection"] for flow in flows}), 1)

    def test_big_bodies(self):
        flows = {flow["url"].rpartition("/")[2]: flow for flow in self.play("big_bodies")}
        self.assertEqual(flows[str(BIG)]["resp_body_bytes"], BIG)
        self.assertEqual(flows["echo"]["req_body_bytes"], BIG)
        self.assertEqual((flows["mirror"]["req_body_bytes"], flows["mirror"]["resp_body_bytes"]), (BIG, BIG))
        self.assertEqual(kit.body_of(flows[str(BIG)], "resp"), (BLOCK * 16)[:1 << 20])

    def test_many_streams(self):
        flows = self.play("many_streams")
        self.assertEqual({(flow["status"], flow["client_connection"]) for flow in flows}, {(200, flows[0]["client_connection"])})
        self.assertEqual(len(flows), 500)

    def test_origin_with_few_streams(self):
        self.assertEqual([flow["status"] for flow in self.play("origin_with_few_streams")], [200] * 60)

    def test_trailers(self):
        flows = self.play("trailers")
        self.assertEqual([flow.get("resp_trailers") for flow in flows],
                         [{"x-checksum": ["41b5"], "x-second": ["two"]}, {"x-checksum": ["none"]}] + [None] * 21)
        self.assertEqual([flow.get("req_trailers") for flow in flows],
                         [None, None, {"x-digest": ["abc"]}] + [{"x-digest": ["alone"]}] * 20)
        self.assertEqual({flow["error_code"] for flow in flows}, {""})

    def test_early_hints(self):
        flow, = self.play("early_hints")
        self.assertEqual((flow["status"], kit.body_of(flow, "resp")), (200, b"after the hints"))

    def test_cancel(self):
        flows = self.play("cancel")
        self.assertEqual([flow["error_code"] for flow in flows], ["client_closed"] * 6 + [""])
        self.assertEqual([flow["status"] for flow in flows], [None, 200, None] * 2 + [200])

    def test_client_that_leaves(self):
        self.assertEqual({flow["error_code"] for flow in self.play("client_leaves")} - {"client_closed", "client_reset"}, set())

    def test_push_is_refused(self):
        self.play("push")

    def test_events(self):
        flow, = self.play("events")
        self.assertEqual(kit.body_of(flow, "resp"), b"".join(b"data: %d\n\n" % n for n in range(5)))

    def test_big_heads(self):
        flows = self.play("big_heads")
        self.assertEqual([flow["status"] for flow in flows], [200, 200, 431, 200, 502])

    def test_cookies(self):
        flows = self.play("cookies")
        self.assertEqual(len(kit.field_of(flows[1], "resp", "set-cookie")), 3)

    def test_origin_resets(self):
        flows = self.play("origin_resets")
        self.assertEqual([flow["error_code"] for flow in flows], ["upstream_reset", "upstream_bad_response", "", ""])
        self.assertIn("retried", flows[2]["marks"])

    def test_origin_leaves(self):
        self.assertEqual([flow["error_code"] for flow in self.play("origin_leaves")], [""] * 3)

    def test_answer_before_the_body(self):
        self.assertEqual([flow["status"] for flow in self.play("answer_before_the_body")], [413, 200])

    def test_other_authority(self):
        self.assertEqual([(flow["status"], flow["error_code"]) for flow in self.play("other_authority")],
                         [(421, "misdirected_request"), (200, "")])


class WithTls(Exchanges, H2Test):
    pass


class WithoutTls(Exchanges, H2Test):
    secure = False


class Pairs(H2Test):
    def test_h1_origin(self):
        self.scenario("h1_origin", origin=self.tls.url)
        flows = self.stop()
        self.assertEqual(self.versions(flow for flow in flows if flow["state"] == "closed" and not flow["error_code"]),
                         {("HTTP/2", "HTTP/1.1")})
        failed = {flow["url"].rpartition("/")[2]: flow["error_code"] for flow in flows if flow["error_code"]}
        self.assertEqual(failed, {"close_early": "upstream_body_incomplete", "garbage": "upstream_bad_response"})

    def test_h1_client(self):
        self.scenario("h1_client")
        self.assertEqual(self.versions(self.stop()), {("HTTP/1.1", "HTTP/1.1")})

    def test_h2_with_the_proxy(self):
        self.scenario("proxy_session", place=self.plain.host)
        flows = self.stop()
        self.assertEqual({flow["url"].startswith("http://") for flow in flows[1:]}, {False})
        self.assertEqual(self.versions(flows[:1]), {("HTTP/2", "HTTP/1.1")})
        self.assertEqual([flow["status"] for flow in flows], [200] * 12)
        self.assertGreater(len({flow["client_connection"] for flow in flows}), 4)


class Life(H2Test):
    def test_back_pressure(self):
        script = self.begin("h2.mjs", "back_pressure")
        self.assertEqual(script.hear(), "ready")
        idle = self.weir.memory()
        script.tell("go")
        stopped = script.hear()
        for way, taken in stopped.items():
            self.assertLess(taken, 16 << 20, f"{way}: Weir took more than windows and buffers hold")
        if not kit.sanitized():
            self.assertLess(self.weir.memory() - idle, 16 << 20)
        script.tell("read")
        script.end()
        self.assertEqual({flow["error_code"] for flow in self.stop()}, {""})

    def test_drain(self):
        script = self.begin("h2.mjs", "drain")
        self.assertEqual(script.hear(), "held")
        self.weir.stop()
        script.end()
        flow, = self.weir.flows()
        self.assertEqual((flow["status"], flow["error_code"]), (200, ""))


class Curl(H2Test):
    needs = ("node", "curl")

    def setUp(self):
        super().setUp()
        features = kit.run(["curl", "--version"], self.env).stdout
        if b" HTTP2" not in features:
            raise unittest.SkipTest("this curl speaks no HTTP/2")
        self.url = self.serve()

    def serve(self, **config):
        return self.begin("h2.mjs", "serve", **config).hear()["url"]

    def curl(self, *words, url):
        return self.check(kit.run(["curl", "-sS", "-q", "--http2", "--max-time", kit.PATIENCE, "--proxy", self.weir.url, "--cacert",
                                   self.weir.ca, *words, url], self.env))

    def test_get(self):
        out = self.curl("-w", "\n%{http_version} %{response_code}", "-H", "Cookie: a=1; b=2", url=f"{self.url}/echo").split(b"\n")
        self.assertEqual(out[1], b"2 200")
        self.assertEqual(json.loads(out[0])["method"], "GET")
        self.assertEqual(self.versions(self.stop()), {("HTTP/2", "HTTP/2")})

    def test_head(self):
        out = self.curl("--head", url=f"{self.url}/bytes/5000")
        self.assertIn(b"\r\n\r\nHTTP/2 200", out)
        self.assertIn(b"content-length: 5000", out)

    def test_download_and_upload(self):
        self.assertEqual(hashlib.sha256(self.curl(url=f"{self.url}/bytes/{BIG}")).hexdigest(), sum_of(BIG))
        path = self.weir.home / "big"
        path.write_bytes(os.urandom(BIG))
        seen = json.loads(self.curl("--upload-file", path, url=f"{self.url}/echo"))
        self.assertEqual((seen["method"], seen["length"], seen["sha256"]),
                         ("PUT", BIG, hashlib.sha256(path.read_bytes()).hexdigest()))

    def test_trailers_and_hints(self):
        out = self.curl("--include", url=f"{self.url}/trailers")
        self.assertTrue(out.endswith(b"body" + b"x-checksum: 41b5\r\nx-second: two\r\n"), out)
        out = self.curl("--include", url=f"{self.url}/hints")
        self.assertEqual(out.count(b"HTTP/2 103"), 2)

    def test_parallel(self):
        urls = [f"{self.url}/echo?{n}" for n in range(50)]
        self.curl("--parallel", "--parallel-immediate", "--fail-early", "--fail", "-o", "/dev/null", *urls[1:], url=urls[0])
        flows = self.stop()
        self.assertEqual(sorted(flow["url"] for flow in flows), sorted(urls))
        self.assertEqual({flow["status"] for flow in flows}, {200})

    def test_h1_client_of_an_h2_origin(self):
        out = json.loads(self.curl("--http1.1", url=f"{self.serve(http1=True)}/one"))
        self.assertEqual(out["version"], "1.1")

    def test_h1_origin(self):
        out = self.curl("-w", "\n%{http_version}", url=f"{self.tls.url}/echo").rpartition(b"\n")
        self.assertEqual((json.loads(out[0])["version"], out[2]), ("HTTP/1.1", b"2"))


class Undici(H2Test):
    packages = ("undici",)

    def test_fetch(self):
        self.scenario("undici")
        flows = self.stop()
        self.assertEqual(self.versions(flows), {("HTTP/2", "HTTP/2")})
        self.assertEqual([flow["error_code"] for flow in flows], [""] * 21 + ["client_closed"])
        # Connections of clients that one thread serves share one upstream.
        self.assertLess(len({flow["upstream_connection"] for flow in flows}), len({flow["client_connection"] for flow in flows}))


class Httpx(H2Test):
    def test_httpx(self):
        python = kit.python_with("httpx", "h2")
        url = self.begin("h2.mjs", "serve").hear()["url"]
        done = kit.run([python, kit.HERE / "python" / "httpx_client.py", self.weir.url, self.weir.ca, url], self.env)
        wanted = sum_of(1 << 20)
        self.assertEqual(json.loads(self.check(done)), {"versions": ["HTTP/2"], "paths": [f"/echo?{n}" for n in range(20)],
                                                        "down": wanted, "up": wanted})
        self.assertEqual(self.versions(self.stop()), {("HTTP/2", "HTTP/2")})


if __name__ == "__main__":
    kit.main()
