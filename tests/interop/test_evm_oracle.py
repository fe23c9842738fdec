"""Random chains on kith and on anvil, block by block: what the two differ in. See README.md for how to run many."""

import copy
import json
import os
import random
import sys
import unittest
from pathlib import Path

from harness import environment
from oracle import digests, nodes, precompiles, programs, shrinking
from oracle.comparison import Calls, Counts, Difference, Run
from oracle.worlds import AUTHORITIES, BEGIN, CHAIN_ID, SIGNERS, WITH_CODE, Nonces, contract_address, signed, text, world_of

SEED = os.environ.get("KITH_ORACLE_SEED", "1")
ROUNDS = int(os.environ.get("KITH_ORACLE_ROUNDS", "10" if environment.SMOKE else "30"))
SHRINK_SECONDS = int(os.environ.get("KITH_ORACLE_SHRINK_SECONDS", "60"))
INPUTS_A_ROUND = 2
PRECOMPILE_ROUNDS = max(10, ROUNDS // 4)


def report(line):
    print(line, file=sys.stderr)


class KithIsAsAnvil(unittest.TestCase):
    def setUp(self):
        nodes.require_anvil()

    def test_random_chains(self):
        report(f"KITH_ORACLE_SEED={SEED} KITH_ORACLE_ROUNDS={ROUNDS}")
        counts = Counts()
        differing = 0
        for i in range(ROUNDS):
            world = world_of(f"{SEED}:{i}")
            with self.subTest(round=i):
                found = shrinking.difference_of(world, counts=counts)
                differing += found is not None
                if found is not None:
                    self.fail(self.made_small(world, found) if differing <= 3 else str(found))
        report("; ".join(f"{name}: {number}" for name, number in sorted(counts.items())))
        # Half of the transactions fail, as they should; the rest would show that the generator makes nothing of use any more.
        self.assertGreater(counts.get("transactions that succeeded", 0), counts.get("transactions", 0) // 5)
        self.assertGreater(counts.get("transactions", 0), 5 * ROUNDS)

    def made_small(self, world, found):
        shrinker = shrinking.Shrinker(world, found.kind, SHRINK_SECONDS)
        small = shrinker.shrink()
        return shrinking.told(small, shrinking.difference_of(small) or found)

    def test_precompiled_contracts(self):
        rng = random.Random(f"{SEED}:precompiles")
        counts = Counts()
        with Calls(_empty_world(), counts) as calls:
            for _ in range(PRECOMPILE_ROUNDS):
                calls.precompiles([(address, precompiles.input_of(rng, address)) for address in precompiles.ADDRESSES
                                   for _ in range(INPUTS_A_ROUND)])
        report("; ".join(f"{name}: {number}" for name, number in sorted(counts.items())))
        for address in precompiles.ADDRESSES:
            name = f"precompiled contract {address:#x}"
            self.assertGreater(counts.get(f"{name}, succeeded", 0), counts[name] // 20, f"few inputs of {name} are right")


if "KITH_ORACLE_WORLD" in os.environ:
    class AWorldFromAFile(unittest.TestCase):
        def test_it(self):
            world = json.loads(Path(os.environ["KITH_ORACLE_WORLD"]).read_text())
            found = shrinking.difference_of(world)
            self.assertIsNone(found, found and shrinking.told(world, found))


class AnvilDiffers(unittest.TestCase):
    """What anvil is known to do otherwise than the specification has it, each by itself, while the random chains go round it. If
    one of these fails because anvil has been mended, worlds.py and comparison.py may let it in."""

    def setUp(self):
        nodes.require_anvil()

    def block_of(self, transactions, genesis=None):
        """The receipts of kith's block and of anvil's."""
        world = _empty_world(genesis)
        with Run(world) as run:
            raw = [signed(tx, 10**9, len(transactions) - i, Nonces({})) for i, tx in enumerate(transactions)]
            run.both([("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])] + [("eth_sendRawTransaction", [text(one)]) for one in raw])
            run.both([("anvil_mine", ["0x1"])])
            return [node.must("eth_getBlockReceipts", "latest") for node in run.nodes]

    def test_an_authority_that_is_no_account_yet(self):
        """EIP-7702, "Behavior", step 7: only for those that exist part of the gas comes back. To anvil every account exists."""
        unknown = text(SIGNERS[AUTHORITIES[0]].address)
        genesis = _empty_world()["genesis"]
        del genesis["alloc"][unknown]
        ours, theirs = self.block_of([_transaction(type=4, authorizations=[
            {"key": AUTHORITIES[0], "chain": CHAIN_ID, "nonce": 0, "to": text(contract_address(0))}])], genesis)
        self.assertEqual(int(ours[0]["gasUsed"], 16), 21_000 + 25_000)
        self.assertEqual(int(theirs[0]["gasUsed"], 16), (21_000 + 25_000) * 4 // 5)

    def test_a_signature_in_the_upper_half(self):
        """EIP-2, 2: no transaction."""
        ours, theirs = self.block_of([_transaction(wrong="high s")])
        self.assertEqual((len(ours), len(theirs)), (0, 1))

    def test_a_sender_that_is_a_contract(self):
        """EIP-3607: no transaction."""
        genesis = _empty_world()["genesis"]
        genesis["alloc"][text(SIGNERS[WITH_CODE].address)]["code"] = "0x00"
        ours, theirs = self.block_of([_transaction(key=WITH_CODE)], genesis)
        self.assertEqual((len(ours), len(theirs)), (0, 1))

    def test_the_root_of_a_state(self):
        """Yellow Paper, 4.1: what is zero isn't in a storage's trie. So the root is computed from anvil's accounts here."""
        place = text(contract_address(0))
        genesis = _empty_world()["genesis"]
        genesis["alloc"][place] = {"balance": "0x1", "code": text(programs.of("0 0 SSTORE")),
                                   "storage": {text(bytes(32)): text(bytes(31) + b"\1")}}
        world = _empty_world(genesis)
        world["blocks"] = [{"time": BEGIN + 1, "coinbase": text(bytes(20)), "fee": 10**9, "transactions": [_transaction(to=place)]}]
        with Run(world) as run:
            run.whole()
            roots = [node.must("eth_getBlockByNumber", "latest", False)["stateRoot"] for node in run.nodes]
        self.assertNotEqual(*roots)


class TheOracleSees(unittest.TestCase):
    def test_keccak(self):
        self.assertEqual(digests.EMPTY_CODE.hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        self.assertEqual(digests.EMPTY_TRIE.hex(), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
        for size in (0, 1, 135, 136, 137, 300):
            self.assertEqual(digests.keccak256(bytes(size)), digests.keccak256(bytes(size), plain=True))

    def test_the_same_world_from_the_same_seed(self):
        self.assertEqual(world_of("7"), world_of("7"))
        self.assertNotEqual(world_of("7"), world_of("8"))

    def test_a_difference_is_found_and_made_small(self):
        """One instruction of one contract is another on anvil's side."""
        nodes.require_anvil()
        place, other = text(contract_address(0)), text(contract_address(1))
        genesis = _empty_world()["genesis"]
        genesis["alloc"][place] = {"balance": "0x1", "code": text(programs.of("7 0 SSTORE GAS POP 1 2 MUL POP STOP"))}
        genesis["alloc"][other] = {"balance": "0x1", "code": text(programs.of("7 0 SSTORE STOP"))}
        world = _empty_world(genesis)
        for i, targets in enumerate(([other, other], [other, place, other])):
            world["blocks"].append({"time": BEGIN + 1 + i, "coinbase": other, "fee": None,
                                    "transactions": [_transaction(to=target) for target in targets]})

        class Tampered(Run):
            def genesis_of(self, name):
                whole = copy.deepcopy(self.world["genesis"])
                if name == "anvil" and place in whole["alloc"]:
                    contract = whole["alloc"][place]
                    contract["code"] = contract["code"].replace("0250", "0150")
                return whole

            def same_state(self, where):
                """The code differs, but that isn't what is to be found."""

        self.assertIsNone(shrinking.difference_of(world))
        found = shrinking.difference_of(world, Tampered)
        self.assertEqual((found.kind, found.where), ("receipt: cumulativeGasUsed", "block 2, transaction 1"))
        small = shrinking.Shrinker(world, found.kind, 3600, Tampered).shrink()
        self.assertEqual([[tx["to"] for tx in block["transactions"]] for block in small["blocks"]], [[place]])
        self.assertEqual(small["genesis"]["alloc"][place]["code"], text(programs.of("1 2 MUL POP")))
        self.assertNotIn(other, small["genesis"]["alloc"])


def _transaction(**changes):
    return {"type": 0, "key": 0, "to": text(contract_address(1)), "value": 0, "data": "0x", "gas": 1_000_000} | changes


def _empty_world(genesis=None):
    """Accounts that have coins, nothing else."""
    if genesis is None:
        genesis = copy.deepcopy(world_of("0")["genesis"])
        genesis["alloc"] = {text(signer.address): {"balance": hex(10**21), "nonce": "0x0"} for signer in SIGNERS}
    return {"genesis": genesis, "blocks": [], "calls": []}


if __name__ == "__main__":
    unittest.main()
