"""MCP servers and an agent's turns: a model calls a tool, the tool runs on an MCP server, in the old transport and the new one."""

import http.server
import json
import queue
import threading
import urllib.request

import kit
from origin import PATIENCE


class ToolServer(http.server.BaseHTTPRequestHandler):
    """A model at /v1/messages, an MCP server at /mcp, and one of the transport of 2024-11-05 at /sse."""

    protocol_version = "HTTP/1.1"
    streams = {}

    def log_message(self, *words):
        pass

    def answer(self, status, body=b"", kind="application/json", **fields):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if body:
            self.send_header("Content-Type", kind)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        events = self.streams["1"] = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: endpoint\ndata: /messages?sessionId=1\n\n")
        for event in iter(events.get, None):
            self.wfile.write(b"event: message\ndata: " + event + b"\n\n")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/messages":
            return self.answer(200, json.dumps(self.model(asked)).encode())
        said = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": self.result(asked)}).encode()
        if self.path == "/mcp":
            return self.answer(200, b"data: " + said + b"\n\n", "text/event-stream", Mcp_Session_Id="sess")
        self.answer(202)
        self.streams["1"].put(said)

    @staticmethod
    def model(asked):
        out = {"id": "msg", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
               "usage": {"input_tokens": 10, "output_tokens": 5}, "content": [{"type": "text", "text": "done"}]}
        if len(asked["messages"]) == 1:
            out["stop_reason"] = "tool_use"
            out["content"] = [{"type": "tool_use", "id": "toolu_01ABCDEFGHJKLMNPQRSTUVWX", "name": "mcp__docs__search",
                               "input": {"q": "x"}}]
        return out

    @staticmethod
    def result(asked):
        if asked["method"] == "initialize":
            return {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "docs", "version": "1"}}
        return {"content": [{"type": "text", "text": "found"}]}


class Mcp(kit.Client):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ToolServer)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": self.weir.url}))

    def post(self, path, body, **fields):
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json", **fields})
        with self.opener.open(request, timeout=PATIENCE) as response:
            return response.read()

    def call(self, path, number, method, **params):
        return self.post(path, {"jsonrpc": "2.0", "id": number, "method": method, "params": params},
                         Accept="application/json, text/event-stream")

    def ai(self, view):
        done = kit.run([kit.binary(), "ai", view, "--json", "--data", str(self.weir.data)], self.env)
        return json.loads(self.check(done))

    def test_a_turn_with_its_tool_and_the_server_behind_it(self):
        user = {"role": "user", "content": "search for x"}
        ask = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [user]}
        answer = json.loads(self.post("/v1/messages", ask))
        self.call("/mcp", 0, "initialize", protocolVersion="2025-06-18", clientInfo={"name": "agent", "version": "1"})
        self.call("/mcp", 1, "tools/call", name="search", arguments={"q": "x"})
        ask["messages"] += [{"role": "assistant", "content": answer["content"]},
                            {"role": "user", "content": [{"type": "tool_result", "content": "found",
                                                          "tool_use_id": answer["content"][0]["id"]}]}]
        self.post("/v1/messages", ask)
        self.stop()
        [turn] = self.ai("turns")
        self.assertEqual(turn["user_text"], "search for x")
        self.assertEqual(len(turn["calls"]), 2)
        [tool] = turn["calls"][0]["tools"]
        self.assertEqual((tool["name"], tool["answered"], tool["is_error"]), ("mcp__docs__search", True, False))
        self.assertEqual([(mcp["server"], mcp["outcome"]) for mcp in tool["mcp"]], [("docs", "ok")])
        self.assertEqual({(row["server"], row["tool"], row["calls"], row["errors"]) for row in self.ai("mcp")},
                         {("docs", "(initialize)", 1, 0), ("docs", "search", 1, 0)})

    def test_the_old_transport(self):
        with self.opener.open(urllib.request.Request(self.address + "/sse", headers={"Accept": "text/event-stream"}),
                              timeout=PATIENCE) as stream:
            self.assertEqual(stream.readline(), b"event: endpoint\n")
            self.assertEqual(stream.readline(), b"data: /messages?sessionId=1\n")
            self.call("/messages?sessionId=1", 1, "tools/call", name="search", arguments={})
            while b"found" not in stream.readline():
                pass
            ToolServer.streams["1"].put(None)
            stream.read()
        self.stop()
        [row] = self.ai("mcp")
        self.assertEqual((row["tool"], row["calls"], row["unanswered"]), ("search", 1, 0))


if __name__ == "__main__":
    kit.main()
