"""Ledgers among peers: begun by one, joined by others, mined or validated."""

import json
import signal
import urllib.error
import urllib.request

from program import Case, wait_until

# Everybody knows this account (anvil's first).
ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ACCOUNT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ETHER = 10**18


def height(node, name="town"):
    return node.json("chain", "status", name)["Head"]["Number"]


def head(node, name="town"):
    return node.json("chain", "status", name)["Head"]


def post(node, path, method, *params):
    url = (node.home / "chain-rpc").read_text().strip() + path
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


class Mined(Case):
    def town(self, *options):
        """A node that began a chain whose blocks are quickly found."""
        node = self.started("first")
        made = node.json("chain", "new", "town", "--difficulty=1000", "--block-time=2", f"--alloc={ACCOUNT}=1000", *options)
        return node, made

    def test_one_begins_others_join_and_all_agree(self):
        first, made = self.town()
        self.assertTrue(made["Invite"].startswith("kith://chain/0x"))
        self.assertEqual(height(first), 0)
        first.ok("mine", f"--coinbase={OTHER}", "--threads=1")
        second, third = self.started("second"), self.started("third")
        for node in second, third:
            joined = node.json("chain", "join", made["Invite"])
            self.assertEqual((joined["Name"], joined["Genesis"]), ("town", made["Genesis"]))
        wait_until(lambda: height(first) >= 5, what="blocks")
        first.ok("mine", "--stop")
        for node in second, third:
            wait_until(lambda: head(node) == head(first), what="the same head")
        self.assertEqual(len(first.json("chain", "peers")["Peers"]), 2)
        balance = int(second.json("chain", "rpc", "eth_getBalance", OTHER, "latest"), 16)
        self.assertEqual(balance, 2 * ETHER * height(first))

    def test_a_payment_is_sent_at_one_node_and_mined_at_another(self):
        first, made = self.town()
        second = self.started("second")
        second.ok("chain", "join", made["Invite"])
        wait_until(lambda: first.json("chain", "peers")["Peers"], what="a peer")
        second.ok("wallet", "import", "--key", "--light", "--no-passphrase", stdin=f"{ACCOUNT_KEY}\n".encode())
        payment = self.write("payment.json", json.dumps({
            "type": "0x2", "chainId": hex(made["ChainID"]), "nonce": "0x0", "maxPriorityFeePerGas": hex(10**9),
            "maxFeePerGas": hex(10**10), "gas": hex(21000), "to": OTHER, "value": hex(3 * ETHER)}).encode())
        raw = second.json("wallet", "sign", "--transaction", payment, "--no-passphrase")["raw"]
        sent = second.json("chain", "rpc", "eth_sendRawTransaction", raw)
        # It is there after a restart, before any block has it.
        second.stop(signal.SIGKILL)
        second.start()
        self.assertEqual(second.json("chain", "status")["Pending"], 1)
        first.ok("mine", f"--coinbase={ACCOUNT}", "--threads=1")
        receipt = wait_until(lambda: second.json("chain", "rpc", "eth_getTransactionReceipt", sent), 60, "a receipt")
        first.ok("mine", "--stop")
        self.assertEqual(receipt["status"], "0x1")
        self.assertEqual(int(second.json("chain", "rpc", "eth_getBalance", OTHER, "latest"), 16), 3 * ETHER)

    def test_json_rpc_by_http(self):
        first, made = self.town()
        self.assertEqual(int(post(first, "/town", "eth_chainId")["result"], 16), made["ChainID"])
        self.assertEqual(post(first, "/", "eth_blockNumber")["result"], "0x0")
        first.ok("chain", "new", "other", "--difficulty=1000")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            post(first, "/", "eth_blockNumber")
        self.assertEqual(refused.exception.code, 404)
        self.assertIn(b"/other", refused.exception.read())

    def test_blocks_travel_as_a_file(self):
        first, made = self.town()
        first.ok("mine", f"--coinbase={OTHER}", "--threads=1")
        wait_until(lambda: height(first) >= 3, what="blocks")
        first.ok("mine", "--stop")
        blocks = self.write("town.rlp", first.ok("chain", "export", "town"))
        # The second has joined, and its peers are gone before it has the blocks.
        second = self.started("second")
        second.ok("chain", "join", made["Invite"])
        first.stop()
        imported = second.json("chain", "import", blocks)
        self.assertGreaterEqual(imported["Head"]["Number"], 3)
        self.assertEqual(height(second), imported["Head"]["Number"])

    def test_a_chain_outlives_its_node(self):
        first, made = self.town()
        first.ok("mine", f"--coinbase={OTHER}", "--threads=1")
        wait_until(lambda: height(first) >= 3, what="blocks")
        first.stop(signal.SIGKILL)
        first.start()
        # The latest blocks may be lost, if they weren't on the medium.
        self.assertGreater(height(first), 0)
        listed = first.json("chain", "ls")["Chains"]
        self.assertEqual([(one["Name"], one["Consensus"]) for one in listed], [("town", "pow")])
        self.assertEqual(first.json("chain", "invite")["Genesis"], made["Genesis"])

    def test_mistakes_get_a_sentence(self):
        first, made = self.town()
        for words, part in (
                (["chain", "new", "town"], "choose another name"),
                (["chain", "new", "../x"], "letters, digits"),
                (["chain", "new", "x", "--consensus=poa"], "pow or bft"),
                (["chain", "new", "x", "--alloc=0x12=1"], "isn't an address"),
                (["chain", "new", "x", f"--alloc={ACCOUNT}=many"], "isn't an amount of ether"),
                (["chain", "new", "x", "--block-time=1"], "--block-time"),
                (["chain", "new", "x", "--consensus=bft"], "who validates?"),
                (["chain", "join", "kith://chain/nothing"], "invitation"),
                (["chain", "join", made["Invite"]], "is here already"),
                (["chain", "status", "city"], "there is no chain city"),
                (["chain", "validators"], "proof of work"),
                (["mine"], "--coinbase"),
                (["chain", "rpc", "eth_noSuchThing"], "eth_noSuchThing")):
            with self.subTest(words):
                self.assertIn(part, first.fails(*words))

    def test_an_invitation_with_another_genesis_is_refused(self):
        first, made = self.town()
        second = self.started("second")
        genesis = made["Genesis"]
        wrong = made["Invite"].replace(genesis, "0x" + "11" * 32)
        self.assertIn("the genesis differs", second.fails("chain", "join", wrong))
        self.assertEqual(second.json("chain", "ls")["Chains"], [])


class Validated(Case):
    def club(self, count=4, *options):
        """Nodes that validate a chain together."""
        nodes = [self.started(f"node{number}") for number in range(count)]
        accounts = (f"0x{number + 1:040x}" for number in range(count))
        validators = [f"--validator={node.id},{account},1000" for node, account in zip(nodes, accounts)]
        made = nodes[0].json("chain", "new", "club", "--consensus=bft", f"--alloc={ACCOUNT}=1000", *validators, *options)
        for node in nodes[1:]:
            node.ok("chain", "join", made["Invite"])
        return nodes, made

    def final(self, node):
        return node.json("chain", "status", "club")["Finalized"]["Number"]

    def test_four_validators_make_blocks_that_are_final(self):
        nodes, made = self.club()
        wait_until(lambda: all(self.final(node) >= 3 for node in nodes), 60, "final blocks")
        validators = nodes[3].json("chain", "validators")
        self.assertEqual(len(validators["Validators"]), 4)
        self.assertTrue(validators["Votes"])
        number = hex(3)
        hashes = {node.json("chain", "rpc", "eth_getBlockByNumber", number, "false")["hash"] for node in nodes}
        self.assertEqual(len(hashes), 1)
        self.assertGreaterEqual(int(nodes[0].json("chain", "rpc", "eth_getBlockByNumber", "finalized", "false")["number"], 16), 3)

    def test_a_validator_that_was_killed_rejoins(self):
        nodes, made = self.club()
        wait_until(lambda: all(self.final(node) >= 2 for node in nodes), 60, "final blocks")
        nodes[3].stop(signal.SIGKILL)
        before = self.final(nodes[0])
        wait_until(lambda: self.final(nodes[0]) >= before + 5, 60, "blocks without it")
        nodes[3].start()
        wait_until(lambda: self.final(nodes[3]) >= before + 5, 60, "the same blocks there")

        def is_heard():
            peers = {one["Peer"]: one["Heard"] for one in nodes[0].json("chain", "validators")["Validators"]}
            return peers[nodes[3].id] > before + 5

        wait_until(is_heard, 60, "its votes")

    def test_somebody_who_joins_follows(self):
        nodes, made = self.club(1)
        wait_until(lambda: self.final(nodes[0]) >= 5, 60, "final blocks")
        follower = self.started("follower")
        follower.ok("chain", "join", made["Invite"])
        wait_until(lambda: self.final(follower) >= 6, 60, "final blocks there")
        self.assertFalse(follower.json("chain", "validators")["Votes"])
