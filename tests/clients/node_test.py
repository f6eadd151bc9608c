"""Node: https over a tunnel it opens itself, and fetch where this Node reads proxy variables."""

import json
import pathlib
import subprocess
import unittest

import kit

FETCH = pathlib.Path(__file__).with_name("fetch.mjs")


class Node(kit.Client):
    needs = ("node",)

    def node(self, mode, url, **env):
        done = kit.run(["node", FETCH, mode, self.weir.port, url],
                       {**self.env, "NODE_EXTRA_CA_CERTS": str(self.weir.ca), **env})
        return json.loads(self.check(done))

    def test_https(self):
        first, second = self.node("tunnel", f"{self.tls.url}/echo")
        self.assertEqual((first["status"], json.loads(first["body"])["method"]), (200, "GET"))
        self.assertEqual((second["status"], json.loads(second["body"])["body"]), (200, "one,two"))
        self.assertEqual([flow["method"] for flow in self.stop()], ["GET", "POST"])

    def test_trailers(self):
        self.assertEqual(self.node("tunnel", f"{self.tls.url}/trailers")[0]["trailers"], {"x-checksum": "41b5"})

    def test_fetch(self):
        flags = subprocess.run(["node", "-p", "process.allowedNodeEnvironmentFlags.has('--use-env-proxy')"],
                               env=self.env, capture_output=True)
        if flags.stdout.strip() != b"true":
            raise unittest.SkipTest("this Node's fetch reads no proxy variables (24 does)")
        for origin in (self.plain, self.tls):
            seen = self.node("fetch", f"{origin.url}/echo", NODE_USE_ENV_PROXY="1", HTTP_PROXY=self.weir.url,
                             HTTPS_PROXY=self.weir.url)
            self.assertEqual(seen["status"], 200)
        self.assertEqual(len([flow for flow in self.stop() if flow["kind"] == "http"]), 2)


if __name__ == "__main__":
    kit.main()
