"""Accounts on a chain: kith wallet send, history and balance, against kith chain dev and against nodes that lie."""

import contextlib
import http.server
import json
import socket
import threading
import unittest

from program import Screen
from test_chain_dev import ETHER, FIRST, FIRST_KEY, LOGS_ITS_INPUT, SECOND, Chain, creation_of
from test_wallet import WalletCase

STRANGER = "0x52908400098527886E0F7030069857D2E4169EE7"
REVERTS = "0x5f5ffd"
TRANSFER_GAS = 21_000


class FakeNode:
    """A node that answers each method as it is told to: a value, an Exception's words as its error, or a function."""

    def __init__(self, case, **answers):
        self.answers = {"eth_chainId": "0x1", "eth_getTransactionCount": "0x0", "eth_getBalance": hex(ETHER),
                        "eth_getBlockByNumber": {"baseFeePerGas": "0x1"}, "eth_feeHistory": {"baseFeePerGas": ["0x1", "0x2"]},
                        "eth_maxPriorityFeePerGas": "0x0", "eth_gasPrice": "0x1", "eth_estimateGas": hex(TRANSFER_GAS), **answers}
        self.paths, self.methods = [], []
        node = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                node.paths.append(self.path)
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with contextlib.suppress(OSError):
                    node.answer(self, asked)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)

    def one(self, asked):
        self.methods.append(asked["method"])
        answer = self.answers.get(asked["method"], Exception("no such method"))
        if callable(answer) and not isinstance(answer, type):
            answer = answer(*asked["params"])
        if isinstance(answer, Exception):
            return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32000, "message": str(answer)}}
        return {"jsonrpc": "2.0", "id": asked["id"], "result": answer}

    def answer(self, handler, asked):
        answers = [self.one(one) for one in asked] if isinstance(asked, list) else self.one(asked)
        body = json.dumps(answers).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class ChainCase(WalletCase):
    def setUp(self):
        super().setUp()
        self.keep(FIRST_KEY)

    def send(self, chain, *words):
        return self.wallet("send", f"--rpc-url={chain.url}", self.passphrase, *words)

    def sent(self, chain, *words):
        return json.loads(self.send(chain, "--json", *words))

    def refused(self, chain, *words):
        """By words about the chain: a passphrase wasn't even asked for."""
        return self.fails("send", f"--rpc-url={chain.url}", *words)


class Send(ChainCase):
    def test_money_is_sent_and_its_block_waited_for(self):
        chain = Chain(self)
        text = self.send(chain, SECOND, "1.5")
        receipt = chain.call("eth_getBlockReceipts", "latest")[0]
        self.assertEqual(text.splitlines()[0], receipt["transactionHash"])
        fee = TRANSFER_GAS * int(receipt["effectiveGasPrice"], 16)
        self.assertRegex(text.splitlines()[1], rf"^block 1: {TRANSFER_GAS} gas, fee 0\.0+{str(fee).rstrip('0')} ether$")
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 10_000 * ETHER + 3 * ETHER // 2)
        self.assertEqual(chain.number("eth_getBalance", FIRST, "latest"), 10_000 * ETHER - 3 * ETHER // 2 - fee)

    def test_a_program_is_told_in_json(self):
        chain = Chain(self)
        done = self.sent(chain, SECOND, "20gwei")
        self.assertEqual((done["from"].lower(), done["to"].lower(), done["value"], done["nonce"], done["block"], done["status"],
                          done["chainId"], done["gasUsed"]),
                         (FIRST, SECOND, str(20 * 10**9), 0, 1, "success", 31337, str(TRANSFER_GAS)))
        self.assertEqual(chain.call("eth_getTransactionByHash", done["hash"])["type"], "0x2")

    def test_what_is_going_to_happen_is_said(self):
        chain = Chain(self)
        done = self.node().run("wallet", "send", f"--rpc-url={chain.url}", self.passphrase, SECOND, "1")
        error = done.stderr.decode()
        self.assertEqual(done.returncode, 0, error)
        for words in ("From    0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "To      0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                      "Amount  1 ether", "Fee     at most 0.0", "Chain   31337, nonce 0"):
            self.assertIn(words, error)
        maximum = int(chain.call("eth_getTransactionByBlockNumberAndIndex", "latest", "0x0")["maxFeePerGas"], 16)
        base_fee = int(chain.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
        self.assertEqual(maximum, 2 * base_fee + 10**9)

    def test_a_person_is_asked_and_may_say_no(self):
        chain = Chain(self)
        for answer, code in (("n\r", 1), ("y\r", 0)):
            screen = Screen(self.node(), "wallet", "send", f"--rpc-url={chain.url}", self.passphrase, SECOND, "1")
            self.addCleanup(screen.close)
            screen.wait_for(r"Send it\? \[y/N\]")
            screen.type(answer)
            self.assertEqual(screen.finish(), code, screen.text)
            self.assertEqual("nothing was sent" in screen.text, code == 1)
        self.assertEqual(chain.number("eth_blockNumber"), 1)

    def test_a_free_chain_takes_no_fee(self):
        chain = Chain(self, "--base-fee=0")
        self.send(chain, SECOND, "10000")
        self.assertEqual(chain.number("eth_getBalance", FIRST, "latest"), 0)
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 20_000 * ETHER)

    def test_a_contract_is_made_and_called(self):
        chain = Chain(self)
        made = self.sent(chain, "--create", f"--data={creation_of(LOGS_ITS_INPUT)}")
        self.assertIsNone(made["to"])
        self.assertEqual(chain.call("eth_getCode", made["contract"], "latest"), LOGS_ITS_INPUT)
        called = self.sent(chain, made["contract"], "--data=" + "ab" * 32)
        logs = chain.call("eth_getTransactionReceipt", called["hash"])["logs"]
        self.assertEqual(logs[0]["topics"], ["0x" + "ab" * 32])
        self.assertIn("would fail", self.refused(chain, made["contract"], "0"))
        # Whoever names the gas has it tried, and pays.
        error = self.fails("send", f"--rpc-url={chain.url}", self.passphrase, made["contract"], "0", "--gas-limit=50000")
        self.assertIn("failed in block 3", error)

    def test_the_signed_transaction_can_be_printed_instead(self):
        chain = Chain(self)
        raw = self.send(chain, "--dry-run", SECOND, "1")
        self.assertEqual(chain.number("eth_blockNumber"), 0)
        self.wallet("verify", FIRST, f"--transaction={raw}")
        chain.call("eth_sendRawTransaction", raw)
        self.assertEqual(chain.number("eth_getBalance", SECOND, "latest"), 10_001 * ETHER)

    def test_a_transaction_that_waits_is_replaced_for_more(self):
        chain = Chain(self)
        chain.call("evm_setAutomine", False)
        waits = self.send(chain, "--async", SECOND, "1")
        self.assertEqual(chain.call("eth_getTransactionByHash", waits)["blockHash"], None)
        error = self.fails("send", f"--rpc-url={chain.url}", self.passphrase, "--nonce=0", SECOND, "2")
        self.assertIn("replacement transaction underpriced", error)
        self.assertIn("a tenth higher", error)
        second = self.send(chain, "--async", "--nonce=0", "--gas-price=10gwei", "--priority-gas-price=2gwei", SECOND, "2")
        chain.call("evm_mine")
        self.assertEqual(chain.call("eth_getTransactionReceipt", second)["status"], "0x1")
        self.assertIsNone(chain.call("eth_getTransactionReceipt", waits))
        self.assertIn("nonce too low", self.fails("send", f"--rpc-url={chain.url}", self.passphrase, "--nonce=0", SECOND, "1"))

    def test_waiting_ends_when_it_is_told_to(self):
        chain = Chain(self)
        chain.call("evm_setAutomine", False)
        error = self.fails("send", f"--rpc-url={chain.url}", self.passphrase, "--timeout=100ms", SECOND, "1")
        self.assertIn("no block has taken the transaction within 100ms", error)

    def test_too_little_money_is_said_in_numbers_before_anything_is_asked(self):
        chain = Chain(self)
        error = self.refused(chain, SECOND, "10000.5")
        self.assertIn("the account has 10000 ether, and 10000.5 ether are to be sent: 0.5 ether are missing", error)
        error = self.refused(chain, SECOND, "10000")
        self.assertRegex(error, r"10000 ether are to be sent, with a fee of at most 0\.0\d+ ether: 0\.0\d+ ether are missing")

    def test_what_makes_no_sense_is_refused_before_anybody_is_asked(self):
        mistyped = SECOND[:-1] + "9"
        wrong_case = "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"
        for words, said in ((("send",), "to whom"), (("send", SECOND), "how much"), (("send", SECOND[:-1], "1"), "39 digits instead of 40"),
                            (("send", "somebody", "1"), "begins with 0x"), (("send", "0x" + "g" * 40, "1"), "0 to 9"),
                            (("send", wrong_case, "1"), "checksum"), (("send", SECOND, "1,5"), "isn't an amount"),
                            (("send", SECOND, "0.5wei"), "isn't an amount"), (("send", SECOND, "1", "--data=0x1"), "hexadecimal"),
                            (("send", "--create"), "--data"), (("send", SECOND, "1", "--gas-price=much"), "--gas-price"),
                            (("send", SECOND, "1", "--nonce=-1"), "--nonce"), (("history", "--blocks=0"), "--blocks"),
                            (("send", "--create", "--data=00", SECOND, "1"), "no address"), (("balance", mistyped + "0"), "")):
            with self.subTest(words):
                self.assertIn(said, self.fails(*words, "--rpc-url=http://127.0.0.1:1"))

    def test_a_priority_fee_is_part_of_the_price(self):
        chain = Chain(self)
        self.assertIn("can't be more", self.refused(chain, SECOND, "1", "--gas-price=1gwei", "--priority-gas-price=2gwei"))
        self.assertIn("below what the chain takes",
                      self.fails("send", f"--rpc-url={chain.url}", self.passphrase, SECOND, "1", "--gas-price=1"))


class Nodes(ChainCase):
    def test_nobody_there_is_said_with_what_to_try(self):
        error = self.fails("send", SECOND, "1")
        self.assertIn("daemon", error)
        self.assertIn("--rpc-url", error)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        error = self.fails("balance", f"--rpc-url=http://127.0.0.1:{port}")
        self.assertIn(f"127.0.0.1:{port}", error)
        self.assertIn("check --rpc-url", error)
        self.write("home/chain-rpc", f"http://127.0.0.1:{port}\n".encode())
        self.assertIn("daemon` running?", self.fails("balance"))
        self.assertIn("https://", self.fails("balance", "--rpc-url=https://127.0.0.1"))
        self.assertIn("take one", self.fails("balance", "--rpc-url=http://127.0.0.1", "--chain=a"))

    def test_the_homes_daemon_is_asked_for_a_chain_by_its_name(self):
        node = FakeNode(self)
        self.write("home/chain-rpc", f"{node.url}\n".encode())
        self.assertIn("1 ether", self.wallet("balance"))
        self.wallet("balance", "--chain=our money")
        self.assertEqual(node.paths, ["/", "/our%20money"])

    def test_lies_are_told_as_such(self):
        nonsense = {"eth_chainId": ("0x0", "one", 1, None, "0x" + "f" * 40), "eth_getTransactionCount": ("-1", {}, "0x1" + "0" * 16),
                    "eth_getBalance": (None, "0x1" + "0" * 64), "eth_getBlockByNumber": (None, "0x1"),
                    "eth_estimateGas": ("0x0", None, "0x1" + "0" * 16), "eth_maxPriorityFeePerGas": ("0x" + "f" * 64,)}
        for method, answers in nonsense.items():
            for answer in answers:
                with self.subTest(f"{method} {answer}"):
                    self.assertIn("nonsense", self.refused(FakeNode(self, **{method: answer}), SECOND, "0.1"))

    def test_words_of_a_node_cant_move_the_cursor(self):
        error = self.refused(FakeNode(self, eth_chainId=Exception("\x1b[2J\x1b[31mgive me\r\nyour key")), SECOND, "0.1")
        self.assertNotIn("\x1b", error)
        self.assertIn("\\x1b[2J", error)

    def test_a_fee_that_nobody_asked_for_is_not_paid(self):
        node = FakeNode(self, eth_getBalance=hex(1000 * ETHER), eth_maxPriorityFeePerGas=hex(ETHER // 1000))
        self.assertIn("wants a fee of up to 21", self.refused(node, SECOND, "0.1"))
        self.assertNotIn("eth_sendRawTransaction", node.methods)

    def test_another_hash_than_what_was_sent_is_noticed(self):
        node = FakeNode(self, eth_sendRawTransaction="0x" + "12" * 32)
        self.assertIn("another hash", self.fails("send", f"--rpc-url={node.url}", self.passphrase, SECOND, "0.1"))

    def test_a_foreign_receipt_is_noticed(self):
        chain = Chain(self)
        foreign = chain.call("eth_getTransactionReceipt", chain.send(to=SECOND, value="0x1"))
        node = FakeNode(self, eth_getTransactionReceipt=foreign)
        node.answers["eth_sendRawTransaction"] = lambda raw: self.hash_of(raw)
        self.assertIn("no receipt of the transaction",
                      self.fails("send", f"--rpc-url={node.url}", self.passphrase, SECOND, "0.1"))

    def hash_of(self, raw):
        chain = Chain(self, "--chain-id=1")
        return chain.call("eth_sendRawTransaction", raw)

    def test_a_chain_from_before_base_fees_gets_a_plain_transaction(self):
        node = FakeNode(self, eth_getBlockByNumber={}, eth_feeHistory=Exception("no"), eth_gasPrice="0x7")
        raw = self.send(node, "--dry-run", SECOND, "0.1")
        self.assertTrue(raw.startswith("0xf8"), raw)
        self.assertIn("gas price alone", self.refused(node, SECOND, "0.1", "--priority-gas-price=1"))

    def test_answers_without_end_or_of_a_wrong_size_are_given_up(self):
        def endless(handler, _):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            while True:
                handler.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

        def announced(size, sent):
            def answer(handler, _):
                handler.send_response(200)
                handler.send_header("Content-Length", size)
                handler.end_headers()
                handler.wfile.write(sent)
                handler.close_connection = True
            return answer

        for answer, said in ((endless, "more than 4 MiB"), (announced(str(1 << 62), b" " * (5 << 20)), "more than 4 MiB"),
                             (announced("1000", b"{}"), "ended the connection"), (announced("2", b"{}"), "no JSON-RPC"),
                             (announced("-5", b"{}"), ""), (announced("2000", b"[" * 2000), "no JSON-RPC")):
            with self.subTest(said):
                node = FakeNode(self)
                node.answer = answer
                self.assertIn(said, self.fails("balance", f"--rpc-url={node.url}"))


class History(ChainCase):
    def history(self, chain, *words):
        return json.loads(self.wallet("history", f"--rpc-url={chain.url}", "--json", *words))

    def test_all_that_happened_is_listed_from_the_last(self):
        chain = Chain(self)
        first = self.sent(chain, SECOND, "1")
        made = self.sent(chain, "--create", f"--data={creation_of(LOGS_ITS_INPUT)}")
        chain.call("eth_sendTransaction", {"from": SECOND, "to": STRANGER, "value": "0x1"})
        got = chain.call("eth_sendTransaction", {"from": SECOND, "to": FIRST, "value": hex(ETHER // 2)})
        failed = chain.send(to=made["contract"], gas="0x186a0")
        chain.call("evm_setAutomine", False)
        waits = self.send(chain, "--async", FIRST, "7")
        found = self.history(chain)
        self.assertEqual((found["account"].lower(), found["chainId"], found["fromBlock"], found["toBlock"]), (FIRST, 31337, 0, 5))
        self.assertEqual([(one["hash"], one["block"], one["direction"], one["status"], one["value"]) for one in found["transactions"]],
                         [(waits, None, "self", "pending", str(7 * ETHER)), (failed, 5, "out", "failed", "0"),
                          (got, 4, "in", "success", str(ETHER // 2)), (made["hash"], 2, "out", "success", "0"),
                          (first["hash"], 1, "out", "success", str(ETHER))])
        self.assertEqual([one["fee"] for one in found["transactions"]][3:], [made["fee"], first["fee"]])
        text = self.wallet("history", f"--rpc-url={chain.url}").splitlines()
        self.assertEqual(len(text), 5)
        self.assertRegex(text[0], rf"^ +waits .*self .* 7 ether  pending  {waits}$")
        self.assertIn("new contract", text[3])
        self.assertRegex(text[4], rf"^ +1  \d{{4}}-.*Z  out +0x70997970C51812dc3A010C7d01b50e0d17dc79C8  1 ether, fee 0\.0\d+  success  ")

    def test_only_the_last_blocks_are_read_of_anybodys_account(self):
        chain = Chain(self)
        for _ in range(3):
            chain.send(to=SECOND, value="0x1")
        found = self.history(chain, SECOND, "--blocks=2")
        self.assertEqual((found["fromBlock"], [one["block"] for one in found["transactions"]]), (2, [3, 2]))
        self.assertIn("nothing in the blocks 0 to 3", self.wallet("history", f"--rpc-url={chain.url}", STRANGER))

    def test_many_blocks_come_in_batches(self):
        chain = Chain(self)
        sent = chain.send(to=SECOND, value="0x1")
        chain.call("hardhat_mine", hex(250))
        found = self.history(chain)
        self.assertEqual((found["fromBlock"], found["toBlock"]), (0, 251))
        self.assertEqual([one["hash"] for one in found["transactions"]], [sent])

    def test_fewer_blocks_are_asked_for_where_the_answer_is_too_large(self):
        sizes = []

        def answer(handler, asked):
            if isinstance(asked, list) and asked[0]["method"] == "eth_getBlockByNumber":
                sizes.append(len(asked))
                if len(asked) > 30:
                    handler.send_response(200)
                    handler.send_header("Content-Length", str(1 << 40))
                    handler.end_headers()
                    while True:
                        handler.wfile.write(b" " * (1 << 20))
            FakeNode.answer(node, handler, asked)

        node = FakeNode(self, eth_blockNumber="0x63",
                        eth_getBlockByNumber=lambda number, _: {"number": number, "timestamp": "0x0", "transactions": []})
        node.answer = answer
        found = self.history(node)
        self.assertEqual((found["fromBlock"], found["toBlock"], found["transactions"]), (0, 99, []))
        self.assertEqual(sizes, [100, 50, 25, 25, 25, 25])

    def test_a_node_that_has_no_older_blocks_says_so(self):
        node = FakeNode(self, eth_blockNumber="0x9", eth_getBlockByNumber=lambda number, _: None if int(number, 16) < 5 else
                        {"number": number, "timestamp": "0x0", "transactions": []})
        done = self.node().run("wallet", "history", f"--rpc-url={node.url}", "--json")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["fromBlock"], 5)
        self.assertIn(b"Only the blocks from 5 on", done.stderr)

    def test_false_blocks_are_told_as_such(self):
        for block in ({"number": "0x1", "timestamp": "0x0", "transactions": []}, {}, "block",
                      {"number": "0x0", "timestamp": "0x0", "transactions": ["0x" + "12" * 32]}):
            with self.subTest(block):
                node = FakeNode(self, eth_blockNumber="0x0", eth_getBlockByNumber=block)
                self.assertIn("nonsense: no block 0", self.fails("history", f"--rpc-url={node.url}"))


class Balance(ChainCase):
    def test_every_account_has_a_line(self):
        chain = Chain(self)
        self.keep("46" * 32, label="poor")
        text = self.wallet("balance", f"--rpc-url={chain.url}").splitlines()
        self.assertEqual(sorted(text), ["0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F  0 ether  poor",
                                        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266  10000 ether"])
        self.assertEqual(json.loads(self.wallet("balance", "poor", f"--rpc-url={chain.url}", "--json"))["accounts"][0]["balance"], "0")
        self.assertIn("10000 ether", self.wallet("balance", SECOND, f"--rpc-url={chain.url}"))

    def test_an_empty_wallet_says_so(self):
        self.assertIn("wallet new", self.fails("balance", "--rpc-url=http://127.0.0.1:1", name="other"))


if __name__ == "__main__":
    unittest.main()
