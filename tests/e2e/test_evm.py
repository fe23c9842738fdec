"""The virtual machine by itself: kith evm."""

import json
import unittest

from program import Case

ADDS_ONE_AND_TWO = "600160020160005260206000f3"
RETURNS_ITS_INPUT = "5f355f5260205ff3"


def state_test(root):
    """A transfer of 1 wei between two accounts, by a price of nothing."""
    sender, taker = "0x" + "aa" * 20, "0x" + "bb" * 20
    empty = {"nonce": "0x00", "code": "0x", "storage": {}}
    return {"transfer": {
        "env": {"currentCoinbase": "0x" + "cc" * 20, "currentNumber": "0x01", "currentTimestamp": "0x01",
                "currentGasLimit": "0x989680", "currentDifficulty": "0x01"},
        "pre": {sender: {**empty, "balance": "0x05"}, taker: {**empty, "balance": "0x01"}},
        "transaction": {"data": ["0x"], "gasLimit": ["0x5208"], "value": ["0x01"], "gasPrice": "0x00", "nonce": "0x00",
                        "to": taker, "sender": sender},
        "post": {"Istanbul": [{"hash": root, "indexes": {"data": 0, "gas": 0, "value": 0},
                               "logs": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"}]}}}


class Evm(Case):
    def test_code_runs_and_its_answer_is_printed(self):
        node = self.node()
        self.assertEqual(node.text("evm", "run", ADDS_ONE_AND_TWO), "0x" + "3".zfill(64))
        self.assertEqual(node.text("evm", "run", "0x" + RETURNS_ITS_INPUT, "--input", "ab" * 32), "0x" + "ab" * 32)
        path = self.write("code", RETURNS_ITS_INPUT.encode() + b"\n")
        self.assertEqual(node.text("evm", "run", "--codefile", path, "--input", "0x"), "0x" + "0" * 64)

    def test_a_trace_has_a_line_for_each_instruction(self):
        done = self.node().run("evm", "run", ADDS_ONE_AND_TWO, "--json")
        lines = [json.loads(line) for line in done.stderr.decode().splitlines()]
        self.assertEqual([line["opName"] for line in lines[:-1]],
                         ["PUSH1", "PUSH1", "ADD", "PUSH1", "MSTORE", "PUSH1", "PUSH1", "RETURN"])
        self.assertEqual(sum(int(line["gasCost"], 16) for line in lines[:-1]), int(lines[-1]["gasUsed"], 16))
        self.assertEqual(lines[2]["stack"], ["0x1", "0x2"])

    def test_what_cannot_run_says_why(self):
        node = self.node()
        for words, told in ((["fe"], "invalid opcode"), (["5b5f56", "--gas=100"], "out of gas"), (["5f5ffd"], "reverted"),
                            (["xyz"], "hexadecimal"), ([], "no code"), (["00", "--fork=Tomorrow"], "there is no Tomorrow"),
                            (["5f", "--fork=London"], "invalid opcode"), (["00", "--value=many"], "--value"),
                            (["--codefile=/no/such"], "no such file")):
            with self.subTest(words):
                self.assertIn(told, node.fails("evm", "run", *words))

    def test_a_state_test_passes_or_fails_by_its_root(self):
        node = self.node()
        path = self.write("test.json", json.dumps(state_test("0x" + "00" * 32)).encode())
        verdict = json.loads(node.run("evm", "statetest", path).stdout)
        self.assertFalse(verdict["pass"])
        self.assertIn("1 cases failed", node.fails("evm", "statetest", path))
        path = self.write("test.json", json.dumps(state_test(verdict["stateRoot"])).encode())
        self.assertTrue(json.loads(node.text("evm", "statetest", path))["pass"])
        self.assertIn("no such cases", node.fails("evm", "statetest", path, "--fork=Cancun"))
        self.assertIn(str(path), node.fails("evm", "statetest", self.write("test.json", b"{")))


if __name__ == "__main__":
    unittest.main()
