"""npm: view and install from a registry of one package, with nothing set but what `weir run` sets."""

import base64
import hashlib
import io
import json
import tarfile

import kit
from kit import Origin, identity
from origin import OriginHandler

PACKAGE = {"name": "tiny-example", "version": "1.2.3", "description": "one file", "main": "index.js"}


def tarball():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in (("package.json", json.dumps(PACKAGE)), ("index.js", "module.exports = 42;\n")):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data.encode()))
    return out.getvalue()


class Registry(OriginHandler):
    archive = tarball()

    def any_tiny_example(self):
        if self.rest:
            return self.reply(200, self.archive, "application/octet-stream")
        dist = {"tarball": f"{self.server.origin.url}/tiny-example/-/tiny-example-1.2.3.tgz",
                "shasum": hashlib.sha1(self.archive).hexdigest(),
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(self.archive).digest()).decode()}
        self.reply(200, json.dumps({"name": "tiny-example", "dist-tags": {"latest": "1.2.3"},
                                    "versions": {"1.2.3": {**PACKAGE, "dist": dist}}}).encode(), "application/json")


class Npm(kit.Run):
    needs = ("node", "npm")

    def setUp(self):
        super().setUp()
        self.registry = self.enterContext(Origin(identity(), Registry))

    def npm(self, *words):
        project = self.home / "project"
        project.mkdir(exist_ok=True)
        return self.check(self.run_weir("npm", *words, f"--registry={self.registry.url}/", "--no-audit", "--no-fund",
                                        "--no-update-notifier", "--fetch-retries=0", cwd=project))

    def test_view(self):
        self.assertEqual(self.npm("view", "tiny-example", "version").strip(), b"1.2.3")
        self.assertEqual([(flow["url"], flow["status"]) for flow in self.flows()],
                         [(f"{self.registry.url}/tiny-example", 200)])

    def test_install(self):
        self.npm("install", "tiny-example")
        installed = self.home / "project" / "node_modules" / "tiny-example" / "index.js"
        self.assertEqual(installed.read_text(), "module.exports = 42;\n")
        self.assertIn(f"{self.registry.url}/tiny-example/-/tiny-example-1.2.3.tgz", [flow["url"] for flow in self.flows()])


if __name__ == "__main__":
    kit.main()
