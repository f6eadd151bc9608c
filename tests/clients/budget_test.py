"""Budgets: what is left is shared by all who spend, and who gets a no understands it and does not try again."""

import concurrent.futures
import http.client
import json

import kit
import models_test
from ask_test import Monitor
from models_origin import EveryName, ModelsOrigin, conversations

MESSAGE = next(each for each in conversations().values() if each.name == "anthropic-text")  # 25 tokens in, 15 out
COST = 25 * 3 + 15 * 15  # microdollars


def call(max_tokens):
    return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": max_tokens, "stream": True,
                       "messages": [{"role": "user", "content": "River?"}]}).encode()


class Budgeted(models_test.ModelsTest):
    """A Weir with budgets, and models behind it."""

    def serve(self, *limits, data_home=None, **options):
        flags = [word for limit in limits for word in ("--budget", limit)]
        env = {"XDG_DATA_HOME": str(data_home), "XDG_STATE_HOME": str(data_home)} if data_home else None
        return self.start(*flags, "--upstream-proxy", f"socks5://{self.proxy.place}", env=env, **options)

    def setUp(self):
        super().setUp()
        self.weir.stop()

    def ask_model(self, weir, max_tokens, fields=()):
        self.weir = weir
        connection = self.connect(MESSAGE.url)
        try:
            response = self.ask(connection, MESSAGE.url, call(max_tokens), {"x-conversation": MESSAGE.name, **dict(fields)})
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def left(self, weir, *flags):
        done = kit.run([kit.binary(), "ai", "budgets", "--json", *flags], weir.env)
        return json.loads(self.check(done))


class Spending(Budgeted):
    def test_a_call_pays_what_it_cost(self):
        weir = self.serve("1usd/day")
        self.assertEqual(self.ask_model(weir, 1000)[0], 200)
        weir.stop()
        (weir.home / "config" / "weir").mkdir(parents=True)
        (weir.home / "config" / "weir" / "config.toml").write_text('[[budget.limits]]\nlimit = "2usd/day"\n')
        (account,) = self.left(weir)
        self.assertEqual((account["spent"], account["held"]), (COST * 10**6, 0))
        self.assertIn("$0.0003 used of $1.00 a day", weir.said)

    def test_a_no_goes_nowhere(self):
        weir = self.serve("0.01usd")
        status, fields, body = self.ask_model(weir, 1000)  # 1.5 cents of output
        self.assertEqual((status, fields["x-should-retry"], fields["X-Weir-Error"]), (402, "false", "budget_exceeded"))
        self.assertEqual(json.loads(body)["error"]["type"], "billing_error")
        self.weir = weir
        (flow,) = self.stop()
        self.assertEqual((flow["status"], flow["error_code"]), (402, "budget_exceeded"))

    def test_calls_side_by_side_do_not_spend_the_same_money_twice(self):
        """Each may cost 1.5 cents; ten cents are enough for six of them at a time, whatever they cost in the end."""
        weir = self.serve("0.1usd")
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            # The origin does not end before it was heard: all are under way at once.
            answers = list(pool.map(lambda _: self.ask_model(weir, 1000), range(12)))
        passed = sum(status == 200 for status, _, _ in answers)
        self.assertGreaterEqual(passed, 6)
        self.assertTrue(all(status in (200, 402) for status, _, _ in answers))
        weir.stop()
        self.assertIn(f"${passed * COST / 1e6:.4g} used", weir.said)

    def test_two_of_them_share_what_is_left(self):
        home = kit.scratch()
        one, two = (self.serve("0.02usd/total", data_home=home) for _ in range(2))
        (home / "budgets.toml").write_text('[[budget.limits]]\nlimit = "0.02usd/total"\n')
        for weir in (one, two) * 3:
            self.assertEqual(self.ask_model(weir, 1000)[0], 200)
            # It is told within a second what the call came to.
            kit.until(lambda: not self.left(weir, "--config", home / "budgets.toml")[0]["held"])
        # 1.8 mills are spent; what a call may cost at most has to be left.
        self.assertEqual(self.ask_model(one, 1250)[0], 402)
        self.assertEqual(self.ask_model(two, 1250)[0], 402)
        self.assertEqual(self.ask_model(two, 1000)[0], 200)

    def test_what_was_under_way_when_it_was_killed_counts_as_spent(self):
        home = kit.scratch()
        weir = self.weir = self.serve("0.02usd/total", data_home=home)
        connection = self.connect(MESSAGE.url)
        self.ask(connection, MESSAGE.url, call(1000), {"x-conversation": MESSAGE.name, "x-pace": "step"})
        self.tls.said[MESSAGE.name].get(timeout=kit.PATIENCE)
        weir.kill()
        connection.close()
        self.tls.said[MESSAGE.name].heard.put(True)
        again = self.serve("0.02usd/total", data_home=home)
        self.assertEqual(self.ask_model(again, 1000)[0], 402)
        self.assertEqual(self.ask_model(again, 100)[0], 200)

    def test_a_person_may_grant_more(self):
        weir = self.weir = self.serve("0.01usd:ask")
        (place,) = weir.data.glob("sessions/*/ask.sock")
        monitor = Monitor(place)
        self.addCleanup(monitor.socket.close)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.ask_model, weir, 1000)
            question = monitor.question()
            self.assertIn("has $0.01 left of $0.01;", json.dumps(question))
            monitor.answers(question, "allow")
            self.assertEqual(answer.result(kit.PATIENCE)[0], 200)
        (flow,) = self.stop()
        self.assertIn("budget_granted", flow["marks"])


class Uploads(Budgeted):
    def put(self, weir, chunks):
        connection = http.client.HTTPConnection("127.0.0.1", weir.port, timeout=kit.PATIENCE)
        self.addCleanup(connection.close)
        try:
            connection.request("POST", f"http://localhost:{self.origin.port}/echo", iter(chunks), encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer came first
        return connection.getresponse().status

    def setUp(self):
        super().setUp()
        self.origin = self.enterContext(kit.Origin())

    def test_one_without_a_length_is_cut_where_the_budget_ends(self):
        weir = self.start("--budget", "1MiB", "--budget", "50requests:warn")
        self.assertEqual(self.put(weir, [b"x" * 1000] * 10), 200)
        self.assertEqual(self.put(weir, [b"x" * (64 << 10)] * 64), 403)
        self.assertEqual(self.put(weir, [b"x"]), 403)


class Sdks(kit.Run):
    """The SDKs of three providers: one request each, for all that they are made to try again."""

    needs = models_test.Sdks.needs
    packages = models_test.Sdks.packages

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        models_test.skip_without(cls.packages)

    def setUp(self):
        super().setUp()
        self.proxy = self.enterContext(EveryName(self.enterContext(ModelsOrigin()), self.enterContext(ModelsOrigin())))

    @property
    def flags_but_data(self):
        return [*super().flags_but_data, "--upstream-proxy", f"socks5://{self.proxy.place}", "--budget", "0.001usd"]

    def test_none_tries_again(self):
        done = self.run_weir("node", kit.HERE / "node" / "budget.mjs")
        seen = dict(json.loads(line) for line in self.check(done).splitlines())
        self.assertEqual(seen, {
            "anthropic": {"error": "PaymentRequiredError", "status": 402, "told": True},
            "anthropicStream": {"error": "PaymentRequiredError", "status": 402, "told": True},
            "chat": {"error": "APIError", "status": 402, "told": True},
            "responses": {"error": "APIError", "status": 402, "told": True},
            "gemini": {"error": "ApiError", "status": 403, "told": True}})
        flows = kit.recorded(self.data, self.env)
        self.assertEqual([flow["error_code"] for flow in flows], ["budget_exceeded"] * 5)


if __name__ == "__main__":
    kit.main()
