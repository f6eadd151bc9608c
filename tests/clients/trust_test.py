"""Who made a connection, and why a program will not have our certificate: what is recorded, and `weir doctor -- CMD`."""

import os
import pathlib
import shutil
import signal
import unittest

import kit

REFUSED = "client_rejected_certificate"
NOBODY = 65534
ATTEMPTS = 10


class Processes(kit.Client):
    needs = ("curl",)

    def curl(self, *words):
        """A request of curl's, until it was there for long enough to be looked up."""
        for _ in range(ATTEMPTS):
            self.fetch(*words)
            self.weir.stop()
            flows = self.weir.flows()
            info = flows[-1]["process_info"]
            if "command_line" in info:
                return flows[-1]
            # It ended before it was looked up, or while.
            self.assertIn("ended", info.get("unknown", "ended"))
            self.weir = self.start()
        raise AssertionError("curl was never found")

    def fetch(self, *words):
        self.check(kit.run(["curl", "--silent", "--proxy", self.weir.url, "--cacert", self.weir.ca, *words], self.env))

    def test_the_program_behind_a_request_to_serve(self):
        flow = self.curl("-H", "Authorization: Bearer s3cret", self.plain.url)
        info = flow["process_info"]
        self.assertEqual((flow["process"], info["executable"]), ("curl", str(pathlib.Path(shutil.which("curl")).resolve())))
        self.assertEqual(info["parents"][0]["pid"], os.getpid())
        self.assertNotIn("s3cret", info["command_line"])

    def test_a_stream_of_http2_has_the_sender_of_its_connection(self):
        flow = self.curl("--http2", self.tls.url)
        self.assertEqual((flow["process"], flow["http_version"]), ("curl", "HTTP/2"))

    def test_the_filter(self):
        pid = self.curl(self.plain.url)["process_info"]["pid"]
        for wanted in ("curl", f"curl[{pid}]", str(pid), "--cacert"):
            self.assertEqual(len(self.weir.flows(f"--process={wanted}")), 1, wanted)
        self.assertEqual(self.weir.flows("--process=wget"), [])

    def test_the_last_flows_before_the_end_are_named_too(self):
        for _ in range(5):
            weir = self.start()
            self.check(kit.run(["curl", "--silent", "--proxy", weir.url, self.plain.url], self.env))
            weir.stop(signal.SIGTERM)
            self.assertEqual(len(weir.flows()), 1)
            self.assertIn("process_info", weir.flows()[0], "it is told who it was, or why nobody knows")

    def test_show_has_the_chain(self):
        flow = self.curl(self.plain.url)
        text = kit.run([kit.binary(), "show", flow["id"], "--data", self.weir.data], self.env).stdout.decode()
        for part in ("parents", f"[{os.getpid()}]", "executable", "command"):
            self.assertIn(part, text)


class ProcessesOfRun(kit.Run):
    needs = ("curl",)

    def test_the_child_is_named(self):
        for _ in range(ATTEMPTS):
            self.check(self.run_weir("sh", "-c", f"curl --silent {self.plain.url}; true"))
            flow = self.flows()[-1]
            if flow.get("process"):
                break
        self.assertEqual(flow["process"], "curl")
        names = [parent["name"] for parent in flow["process_info"]["parents"]]
        self.assertIn("weir", names)


class Refusals(kit.Run):
    """Each program refuses in its own way; the flow says which it is, what it is made of, and what mends it."""

    needs = ("curl",)

    def refused(self, command, alert, library, mend):
        if not shutil.which(command[0]):
            self.skipTest(f"not installed: {command[0]}")
        # On a busy machine a program may be gone before it is looked up, which is then said.
        for _ in range(ATTEMPTS):
            done = self.run_weir(*command)
            self.assertNotEqual(done.returncode, 0)
            flow = self.flows()[-1]
            if flow.get("process"):
                break
            self.assertIn("ended", flow["process_info"]["unknown"])
        self.assertEqual(flow["error_code"], REFUSED, flow)
        rejection = flow["rejection"]
        self.assertEqual(rejection.get("alert", ""), alert)
        self.assertIn(library, rejection["library"])
        self.assertIn(mend, rejection["mend"])
        self.assertIn(f"{flow['process']}[{flow['process_info']['pid']}]", flow["error"])
        said = done.stderr.decode()
        self.assertRegex(said, rf"weir: {flow['process']} with {library}.* does not trust Weir \(.*1 connection\): .*{mend}")
        self.assertEqual(self.tls.connections, 0)
        return flow

    def other(self):
        return kit.authority("Somebody else").certificate

    def test_curl(self):
        flow = self.refused(["curl", "--silent", "--cacert", self.other(), self.tls.url], "unknown CA", "OpenSSL",
                            "CURL_CA_BUNDLE")
        table = kit.run([kit.binary(), "logs", "--data", self.data], self.env).stdout.decode()
        self.assertIn("certificate refused: unknown CA, OpenSSL", table)
        text = kit.run([kit.binary(), "show", flow["id"], "--data", self.data], self.env).stdout.decode()
        for part in ("alert        unknown CA", "TLS library  OpenSSL", "curl reads CURL_CA_BUNDLE", "executable"):
            self.assertIn(part, text)

    def test_wget(self):
        self.refused(["wget", "-t1", "-q", f"--ca-certificate={self.other()}", self.tls.url], "", "GnuTLS", "wgetrc")

    def test_git(self):
        self.refused(["env", f"GIT_SSL_CAINFO={self.other()}", "git", "ls-remote", f"{self.tls.url}/x.git"], "", "GnuTLS",
                     "GIT_SSL_CAINFO")

    def test_python(self):
        code = ("import ssl, sys, urllib.request as r\n"
                "r.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2]))")
        self.refused(["/usr/bin/python3", "-c", code, self.tls.url, self.other()], "unknown CA", "OpenSSL", "SSL_CERT_FILE")

    def test_node(self):
        code = ("const u=new URL(process.argv[1]),p=new URL(process.env.HTTPS_PROXY);"
                "require('http').request({host:p.hostname,port:p.port,method:'CONNECT',path:u.host}).on('connect',(r,s)=>"
                "require('tls').connect({socket:s,servername:u.hostname}).on('error',()=>process.exit(3))).end()")
        self.refused(["env", "-u", "NODE_EXTRA_CA_CERTS", "node", "-e", code, self.tls.url], "", "Node",
                     "NODE_EXTRA_CA_CERTS")

    def test_java(self):
        if not shutil.which("java"):
            self.skipTest("not installed: java")
        host, port = self.tls.url.removeprefix("https://").split(":")
        code = 'HPROXY=${HTTPS_PROXY#http://}; unset JAVA_TOOL_OPTIONS; exec java -Dhttp.nonProxyHosts= ' \
               '-Dhttps.proxyHost=${HPROXY%:*} -Dhttps.proxyPort=${HPROXY#*:} "$@"'
        self.refused(["sh", "-c", code, "java", kit.HERE / "Fetch.java", f"https://{host}:{port}/"], "certificate unknown",
                     "Java", "JAVA_TOOL_OPTIONS")


class Doctor(kit.Run):
    needs = ("curl",)
    user = None

    def setUp(self):
        super().setUp()
        if self.user is None:
            return
        for place in (self.home, *self.home.rglob("*")):
            os.chown(place, self.user, self.user)
        folder = pathlib.Path(kit.authority("Somebody else").certificate).parent
        folder.chmod(0o755)

    def examine(self, *command):
        as_user = [] if self.user is None else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        words = [*as_user, kit.binary(), "doctor", "--data", self.data, "--ca-dir", self.home / "weir-ca", "--passthrough",
                 "unread.test", "--", *command]
        done = kit.run(words, self.env, cwd=self.home)
        if done.returncode == 78:
            self.skipTest(done.stderr.decode())
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def test_all_is_trusted(self):
        code, said = self.examine("sh", "-c", "curl -sS https://one.test/ && curl -sS http://two.test/")
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"weir-doctor-ok *weir-doctor-ok")
        self.assertRegex(said, r"ok +one\.test:443 +(curl +.*OpenSSL|[?]).* trusts Weir")
        self.assertRegex(said, r"note +two\.test:80 +(curl|[?]) +plain HTTP")

    def test_what_is_not_trusted_and_what_is_not_seen(self):
        other = kit.authority("Somebody else").certificate
        code, said = self.examine("sh", "-c", f"curl -sS https://one.test/; curl -s --cacert {other} https://one.test/;"
                                  "curl -sk https://unread.test/; true")
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"ok +one\.test:443 +(curl|[?]) ")
        self.assertRegex(said, r"FAIL +one\.test:443 +(curl|[?]) +OpenSSL.* refused: alert unknown CA\n +mend: .*curl reads CURL")
        self.assertRegex(said, r"note +unread\.test:443 +(curl|[?]) +not intercepted: a tunnel")

    def test_nothing_leaves_whatever_is_asked_for(self):
        code, said = self.examine("sh", "-c", "curl -sSk https://192.0.2.1/ && curl -sSk https://[2001:db8::1]/ && curl -sS "
                                  "http://10.9.8.7/")
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("weir-doctor-ok"), 3, said)

    def test_without_tls_nothing_is_proven(self):
        code, said = self.examine("true")
        self.assertEqual(code, 1, said)
        self.assertIn("opened no connection", said)

    def test_wrong_uses(self):
        self.assertEqual(self.examine()[0], 2)
        self.assertEqual(self.examine("/no/such/program")[0], 127)
        self.assertEqual(kit.run([kit.binary(), "doctor", "curl"], self.env).returncode, 2)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "becoming another user takes root and setpriv")
class DoctorOfAnOrdinaryUser(Doctor):
    user = NOBODY


if __name__ == "__main__":
    kit.main()
