"""TLS as users set it: certificates of ours for hosts that ask, the key log."""

import ssl

import kit
from kit import Origin, authority, identity
from origin import OriginHandler

PEOPLE = "Test People"


class Door(OriginHandler):
    def any_who(self):
        """The name in the client's certificate."""
        names = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)
        self.reply(200, names["commonName"].encode())


def person(name):
    return identity("DNS:nobody.test", issuer=PEOPLE, usage="clientAuth", subject=name)


class TlsTest(kit.Client):
    needs = ("curl",)

    def curl(self, weir, *words, **env):
        return kit.run(["curl", "--silent", "--show-error", "--max-time", "60", "--proxy", weir.url, "--cacert", weir.ca, *words],
                       {**weir.env, **env})


class ClientCertificates(TlsTest):
    def door(self):
        return self.enterContext(Origin(identity(), Door, clients=authority(PEOPLE).certificate))

    def flag(self, origin, who):
        return ["--client-cert", f"localhost:{origin.port}={who.certificate},{who.key}"]

    def test_each_host_sees_its_own(self):
        first, second = self.door(), self.door()
        weir = self.start(*self.flag(first, person("alice")), *self.flag(second, person("bob")))
        self.assertEqual(self.check(self.curl(weir, f"{first.url}/who")), b"alice")
        self.assertEqual(self.check(self.curl(weir, f"{second.url}/who")), b"bob")

    def test_tls_1_2(self):
        door = self.door()
        door.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        weir = self.start(*self.flag(door, person("alice")))
        self.assertEqual(self.check(self.curl(weir, f"{door.url}/who")), b"alice")

    def test_a_configuration_file(self):
        door, who = self.door(), person("carol")
        file = kit.scratch() / "weir.toml"
        file.write_text(f'[[tls.client_certificates]]\nhost = "localhost"\ncert = "{who.certificate}"\nkey = "{who.key}"\n')
        weir = self.start("--config", str(file))
        self.assertEqual(self.check(self.curl(weir, f"{door.url}/who")), b"carol")

    def test_a_host_that_wants_one_and_gets_none_is_explained(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            other, door = self.door(), self.door()
            door.tls.maximum_version = version
            weir = self.start(*self.flag(other, person("alice")))
            said = self.check(self.curl(weir, "--include", f"{door.url}/who")).decode()
            self.assertIn(" 502 ", said)
            self.assertIn("upstream_tls_failed", said)
            self.assertIn("tls.client_certificates", said)
            self.assertEqual(door.requests, [])

    def test_bad_files_end_the_start(self):
        alice, bob = person("alice"), person("bob")
        locked = kit.scratch() / "locked.key"
        kit.run(["openssl", "pkey", "-in", alice.key, "-aes256", "-passout", "pass:word", "-out", locked], self.env)
        for files, why in ((f"{alice.certificate},{bob.key}", "is not that of the first certificate"),
                           (f"{alice.certificate},{locked}", "is encrypted"),
                           (f"{alice.certificate}", "no private key in it"),
                           ("/nowhere/at.all", "/nowhere/at.all")):
            done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", *self.weir.places, "--client-cert",
                            f"localhost={files}"], self.env, timeout=20)
            self.assertEqual(done.returncode, 1, done)
            self.assertIn(why, done.stderr.decode())


class KeyLog(TlsTest):
    def test_both_legs(self):
        theirs = kit.scratch()
        self.tls.tls.keylog_filename = str(theirs / "origin")
        weir = self.start("--keylog", str(theirs / "weir"))
        self.check(self.curl(weir, f"{self.tls.url}/echo", SSLKEYLOGFILE=str(theirs / "curl")))
        weir.stop()
        ours = (theirs / "weir").read_text().splitlines()
        for leg in ("curl", "origin"):
            secrets = [line for line in (theirs / leg).read_text().splitlines() if "TRAFFIC_SECRET" in line]
            self.assertTrue(any(line.startswith("CLIENT_TRAFFIC_SECRET_0 ") for line in secrets), secrets)
            self.assertLessEqual(set(secrets), set(ours), leg)
        self.assertEqual((theirs / "weir").stat().st_mode & 0o777, 0o600)
        self.assertRegex(weir.said, f"WARN .*{theirs / 'weir'}.*decrypt")

    def test_a_file_that_others_can_read_is_refused(self):
        file = kit.scratch() / "keys"
        file.touch(0o644)
        done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", *self.weir.places, "--keylog", file], self.env)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("tls.keylog", done.stderr.decode())
        self.assertIn("chmod 600", done.stderr.decode())

    def test_the_environment_alone_turns_nothing_on(self):
        file = kit.scratch() / "keys"
        weir = self.start(env={"SSLKEYLOGFILE": str(file)})
        self.check(self.curl(weir, f"{self.tls.url}/echo", SSLKEYLOGFILE=""))
        self.assertFalse(file.exists())


if __name__ == "__main__":
    kit.main()
