"""Calls of models over WebSockets: the same records as over HTTP, many of one connection, and budgets of them."""

import base64
import contextlib
import decimal
import json
import os
import socket
import sqlite3
import ssl
import urllib.parse

import kit
from models_origin import EveryName, ModelsHandler, ModelsOrigin, conversations, totals
from models_test import certificate_names, recorded_calls
from websocket_wire import WebSocket, accept_of

REALTIME = "/v1/realtime?model=gpt-realtime"


class Handler(ModelsHandler):
    """Answers each `response.create` with the conversation that its metadata name, or as Realtime does."""

    def do_GET(self):
        self.server.origin.seen(self)
        deflate = "permessage-deflate" in self.headers.get("Sec-WebSocket-Extensions", "")
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("x-codex-primary-used-percent", "7"),
                  ("Sec-WebSocket-Accept", accept_of(self.headers["Sec-WebSocket-Key"]))]
        self.head(101, fields + ([("Sec-WebSocket-Extensions", "permessage-deflate")] if deflate else []))
        self.close_connection = True
        ws = WebSocket(self.rfile, self.wfile, masked=False, deflate=deflate)
        answer = self.speak if self.path == REALTIME else self.converse
        while (text := ws.receive()) is not None:
            message = json.loads(text)
            if message["type"] == "response.create":
                answer(ws, message)
        ws.close()

    def converse(self, ws, message):
        conversation = self.server.origin.conversations[message["metadata"]["conversation"]]
        for number, event in enumerate(events_of(conversation)):
            ws.send(event, frames=1 + number % 3)

    def speak(self, ws, _message):
        for event in (
                {"type": "response.created", "response": {"id": "resp_r", "status": "in_progress"}},
                {"type": "response.output_audio.delta", "response_id": "resp_r", "delta": "AAAA" * 1000},
                {"type": "response.output_audio_transcript.delta", "response_id": "resp_r", "delta": "Hello."},
                {"type": "response.done", "response": {"id": "resp_r", "status": "completed", "usage": {
                    "total_tokens": 230, "input_tokens": 130, "output_tokens": 100, "input_token_details": {
                        "cached_tokens": 20, "text_tokens": 30, "audio_tokens": 100, "cached_tokens_details": {"text_tokens": 20}},
                    "output_token_details": {"text_tokens": 10, "audio_tokens": 90}}}}):
            ws.send(json.dumps(event))


def events_of(conversation):
    """The data of its events."""
    lines = b"".join(conversation.plain).decode().splitlines()
    return [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]


class ModelSockets(kit.Client):
    def setUp(self):
        self.origin = self.enterContext(ModelsOrigin(kit.identity(certificate_names()), Handler))
        self.proxy = self.enterContext(EveryName(self.origin, self.origin))

    def begin(self, *flags):
        self.weir = self.start("--upstream-proxy", f"socks5://{self.proxy.place}", *flags)
        self.env = self.weir.env

    def open(self, url, name, deflate=True):
        """A WebSocket through Weir; the status where there is none."""
        connection = self.enterContext(self.tunnel(url.hostname))
        reader, writer = connection.makefile("rb"), connection.makefile("wb")
        for closing in (reader, writer):
            self.addCleanup(closing.close)
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
        target = url.path + (f"?{url.query}" if url.query else "")
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {url.hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nx-conversation: {name}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n{extension}\r\n".encode())
        writer.flush()
        status = int(reader.readline().split()[1])
        while reader.readline().strip():
            pass
        return WebSocket(reader, writer, masked=True, deflate=deflate) if status == 101 else status

    def call(self, ws, body, name, last=("response.completed", "response.done")):
        """One response; the events that came."""
        ws.send(json.dumps({"type": "response.create", "metadata": {"conversation": name}, **body}), frames=2)
        return self.hear(ws, last)

    def hear(self, ws, last):
        events = []
        while not events or json.loads(events[-1])["type"] not in last:
            events.append(ws.receive())
        return events

    def tunnel(self, host):
        raw = socket.create_connection(("127.0.0.1", self.weir.port), timeout=kit.PATIENCE)
        raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += raw.recv(1)
        self.assertIn(b" 200 ", answer)
        return ssl.create_default_context(cafile=self.weir.ca).wrap_socket(raw, server_hostname=host)

    def recorded(self, columns):
        """Those columns of all calls, in their order."""
        out = []
        for path in sorted((self.weir.data / "sessions").glob("*/flows-*.db")):
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                out += database.execute(f"SELECT {columns} FROM model_calls ORDER BY id").fetchall()
        return out


class SameRecords(ModelSockets):
    def test_all(self):
        """Every conversation that is streamed over SSE gives the same record, all of a host over one WebSocket."""
        self.begin()
        streamed = [each for each in conversations().values()
                    if each.url.path.endswith("/responses") and not each.document and not each.cut and not each.dated]
        self.assertGreaterEqual(len(streamed), 6)
        groups = {}
        for each in streamed:
            groups.setdefault(each.url, []).append(each)
        for number, (url, group) in enumerate(groups.items()):
            ws = self.open(url, ",".join(each.name for each in group), deflate=number % 2 == 0)
            for each in group:
                wanted = events_of(each)
                last = json.loads(wanted[-1])["type"]
                self.assertEqual(self.call(ws, json.loads(each.keys["ask"]), each.name, (last,)), wanted)
            ws.close()
            self.assertIsNone(ws.receive())
        self.weir.stop()
        seen, table = recorded_calls(self.weir.data), totals()
        for names, rows in seen.items():
            self.assertEqual(len(rows), len(names.split(",")))
            for name, row in zip(names.split(","), rows):
                row, wanted = row._asdict(), table[name]._asdict()
                cost, usd = row.pop("usd"), wanted.pop("usd")
                with self.subTest(name):
                    self.assertEqual({**row, "name": name}, wanted)
                    self.assertEqual(cost, None if usd == "-" else decimal.Decimal(usd))
        self.assertEqual(sum(len(rows) for rows in seen.values()), len(streamed))
        self.assertEqual({websocket for websocket, in self.recorded("websocket")}, {1})


class OneSocket(ModelSockets):
    OPENAI = urllib.parse.urlsplit("https://api.openai.com/v1/responses")

    def test_turns(self):
        """What goes on from a call is of its turn, and each is told when it ends, not when the WebSocket does."""
        self.begin()
        ws = self.open(self.OPENAI, "turns")
        self.call(ws, {"model": "gpt-5-codex", "input": "Fix."}, "responses-codex")
        self.call(ws, {"model": "gpt-5-codex", "previous_response_id": "resp_7", "input": [
            {"type": "custom_tool_call_output", "call_id": "call_q", "output": "done"}]}, "responses")
        kit.until(lambda: len(self.recorded("id")) >= 2)  # the store writes a little later
        self.call(ws, {"model": "gpt-5", "input": "Now something else."}, "responses")
        ws.send(json.dumps({"type": "response.create", "model": "gpt-5", "input": "More.", "metadata": {"conversation": "responses-cut"}}))
        self.hear(ws, ("response.created",))
        self.weir.stop()
        turns = self.turns()
        self.assertEqual([[call["model"] for call in turn["calls"]] for turn in turns],
                         [["gpt-5-codex", "gpt-5-2025-08-07"], ["gpt-5-2025-08-07"], ["gpt-5-2025-08-07"]])
        self.assertEqual([tool["name"] for tool in turns[0]["calls"][0]["tools"]], ["apply_patch"])
        rows = self.recorded("partial, previous_id, rate_limits IS NOT NULL, status, flow")
        self.assertEqual([row[:4] for row in rows], [(0, None, 1, 200), (0, "resp_7", 0, 200), (0, None, 0, 200), (1, None, 0, 200)])
        self.assertEqual(len({row[4] for row in rows}), 1)

    def turns(self):
        """Those that `weir ai turns` shows."""
        done = kit.run([kit.binary(), "ai", "turns", "--json", "--data", self.weir.data], self.env)
        return json.loads(self.check(done))

    def test_realtime(self):
        self.begin()
        ws = self.open(urllib.parse.urlsplit("https://api.openai.com" + REALTIME), "realtime")
        ws.send(json.dumps({"type": "session.update", "session": {"instructions": "Be kind."}}))
        self.call(ws, {}, "", last=("response.done",))
        ws.close()
        self.weir.stop()
        self.assertEqual(
            self.recorded("protocol, model_asked, input, cache_read, output, text, system, stop_reason, cost_source, user_text"),
            [("openai-realtime", "gpt-realtime", 130, 20, 100, "Hello.", "Be kind.", "completed", "table", None)])

    def refuses(self):
        more = self.open(self.OPENAI, "more")
        if more != 403:
            more.close()
        return more == 403

    def test_budget(self):
        """Calls are counted; when nothing is left the next WebSocket is refused, one that is open goes on."""
        self.begin("--budget", "2calls")
        ws = self.open(self.OPENAI, "first")
        for _ in range(3):
            self.call(ws, {"model": "gpt-5", "input": "Hi."}, "responses")
        kit.until(self.refuses)  # a call is counted soon after its end
        self.call(ws, {"model": "gpt-5", "input": "Hi."}, "responses")
        self.weir.stop()
        refused, = [flow for flow in self.weir.flows() if flow["status"] == 403]
        self.assertEqual(refused["error_code"], "budget_exceeded")
        self.assertEqual(len(self.recorded("id")), 4)


if __name__ == "__main__":
    kit.main()
