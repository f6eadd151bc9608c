"""Headless Chromium loads a page that looks for itself: HTTP/2, a big download, an upload, events, a WebSocket."""

import os
import pathlib
import shutil

import kit
import node_kit


class Chromium(node_kit.NodeTest):
    needs = ("node", "chromium", "certutil")
    packages = ("playwright-core", "ws")

    def trust(self):
        """Chromium trusts what is in its user's NSS database."""
        database = self.weir.home / ".pki" / "nssdb"
        database.mkdir(parents=True)
        for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "weir", "-i", self.weir.ca]):
            self.check(kit.run(["certutil", "-d", f"sql:{database}", *words], self.env))

    def play(self, **config):
        self.trust()
        folder = pathlib.Path(os.environ.get("WEIR_SCREENSHOTS", self.weir.home))
        said = self.begin("chromium.mjs", "page", chromium=shutil.which("chromium"), profile=self.weir.home / "profile",
                          screenshot=folder / f"{self.id()}.png", **config).end()
        self.assertEqual({name: what for name, what in said["outcome"].items() if what.startswith("bad")}, {})
        self.assertEqual(len(said["outcome"]), 7)
        flows = [flow for flow in self.stop() if "localhost" in flow["host"]]
        page = next(flow for flow in flows if flow["url"].endswith("/"))
        self.assertEqual((page["http_version"], page["resp_http_version"], page["status"]), ("HTTP/2", "HTTP/2", 200))
        download = next(flow for flow in flows if flow["url"].endswith(f"/bytes/{50 << 20}"))
        self.assertEqual((download["resp_body_bytes"], download["error_code"]), (50 << 20, ""))
        self.assertIn(20 << 20, [flow["req_body_bytes"] for flow in flows])
        chat = next(flow for flow in flows if flow["url"].endswith("/chat"))
        return said["sockets"], chat

    def test_origin_of_http2_alone(self):
        sockets, chat = self.play(http1=False)
        self.assertEqual((sockets, chat["http_version"], chat["resp_http_version"]), (["h2"], "HTTP/2", "HTTP/2"))

    def test_origin_with_websockets_over_http1(self):
        sockets, chat = self.play(http1=True)
        self.assertEqual((sockets, chat["status"]), (["h1"], 101))


if __name__ == "__main__":
    kit.main()
