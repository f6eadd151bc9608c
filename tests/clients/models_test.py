"""Calls of models through the program: what is recorded of them is what a table says that was worked out by hand.

The origin speaks the conversations of tests/fixtures/conversations; the clients are plain ones and the SDKs of three providers.
"""

import collections
import concurrent.futures
import decimal
import http.client
import json
import re
import sqlite3
import ssl
import unittest

import kit
from models_origin import EveryName, ModelsOrigin, Totals, conversations, totals

MANY = 6  # conversations at once
CALLS = """
SELECT c.id, f.number, c.provider, c.protocol, c.model_asked, c.model_served, c.input, c.input_fresh, c.cache_read, c.cache_write_5m,
       c.cache_write_1h, c.output, c.reasoning, c.cost_pico, c.cost_source, c.unpriced, c.stop_reason, c.finish, c.status, c.stream,
       c.partial, c.parse_error, c.error_type
FROM model_calls c JOIN flows f ON f.number = c.flow
"""


def certificate_names():
    return ",".join(sorted({f"DNS:{each.url.hostname}" for each in conversations().values()}))


def dollars(pico):
    return None if pico is None else decimal.Decimal(pico).scaleb(-12)


def cell(value):
    return "-" if value in (None, "") else str(value)


def marks(row):
    out = [str(row["status"])] if row["status"] != 200 else []
    out += [word for word, column in (("stream", "stream"), ("partial", "partial"), ("broken", "parse_error")) if row[column]]
    return ",".join([*out, f"error:{row['error_type']}"] if row["error_type"] else out)


def recorded_calls(data):
    """By name of the conversation: its Totals as the store has them, the cost as a number."""
    out = collections.defaultdict(list)
    for path in sorted((data / "sessions").glob("*/flows-*.db")):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        fields = dict(database.execute("SELECT number, request_fields FROM flows"))
        for row in database.execute(CALLS).fetchall():
            tools = [name + ("!" if valid == 0 else "") for name, valid in database.execute(
                "SELECT name, arguments_valid FROM tool_calls WHERE call = ? ORDER BY number", (row["id"],))]
            name = re.search(r"^x-conversation: (.*)$", fields[row["number"]], re.MULTILINE | re.IGNORECASE)[1]
            out[name].append(Totals(
                name, *(cell(row[column]) for column in (
                    "provider", "protocol", "model_asked", "model_served", "input", "input_fresh", "cache_read", "cache_write_5m",
                    "cache_write_1h", "output", "reasoning")), dollars(row["cost_pico"]),
                cell(row["cost_source"] or row["unpriced"]), cell(row["stop_reason"]), cell(row["finish"]), cell(",".join(tools)),
                cell(marks(row))))
        database.close()
    return out


class ModelsTest(kit.Client):
    """A Weir whose upstream is a proxy to which every name is that of the origin."""

    def setUp(self):
        self.plain = self.enterContext(ModelsOrigin())
        self.tls = self.enterContext(ModelsOrigin(kit.identity(certificate_names())))
        self.proxy = self.enterContext(EveryName(self.tls, self.plain))
        self.weir = self.start("--upstream-proxy", f"socks5://{self.proxy.place}")
        self.env = self.weir.env

    def origin_of(self, conversation):
        return self.tls if conversation.url.scheme == "https" else self.plain

    def connect(self, url):
        """A connection through Weir to where a URL leads."""
        if url.scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.weir.port, timeout=kit.PATIENCE)
        context = ssl.create_default_context(cafile=self.weir.ca)
        connection = http.client.HTTPSConnection("127.0.0.1", self.weir.port, timeout=kit.PATIENCE, context=context)
        connection.set_tunnel(url.hostname, 443)
        return connection

    def ask(self, connection, url, body, fields):
        target = url.path + (f"?{url.query}" if url.query else "")
        if url.scheme == "http":
            target = f"http://{url.netloc}{target}"
        connection.request("POST", target, body, {"Content-Type": "application/json", "Accept-Encoding": "gzip", **fields})
        return connection.getresponse()

    def check_totals(self, data, names):
        """What the store has of these conversations is what the table says."""
        wanted, seen = totals(), recorded_calls(data)
        self.assertEqual(sorted(seen), sorted(name for name in names if name in wanted))
        for name, rows in seen.items():
            self.assertEqual(len(rows), 1, name)
            row, expected = rows[0]._asdict(), wanted[name]._asdict()
            cost, usd = row.pop("usd"), expected.pop("usd")
            with self.subTest(name):
                self.assertEqual(row, expected)
                # Prices that depend on the time are for the test that has a time of its own.
                if not conversations()[name].dated:
                    self.assertEqual(cost, None if usd == "-" else decimal.Decimal(usd))


class Conversations(ModelsTest):
    def hold(self, conversation):
        """Has a conversation, of which each piece must be here before the origin goes on."""
        origin, connection = self.origin_of(conversation), self.connect(conversation.url)
        said, coding = origin.said[conversation.name], conversation.keys.get("ask-coding")
        fields = {"x-conversation": conversation.name, "x-pace": "step", **({"Content-Encoding": coding} if coding else {})}
        try:
            response = self.ask(connection, conversation.url, conversation.ask, fields)
            heard = b""
            for _ in filter(None, conversation.pieces):
                size = said.get(timeout=kit.PATIENCE)
                while len(heard) < size:
                    part = response.read1(size - len(heard))
                    if not part:
                        raise AssertionError(f"{conversation.name} ended early")
                    heard += part
                said.heard.put(True)
            whole = self.end_of(response)
        finally:
            connection.close()
        return response.status, dict(response.getheaders()), heard, whole

    def end_of(self, response):
        try:
            return response.read1(1) == b""
        except http.client.IncompleteRead:
            return False

    def test_all(self):
        """Bytes pass as they are and at once; every call, and all of them together, come to what the table says."""
        every = conversations()
        with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
            results = dict(zip(every, pool.map(self.hold, every.values())))
        for name, (status, fields, heard, whole) in results.items():
            conversation, said = every[name], self.origin_of(every[name]).said[name]
            with self.subTest(name):
                self.assertEqual((status, heard, whole), (conversation.status, b"".join(conversation.pieces), not conversation.cut))
                self.assertEqual(said.ask, conversation.ask)
                self.assertEqual(fields.get("Content-Encoding"), conversation.keys.get("coding"))
        self.weir.stop()
        self.check_totals(self.weir.data, every)
        self.check_sums("provider", lambda row: row.provider)
        self.check_sums("model", lambda row: row.served if row.served != "-" else row.asked)

    def check_sums(self, by, key):
        """`weir ai` adds up what the table has."""
        done = kit.run([kit.binary(), "ai", "--json", "--by", by, "--data", self.weir.data], self.env)
        seen = {each[by]: each for each in json.loads(self.check(done), parse_float=decimal.Decimal)}
        groups = collections.defaultdict(list)
        for row in totals().values():
            groups["(unknown)" if key(row) == "-" else key(row)].append(row)
        self.assertEqual(sorted(seen), sorted(groups))
        for group, rows in groups.items():
            def add(*columns):
                return sum(int(value) for row in rows for column in columns if (value := getattr(row, column)) != "-")
            expected = {
                by: group, "calls": len(rows), "errors": sum("error:" in row.marks for row in rows),
                "partial": sum("partial" in row.marks for row in rows), "unpriced": sum(row.usd == "-" for row in rows),
                "tool_calls": sum(len(row.tools.split(",")) for row in rows if row.tools != "-"), "input_tokens": add("input"),
                "cache_read_tokens": add("read"), "cache_write_tokens": add("write_5m", "write_1h"),
                "output_tokens": add("output"), "reasoning_tokens": add("reasoning")}
            with self.subTest(f"{by} {group}"):
                self.assertEqual({name: seen[group][name] for name in expected}, expected)
                priced = [row for row in rows if row.usd != "-"]
                if any(conversations()[row.name].dated for row in priced):
                    continue
                # To a microdollar: what is printed is rounded.
                cost = sum(decimal.Decimal(row.usd) for row in priced)
                self.assertLessEqual(abs((seen[group]["usd"] or 0) - cost), decimal.Decimal("0.000001"))
                self.assertEqual(seen[group]["usd"] is None, not priced)


class Flood(ModelsTest):
    """An answer without end is neither kept nor held up."""

    URL = next(each.url for each in conversations().values() if each.name == "anthropic-text")

    def flood(self, name, size, coding=""):
        connection, said = self.connect(self.URL), self.tls.said[name]
        body = b'{"model":"claude-sonnet-4-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Flood."}]}'
        response = self.ask(connection, self.URL, body, {"x-conversation": name, "x-flood": str(size), "x-flood-coding": coding})
        first = said.get(timeout=kit.PATIENCE)
        while first:  # the origin sends nothing more until all of the first piece is here
            first -= len(response.read1(first))
        said.heard.put(True)
        while response.read1(1 << 20):
            pass
        connection.close()

    def most_memory(self, work):
        """The growth of Weir's memory while some work is done, as far as looking now and then can tell."""
        before = most = self.weir.memory()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(work)
            while not done.done():
                most = max(most, self.weir.memory())
                concurrent.futures.wait([done], timeout=0.02)
            done.result()
        return most - before

    def test_memory(self):
        """To the byte it is measured where the readers are (StreamMemory); here a busy machine may let some MB wait for them."""
        size = (8 if kit.sanitized() else 200) << 20
        for coding in ("", "gzip"):
            self.flood(f"flood-warm-{coding}", 8 << 20, coding)
            grown = self.most_memory(lambda: self.flood(f"flood-{coding}", size, coding))
            if not kit.sanitized():
                self.assertLess(grown, 16 << 20, f"{coding or 'plain'}: {grown / (1 << 20):.1f} MiB")
        self.weir.stop()
        calls = recorded_calls(self.weir.data)
        for coding in ("", "gzip"):
            row = calls[f"flood-{coding}"][0]
            self.assertEqual((row.output, row.stop, row.marks), ("1000000", "end_turn", "stream"))


# What each SDK must make of a conversation, by the name of the scenario in node/models.mjs, which is that of the conversation.
SDKS = {
    "anthropic-parallel-tools": {
        "stop": "tool_use", "input": 600, "output": 90,
        "tools": [["toolu_1", "weather", {"city": "Köln"}], ["toolu_2", "clock", {"zone": "CET"}], ["toolu_3", "now", {}]]},
    "anthropic-text": {"stop": "end_turn", "input": 25, "output": 15, "text": "The Loire."},
    "anthropic-text-whole": {"stop": "end_turn", "input": 100, "output": 40, "text": "The Oder."},
    "anthropic-rate-limited": {"error": "RateLimitError", "status": 429},
    "anthropic-error-in-stream": {"error": "APIError", "text": "Hel"},
    "chat-parallel-tools": {
        "stop": "tool_calls", "input": 400, "output": 300,
        "tools": [["call_1", "weather", {"city": "Bonn"}], ["call_2", "clock", {}]]},
    "chat-whole": {"stop": "stop", "input": 1500, "output": 10, "text": "Hello."},
    "chat-quota": {"error": "RateLimitError", "status": 429},
    "chat-error-in-stream": {"error": "APIError", "text": "He"},
    "responses": {"stop": "completed", "input": 2000, "output": 500, "text": "42"},
    "responses-whole-tools": {
        "stop": "completed", "input": 150, "output": 250,
        "tools": [["call_a", "weather", {"city": "Jena"}], ["call_b", "clock", {}]]},
    "embeddings": {"input": 2500, "vectors": [[0.0123, -0.5, 0.001], [0.25, -0.125, 0.5]]},
    "gemini-sse": {"stop": "STOP", "input": 257, "output": 20, "text": "42"},
    "gemini-cached": {"stop": "STOP", "input": 5000, "output": 50, "text": "Yes."},
    "gemini-parallel-tools": {
        "stop": "STOP", "input": 100, "output": 30, "tools": [[None, "weather", {"city": "Ulm"}], [None, "weather", {"city": "Hof"}]]},
    "gemini-exhausted": {"error": "ApiError", "status": 429},
}


def skip_without(packages):
    missing = [name for name in packages if not (kit.HERE / "node_modules" / name).is_dir()]
    if missing:
        raise unittest.SkipTest(f"not installed: {', '.join(missing)} (tools/setup does it)")


class Sdks(kit.Run):
    """The SDKs of three providers, as they come from npm, started by `weir run`."""

    needs = ("node",)
    packages = ("@anthropic-ai/sdk", "openai", "@google/genai", "undici")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        skip_without(cls.packages)

    def setUp(self):
        super().setUp()
        plain = self.enterContext(ModelsOrigin())
        tls = self.enterContext(ModelsOrigin(kit.identity(certificate_names())))
        self.proxy = self.enterContext(EveryName(tls, plain))

    @property
    def flags_but_data(self):
        return [*super().flags_but_data, "--upstream-proxy", f"socks5://{self.proxy.place}"]

    def test_all(self):
        done = self.run_weir("node", kit.HERE / "node" / "models.mjs")
        seen = dict(json.loads(line) for line in self.check(done).splitlines())
        self.assertEqual(sorted(seen), sorted(SDKS))
        for name, expected in SDKS.items():
            with self.subTest(name):
                self.assertEqual(seen[name], expected)
        ModelsTest.check_totals(self, self.data, SDKS)


if __name__ == "__main__":
    kit.main()
