"""Runs a world on kith and on anvil, and says where the two differ first."""

import json
import shutil
import tempfile
from pathlib import Path

from . import nodes
from .digests import StateRoots, keccak256
from .nodes import Failure
from .precompiles import ADDRESSES, CALLER
from .programs import OPCODES, instructions
from .worlds import BLOCK_GAS, SIGNERS, TRANSACTION_GAS_MAX, Nonces, data_of, signed, signed_authorization, text

# A block's root of the state, by which its hash and its successors' parents are, is anvil's own: it keeps slots that are zero and
# accounts that are empty in the trie. What the root must be is computed here from anvil's accounts instead.
NOT_COMPARED = {"hash", "parentHash", "stateRoot", "size", "totalDifficulty", "transactions"}
# Of logs, receipts and transactions in a block. The time of a log's block only one of the two tells.
OF_BLOCK = {"blockHash", "blockTimestamp"}

# What kith's pool refuses by rules of its own, which aren't the chain's, and what anvil takes though it isn't a transaction (see
# AnvilDiffers in the tests): anvil isn't asked.
NOT_FOR_ANVIL = ("in-flight transaction limit", "authority already reserved", "gapped-nonce", "replacement transaction underpriced",
                 "sender not an eoa", "an s in the upper half")
PRECOMPILED = {text(address.to_bytes(20, "big")) for address in ADDRESSES}


class Difference(Exception):
    """`kind` is short and says what differs, so that a smaller world that differs alike can be known."""

    def __init__(self, kind, where, details):
        super().__init__(f"{kind} at {where}: {details}")
        self.kind, self.where, self.details = kind, where, details


class Counts(dict):
    def add(self, name, number=1):
        self[name] = self.get(name, 0) + number


class Run:
    """One world on two new chains."""

    def __init__(self, world, counts=None):
        self.world, self.counts = world, Counts() if counts is None else counts
        self.roots = StateRoots()

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="kith-oracle-"))
        self.nodes = []
        try:
            for name, start in (("kith", nodes.start_kith), ("anvil", nodes.start_anvil)):
                genesis = self.folder / f"{name}.json"
                genesis.write_text(json.dumps(self.genesis_of(name)))
                self.nodes.append(start(genesis, BLOCK_GAS, self.folder))
        except BaseException:
            self.__exit__()
            raise
        self.kith, self.anvil = self.nodes
        self.both([("evm_setAutomine", [False])])
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def genesis_of(self, name):
        return self.world["genesis"]

    def both(self, requests):
        return self.kith.ask(requests), self.anvil.ask(requests)

    def both_must(self, requests):
        for method, parameters in requests:
            for node in self.nodes:
                node.must(method, *parameters)

    def whole(self):
        for i, block in enumerate(self.world["blocks"]):
            self.block(i, block)
        for i, call in enumerate(self.world["calls"]):
            self.call(i, call)
        self.same_logs()

    # Blocks.

    def block(self, index, block):
        where = f"block {index + 1}"
        parent = self.anvil.must("eth_getBlockByNumber", "latest", False)
        number = int(parent["number"], 16) + 1
        # The first block's fee anvil takes from the genesis.
        fee = block["fee"] or (10**9 if index == 0 else int(self.kith.must("eth_baseFee"), 16))
        randao = keccak256(data_of(parent["hash"]) + number.to_bytes(8, "little"))
        surroundings = [("evm_setNextBlockTimestamp", [hex(block["time"])]), ("anvil_setCoinbase", [block["coinbase"]])]
        # And with evm_revert it doesn't go back to the fee that was next.
        if block["fee"] or index == 0 or block.get("twice"):
            surroundings.append(("anvil_setNextBlockBaseFeePerGas", [hex(fee)]))
        self.both_must(block.get("altered", []))
        if not block.get("twice"):
            return self.mined(where, block, surroundings, fee, randao)
        taken = [node.must("evm_snapshot") for node in self.nodes]
        self.mined(where, block, surroundings, fee, randao)
        for node, snapshot in zip(self.nodes, taken):
            node.must("evm_revert", snapshot)
        self.mined(f"{where} made again", block, surroundings, fee, randao)

    def mined(self, where, block, surroundings, fee, randao):
        self.both_must(surroundings)
        self.kith.must("hardhat_setPrevRandao", text(randao))
        raw = self.transactions(block, fee)
        said = self.send(raw)
        self.both_must([("anvil_mine", ["0x1"])])
        self.same_block(where, block, raw, said)
        self.same_state(where)
        self.both_must([("anvil_dropAllTransactions", [])])

    def transactions(self, block, fee):
        nonces = self.nonces("latest")
        transactions = block["transactions"]
        return [signed(tx, fee, len(transactions) - i, nonces) for i, tx in enumerate(transactions)]

    def nonces(self, at):
        answers = self.kith.ask([("eth_getTransactionCount", [text(signer.address), at]) for signer in SIGNERS])
        return Nonces({key: int(count, 16) for key, count in enumerate(answers)})

    def send(self, raw):
        """What was said against each, by its hash."""
        by_kith = self.kith.ask([("eth_sendRawTransaction", [text(one)]) for one in raw])
        # Those of accounts that delegate wait for each other in kith's pool.
        queued = {tx["hash"] for of_one in self.kith.must("txpool_content")["queued"].values() for tx in of_one.values()}
        # What kith refuses comes last: anvil judges much of it only when it makes a block, and refuses others of that nonce meanwhile.
        to_anvil, doubtful = [], []
        for one, answer in zip(raw, by_kith):
            if not isinstance(answer, Failure):
                to_anvil += [one] if text(keccak256(one)) not in queued else []
            elif not any(rule in answer.message for rule in NOT_FOR_ANVIL):
                doubtful.append(one)
        to_anvil += doubtful
        self.counts.add("transactions for kith alone", len(raw) - len(to_anvil))
        by_anvil = self.anvil.ask([("eth_sendRawTransaction", [text(one)]) for one in to_anvil])
        said = {keccak256(one): [answer, None] for one, answer in zip(raw, by_kith)}
        for one, answer in zip(to_anvil, by_anvil):
            said[keccak256(one)][1] = answer
        return said

    def same_block(self, where, block, raw, said):
        mined = [node.must("eth_getBlockByNumber", "latest", True) for node in self.nodes]
        hashes = [[tx["hash"] for tx in found["transactions"]] for found in mined]
        if hashes[0] != hashes[1]:
            self.other_transactions(where, block, raw, said, hashes)
        receipts = [node.must("eth_getBlockReceipts", "latest") for node in self.nodes]
        places = {text(keccak256(one)): i for i, one in enumerate(raw)}
        for ours, theirs in zip(mined[0]["transactions"], mined[1]["transactions"]):
            self.same_fields(f"{where}, transaction {places[ours['hash']]}", "transaction", _transaction(ours), _transaction(theirs))
        for ours, theirs in zip(*receipts):
            place = places[ours["transactionHash"]]
            self.counts.add("transactions")
            self.counts.add("transactions that succeeded", int(ours["status"], 16))
            self.same_fields(f"{where}, transaction {place}", "receipt", _receipt(ours), _receipt(theirs))
        self.counts.add("transactions that no block took", len(raw) - len(hashes[0]))
        self.counts.add("blocks")
        self.same_fields(where, "header", *({key: value for key, value in header.items() if key not in NOT_COMPARED} for header in mined))

    def other_transactions(self, where, block, raw, said, hashes):
        for i, one in enumerate(raw):
            digest = keccak256(one)
            is_in = [text(digest) in list_of for list_of in hashes]
            if is_in[0] != is_in[1]:
                who = "kith alone" if is_in[0] else "anvil alone"
                raise Difference(f"included by {who}", f"{where}, transaction {i}",
                                 f"kith: {said[digest][0]}; anvil: {said[digest][1]}; {_short(block['transactions'][i])}")
        raise Difference("order of transactions", where, hashes)

    def same_fields(self, where, what, ours, theirs):
        for key in sorted(ours.keys() & theirs.keys()):
            if ours[key] != theirs[key]:
                raise Difference(f"{what}: {key}", where, f"kith: {ours[key]}; anvil: {theirs[key]}")

    def same_state(self, where):
        accounts = nodes.state_of(self.anvil)
        root = text(self.roots.root(accounts))
        header = self.kith.must("eth_getBlockByNumber", "latest", False)
        if header["stateRoot"] != root:
            self.other_state(where, accounts, root, header["stateRoot"])

    def other_state(self, where, accounts, root, ours):
        for address, (nonce, balance, code, storage) in sorted(accounts.items()):
            place = text(address)
            keys = sorted(storage)
            answers = self.kith.ask([("eth_getTransactionCount", [place, "latest"]), ("eth_getBalance", [place, "latest"]),
                                     ("eth_getCode", [place, "latest"])]
                                    + [("eth_getStorageAt", [place, hex(key), "latest"]) for key in keys])
            found = {"nonce": int(answers[0], 16), "balance": int(answers[1], 16), "code": answers[2]}
            found |= {f"slot {key:#x}": int(answer, 16) for key, answer in zip(keys, answers[3:])}
            expected = {"nonce": nonce, "balance": balance, "code": text(code)} | {f"slot {key:#x}": storage[key] for key in keys}
            for name in expected:
                if found[name] != expected[name]:
                    kind = "slot" if name.startswith("slot") else name
                    raise Difference(f"state: {kind}", f"{where}, account {place}", f"{name}: kith: {found[name]}; anvil: {expected[name]}")
        raise Difference("state: root", where, f"kith: {ours}; of anvil's accounts: {root}; each of anvil's accounts is kith's, too")

    def same_logs(self):
        """All of them, then those with the addresses and topics of each."""
        asked = {"fromBlock": "0x0", "toBlock": "latest"}
        (every,), _ = logs = self.both([("eth_getLogs", [asked])])
        filters = [asked | {"address": entry["address"]} for entry in every[:3]]
        filters += [asked | {"topics": [None] * i + [[entry["topics"][i], text(bytes(32))]]}
                    for entry in every[:8] for i in range(len(entry["topics"]))]
        logs = [answers + more for answers, more in zip(logs, self.both([("eth_getLogs", [one]) for one in filters]))]
        self.counts.add("filters of logs", len(logs[0]))
        for one, ours, theirs in zip([asked] + filters, *logs):
            if [_without(entry, OF_BLOCK) for entry in ours] != [_without(entry, OF_BLOCK) for entry in theirs]:
                raise Difference("logs", str(one), f"kith: {ours}; anvil: {theirs}")

    # Calls.

    def call(self, index, call):
        where = f"call {index} ({call['method']})"
        latest = int(self.kith.must("eth_blockNumber"), 16)
        # The genesis' surroundings aren't the same.
        at = hex(max(1, latest - call["before latest"])) if "before latest" in call and latest > 0 else "latest"
        fee = int(self.kith.must("eth_getBlockByNumber", at, False)["baseFeePerGas"], 16)
        asked = {"from": text(SIGNERS[call["key"]].address), "value": hex(call["value"]), "data": call["data"], "gasPrice": hex(fee + 1)}
        if call["to"]:
            asked["to"] = call["to"]
        if "access" in call:
            asked["accessList"] = [{"address": address, "storageKeys": keys} for address, keys in call["access"]]
        if "authorizations" in call:
            # Their fee is of another kind.
            asked |= {"maxFeePerGas": asked.pop("gasPrice"), "maxPriorityFeePerGas": "0x0",
                      "authorizationList": self.authorizations(call["authorizations"], at)}
        self.counts.add(call["method"])
        if call["method"] == "eth_call":
            self.same_answers(where, self.both([("eth_call", [asked | {"gas": hex(call["gas"])}, at, call["overrides"]])]))
        elif call["method"] == "eth_estimateGas":
            self.estimate(where, asked, at)
        else:
            # Anvil lets these cost nothing, whatever is said.
            for name in ("gasPrice", "maxFeePerGas", "maxPriorityFeePerGas"):
                asked.pop(name, None)
            self.access_list(where, asked | {"gas": hex(call["gas"])}, at)

    def authorizations(self, ones, at):
        nonces = self.nonces(at)
        fields = [signed_authorization(one, nonces) for one in ones]
        return [{"chainId": hex(chain), "address": text(to), "nonce": hex(nonce), "yParity": hex(parity), "r": hex(r), "s": hex(s)}
                for chain, to, nonce, parity, r, s in fields]

    def same_answers(self, where, answers):
        (ours,), (theirs,) = answers
        if _verdict(ours) != _verdict(theirs):
            raise Difference("answer", where, f"kith: {ours}; anvil: {theirs}")

    def estimate(self, where, asked, at):
        """Estimates may differ, by how they are sought. kith's must be enough."""
        (ours,), (theirs,) = self.both([("eth_estimateGas", [asked, at])])
        if isinstance(ours, Failure) and not isinstance(theirs, Failure) and (
                # Anvil takes a call without data of what has no code for a transfer, and doesn't run it.
                (theirs == hex(21_000) and asked.get("to") in PRECOMPILED)
                # EIP-7825: no transaction may have so much.
                or int(theirs, 16) > TRANSACTION_GAS_MAX):
            self.counts.add("estimates that anvil alone gives")
            return
        if isinstance(ours, Failure) != isinstance(theirs, Failure):
            raise Difference("estimate", where, f"kith: {ours}; anvil: {theirs}")
        if isinstance(ours, Failure):
            return
        for node in self.nodes:
            (answer,) = node.ask([("eth_call", [asked | {"gas": ours}, at])])
            if isinstance(answer, Failure):
                raise Difference("estimate is too low", where, f"{ours} by kith, {theirs} by anvil; with kith's {node.name} says: {answer}")

    def access_list(self, where, asked, at):
        (ours,), (theirs,) = self.both([("eth_createAccessList", [asked, at])])
        if isinstance(ours, Failure):
            if not isinstance(theirs, Failure):
                raise Difference("access list", where, f"kith: {ours}; anvil: {theirs}")
            return
        if _same_list(ours, theirs):
            return
        # What is cold and what is warm changes the gas, and with it perhaps the way: kith, as geth, runs it again until the list
        # stays the same, anvil runs it once. So with kith's list to begin with anvil must come to the same.
        (again,) = self.anvil.ask([("eth_createAccessList", [asked | {"accessList": ours["accessList"]}, at])])
        self.counts.add("access lists found in a second run")
        if not _same_list(ours, again) and not self.asks_for_the_fee(asked):
            raise Difference("access list", where, f"kith: {ours}; anvil: {theirs}; anvil with kith's: {again}")


    def asks_for_the_fee(self, asked):
        """For calls that cost nothing BASEFEE is 0 with kith and geth, and the block's with anvil."""
        codes = [account.get("code", "0x") for account in self.world["genesis"]["alloc"].values()] + [asked["data"]]
        codes += [tx["data"] for block in self.world["blocks"] for tx in block["transactions"]]
        codes += [parameters[1] for block in self.world["blocks"] for method, parameters in block.get("altered", [])
                  if method == "anvil_setCode"]
        return any(opcode == OPCODES["BASEFEE"] for code in codes for opcode, _ in instructions(data_of(code)))


class Calls(Run):
    """Precompiled contracts, called straight and by a contract that counts the gas."""

    CALLER_AT = text(b"\xca" * 20)
    GAS = 5_000_000

    def precompiles(self, inputs):
        """Of pairs (address, input)."""
        requests = []
        for address, data in inputs:
            place = address.to_bytes(20, "big")
            requests.append(("eth_call", [{"to": text(place), "data": text(data), "gas": hex(self.GAS)}, "latest", {}]))
            requests.append(("eth_call", [{"to": self.CALLER_AT, "data": text(bytes(12) + place + data), "gas": hex(self.GAS)}, "latest",
                                          {self.CALLER_AT: {"code": text(CALLER)}}]))
        for i, (ours, theirs) in enumerate(zip(*self.both(requests))):
            address, data = inputs[i // 2]
            self.counts.add(f"precompiled contract {address:#x}")
            if i % 2 and not isinstance(ours, Failure) and int(ours[2:66], 16):
                self.counts.add(f"precompiled contract {address:#x}, succeeded")
            if _verdict(ours) != _verdict(theirs):
                raise Difference(f"precompiled contract {address:#x}", "called by a contract" if i % 2 else "called straight",
                                 f"input {text(data)}; kith: {ours}; anvil: {theirs}")


def _without(fields, names):
    return {key: value for key, value in fields.items() if key not in names}


def _receipt(receipt):
    return _without(receipt, OF_BLOCK) | {"logs": [_without(entry, OF_BLOCK) for entry in receipt["logs"]]}


def _transaction(transaction):
    return _without(transaction, OF_BLOCK)


def _verdict(answer):
    """A revert and what it says, or a failure, of whatever kind: each calls it by names of its own."""
    if not isinstance(answer, Failure):
        return "returned", answer
    return ("reverted", answer.data or "0x") if answer.code == 3 else ("failed", None)


def _same_list(ours, theirs):
    """For a call that fails geth and kith give the list and say so in it, anvil gives none."""
    if "error" in ours or isinstance(theirs, Failure):
        return "error" in ours and isinstance(theirs, Failure)
    lists = [sorted((entry["address"], sorted(entry["storageKeys"])) for entry in answer["accessList"]) for answer in (ours, theirs)]
    return lists[0] == lists[1]


def _short(tx):
    return json.dumps({key: value if len(str(value)) < 200 else str(value)[:200] + "..." for key, value in tx.items()})
