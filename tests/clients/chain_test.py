"""Weir behind proxies of every kind: SOCKS5, and HTTP over TLS; curl is the client."""

import json

import kit
from proxies import HttpProxy, Socks5Proxy

LOGIN = ("me", "s3cret:@")
USER_INFO = "me:s3cret%3A%40"


class ChainTest(kit.Client):
    needs = ("curl",)

    def setUp(self):
        super().setUp()
        # The name that only the proxies know.
        self.far_tls = self.enterContext(kit.Origin(kit.identity("DNS:far.test")))
        self.far_http, self.far_https = f"http://far.test:{self.plain.port}", f"https://far.test:{self.far_tls.port}"

    def behind(self, url, **options):
        self.weir = self.start("--upstream-proxy", url, **options)
        self.env = self.weir.env

    def curl(self, *words):
        return kit.run(["curl", "--silent", "--show-error", "--max-time", "60", "--suppress-connect-headers", "--proxy",
                        self.weir.url, "--cacert", self.weir.ca, *words], self.env)

    def echo(self, url):
        return json.loads(self.check(self.curl(url)))

    def refused(self, url):
        """The code of Weir's own 502, and what it says."""
        out = json.loads(self.check(self.curl("-H", "Accept: application/json", "--write-out", "", url)))["error"]
        return out["code"], out["detail"]


class Socks5(ChainTest):
    def setUp(self):
        super().setUp()
        self.proxy = self.enterContext(Socks5Proxy(LOGIN))

    def test_http_and_https(self):
        self.behind(f"socks5://{USER_INFO}@{self.proxy.place}")
        plain, secure = self.echo(f"{self.far_http}/echo?a=1"), self.echo(f"{self.far_https}/echo")
        self.assertEqual(plain["path"], "/echo?a=1", "origin-form: no proxy reads it")
        self.assertNotIn("proxy-authorization", [name.lower() for name, _ in plain["fields"] + secure["fields"]])
        self.assertEqual(self.proxy.asked, [f"far.test:{self.plain.port}", f"far.test:{self.far_tls.port}"])
        flows = self.stop()
        self.assertEqual([(flow["url"], flow["status"]) for flow in flows],
                         [(f"{self.far_http}/echo?a=1", 200), (f"{self.far_https}/echo", 200)])
        self.assertNotIn("s3cret", self.weir.said + json.dumps(flows))

    def test_from_the_environment(self):
        self.weir = self.start(env={"ALL_PROXY": f"socks5h://{USER_INFO}@{self.proxy.place}", "NO_PROXY": "127.0.0.1"})
        self.env = self.weir.env
        self.echo(f"{self.far_http}/echo")
        self.echo(f"{self.far_https}/echo")
        self.echo(f"http://127.0.0.1:{self.plain.port}/echo")
        self.assertEqual(len(self.proxy.asked), 2)

    def test_connections_are_reused(self):
        self.behind(f"socks5://{USER_INFO}@{self.proxy.place}")
        self.check(self.curl(f"{self.far_https}/echo", f"{self.far_https}/echo"))
        self.assertEqual(len(self.proxy.asked), 1)

    def test_wrong_password(self):
        self.behind(f"socks5://me:guess@{self.proxy.place}")
        for url in (self.far_http, self.far_https):
            code, detail = self.refused(f"{url}/echo")
            self.assertEqual(code, "upstream_proxy_refused")
            self.assertIn(f"{self.proxy.place} for far.test:", detail)
            self.assertIn("user name or password refused", detail)
        self.assertEqual((self.proxy.refused, self.proxy.asked), (2, []))

    def test_no_password(self):
        self.behind(f"socks5://{self.proxy.place}")
        self.assertEqual(self.refused(f"{self.far_http}/echo")[0], "upstream_proxy_refused")

    def test_place_it_cannot_reach(self):
        self.behind(f"socks5://{USER_INFO}@{self.proxy.place}")
        code, detail = self.refused("https://nowhere.test/")
        self.assertEqual(code, "upstream_proxy_refused")
        self.assertIn("host unreachable", detail)


class Https(ChainTest):
    def setUp(self):
        super().setUp()
        self.proxy = self.enterContext(HttpProxy(LOGIN, kit.identity()))

    def test_http_and_https(self):
        self.behind(f"https://{USER_INFO}@{self.proxy.place}")
        self.assertEqual(self.echo(f"{self.far_http}/echo")["path"], f"{self.far_http}/echo", "absolute-form")
        self.echo(f"{self.far_https}/echo")
        self.assertEqual(self.proxy.asked, [f"far.test:{self.plain.port}", f"far.test:{self.far_tls.port}"])
        self.assertEqual([flow["status"] for flow in self.stop()], [200, 200])

    def test_big_bodies(self):
        """TLS in TLS, both ways."""
        self.behind(f"https://{USER_INFO}@{self.proxy.place}")
        upload = self.weir.home / "upload"
        upload.write_bytes(bytes(range(256)) * 8192)
        self.assertEqual(self.echo(f"{self.far_https}/echo")["length"], 0)
        seen = json.loads(self.check(self.curl("--data-binary", f"@{upload}", f"{self.far_https}/echo")))
        self.assertEqual(seen["length"], 2 << 20)
        self.assertEqual(len(self.check(self.curl(f"{self.far_https}/bytes/5000000"))), 5_000_000)

    def test_wrong_password(self):
        self.behind(f"https://me:guess@{self.proxy.place}")
        code, detail = self.refused(f"{self.far_https}/echo")
        self.assertEqual(code, "upstream_proxy_refused")
        self.assertIn("407", detail)

    def test_proxy_that_is_not_trusted(self):
        self.behind(f"https://{USER_INFO}@{self.proxy.place}", trust=False)
        code, detail = self.refused(f"{self.far_https}/echo")
        self.assertEqual(code, "upstream_cert_untrusted")
        self.assertIn(f"the upstream proxy {self.proxy.place}", detail)
        self.assertEqual((self.proxy.refused, self.proxy.asked), (0, []), "nothing was sent to it")

    def test_proxy_with_another_name(self):
        self.behind(f"https://{USER_INFO}@127.0.0.1:{self.proxy.port}")
        self.echo(f"{self.far_http}/echo")  # its certificate has the address as well
        other = self.enterContext(HttpProxy(LOGIN, kit.identity("DNS:other.test")))
        self.behind(f"https://{USER_INFO}@{other.place}")
        self.assertEqual(self.refused(f"{self.far_http}/echo")[0], "upstream_cert_name_mismatch")


if __name__ == "__main__":
    kit.main()
