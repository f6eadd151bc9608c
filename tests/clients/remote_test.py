"""Flows that are sent to other machines: rsyslog, OTLP and HTTP receivers, some of which fail, hang or are away.

The requests are told apart by their paths, /answer/1, /answer/2, ..., and must arrive in that order.
"""

import base64
import gzip
import http.server
import json
import pathlib
import re
import shutil
import socket
import ssl
import struct
import threading
import time
import unittest

import kit
from origin import PATIENCE, OriginHandler

SECRET = "Receiver-Secret-4711"
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# -- a reader of protobuf, which knows nothing of our writer

def fields(data):
    """[(number, value)]: an int of a varint, bytes of all else."""
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    at, out = 0, []
    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            out.append((tag >> 3, varint()))
            continue
        size = {1: 8, 2: None, 5: 4}[kind] or varint()
        assert at + size <= len(data), "cut off"
        out.append((tag >> 3, data[at:at + size]))
        at += size
    return out


def one(data, number):
    values = [value for field, value in fields(data) if field == number]
    assert len(values) == 1, values
    return values[0]


def all_of(data, number):
    return [value for field, value in fields(data) if field == number]


def key_values(data, number):
    out = {}
    for pair in all_of(data, number):
        (kind, value), = fields(one(pair, 2))
        out[one(pair, 1).decode()] = value.decode() if kind == 1 else value
    return out


def otlp_records(request):
    """[(attributes, body, severity, resource)] of an export request in either encoding."""
    if request.type == "application/json":
        logs, = json.loads(request.body)["resourceLogs"]
        scope_logs, = logs["scopeLogs"]
        assert scope_logs["scope"]["name"] == "weir.proxy"

        def plain(pairs):
            return {pair["key"]: pair["value"].get("stringValue", None) or int(pair["value"]["intValue"]) for pair in pairs}
        return [(plain(record["attributes"]), record["body"]["stringValue"], record["severityNumber"],
                 plain(logs["resource"]["attributes"]), int(record["timeUnixNano"])) for record in scope_logs["logRecords"]]
    assert request.type == "application/x-protobuf", request.type
    logs = one(request.body, 1)
    scope_logs = one(logs, 2)
    assert one(one(scope_logs, 1), 1) == b"weir.proxy"
    return [(key_values(record, 6), one(one(record, 5), 1).decode(), one(record, 2), key_values(one(logs, 1), 1),
             struct.unpack("<Q", one(record, 1))[0]) for record in all_of(scope_logs, 2)]


# -- receivers

class Request:
    def __init__(self, handler, body):
        self.method, self.path, self.headers = handler.command, handler.path, handler.headers
        self.type = handler.headers.get("Content-Type")
        self.raw = body
        self.body = gzip.decompress(body) if handler.headers.get("Content-Encoding") == "gzip" else body


class Receiver:
    """An HTTP server whose behaviour the test changes while it runs: an answer's status, "hang" or "reset"."""

    def __init__(self, identity=None):
        self.behaviour, self.fields, self.said, self.most = 200, [], b"", None
        self.kept, self.tries = [], 0
        self.changed = threading.Condition()
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format, *args):
                pass

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass

            def answer(self):
                request = Request(self, self.rfile.read(int(self.headers["Content-Length"])))
                with outer.changed:
                    outer.tries += 1
                    behaviour, extra, said = outer.behaviour, outer.fields, outer.said
                    if outer.most and len(request.body) > outer.most:
                        behaviour = 413
                    if behaviour == 200:
                        outer.kept.append(request)
                    outer.changed.notify_all()
                if behaviour == "reset":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                if behaviour == "hang":
                    outer.release.wait(PATIENCE)
                    self.close_connection = True
                    return
                self.send_response_only(behaviour)
                for name, value in extra:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_PUT = answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.certificate, identity.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if identity else 'http'}://127.0.0.1:{self.server.server_port}/in"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def set(self, behaviour, fields=()):
        with self.changed:
            self.behaviour, self.fields = behaviour, fields

    def wait_for(self, what):
        with self.changed:
            assert self.changed.wait_for(what, PATIENCE), f"{self.tries} tries, {len(self.kept)} kept"

    def lines(self):
        return [line for request in list(self.kept) for line in request.body.decode().splitlines()]

    def records(self):
        return [record for request in list(self.kept) for record in otlp_records(request)]


class Answering(OriginHandler):
    def any_answer(self):
        for _ in self.body():
            pass
        self.reply(200, b"an answer")


class RemoteTest(kit.Client):
    """A Weir whose receivers a test writes down; what is common to them is short, so that tests are quick."""

    needs = ("curl",)
    level = "warn"

    def setUp(self):
        self.home = kit.scratch()
        self.plain = self.enterContext(kit.Origin(handler=Answering))
        self.env = kit.environment(self.home)
        self.sent = 0

    def serve(self, *tables, logging='flush_timeout = "20s"', **options):
        text = f"[logging]\n{logging}\n" + "".join(f"[[logging.receivers]]\n{table}\n" for table in tables)
        (self.home / "weir.toml").write_text(text)
        self.weir = self.start("--config", str(self.home / "weir.toml"), "--log-level", self.level, **options)
        self.env = self.weir.env

    def send(self, count, *words, suffix=""):
        for _ in range(count):
            self.sent += 1
            self.check(kit.run(["curl", "-sS", "--max-time", PATIENCE, "-x", self.weir.url, *words,
                                f"{self.plain.url}/answer/{self.sent}{suffix}"], self.env))

    @staticmethod
    def numbers(texts):
        return [int(re.search(r"/answer/(\d+)", text)[1]) for text in texts]

    def expected(self):
        return list(range(1, self.sent + 1))

    def internal(self, kind="logging"):
        return kit.run([kit.binary(), "logs", "internal", "--type", kind, "--last", "1000", "--data", self.weir.data],
                       self.env).stdout.decode()


class Http(RemoteTest):
    def table(self, receiver, *more):
        return "\n".join(['name = "in"', 'type = "http"', f'url = "{receiver.url}"', 'interval = "20ms"', *more])

    def test_entries_are_those_of_the_json_lines_log(self):
        receiver = self.enterContext(Receiver())
        (self.home / "token").write_text("T0ken\n")
        self.serve(self.table(receiver, 'method = "put"', f'headers = {{ X-Api-Key = "{SECRET}", X-Env = {{ env = "KEY" }} }}',
                              'bearer_token = { file = "token" }', "gzip = true"), env={"KEY": "from-env"})
        self.send(3, "-H", "Authorization: Bearer hide-me", "-d", "some body")
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), [1, 2, 3])
        request = receiver.kept[0]
        self.assertEqual((request.method, request.path, request.type), ("PUT", "/in", "application/x-ndjson"))
        self.assertEqual([request.headers[name] for name in ("X-Api-Key", "X-Env", "Authorization", "Content-Encoding")],
                         [SECRET, "from-env", "Bearer T0ken", "gzip"])
        recorded = self.weir.flows()
        for line, flow in zip(receiver.lines(), recorded):
            entry = json.loads(line)
            self.assertNotIn("req_body", entry)
            self.assertEqual({name: flow[name] for name in entry}, entry)
            self.assertIn("[REDACTED]", line)
            self.assertNotIn("hide-me", line)
        shown = kit.run([kit.binary(), "config", "show", str(self.home / "weir.toml")], self.env).stdout.decode()
        for text in (shown, self.weir.said, self.internal("all")):
            self.assertNotIn(SECRET, text)
        self.assertIn('X-Api-Key = { value = "****" }', shown)

    def test_bodies_by_setting_and_without_a_record(self):
        receiver = self.enterContext(Receiver())
        self.serve(self.table(receiver, "bodies = true"), logging="")
        self.weir.kill()
        self.weir = self.start("--config", str(self.home / "weir.toml"), "--no-capture")
        self.send(1, "-d", "some body")
        self.weir.stop()
        entry, = map(json.loads, receiver.lines())
        self.assertEqual(base64.b64decode(entry["req_body"]), b"some body")

    def test_https_is_verified(self):
        receiver = self.enterContext(Receiver(kit.identity()))
        self.serve(self.table(receiver, f'ca = "{kit.authority().certificate}"'),
                   self.table(receiver).replace('"in"', '"untrusting"'), logging='flush_timeout = "1s"')
        self.send(1)
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), [1], "from the one that trusts it")
        self.assertRegex(self.internal(), r"\[logging.untrusting\].*(SSL|certificate)")
        self.assertIn("not sent to untrusting: 1 of 1 flows", self.weir.said)

    def fails_and_recovers(self, behaviour, *more):
        receiver = self.enterContext(Receiver())
        receiver.set(behaviour)
        self.serve(self.table(receiver, "batch = 3", *more))
        self.send(10)
        receiver.wait_for(lambda: receiver.tries >= 3)
        receiver.set(200)
        receiver.release.set()
        receiver.wait_for(lambda: len(receiver.lines()) == 10)
        self.send(2)
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), self.expected())
        self.assertTrue(all(len(request.body.splitlines()) <= 3 for request in receiver.kept))
        self.assertEqual(len(re.findall("cannot send", self.internal())), 1, "said once")
        self.assertIn("sends again", self.internal())

    def test_a_receiver_that_answers_500(self):
        self.fails_and_recovers(500)

    def test_a_receiver_that_resets(self):
        self.fails_and_recovers("reset")

    def test_a_receiver_that_hangs(self):
        self.fails_and_recovers("hang", 'timeout = "300ms"')

    def test_what_is_refused_is_counted_and_does_not_stop_the_rest(self):
        receiver = self.enterContext(Receiver())
        receiver.set(400)
        self.serve(self.table(receiver))
        self.send(1)
        receiver.wait_for(lambda: receiver.tries == 1)
        receiver.set(200)
        self.send(2)
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), [2, 3])
        self.assertIn("not sent to in: 1 of 3 flows (0 dropped, 1 refused, 0 not in time)", self.weir.said)

    def test_a_receiver_that_refuses_is_not_away(self):
        receiver = self.enterContext(Receiver())
        receiver.set(500)
        self.serve(self.table(receiver))
        self.send(1)
        receiver.wait_for(lambda: receiver.tries >= 2)
        receiver.set(400)
        self.weir.stop()
        self.assertIn("not sent to in: 1 of 1 flows (0 dropped, 1 refused, 0 not in time)", self.weir.said)
        self.assertIn("sends again", self.internal())

    def test_a_batch_that_is_too_large_comes_in_parts(self):
        receiver = self.enterContext(Receiver())
        receiver.most = 10_000
        self.serve(self.table(receiver).replace("20ms", "1h"))
        for number in range(9):
            self.send(1, *(["-H", "X-Long: " + "x" * 20_000] if number == 4 else []))
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), [1, 2, 3, 4, 6, 7, 8, 9])
        self.assertLess(len(receiver.kept), 8, "not one by one")
        self.assertIn("not sent to in: 1 of 9 flows (0 dropped, 1 refused, 0 not in time)", self.weir.said)

    def test_a_success_that_says_too_much(self):
        receiver = self.enterContext(Receiver())
        receiver.said = b"<p>" * 500_000
        self.serve(self.table(receiver))
        self.send(2)
        receiver.wait_for(lambda: len(receiver.lines()) >= 2)
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), [1, 2])

    def test_the_end_sends_what_waits(self):
        receiver = self.enterContext(Receiver())
        self.serve(self.table(receiver).replace("20ms", "1h"))
        self.send(5)
        self.assertEqual(receiver.kept, [])
        self.weir.stop()
        self.assertEqual(self.numbers(receiver.lines()), self.expected())

    def test_the_end_does_not_wait_for_ever(self):
        receiver = self.enterContext(Receiver())
        receiver.set("hang")
        self.serve(self.table(receiver, 'timeout = "1h"'), logging='flush_timeout = "500ms"')
        self.send(3)
        receiver.wait_for(lambda: receiver.tries == 1)
        begun = time.monotonic()
        self.weir.stop()
        self.assertLess(time.monotonic() - begun, 10)
        self.assertRegex(self.weir.said, r"not sent to in: 3 of 3 flows \(0 dropped, 0 refused, 3 not in time\)")

    def test_a_receiver_that_is_away_costs_traffic_nothing_and_memory_is_bounded(self):
        port = free_port()
        self.serve('name = "away"\ntype = "http"\nqueue_bytes = "64KiB"\ninterval = "20ms"\n'
                   f'url = "http://127.0.0.1:{port}/"', logging='flush_timeout = "100ms"')
        self.send(1, "-H", "X-Long: " + "x" * 8000)
        urls = [f"{self.plain.url}/answer/{number}" for number in range(100)]
        begun = time.monotonic()
        self.check(kit.run(["curl", "-sS", "--max-time", PATIENCE, "-x", self.weir.url, "-H", "X-Long: " + "x" * 8000, *urls], self.env))
        self.assertLess(time.monotonic() - begun, 20)
        self.weir.stop()
        match = re.search(r"not sent to away: 101 of 101 flows \((\d+) dropped, 0 refused, (\d+) not in time\)", self.weir.said)
        self.assertTrue(match, self.weir.said)
        self.assertGreater(int(match[1]), 50)
        self.assertGreater(int(match[2]), 0)
        self.assertEqual(len(self.weir.flows()), 101, "the record has all")


class Otlp(RemoteTest):
    def test_both_encodings_say_the_same(self):
        receivers = {encoding: self.enterContext(Receiver()) for encoding in ("json", "protobuf")}
        self.serve(*(f'name = "{encoding}"\ntype = "otlp"\nencoding = "{encoding}"\nurl = "{receiver.url}"\n'
                     f'attributes = {{ "deployment.environment" = "test" }}\ninterval = "20ms"'
                     for encoding, receiver in receivers.items()))
        self.send(2)
        self.send(1, suffix="?q=%C3%BC&token=hide-me")
        missing = free_port()
        kit.run(["curl", "-sS", "-x", self.weir.url, f"http://127.0.0.1:{missing}/answer/4"], self.env)
        self.weir.stop()
        by_json, by_protobuf = (receiver.records() for receiver in receivers.values())
        self.assertEqual(by_json, by_protobuf)
        self.assertEqual(self.numbers(record[0]["url.full"] for record in by_json), [1, 2, 3, 4])
        attributes, body, severity, resource, at = by_json[0]
        self.assertEqual(attributes["http.request.method"], "GET")
        self.assertEqual(attributes["http.response.status_code"], 200)
        self.assertEqual(severity, 9)
        self.assertEqual(json.loads(body)["url"], attributes["url.full"])
        self.assertEqual((resource["service.name"], resource["deployment.environment"]), ("weir", "test"))
        self.assertLess(abs(time.time() - at / 1e9), 600)
        self.assertEqual((by_json[3][0]["error.type"], by_json[3][2]), ("connect_refused", 17))
        self.assertNotIn("hide-me", str(by_json))

    def test_what_a_success_refuses_is_counted(self):
        receivers = {encoding: self.enterContext(Receiver()) for encoding in ("json", "protobuf")}
        receivers["json"].said = b'{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}'
        receivers["protobuf"].said = b"\x0a\x0b\x08\x02\x12\x07too old"
        self.serve(*(f'name = "{encoding}"\ntype = "otlp"\nencoding = "{encoding}"\nurl = "{receiver.url}"\ninterval = "1h"'
                     for encoding, receiver in receivers.items()))
        self.send(3)
        self.weir.stop()
        for encoding, receiver in receivers.items():
            self.assertEqual(receiver.tries, 1)
            self.assertIn(f"not sent to {encoding}: 2 of 3 flows (0 dropped, 2 refused, 0 not in time)", self.weir.said)
            self.assertRegex(self.internal(), rf"\[logging.{encoding}\].*took only a part: too old; 2 entries are left out")

    def test_only_what_may_be_tried_again_is(self):
        receiver = self.enterContext(Receiver())
        receiver.set(503, [("Retry-After", "1")])
        self.serve(f'name = "in"\ntype = "otlp"\nurl = "{receiver.url}"\ninterval = "20ms"')
        self.send(1)
        receiver.wait_for(lambda: receiver.tries == 1)
        asked = time.monotonic()
        receiver.set(200)
        receiver.wait_for(lambda: receiver.kept)
        self.assertGreater(time.monotonic() - asked, 0.5, "it asked for a second")
        receiver.set(500)  # final, in OTLP
        self.send(1)
        receiver.wait_for(lambda: receiver.tries == 3)
        receiver.set(200)
        self.send(1)
        self.weir.stop()
        self.assertEqual(self.numbers(record[0]["url.full"] for record in receiver.records()), [1, 3])


class Syslog(RemoteTest):
    def test_the_local_socket(self):
        path = self.home / "log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            daemon.settimeout(PATIENCE)
            self.serve(f'type = "syslog"\npath = "{path}"\nfacility = "local3"\napp_name = "proxy"\ninterval = "20ms"')
            self.send(1)
            message = daemon.recv(65536).decode()
        self.assertRegex(message, r"^<158>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d proxy\[%d\]: GET http://\S+/answer/1 200 \S+$" % self.weir.pid)

    def test_octet_counting_survives_a_receiver_that_goes_away(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(PATIENCE)
        self.serve(f'type = "syslog"\ntransport = "tcp"\naddress = "127.0.0.1:{listener.getsockname()[1]}"\ninterval = "20ms"')
        texts = []
        for _ in range(3):
            self.send(1)
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                connection.settimeout(PATIENCE)
                length = b""
                while (byte := stream.read(1)) != b" ":
                    length += byte
                texts.append(stream.read(int(length)).decode())
                self.assertEqual(len(texts[-1].encode()), int(length))
        self.assertEqual(self.numbers(texts), [1, 2, 3])
        self.assertRegex(texts[0], r'^<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ weir \d+ flow \[weir@32473 id="[0-9a-f]{4}-\d+" '
                                   r'method="GET" host="localhost" port="\d+" status="200" .*\] GET http')


@unittest.skipUnless(RSYSLOGD, "rsyslogd is not installed (tools/setup installs it)")
class Rsyslog(RemoteTest):
    """rsyslog as Debian has it, without root: what it makes of our messages is what an administrator sees."""

    def rsyslog(self):
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port()
        self.out = self.home / "received"
        (self.home / "rsyslog.conf").write_text(f"""
global(workDirectory="{self.home}" maxMessageSize="64k")
module(load="imudp") module(load="imtcp") module(load="mmpstrucdata")
template(name="out" type="list") {{
  property(name="inputname") constant(value="|") property(name="syslogfacility-text") constant(value="|")
  property(name="syslogseverity-text") constant(value="|") property(name="app-name") constant(value="|")
  property(name="msgid") constant(value="|") property(name="$!rfc5424-sd!weir@32473!status") constant(value="|")
  property(name="$!rfc5424-sd!weir@32473!host") constant(value="|") property(name="msg") constant(value="\\n")
}}
ruleset(name="all") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{self.out}" template="out" asyncWriting="off" flushOnTXEnd="on")
}}
input(type="imudp" address="127.0.0.1" port="{self.udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{self.tcp}" ruleset="all")
""")
        process = self.spawn([RSYSLOGD, "-n", "-f", self.home / "rsyslog.conf", "-i", self.home / "rsyslog.pid"],
                             env=kit.environment(self.home), stderr=-1)
        self.poll(lambda: self.listens() or process.poll() is not None)
        self.assertIsNone(process.poll(), "rsyslogd ended")

    def poll(self, what):
        until = time.monotonic() + PATIENCE
        while not what():
            self.assertLess(time.monotonic(), until)
            threading.Event().wait(0.02)  # nothing tells

    def listens(self):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.tcp)):
                return False
        return f":{self.udp:04X} " in pathlib.Path("/proc/net/udp").read_text()

    def received(self):
        return [line.split("|", 7) for line in self.out.read_text().splitlines()] if self.out.exists() else []

    def test_udp_and_tcp(self):
        self.rsyslog()
        self.serve(*(f'name = "{transport}"\ntype = "syslog"\ntransport = "{transport}"\naddress = "127.0.0.1:{port}"\n'
                     f'facility = "local1"\ninterval = "20ms"' for transport, port in (("udp", self.udp), ("tcp", self.tcp))))
        self.send(5)
        self.send(1, suffix="?q=%0A" + "x" * 3000)
        self.weir.stop()
        self.poll(lambda: len(self.received()) >= 12)
        for source in ("imudp", "imtcp"):
            mine = [line for line in self.received() if line[0] == source]
            self.assertEqual(self.numbers(line[7] for line in mine), self.expected())
            for line in mine:
                self.assertEqual(line[1:7], ["local1", "info", "weir", "flow", "200", "localhost"])

    def test_json_as_text(self):
        self.rsyslog()
        self.serve(f'type = "syslog"\ntransport = "tcp"\naddress = "127.0.0.1:{self.tcp}"\ntext = "json"\ninterval = "20ms"')
        self.send(1)
        self.weir.stop()
        self.poll(self.received)
        (line,) = self.received()
        self.assertEqual(json.loads(line[7])["status"], 200)


class Metrics(RemoteTest):
    def scrape(self, *words):
        url = self.weir.wait_for_line(r"metrics at (http://\S+/metrics)")[1]
        return url, kit.run(["curl", "-sS", "-i", "--max-time", PATIENCE, *words, url], self.env).stdout.decode()

    @staticmethod
    def values(text):
        """{name with its labels: value}, and a check that the text is what Prometheus reads."""
        out, announced = {}, set()
        for line in text.split("\r\n\r\n", 1)[1].splitlines():
            if match := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
                announced.add(match[1])
            elif not line.startswith("# HELP "):
                match = re.fullmatch(r'((\w+)(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})?) (\d+)', line)
                assert match and match[2] in announced, line
                assert match[1] not in out, line
                out[match[1]] = int(match[3])
        return out

    def test_what_is_counted(self):
        receiver = self.enterContext(Receiver())
        (self.home / "weir.toml").write_text(f"""
[[logging.receivers]]
name = "in"
type = "http"
url = "{receiver.url}"
interval = "20ms"
[[filter.rules]]
pattern = "blocked.example"
action = "block"
[filter]
default_action = "allow"
""")
        self.weir = self.start("--config", str(self.home / "weir.toml"), "--metrics", "127.0.0.1:0", "--jsonl")
        self.send(3, "-d", "12345")
        kit.run(["curl", "-sS", "-x", self.weir.url, "http://blocked.example/"], self.env)
        kit.run(["curl", "-sS", "-x", self.weir.url, f"http://127.0.0.1:{free_port()}/"], self.env)
        receiver.wait_for(lambda: len(receiver.lines()) == 5)
        url, text = self.scrape()
        self.assertTrue(text.startswith("HTTP/1.1 200 "), text)
        values = self.values(text)
        self.assertEqual({name: values[name] for name in (
            'weir_flows_total{status="2xx"}', 'weir_flows_total{status="4xx"}', 'weir_filter_verdicts_total{action="block"}',
            'weir_filter_verdicts_total{action="allow"}', 'weir_flow_errors_total{code="connect_refused"}',
            'weir_remote_flows_total{receiver="in",result="dropped"}', "weir_client_connections")},
            {'weir_flows_total{status="2xx"}': 3, 'weir_flows_total{status="4xx"}': 1,
             'weir_filter_verdicts_total{action="block"}': 1, 'weir_filter_verdicts_total{action="allow"}': 4,
             'weir_flow_errors_total{code="connect_refused"}': 1, 'weir_remote_flows_total{receiver="in",result="dropped"}': 0,
             "weir_client_connections": 0})
        self.assertGreater(values['weir_flow_bytes_total{direction="sent"}'], 15)
        self.assertIn("weir_capture_queue_bytes", values)
        done = kit.run(["curl", "-sS", "-i", "-x", self.weir.url, url], self.env).stdout.decode()
        self.assertRegex(done, "^HTTP/1.1 5\\d\\d ")
        self.assertIn("loop_detected", done, "nobody gets there through the proxy")
        self.weir.stop()

    def test_a_token(self):
        (self.home / "token").write_text(SECRET + "\n")
        (self.home / "weir.toml").write_text('[control]\nlisten = "127.0.0.1:0"\ntoken_file = "token"\n')
        self.weir = self.start("--config", str(self.home / "weir.toml"))
        self.assertTrue(self.scrape()[1].startswith("HTTP/1.1 401 "))
        self.assertTrue(self.scrape("-H", f"Authorization: Bearer {SECRET}")[1].startswith("HTTP/1.1 200 "))
        self.weir.stop()

    def test_it_is_off_and_not_for_other_machines(self):
        self.weir = self.start()
        self.assertNotIn("metrics", self.weir.said)
        done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"], self.env)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"control.listen 0.0.0.0:0: other machines can reach that address", done.stderr)


class Mistakes(RemoteTest):
    def refused(self, table):
        (self.home / "weir.toml").write_text(f"[[logging.receivers]]\n{table}\n")
        env = kit.environment(self.home)
        done = kit.run([kit.binary(), "serve", "--listen", "127.0.0.1:0", "--config", self.home / "weir.toml"], env)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode()

    def test_are_told_at_the_start(self):
        for table, wanted in (
                ('type = "htp"', '"syslog", "otlp" or "http"'),
                ('type = "http"', "url is missing"),
                (f'type = "http"\nurl = "http://user:{SECRET}@a.example/"', "without user and password"),
                ('type = "syslog"\ntransport = "udp"', "address is missing"),
                ('type = "syslog"\nurl = "http://a.example/"', "unknown key url"),
                ('type = "otlp"\nurl = "http://a.example/"\nbearer_token = { env = "NOT_SET" }', "NOT_SET is not set"),
                ('type = "otlp"\nurl = "http://a.example/"\nca = "/nowhere.pem"', "/nowhere.pem cannot be read")):
            said = self.refused(table)
            self.assertIn(wanted, said)
            self.assertNotIn(SECRET, said)


if __name__ == "__main__":
    kit.main()
