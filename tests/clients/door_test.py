"""The ways in besides plain proxying: SOCKS5, credentials, reverse mode, and who is kept out."""

import json
import socket

import kit
from kit import PATIENCE

LOGIN = ("alice", "s3cret:@")
USER_INFO = "alice:s3cret%3A%40"


class DoorTest(kit.Client):
    needs = ("curl",)

    def curl(self, *words, ca=None):
        return kit.run(["curl", "--silent", "--show-error", "--max-time", "60", "--suppress-connect-headers", "--cacert",
                        ca or self.weir.ca, *words], self.env)

    def through(self, proxy, *words, **options):
        """By way of Weir as a proxy: `proxy` is scheme and user, "socks5h://user:password@"."""
        return self.curl("--proxy", f"{proxy}{self.weir.address}", *words, **options)

    def echo(self, done):
        return json.loads(self.check(done))


class Socks5(DoorTest):
    def test_http_and_https(self):
        self.echo(self.through("socks5h://", f"{self.plain.url}/echo"))
        self.echo(self.through("socks5h://", f"{self.tls.url}/echo", "--data", "hello"))
        flows = self.stop()
        self.assertEqual([(flow["method"], flow["url"], flow["status"], flow["interception"]) for flow in flows],
                         [("GET", f"{self.plain.url}/echo", 200, "intercepted"),
                          ("POST", f"{self.tls.url}/echo", 200, "intercepted")])

    def test_address_in_place_of_a_name(self):
        self.echo(self.through("socks5://", f"http://127.0.0.1:{self.plain.port}/echo"))
        self.assertEqual(self.only_flow()["url"], f"http://127.0.0.1:{self.plain.port}/echo")

    def test_any_login_where_nobody_is_asked(self):
        self.echo(self.through("socks5h://who:ever@", f"{self.plain.url}/echo"))

    def test_socks4(self):
        for scheme in ("socks4://", "socks4a://"):
            done = self.through(scheme, f"http://127.0.0.1:{self.plain.port}/echo")
            self.assertEqual(done.returncode, 97, done)  # the proxy's own refusal, not a lost connection
        for flow in self.stop():
            self.assertEqual(flow["error_code"], "bad_request")

    def test_place_where_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        done = self.through("socks5h://", f"http://127.0.0.1:{port}/")
        self.assertIn(b"connect_refused", self.check(done))

    def test_two_requests_on_one_connection(self):
        self.check(self.through("socks5h://", f"{self.tls.url}/echo", f"{self.tls.url}/echo"))
        self.assertEqual(len({flow["client_connection"] for flow in self.stop()}), 1)


class Socks5PassThrough(DoorTest):
    flags = ("--passthrough", "localhost", "--passthrough", "127.0.0.1")

    def test_tunnel(self):
        self.echo(self.through("socks5h://", f"{self.tls.url}/echo", ca=kit.authority().certificate))
        flow = self.only_flow()
        self.assertEqual((flow["kind"], flow["interception"]), ("tunnel", "passthrough"))

    def test_refusal_of_the_origin_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with socket.create_connection(("127.0.0.1", self.weir.port), PATIENCE) as sock:
            early = b"x" * 200_000  # a client that does not wait still reads the answer
            sock.sendall(b"\5\1\0" + b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big") + early)
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sock.makefile("rb").read(), b"\5\0" + b"\5\5\0\1\0\0\0\0\0\0")
        self.assertEqual(self.only_flow()["error_code"], "connect_refused")


class Credentials(DoorTest):
    flags = ("--auth", ":".join(LOGIN), "--auth", "bob:pw")

    def test_right_ones(self):
        for scheme in ("http", "socks5h"):
            for origin in (self.plain, self.tls):
                seen = self.echo(self.through(f"{scheme}://{USER_INFO}@", f"{origin.url}/echo"))
                self.assertNotIn("proxy-authorization", [name.lower() for name, _ in seen["fields"]])
        self.echo(self.through("http://bob:pw@", f"{self.tls.url}/echo"))
        flows = self.stop()
        self.assertEqual([flow["status"] for flow in flows], [200] * 5)
        self.assertNotIn("s3cret", json.dumps(flows) + self.weir.said)

    def test_none(self):
        for origin in (self.plain, self.tls):
            done = self.through("http://", "--include", f"{origin.url}/echo")
            self.assertIn(b"407", done.stdout + done.stderr)
        self.assertEqual(self.plain.requests + self.tls.requests, [])
        self.assertEqual([(flow["error_code"], flow["status"]) for flow in self.stop()], [("proxy_auth_required", 407)] * 2)

    def test_challenge(self):
        head = self.check(self.through("http://", "--include", f"{self.plain.url}/echo")).split(b"\r\n\r\n")[0]
        self.assertIn(b'\r\nProxy-Authenticate: Basic realm="weir"\r\n', head)
        self.assertIn(b"\r\nX-Weir-Error: proxy_auth_required\r\n", head)

    def test_client_that_waits_to_be_asked(self):
        seen = self.echo(self.through(f"http://{USER_INFO}@", "--proxy-anyauth", f"{self.tls.url}/echo"))
        self.assertEqual(seen["method"], "GET")
        self.echo(self.through(f"http://{USER_INFO}@", "--proxy-anyauth", f"{self.plain.url}/echo", "--data", "x" * 100_000))

    def test_wrong_ones(self):
        self.assertEqual(self.through("http://alice:guess@", f"{self.tls.url}/echo").returncode, 56)
        for user in ("alice:guess@", ""):
            self.assertEqual(self.through(f"socks5h://{user}", f"{self.plain.url}/echo").returncode, 97)
        self.assertEqual(self.plain.requests + self.tls.requests, [])
        flows = self.stop()
        self.assertEqual([flow["error_code"] for flow in flows], ["proxy_auth_required"] * 3)
        self.assertNotIn("guess", json.dumps(flows))

    def test_run_needs_none(self):
        """The private proxy of `weir run` is its command's own, whatever the configuration says of `serve`."""
        config = self.weir.home / "config.toml"
        config.write_text('listen = "0.0.0.0:0"\nproxy_auth.users = ["alice:pw"]\n')
        done = kit.run([kit.binary(), "run", "--config", config, *self.weir.places, "--include-loopback", "--", "curl",
                        "--silent", "--show-error", f"{self.plain.url}/echo"], self.env)
        self.echo(done)


class Reverse(DoorTest):
    def front(self, *flags):
        self.weir = self.start(*flags)
        self.env = self.weir.env

    def test_https_origin(self):
        self.front("--reverse", self.tls.url)
        seen = self.echo(self.curl(f"{self.weir.url}/echo?a=1", "--data", "hello"))
        self.assertEqual((seen["path"], seen["body"]), ("/echo?a=1", "hello"))
        self.assertEqual([value for name, value in seen["fields"] if name == "Host"], [self.tls.host])
        flow = self.only_flow()
        self.assertEqual((flow["url"], flow["status"], flow.get("marks", [])), (f"{self.tls.url}/echo?a=1", 200, []))
        self.assertEqual(kit.field_of(flow, "req", "host"), [self.weir.address])

    def test_http_origin(self):
        self.front("--reverse", f"{self.plain.url}/")
        self.assertEqual(self.echo(self.curl(f"{self.weir.url}/echo"))["path"], "/echo")

    def test_host_is_kept(self):
        self.front("--reverse", self.tls.url, "--reverse-keep-host")
        seen = self.echo(self.curl(f"{self.weir.url}/echo"))
        self.assertEqual([value for name, value in seen["fields"] if name == "Host"], [self.weir.address])

    def test_clients_that_speak_tls(self):
        self.front("--reverse", self.plain.url)
        self.echo(self.curl(f"https://localhost:{self.weir.port}/echo"))
        self.echo(self.curl("--http2", f"https://localhost:{self.weir.port}/echo"))
        self.assertEqual([flow["url"] for flow in self.stop()], [f"{self.plain.url}/echo"] * 2)

    def test_no_door_of_a_proxy_is_open(self):
        """Whatever is asked for, nothing but the one origin is reached."""
        self.front("--reverse", self.tls.url)
        self.echo(self.through("http://", f"{self.plain.url}/echo"))  # absolute-form: its path, at the origin
        self.assertNotEqual(self.through("http://", f"https://localhost:{self.plain.port}/echo").returncode, 0)  # CONNECT
        self.assertNotEqual(self.through("socks5h://", f"{self.plain.url}/echo").returncode, 0)
        self.assertEqual(self.plain.requests, [])
        self.assertEqual(self.tls.paths, ["/echo"])


class Start(DoorTest):
    def refuses(self, *flags):
        done = kit.run([kit.binary(), "serve", *self.weir.places, *flags], self.env, timeout=20)
        self.assertEqual(done.returncode, 2, done)
        return done.stderr.decode()

    def test_open_proxy(self):
        for place in ("0.0.0.0:0", "[::]:0"):
            said = self.refuses("--listen", place)
            self.assertIn(place, said)
            self.assertIn("--auth USER:PASSWORD", said)
            self.assertIn("--allow-open-proxy", said)
        self.assertIn(self.tls.url, self.refuses("--listen", "0.0.0.0:0", "--reverse", self.tls.url))

    def test_open_proxy_that_is_meant(self):
        for flags in (("--allow-open-proxy",), ("--auth", "alice:pw")):
            process = self.spawn([kit.binary(), "serve", *self.weir.places, "--listen", "0.0.0.0:0", *flags], stderr=-1)
            self.assertIn(b"listening on 0.0.0.0:", process.stderr.readline())

    def test_configuration(self):
        config = self.weir.home / "config.toml"
        config.write_text('listen = "0.0.0.0:8080"\n')
        done = kit.run([kit.binary(), "config", "check", config], self.env)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(b"proxy_auth.users", done.stderr)
        config.write_text('listen = "0.0.0.0:8080"\n[proxy_auth]\nusers = ["alice:s3cret"]\n')
        self.check(kit.run([kit.binary(), "config", "check", config], self.env))
        shown = self.check(kit.run([kit.binary(), "config", "show", config], self.env))
        self.assertIn(b"alice:***", shown)
        self.assertNotIn(b"s3cret", shown)

    def test_bad_values(self):
        self.assertNotIn("s3cret", self.refuses("--auth", "s3cret"))
        self.assertIn("--reverse", self.refuses("--reverse", "https://a.test/path"))
        self.assertIn("--auth", self.refuses("--reverse", "https://a.test", "--auth", "alice:pw"))


if __name__ == "__main__":
    kit.main()
