"""wget: HTTP and HTTPS through proxy variables, resumed downloads, recursion over one connection."""

import kit
from origin import BLOCK


class Wget(kit.Client):
    needs = ("wget",)

    def wget(self, *words):
        env = {**self.env, "http_proxy": self.weir.url, "https_proxy": self.weir.url}
        return kit.run(["wget", "-nv", "--tries=1", "--timeout=60", f"--ca-certificate={self.weir.ca}", *words], env,
                       cwd=self.weir.home)

    def test_http_and_https(self):
        for origin in (self.plain, self.tls):
            self.assertEqual(self.check(self.wget("-O", "-", f"{origin.url}/bytes/300000")), (BLOCK * 5)[:300000])
        self.assertEqual([(flow["url"], flow["status"]) for flow in self.stop()],
                         [(f"{origin.url}/bytes/300000", 200) for origin in (self.plain, self.tls)])

    def test_resumed_download(self):
        part = self.weir.home / "part"
        part.write_bytes(BLOCK[:1000])
        self.check(self.wget("--continue", "-O", part, f"{self.tls.url}/bytes/50000"))
        self.assertEqual(part.read_bytes(), BLOCK[:50000])
        self.assertEqual(self.only_flow()["status"], 206)

    def test_post(self):
        self.assertIn(b'"body": "a=1"', self.check(self.wget("-O", "-", "--post-data=a=1", f"{self.tls.url}/echo")))

    def test_trust_is_still_checked(self):
        done = self.wget("-O", "-", f"--ca-certificate={kit.authority().certificate}", f"{self.tls.url}/echo")
        self.assertEqual(done.returncode, 5, "wget's status for a failed verification")


if __name__ == "__main__":
    kit.main()
