"""Clients that will not have our certificate: what is recorded, and who is tunnelled."""

import shutil

import kit
from kit import authority

REFUSED = "client_rejected_certificate"


class Rejection(kit.Client):
    def distrusting(self, weir, *words):
        """curl, which trusts the origin's own authority alone."""
        return kit.run(["curl", "--silent", "--show-error", "--max-time", "60", "--proxy", weir.url, "--cacert",
                        authority().certificate, *words], weir.env)

    def flows(self, weir):
        weir.stop()
        return weir.flows()


class Record(Rejection):
    needs = ("curl",)

    def test_names_alert_count_and_mend(self):
        for _ in range(2):
            self.assertNotEqual(self.distrusting(self.weir, self.tls.url).returncode, 0)
        first, second = self.flows(self.weir)
        self.assertEqual((first["error_code"], second["error_code"]), (REFUSED, REFUSED))
        for part in (self.tls.host, "alert unknown CA", "OpenSSL", "CURL_CA_BUNDLE", "weir run"):
            self.assertIn(part, first["error"])
        self.assertIn("2 times in a row", second["error"])
        self.assertEqual(self.tls.connections, 0)

    def test_offers_the_tunnel(self):
        for _ in range(3):
            self.distrusting(self.weir, self.tls.url)
        self.assertIn("tls.auto_passthrough", self.flows(self.weir)[-1]["error"])

    def silent(self, command, library, env=()):
        """A client that just goes is recognised all the same."""
        if not shutil.which(command[0]):
            self.skipTest(f"not installed: {command[0]}")
        proxies = {"https_proxy": self.weir.url, "HTTPS_PROXY": self.weir.url, "no_proxy": "", "NO_PROXY": ""}
        self.assertNotEqual(kit.run(command, {**self.env, **proxies, **dict(env)}).returncode, 0)
        flow = self.flows(self.weir)[0]
        self.assertEqual(flow["error_code"], REFUSED, flow)
        self.assertIn(library, flow["error"])

    def test_node(self):
        script = ("const [h,p]=process.argv[1].split(':');require('http').request({host:'127.0.0.1',port:%d,"
                  "method:'CONNECT',path:h+':'+p}).on('connect',(r,s)=>require('tls').connect({socket:s,servername:h})"
                  ".on('error',()=>process.exit(3))).end()" % self.weir.port)
        self.silent(["node", "-e", script, self.tls.host], "NODE_EXTRA_CA_CERTS")

    def test_git(self):
        self.silent(["git", "-c", f"http.proxy={self.weir.url}", "ls-remote", f"{self.tls.url}/x.git"], "git reads",
                    {"GIT_SSL_CAINFO": str(authority().certificate)}.items())

    def test_wget(self):
        self.silent(["wget", "-t1", "-q", f"--ca-certificate={authority().certificate}", self.tls.url], "wget wants")


class AutoPassthrough(Rejection):
    needs = ("curl",)
    flags = ("--auto-passthrough",)

    def pin(self, weir):
        for _ in range(3):
            self.assertNotEqual(self.distrusting(weir, self.tls.url).returncode, 0)

    def test_the_fourth_attempt_is_tunnelled(self):
        self.pin(self.weir)
        self.check(self.distrusting(self.weir, f"{self.tls.url}/echo"))
        *refused, passed = self.flows(self.weir)
        self.assertIn("tunnelled there undecrypted for 1 h", refused[-1]["error"])
        self.assertEqual((passed["interception"], passed["marks"]), ("passthrough", ["auto_passthrough", "to_loopback"]))
        self.assertGreater(passed["resp_body_bytes"], 0)

    def test_another_host_is_still_decrypted(self):
        self.pin(self.weir)
        trusting = ["curl", "--silent", "--proxy", self.weir.url, "--cacert", self.weir.ca]
        url = f"https://127.0.0.1:{self.tls.port}/echo"
        self.check(kit.run([*trusting, url], self.env))
        self.assertEqual(self.flows(self.weir)[-1]["url"], url)

    def test_a_success_forgets(self):
        for _ in range(2):
            self.distrusting(self.weir, self.tls.url)
        self.check(kit.run(["curl", "--silent", "--proxy", self.weir.url, "--cacert", self.weir.ca, self.tls.url], self.env))
        for _ in range(2):
            self.assertNotEqual(self.distrusting(self.weir, self.tls.url).returncode, 0)
        self.assertIn("2 times in a row", self.flows(self.weir)[-1]["error"])

    def test_it_heals(self):
        file = kit.scratch() / "weir.toml"
        file.write_text('[tls]\nauto_passthrough = true\nauto_passthrough_for = "1ms"\n')
        weir = self.start("--config", str(file))
        self.pin(weir)
        self.assertNotEqual(self.distrusting(weir, self.tls.url).returncode, 0)

    def test_one_who_asks_for_one_host_and_names_another_is_not(self):
        self.pin(self.weir)
        other = [f"https://other.test:{self.tls.port}/", "--connect-to", f"other.test:{self.tls.port}:{self.tls.host}"]
        self.assertNotEqual(self.distrusting(self.weir, *other).returncode, 0)
        self.assertEqual(self.flows(self.weir)[-1]["error_code"], REFUSED)
        self.assertEqual(self.tls.connections, 0)


if __name__ == "__main__":
    kit.main()
