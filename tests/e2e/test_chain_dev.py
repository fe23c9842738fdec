"""A chain for development: kith chain dev."""

import json
import signal
import socket
import urllib.error
import urllib.request

from program import Case, wait_until
from websocket import WebSocket

FIRST = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
FIRST_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SECOND = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
ETHER = 10**18
# Logs its first 32 bytes of input as a topic, and returns; without input it reverts.
LOGS_ITS_INPUT = "0x" + "366007575f5ffd5b5f355f5fa100"


def creation_of(runtime):
    """Code that makes a contract of that code."""
    code = bytes.fromhex(runtime[2:])
    return "0x" + (bytes([0x60, len(code), 0x60, 10, 0x5F, 0x39, 0x60, len(code), 0x5F, 0xF3]) + code).hex()


class Chain:
    """A running `kith chain dev`."""

    def __init__(self, case, *options):
        self.node = case.node()
        self.port_file = case.folder / f"port-{id(self)}"
        self.process = self.node.background("chain", "dev", "--port=0", f"--port-file={self.port_file}", *options)
        case.addCleanup(self.process.stop)

        def ready():
            if not self.process.alive():
                raise AssertionError(f"it ended at once: {self.process.log()}")
            return self.port_file.exists()

        wait_until(ready, what="a port")
        self.port = int(self.port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}/"

    def post(self, body, **headers):
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def answer(self, method, *params):
        return json.loads(self.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()))

    def call(self, method, *params):
        answer = self.answer(method, *params)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def number(self, method, *params):
        return int(self.call(method, *params), 16)

    def send(self, **transaction):
        return self.call("eth_sendTransaction", {"from": FIRST, **transaction})

    def create(self, runtime):
        sent = self.send(data=creation_of(runtime))
        return self.call("eth_getTransactionReceipt", sent)["contractAddress"]

    def line(self, case):
        line = WebSocket("127.0.0.1", self.port)
        case.addCleanup(line.close)
        case.assertEqual(line.status, 101)
        return line


def asked(line, method, *params):
    line.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    return json.loads(line.receive())["result"]


def told(line):
    return json.loads(line.receive())["params"]


class ChainDev(Case):
    def test_it_says_what_there_is_and_mines_what_is_sent(self):
        chain = Chain(self)
        log = chain.process.log()
        for words in ("Chain id: 31337", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", FIRST_KEY, "Everybody knows these keys",
                      f"Listening on 127.0.0.1:{chain.port}"):
            self.assertIn(words, log)
        self.assertEqual(chain.number("eth_chainId"), 31337)
        self.assertEqual(len(chain.call("eth_accounts")), 10)
        self.assertRegex(chain.call("web3_clientVersion"), "^anvil/kith-v")
        self.assertEqual(chain.number("eth_getBalance", FIRST, "latest"), 10_000 * ETHER)
        sent = chain.send(to=SECOND, value=hex(ETHER))
        self.assertEqual(chain.number("eth_blockNumber"), 1)
        receipt = chain.call("eth_getTransactionReceipt", sent)
        self.assertEqual((receipt["status"], receipt["from"], receipt["to"]), ("0x1", FIRST, SECOND))
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 10_001 * ETHER)
        wait_until(lambda: "block 1 0x" in chain.process.log(), what="a line for the block")
        self.assertIn(": 1 transaction, 21000 gas", chain.process.log())

    def test_a_failed_transaction_has_a_line_and_a_call_says_why(self):
        chain = Chain(self)
        contract = chain.create(LOGS_ITS_INPUT)
        sent = chain.send(to=contract, gas="0x186a0")
        self.assertEqual(chain.call("eth_getTransactionReceipt", sent)["status"], "0x0")
        wait_until(lambda: f"failed: {sent} from {FIRST} to {contract}" in chain.process.log(), what="a line for the failure")
        self.assertEqual(chain.answer("eth_call", {"to": contract})["error"]["code"], 3)

    def test_a_snapshot_brings_back_what_was(self):
        chain = Chain(self)
        chain.send(to=SECOND, value="0x1")
        taken = chain.call("evm_snapshot")
        chain.send(to=SECOND, value="0x2")
        self.assertTrue(chain.call("evm_revert", taken))
        self.assertEqual(chain.number("eth_blockNumber"), 1)
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 10_000 * ETHER + 1)
        self.assertFalse(chain.call("evm_revert", taken))
        chain.call("anvil_reset")
        self.assertEqual(chain.number("eth_blockNumber"), 0)
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 10_000 * ETHER)

    def test_a_websocket_is_told_what_it_subscribed_to(self):
        chain = Chain(self)
        contract = chain.create(LOGS_ITS_INPUT)
        line = chain.line(self)
        self.assertEqual(int(asked(line, "eth_chainId"), 16), 31337)
        heads, pending = asked(line, "eth_subscribe", "newHeads"), asked(line, "eth_subscribe", "newPendingTransactions")
        sent = chain.send(to=SECOND, value="0x1")
        news = {notice["subscription"]: notice["result"] for notice in (told(line), told(line))}
        self.assertEqual(news[pending], sent)
        self.assertEqual(int(news[heads]["number"], 16), 2)
        self.assertEqual(news[heads]["hash"], chain.call("eth_getBlockByNumber", "latest", False)["hash"])
        for subscription in (heads, pending):
            self.assertTrue(asked(line, "eth_unsubscribe", subscription))
        topic = "0x" + "ab" * 32
        logs = asked(line, "eth_subscribe", "logs", {"address": contract, "topics": [topic]})
        chain.send(to=contract, data="0x" + "cd" * 32)
        sent = chain.send(to=contract, data=topic)
        notice = told(line)
        self.assertEqual((notice["subscription"], notice["result"]["transactionHash"], notice["result"]["removed"]),
                         (logs, sent, False))

    def test_logs_of_blocks_that_are_gone_are_taken_back(self):
        chain = Chain(self)
        contract = chain.create(LOGS_ITS_INPUT)
        line = chain.line(self)
        asked(line, "eth_subscribe", "logs", {"address": contract})
        taken = chain.call("evm_snapshot")
        sent = chain.send(to=contract, data="0x" + "ab" * 32)
        chain.call("evm_revert", taken)
        first, second = (told(line)["result"] for _ in range(2))
        self.assertEqual([(log["transactionHash"], log["removed"]) for log in (first, second)], [(sent, False), (sent, True)])
        wait_until(lambda: "back to block 1" in chain.process.log(), what="a line that blocks are gone")

    def test_blocks_come_in_intervals(self):
        chain = Chain(self, "--block-time=0.05")
        line = chain.line(self)
        asked(line, "eth_subscribe", "newHeads")
        first, second = (int(told(line)["result"]["number"], 16) for _ in range(2))
        self.assertEqual(second, first + 1)
        chain.call("evm_setIntervalMining", 0)
        chain.call("evm_setAutomine", True)
        sent = chain.send(to=SECOND, value="0x1")
        self.assertEqual(chain.call("eth_getTransactionReceipt", sent)["status"], "0x1")

    def test_options_are_obeyed(self):
        chain = Chain(self, "--chain-id=5", "--accounts=2", "--balance=7", "--gas-limit=1000000", "--base-fee=9", "--silent")
        self.assertEqual(chain.process.log(), "")
        self.assertEqual(chain.number("eth_chainId"), 5)
        self.assertEqual(chain.call("eth_accounts"), [FIRST, SECOND])
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 7 * ETHER)
        block = chain.call("eth_getBlockByNumber", "0x0", False)
        self.assertEqual((int(block["gasLimit"], 16), int(block["baseFeePerGas"], 16)), (1_000_000, 9))

    def test_accounts_come_of_other_words_whose_keys_are_not_shown(self):
        words = "legal winner thank year wave sausage worth useful legal winner thank yellow"
        chain = Chain(self, f"--mnemonic-file={self.write('words', words.encode() + chr(10).encode())}")
        log = chain.process.log()
        self.assertNotIn("legal", log)
        self.assertNotIn("(0) 0x\n", log)
        self.assertNotIn(FIRST, chain.call("eth_accounts"))
        self.assertEqual(log.count("(0) "), 1)

    def test_a_genesis_file_is_begun_with(self):
        genesis = {"config": {"chainId": 77, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
                              "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
                              "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0, "shanghaiTime": 0,
                              "cancunTime": 0, "pragueTime": 0, "osakaTime": 0},
                   "difficulty": "0x0", "gasLimit": "0x1c9c380", "alloc": {"0x" + "aa" * 20: {"balance": "0x5"}}}
        chain = Chain(self, f"--genesis={self.write('genesis.json', json.dumps(genesis).encode())}")
        self.assertEqual(chain.number("eth_chainId"), 77)
        self.assertEqual(chain.number("eth_getBalance", "0x" + "aa" * 20, "latest"), 5)
        self.assertEqual(chain.number("eth_getBalance", FIRST, "latest"), 10_000 * ETHER)
        self.assertEqual(chain.call("eth_getTransactionReceipt", chain.send(to=SECOND, value="0x1"))["status"], "0x1")

    def test_it_ends_cleanly_and_says_goodbye(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(how):
                chain = Chain(self)
                line = chain.line(self)
                asked(line, "eth_chainId")
                chain.process.popen.send_signal(how)
                self.assertIsNone(line.receive())
                self.assertEqual(line.code, 1001)
                self.assertEqual(chain.process.wait(10), 0)
                self.assertFalse(chain.port_file.exists())

    def test_a_taken_port_and_bad_options_say_so(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            error = self.node().fails("chain", "dev", f"--port={port}")
            self.assertIn(f"127.0.0.1:{port}", error)
            self.assertIn("--port", error)
        for option, words in (("--host=example.org", "--host"), ("--port=70000", "--port"), ("--block-time=soon", "--block-time"),
                              ("--block-time=0", "--block-time"), ("--accounts=100000", "--accounts"), ("--balance=much", "--balance"),
                              ("--mnemonic=test test", "mnemonic"), ("--genesis=/no/such", "/no/such"), ("--chain-id=0", "--chain-id")):
            with self.subTest(option):
                self.assertIn(words, self.node().fails("chain", "dev", "--port=0", option))

    def test_foreign_names_are_refused_and_pages_may_ask(self):
        chain = Chain(self)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}).encode()
        with self.assertRaises(urllib.error.HTTPError) as refused:
            chain.post(body, Host="evil.example")
        self.assertEqual(refused.exception.code, 403)
        request = urllib.request.Request(chain.url, body, {"Content-Type": "application/json", "Origin": "http://app.example"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "*")
        closed = Chain(self, "--http.corsdomain=", "--http.vhosts=chain.example")
        with self.assertRaises(AssertionError):
            self.assertEqual(WebSocket("127.0.0.1", closed.port, Origin="http://app.example").status, 101)
        self.assertIn(b"0x7a69", closed.post(body, Host="chain.example"))


if __name__ == "__main__":
    import unittest

    unittest.main()
