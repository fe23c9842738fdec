"""Random chains: accounts and contracts to begin with, blocks of transactions, calls at the end. A world is plain JSON, so that
it can be cut down and printed; nonces, fees and signatures are made when it runs."""

import random

from . import programs
from .curves import SECP256K1
from .digests import keccak256, rlp
from .signers import SIGNERS

CHAIN_ID = 1337
BLOCK_GAS = 60_000_000
TRANSACTION_GAS_MAX = 1 << 24
BEGIN = 0x65000000
ETHER = 10**18
SENDERS = 5
# Of the keys: the senders, then one with few coins, then those that only sign authorizations.
POOR = SENDERS
AUTHORITIES = range(SENDERS + 1, SENDERS + 5)
# Whose account is a contract's, of ordinary code.
WITH_CODE = SENDERS + 5
STEP = 1_000_000
PER_AUTHORIZATION = 25_000


def text(data):
    return "0x" + bytes(data).hex()


def data_of(hexadecimal):
    return bytes.fromhex(hexadecimal[2:])


def contract_address(i):
    return bytes(17) + b"\xc0\xde" + bytes([i])


def places_of(contracts):
    """What a program calls and looks at: contracts above all."""
    precompiles = [bytes(19) + bytes([i]) for i in range(1, 0x12)] + [(0x100).to_bytes(20, "big")]
    others = [bytes(20), bytes(19) + b"\x12", bytes(18) + b"\x01\x01", b"\xaa" * 20]
    return contracts * 5 + [signer.address for signer in SIGNERS] + precompiles + others


def _storage(rng):
    slots = {}
    for _ in range(rng.randrange(4)):
        value = rng.choice([1, 2, 7, programs.WORD - 1, rng.getrandbits(256) | 1])
        slots[text(rng.randrange(4).to_bytes(32, "big"))] = text(value.to_bytes(32, "big"))
    return slots


def _genesis(rng, contracts, places):
    alloc = {}
    for i, signer in enumerate(SIGNERS):
        balance = 10_000 * ETHER if i != POOR else rng.choice([1, 30_000 * 10**9, ETHER // 100])
        account = {"balance": hex(balance), "nonce": hex(rng.choice([0, 0, 1, 5]))}
        if i in AUTHORITIES and rng.random() < 0.6:
            account["code"] = text(b"\xef\x01\x00" + rng.choice(places))
            account["storage"] = _storage(rng)
        if i == WITH_CODE:
            account["code"] = text(programs.program(rng, places))
        alloc[text(signer.address)] = account
    for address in contracts:
        code = programs.any_code(rng, places)
        alloc[text(address)] = {"balance": hex(rng.choice([0, 1, 1000, ETHER])), "nonce": hex(rng.choice([1, 1, 1, 2, (1 << 64) - 1])),
                                "code": text(code), "storage": _storage(rng)}
    forks = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin", "london"]
    config = {"chainId": CHAIN_ID, "terminalTotalDifficulty": 0} | {f"{fork}Block": 0 for fork in forks}
    config |= {f"{fork}Time": 0 for fork in ("shanghai", "cancun", "prague", "osaka")}
    return {"config": config, "gasLimit": hex(BLOCK_GAS), "baseFeePerGas": hex(10**9), "timestamp": hex(BEGIN), "difficulty": "0x0",
            "coinbase": text(bytes(20)), "nonce": "0x0", "extraData": "0x", "alloc": alloc}


def _call_data(rng, places):
    writer = programs.Writer(rng, places)
    choice = rng.random()
    if choice < 0.3:
        return b""
    if choice < 0.8:
        return b"".join(writer.any_word().to_bytes(32, "big") for _ in range(rng.randint(1, 5)))
    if choice < 0.95:
        return rng.randbytes(rng.choice([1, 3, 4, 31, 100, 1000]))
    # Enough for the floor of EIP-7623 to matter.
    return (bytes(1) if rng.random() < 0.5 else b"\x01") * rng.choice([2_000, 10_000])


def _init_code(rng, places):
    choice = rng.random()
    if choice < 0.04:
        # At the limits of EIP-3860 and EIP-170.
        size = rng.choice([programs.INIT_CODE_MAX - 1, programs.INIT_CODE_MAX, programs.INIT_CODE_MAX + 1])
        made = rng.choice([0, 1, programs.CODE_MAX, programs.CODE_MAX + 1])
        return (programs.push(made) + programs.of("0 RETURN")).ljust(size, b"\0")
    return programs.init_code(rng, places) if choice < 0.9 else programs.noise(rng)


def _authorization(rng, places):
    key = rng.choice(list(AUTHORITIES) * 6 + list(range(len(SIGNERS))))
    one = {"key": key, "chain": rng.choice([CHAIN_ID] * 6 + [0, 0, 1]), "nonce": rng.choice([0] * 9 + [-1, 1]),
           "to": text(bytes(20) if rng.random() < 0.12 else rng.choice(places))}
    if rng.random() < 0.1:
        one["broken"] = rng.choice(["high s", "parity", "zero r", "zero s", "r", "large r"])
    # What a broken signature is recovered to is nobody's yet, where anvil differs (AnvilDiffers): no nonce of such, then.
    if one.get("broken") == "r":
        one["nonce is"] = 9
    if rng.random() < 0.02:
        one["nonce is"] = rng.choice([(1 << 64) - 1, (1 << 64) - 2])
    return one


def _access_list(rng, places):
    return [[text(rng.choice(places)), [text(rng.randrange(5).to_bytes(32, "big")) for _ in range(rng.randrange(3))]]
            for _ in range(rng.choice([0, 0, 1, 2, 4]))]


def _transaction(rng, contracts, places):
    kind = rng.choice([0, 1, 2, 2, 2, 4, 4])
    creates = kind != 4 and rng.random() < 0.2
    target = rng.choice(contracts) if rng.random() < 0.8 else rng.choice(places)
    if kind == 4 and rng.random() < 0.5:
        target = SIGNERS[rng.choice(AUTHORITIES)].address
    tx = {"type": kind, "key": rng.randrange(SENDERS) if rng.random() < 0.97 else rng.choice([POOR, WITH_CODE]),
          "to": None if creates else text(target),
          "value": rng.choice([0, 0, 0, 1, 1000, ETHER]), "data": text(_init_code(rng, places) if creates else _call_data(rng, places)),
          "gas": rng.choice([100_000, 300_000, 1_000_000, 3_000_000, TRANSACTION_GAS_MAX])}
    if kind:
        tx["access"] = _access_list(rng, places)
    if kind == 4:
        tx["authorizations"] = [_authorization(rng, places) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
    choice = rng.random()
    if choice < 0.12:
        tx["gas"] = {"least": rng.choice([-1, 0, 1, 100, 2300, 10_000])}
    elif choice < 0.15:
        tx["wrong"] = rng.choice(["nonce low", "nonce high", "fee", "tip", "chain", "gas", "block gas", "value", "high s",
                                  "no authorizations"])
    elif choice < 0.18:
        tx["gas"] = rng.randrange(21_000, 200_000)
    return tx


def world_of(seed, blocks=None):
    """The same world from the same seed."""
    rng = random.Random(seed)
    contracts = [contract_address(i) for i in range(rng.choice([3, 8, 12]))]
    places = places_of(contracts)
    world = {"genesis": _genesis(rng, contracts, places), "blocks": []}
    time = BEGIN
    for _ in range(blocks or rng.randint(2, 5)):
        time += rng.choice([1, 12, 1000])
        coinbase = text(rng.choice([b"\xcb" * 20, b"\xcb" * 20, rng.choice(places)]))
        block = {"time": time, "coinbase": coinbase, "fee": rng.choice([0, 1, 7, 10**9, 10**9, 10**9, 55 * 10**9]) or None,
                 "transactions": [_transaction(rng, contracts, places) for _ in range(rng.randint(1, 10))]}
        if rng.random() < 0.3:
            block["altered"] = [_altered(rng, contracts, places) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.1:
            block["twice"] = True
        world["blocks"].append(block)
    world["calls"] = [_call(rng, contracts, places) for _ in range(rng.randint(2, 8))]
    return world


def _altered(rng, contracts, places):
    """What is set from outside, before a block: a method and its parameters."""
    account = text(rng.choice(contracts + [SIGNERS[key].address for key in (*range(SENDERS), *AUTHORITIES)]))
    contract = text(rng.choice(contracts))
    return rng.choice([
        # Never nothing: who has nothing is no account, which anvil's authorities all are (AnvilDiffers).
        ["anvil_setBalance", [account, hex(rng.choice([1, 2, ETHER, 10_000 * ETHER]))]],
        ["anvil_setNonce", [account, hex(rng.choice([0, 1, 2, 40]))]],
        ["anvil_setCode", [contract, text(programs.any_code(rng, places))]],
        ["anvil_setStorageAt", [contract, hex(rng.randrange(4)), text(rng.choice([0, 0, 1, 7]).to_bytes(32, "big"))]],
    ])


def _call(rng, contracts, places):
    creates = rng.random() < 0.15
    call = {"method": rng.choice(["eth_call", "eth_call", "eth_estimateGas", "eth_createAccessList"]),
            "key": rng.randrange(SENDERS), "to": None if creates else text(rng.choice(contracts if rng.random() < 0.8 else places)),
            "value": rng.choice([0, 0, 1, 1000]), "data": text(programs.init_code(rng, places) if creates else _call_data(rng, places)),
            "gas": rng.choice([100_000, 1_000_000, 5_000_000]), "overrides": {}}
    if rng.random() < 0.25:
        # After one of the earlier blocks.
        call["before latest"] = rng.randint(1, 3)
    if rng.random() < 0.2:
        call["access"] = _access_list(rng, places)
    if not creates and rng.random() < 0.2:
        call["authorizations"] = [_authorization(rng, places) for _ in range(rng.choice([1, 2, 4]))]
    if call["method"] == "eth_call":
        for _ in range(rng.choice([0, 0, 1, 3])):
            of = {}
            if rng.random() < 0.5:
                of["code"] = text(programs.any_code(rng, places))
            if rng.random() < 0.3:
                of["balance"] = hex(rng.choice([0, 1, 10**30]))
            if rng.random() < 0.2:
                of["nonce"] = hex(rng.choice([0, 1, 7]))
            if rng.random() < 0.5:
                of[rng.choice(["state", "stateDiff"])] = _storage(rng)
            call["overrides"][text(rng.choice(contracts))] = of
    return call


# Transactions as they are sent.

def least_gas(tx):
    """What a transaction must bring along (Yellow Paper; EIP-2930, 3860, 7623, 7702)."""
    data = data_of(tx["data"])
    tokens = len(data) + 3 * sum(1 for byte in data if byte)
    gas = 21_000 + 4 * tokens
    if tx["to"] is None:
        gas += 32_000 + 2 * ((len(data) + 31) // 32)
    for _, keys in tx.get("access", []):
        gas += 2_400 + 1_900 * len(keys)
    gas += PER_AUTHORIZATION * len(tx.get("authorizations", []))
    return max(gas, 21_000 + 10 * tokens)


class Nonces:
    """Those that accounts are expected to have as a block goes on."""

    def __init__(self, at_first):
        self._next = dict(at_first)

    def of(self, key):
        return self._next.setdefault(key, 0)

    def advance(self, key):
        self._next[key] = self.of(key) + 1


def signed_authorization(one, nonces):
    nonce = one.get("nonce is", max(0, nonces.of(one["key"]) + one["nonce"]))
    to = data_of(one["to"])
    parity, r, s = SIGNERS[one["key"]].sign(keccak256(b"\x05" + rlp([one["chain"], to, nonce])))
    broken = one.get("broken")
    if broken == "high s":
        parity, s = 1 - parity, SECP256K1.n - s
    elif broken == "parity":
        parity = 2 + parity
    elif broken == "zero r":
        r = 0
    elif broken == "zero s":
        s = 0
    elif broken == "r":
        r = (r + 1) % SECP256K1.n
    elif broken == "large r":
        r = programs.WORD - 1
    counts = broken is None and one["chain"] in (0, CHAIN_ID) and one["nonce"] == 0 and "nonce is" not in one
    if counts and one["key"] != WITH_CODE:
        nonces.advance(one["key"])
    return [one["chain"], to, nonce, parity, r, s]


def signed(tx, base_fee, level, nonces):
    """Its bytes. Those of a higher level pay more, so that all know the order of a block."""
    wrong = tx.get("wrong")
    gas = tx["gas"] if isinstance(tx["gas"], int) else max(0, least_gas(tx) + tx["gas"]["least"])
    gas = {"gas": TRANSACTION_GAS_MAX + 1, "block gas": BLOCK_GAS + 1}.get(wrong, gas)
    nonce = nonces.of(tx["key"])
    if wrong is None:
        nonces.advance(tx["key"])
    nonce = max(0, nonce + {"nonce low": -1, "nonce high": 100}.get(wrong, 0))
    tip = level * STEP
    price = base_fee + tip if wrong != "fee" else max(0, base_fee - 1)
    chain = CHAIN_ID + (wrong == "chain")
    to = data_of(tx["to"]) if tx["to"] else b""
    value = tx["value"] if wrong != "value" else 10**30
    data = data_of(tx["data"])
    access = [[data_of(address), [data_of(key) for key in keys]] for address, keys in tx.get("access", [])]
    prefix = bytes([tx["type"]]) if tx["type"] else b""
    if tx["type"] == 0:
        fields = [nonce, price, gas, to, value, data]
        to_sign = fields + [chain, 0, 0]
    elif tx["type"] == 1:
        fields = to_sign = [chain, nonce, price, gas, to, value, data, access]
    else:
        fields = [chain, nonce, tip + (price + 1 if wrong == "tip" else 0), price, gas, to, value, data, access]
        if tx["type"] == 4:
            fields.append([] if wrong == "no authorizations" else [signed_authorization(one, nonces) for one in tx["authorizations"]])
        to_sign = fields
    parity, r, s = SIGNERS[tx["key"]].sign(keccak256(prefix + rlp(to_sign)))
    if wrong == "high s":
        parity, s = 1 - parity, SECP256K1.n - s
    return prefix + rlp(fields + [parity if tx["type"] else parity + 35 + 2 * chain, r, s])
