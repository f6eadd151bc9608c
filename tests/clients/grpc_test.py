"""gRPC: @grpc/grpc-js on both ends, and Python's grpcio as client and server."""

import kit
import node_kit


class Node:
    """With TLS and without. Each scenario asserts for itself; here is what was recorded."""

    packages = ("@grpc/grpc-js",)
    secure = True

    def play(self, scenario):
        self.begin("grpc.mjs", scenario, env={"grpc_proxy": self.weir.url}, secure=self.secure).end()
        flows = self.stop()
        self.assertEqual({(flow["method"], flow["http_version"], flow["interception"]) for flow in flows},
                         {("POST", "HTTP/2", "intercepted")})
        self.assertEqual({tuple(kit.field_of(flow, "req", "content-type")) for flow in flows}, {("application/grpc",)})
        return flows

    def statuses(self, flows):
        """grpc-status of each flow: in the trailers, or in the head of an answer that has nothing else."""
        return [(flow.get("resp_trailers") or flow["resp_headers"]).get("grpc-status") for flow in flows]

    def test_unary(self):
        flow, = self.play("unary")
        self.assertEqual((flow["status"], flow["resp_http_version"]), (200, "HTTP/2"))
        self.assertEqual(flow["resp_trailers"]["grpc-status"], ["0"])
        self.assertEqual(flow["resp_trailers"]["x-trailing"], ["behind"])
        self.assertEqual(kit.field_of(flow, "req", "te"), ["trailers"])
        self.assertEqual((kit.body_of(flow, "req")[5:], kit.body_of(flow, "resp")[5:]), (b"hello", b"echo hello"))

    def test_many(self):
        flows = self.play("many")
        self.assertEqual(self.statuses(flows), [["0"]] * 200)
        self.assertEqual(len({flow["client_connection"] for flow in flows}), 1)

    def test_server_streaming(self):
        flows = self.play("server_streaming")
        self.assertEqual(self.statuses(flows), [["0"]])
        self.assertIn(b"event 9", kit.body_of(flows[0], "resp"))

    def test_client_streaming(self):
        flow, = self.play("client_streaming")
        self.assertEqual((flow["req_body_bytes"], flow["resp_trailers"]["grpc-status"]), (20 * ((1 << 20) + 5), ["0"]))

    def test_bidirectional(self):
        flow, = self.play("bidirectional")
        self.assertEqual(kit.body_of(flow, "resp").count(b"pong"), 50)
        self.assertEqual(flow["resp_trailers"]["grpc-status"], ["0"])

    def test_failing(self):
        flows = self.play("failing")
        self.assertEqual(self.statuses(flows), [["9"], ["12"]])
        self.assertEqual({flow["status"] for flow in flows}, {200})

    def test_deadline_and_cancel(self):
        flows = self.play("deadline_and_cancel")
        self.assertIn(flows[0]["error_code"], ("client_closed", ""))  # the server, too, keeps an eye on the deadline
        self.assertEqual([flow["error_code"] for flow in flows[1:]], ["client_closed", "client_closed", ""])


class NodeWithTls(Node, node_kit.NodeTest):
    pass


class NodeWithoutTls(Node, node_kit.NodeTest):
    secure = False


class Python(kit.Client):
    """grpcio does not only speak of itself: its core is that of C++, Ruby, PHP and others."""

    def play(self, secure):
        python = kit.python_with("grpc")
        identity = kit.identity()
        done = kit.run([python, kit.HERE / "python" / "grpc_peers.py", *([self.weir.ca, identity.certificate, identity.key] if secure else [])],
                       {**self.env, "grpc_proxy": self.weir.url, "GRPC_ENABLE_FORK_SUPPORT": "0"})
        self.check(done)
        flows = self.stop()
        self.assertEqual({(flow["http_version"], flow["resp_http_version"]) for flow in flows[:3]}, {("HTTP/2", "HTTP/2")})
        self.assertEqual([flow["resp_trailers"]["grpc-status"] for flow in flows[:2]], [["0"], ["0"]])
        self.assertEqual(flows[2].get("resp_trailers", flows[2]["resp_headers"])["grpc-status"], ["5"])
        self.assertEqual(flows[3]["error_code"], "client_closed")

    def test_with_tls(self):
        self.play(True)

    def test_without_tls(self):
        self.play(False)


if __name__ == "__main__":
    kit.main()
