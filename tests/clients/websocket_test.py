"""WebSockets: npm's ws over HTTP/1.1, and over HTTP/2 (RFC 8441) in Node's streams; either on either side."""

import base64
import json

import kit
import node_kit

MIB = 1 << 20


class WebSocketTest(node_kit.NodeTest):
    packages = ("ws", "https-proxy-agent")
    client, origin, secure = "h1", "h1", True

    def open(self, scenario):
        return self.begin("websocket.mjs", scenario, client=self.client, origin=self.origin, secure=self.secure)

    def play(self, scenario):
        """Plays it; the flows of WebSockets, each with its messages."""
        self.open(scenario).end()
        self.weir.stop()
        return self.recorded()

    def recorded(self):
        flows = [flow for flow in self.weir.flows() if not flow["url"].endswith("/")]
        for flow in flows:
            done = kit.run([kit.binary(), "show", "--json", "--data", self.weir.data, flow["id"]], self.env)
            flow["messages"] = json.loads(self.check(done)).get("messages", [])
        return flows


def said(messages, sender):
    return [(message["opcode"], message.get("text", "")) for message in messages if message["from"] == sender]


class Exchanges:
    versions = ("HTTP/1.1", "HTTP/1.1")

    def test_messages(self):
        flow, = self.play("messages")
        self.assertEqual((flow["http_version"], flow["resp_http_version"]), self.versions)
        self.assertEqual((flow["method"], flow["status"]), ("GET", 101 if self.origin == "h1" else 200))
        self.assertEqual((flow["state"], flow["error_code"]), ("closed", ""))
        messages = flow["messages"]
        self.assertEqual([message["number"] for message in messages], list(range(1, len(messages) + 1)))
        texts = [f"message {n} äöü" for n in range(20)]
        told = [("text", text) for text in texts] + [("binary", ""), ("text", ""), ("text", "in three parts"), ("text", "as it is")]
        for sender, pings in (("client", [("ping", "are you there"), ("pong", "are you there")]),
                              ("upstream", [("pong", "are you there"), ("ping", "are you there")])):
            seen = said(messages, sender)
            self.assertEqual(seen[:len(told)], told)
            self.assertEqual(len(seen), len(told) + 3)
        for message in messages:
            if message["opcode"] == "binary":
                self.assertEqual(base64.b64decode(message["data"]), bytes([0, 255, 1]))
            if message["opcode"] in ("ping", "pong"):
                self.assertEqual(base64.b64decode(message.get("data", "")).decode() or message.get("text"), "are you there")
        self.assertEqual([(message["close_code"], message["text"]) for message in messages if message["opcode"] == "close"],
                         [(4001, "enough")] * 2)
        self.assertEqual({message.get("problem", "") for message in messages}, {""})
        self.assertTrue(next(message for message in messages if message["opcode"] == "text")["compressed"])

    def test_big_messages(self):
        flow, = self.play("big_messages")
        binary = [message for message in flow["messages"] if message["opcode"] == "binary"]
        self.assertEqual([message["from"] for message in binary], ["client", "upstream"])
        self.assertTrue(all(message["bytes"] > 5 * MIB for message in binary), binary)
        self.assertEqual([message["close_code"] for message in flow["messages"] if message["opcode"] == "close"], [1001, 1001])

    def test_cut(self):
        flows = self.play("cut")
        self.assertEqual([said(flow["messages"], "client") for flow in flows], [[("text", "one")], [("text", "two")]])
        self.assertEqual({flow["state"] for flow in flows}, {"closed"})

    def test_many(self):
        flows = self.play("many")
        self.assertEqual([len(flow["messages"]) for flow in flows], [22] * 20)
        self.assertEqual(len({flow["client_connection"] for flow in flows}), 1 if self.client == "h2" else 20)

    def test_refused(self):
        flow, = self.play("refused")
        self.assertEqual((flow["status"], kit.body_of(flow, "resp"), flow["messages"]), (403, b"not for us", []))

    def restart(self, **limits):
        self.weir.stop()
        config = self.weir.home / "weir.toml"
        config.write_text("\n".join(["[limits]", *(f'{name} = "{value}"' for name, value in limits.items())]))
        self.weir = self.start("--config", config)

    def test_idle(self):
        self.restart(idle_timeout="300ms", body_idle_timeout="300ms", response_timeout="300ms")
        flow, = self.play("idle")
        self.assertEqual(flow["error_code"], "")

    def test_drain(self):
        self.restart(drain_timeout="300ms")
        script = self.open("drain")
        self.assertEqual(script.hear(), "open")
        self.weir.stop()
        script.end()
        flow, = self.recorded()
        self.assertEqual(flow["state"], "closed")
        self.assertEqual(said(flow["messages"], "client"), [("text", "one")])


class H1(Exchanges, WebSocketTest):
    pass


class H1WithoutTls(WebSocketTest):
    secure = False

    def test_messages(self):
        Exchanges.test_messages(self)

    versions = Exchanges.versions

    def test_other_protocol(self):
        flow, = self.play("other_protocol")
        self.assertEqual((flow["status"], flow["error_code"], flow["messages"]), (101, "", []))
        self.assertEqual((flow["req_body_bytes"], flow["resp_body_bytes"]), (9, 15))


class H2ClientH1Origin(Exchanges, WebSocketTest):
    client = "h2"
    versions = ("HTTP/2", "HTTP/1.1")


class H2(Exchanges, WebSocketTest):
    client, origin = "h2", "h2"
    versions = ("HTTP/2", "HTTP/2")


if __name__ == "__main__":
    kit.main()
