"""Keccak-256, RLP, and the root of a Merkle-Patricia trie: what is needed to say what a state must be."""

import ctypes
import ctypes.util
import struct

_MASK = (1 << 64) - 1
_RATE = 136


def _round_constants():
    """By the linear feedback shift register of FIPS 202, 3.2.5."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for i in range(7):
            if register & 1:
                constant |= 1 << ((1 << i) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return constants


def _rotations():
    """Each step of rho and pi together: the lane that comes next, and by how much it turns."""
    x, y, steps = 1, 0, []
    for t in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        steps.append((x + 5 * y, (t + 1) * (t + 2) // 2 % 64))
    return steps


_CONSTANTS = _round_constants()
_STEPS = _rotations()


def _permute(lanes):
    for constant in _CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        for x in range(5):
            right = columns[(x + 1) % 5]
            mixed = columns[(x + 4) % 5] ^ (((right << 1) | (right >> 63)) & _MASK)
            for y in range(0, 25, 5):
                lanes[x + y] ^= mixed
        carried = lanes[1]
        for to, turn in _STEPS:
            carried, lanes[to] = lanes[to], ((carried << turn) | (carried >> (64 - turn))) & _MASK
        for y in range(0, 25, 5):
            row = lanes[y:y + 5]
            for x in range(5):
                lanes[x + y] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        lanes[0] ^= constant


def _fast_permute():
    """Nettle's, which is where GnuTLS is: a hundred times as fast."""
    try:
        function = ctypes.CDLL(ctypes.util.find_library("nettle") or "libnettle.so.8").nettle_sha3_permute
    except (OSError, AttributeError):
        return None
    function.restype = None
    return function


_NETTLE = _fast_permute()


def keccak256(data, plain=False):
    """`plain` is for the test of the two against each other."""
    data = bytes(data)
    fill = _RATE - len(data) % _RATE
    data += b"\x81" if fill == 1 else b"\x01" + bytes(fill - 2) + b"\x80"
    lanes = (ctypes.c_uint64 * 25)()
    for at in range(0, len(data), _RATE):
        for i, word in enumerate(struct.unpack_from("<17Q", data, at)):
            lanes[i] ^= word
        if _NETTLE and not plain:
            _NETTLE(lanes)
        else:
            turned = list(lanes)
            _permute(turned)
            lanes = (ctypes.c_uint64 * 25)(*turned)
    return struct.pack("<4Q", *lanes[:4])


EMPTY_CODE = keccak256(b"")


def _length(size, short):
    if size < 56:
        return bytes([short + size])
    text = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([short + 55 + len(text)]) + text


def minimal(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def rlp(item):
    """Of bytes, numbers, and lists of such."""
    if isinstance(item, int):
        item = minimal(item)
    if isinstance(item, (bytes, bytearray)):
        if len(item) == 1 and item[0] < 0x80:
            return bytes(item)
        return _length(len(item), 0x80) + bytes(item)
    inner = b"".join(rlp(one) for one in item)
    return _length(len(inner), 0xC0) + inner


EMPTY_TRIE = keccak256(rlp(b""))


def _compact(nibbles, is_leaf):
    flag = 2 * is_leaf + len(nibbles) % 2
    nibbles = ([flag] if len(nibbles) % 2 else [flag, 0]) + nibbles
    return bytes(nibbles[i] << 4 | nibbles[i + 1] for i in range(0, len(nibbles), 2))


def _node(pairs, depth):
    """As it stands in its parent: itself, encoded, if that is short; otherwise its digest, encoded."""
    encoded = _encoded_node(pairs, depth)
    return encoded if len(encoded) < 32 else rlp(keccak256(encoded))


def _encoded_node(pairs, depth):
    """The pairs are sorted by key and share all nibbles before depth."""
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return rlp([_compact(first[depth:], True), pairs[0][1]])
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        inner = rlp(_compact(first[depth:shared], False)) + _node(pairs, shared)
        return _length(len(inner), 0xC0) + inner
    children = [[] for _ in range(16)]
    for pair in pairs:
        children[pair[0][depth]].append(pair)
    inner = b"".join(_node(child, depth + 1) if child else b"\x80" for child in children) + b"\x80"
    return _length(len(inner), 0xC0) + inner


def trie_root(entries):
    """Of a secure trie: keys are hashed. All keys have one length."""
    if not entries:
        return EMPTY_TRIE
    pairs = []
    for key, value in entries.items():
        digest = keccak256(key)
        pairs.append(([nibble for byte in digest for nibble in (byte >> 4, byte & 15)], value))
    return keccak256(_encoded_node(sorted(pairs), 0))


class StateRoots:
    """The roots of states that have much in common: what was hashed once is kept."""

    def __init__(self):
        self._storage = {}
        self._code = {}

    def root(self, accounts):
        """accounts: address -> (nonce, balance, code, storage), all numbers but the code. Empty accounts count as none (EIP-161)."""
        leaves = {}
        for address, (nonce, balance, code, storage) in accounts.items():
            if nonce or balance or code:
                leaves[address] = rlp([nonce, balance, self._storage_root(storage), self._code_hash(code)])
        return trie_root(leaves)

    def _storage_root(self, storage):
        slots = tuple(sorted((key, value) for key, value in storage.items() if value))
        if slots not in self._storage:
            self._storage[slots] = trie_root({key.to_bytes(32, "big"): rlp(value) for key, value in slots})
        return self._storage[slots]

    def _code_hash(self, code):
        if code not in self._code:
            self._code[code] = keccak256(code)
        return self._code[code]
