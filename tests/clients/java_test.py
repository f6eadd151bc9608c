"""Java: HttpURLConnection and java.net.http find proxy and trust store in the JAVA_TOOL_OPTIONS of `weir run`."""

import pathlib

import kit

PROGRAM = pathlib.Path(__file__).with_name("Fetch.java")


class Java(kit.Run):
    needs = ("java", "javac")

    def test_both_clients(self):
        for origin in (self.plain, self.tls):
            out = self.check(self.run_weir("java", PROGRAM, f"{origin.url}/bytes/70000"))
            self.assertEqual(out.split(), [b"200", b"70000"] * 2)
        self.assertEqual([flow["url"] for flow in self.flows()],
                         [f"{origin.url}/bytes/70000" for origin in (self.plain, self.tls) for _ in range(2)])

    def test_the_users_own_options_stay(self):
        out = self.check(self.run_weir("sh", "-c", 'echo "$JAVA_TOOL_OPTIONS"', env={"JAVA_TOOL_OPTIONS": "-Dmine=1"}))
        self.assertIn(b"-Dmine=1", out)
        self.assertIn(b"-Dhttps.proxyPort=", out)


if __name__ == "__main__":
    kit.main()
