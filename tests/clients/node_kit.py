"""What tests with Node scripts need (node/*.mjs): the packages of package.json, and a process one can speak with."""

import json
import pathlib
import queue
import subprocess
import threading
import unittest

import kit

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE / "node"


class Script:
    """A running scenario of a script: it says JSON objects, is told words, and ends with status 0 when all is well."""

    def __init__(self, test, name, scenario, env, **config):
        self._test = test
        self._said, self._errors = queue.Queue(), []
        self._process = test.spawn(["node", SCRIPTS / name, scenario, json.dumps(config, default=str)], env=env,
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)

    def _read_errors(self):
        for line in self._process.stderr:
            self._errors.append(line.decode(errors="replace"))

    def _fail(self, why):
        errors, weir = "".join(self._errors), self._test.weir.said
        raise AssertionError(f"the script {why}\n{errors}\nweir: {weir}")

    def hear(self):
        """The next thing it says."""
        try:
            said = self._said.get(timeout=kit.PATIENCE)
        except queue.Empty:
            self._fail("said nothing")
        if said is None:
            self._process.wait(kit.PATIENCE)
            self._readers[1].join(kit.PATIENCE)
            self._fail(f"ended with {self._process.returncode}")
        return said

    def tell(self, word):
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def end(self):
        """What it said last, after it ended well; None when it had nothing more to say."""
        try:
            code = self._process.wait(kit.PATIENCE * 2)
        except subprocess.TimeoutExpired:
            self._fail("did not end")
        for reader in self._readers:
            reader.join(kit.PATIENCE)
        if code:
            self._fail(f"ended with {code}")
        said = [self._said.get() for _ in range(self._said.qsize())]
        return said[-2] if len(said) > 1 else None


class NodeTest(kit.Client):
    """Tests whose clients and origins are Node's. `packages` names those of package.json that they cannot do without."""

    needs = ("node",)
    packages = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [name for name in cls.packages if not (HERE / "node_modules" / name).is_dir()]
        if missing:
            raise unittest.SkipTest(f"not installed: {', '.join(missing)} (tools/setup does it)")

    def begin(self, script, scenario, env=None, **config):
        identity = kit.identity()
        return Script(self, script, scenario, {**self.env, **(env or {})}, proxy=self.weir.port, ca=self.weir.ca,
                      certificate=identity.certificate, key=identity.key, **config)

    def node(self, script, scenario, **config):
        """Runs a scenario to its end."""
        return self.begin(script, scenario, **config).end()
