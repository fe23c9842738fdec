"""Inputs of precompiled contracts: right ones, wrong ones, and right ones with something changed."""

import functools
import hashlib

from .curves import BLS, BLS_G2, BN254, BN254_G2, P256, SECP256K1, Fp2
from .digests import keccak256
from .programs import WORD, of
from .signers import SIGNERS

ADDRESSES = [*range(1, 0x12), 0x100]

# Takes an address and an input of a contract. Answers: how the call ended, what it cost and what it left in memory beside.
CALLER = of("CALLDATASIZE 0 0 CALLDATACOPY GAS 0 0 0x20 CALLDATASIZE SUB 0x20 0 MLOAD GAS STATICCALL "
            "GAS SWAP1 0 MSTORE SWAP1 SUB 0x20 MSTORE RETURNDATASIZE 0x40 MSTORE RETURNDATASIZE 0 0x60 RETURNDATACOPY "
            "0x60 RETURNDATASIZE ADD 0 RETURN")


def _word(number):
    return (number % WORD).to_bytes(32, "big")


def _scalar(rng, order):
    return rng.choice([0, 1, 2, order - 1, order, order + 1, WORD - 1, rng.getrandbits(256), rng.randrange(order), rng.getrandbits(20)])


# Points are slow to make here and are no more telling for being many: of each curve there are some dozens, made once.

@functools.cache
def _multiple(curve, factor):
    return curve.multiply(curve.generator, factor)


def _large(rng, curve):
    """One of a few numbers below the order, of its length."""
    return int.from_bytes(keccak256(bytes([rng.randrange(12)])) * 2, "big") % curve.n


def _point(rng, curve):
    """One of the right group."""
    choice = rng.random()
    if choice < 0.1:
        return None
    if choice < 0.3:
        return curve.negate(curve.generator)
    return _multiple(curve, rng.randrange(1, 30) if choice < 0.7 else _large(rng, curve))


@functools.cache
def _lifted(curve, number):
    while True:
        number += 1
        point = curve.lift(int.from_bytes(keccak256(_word(number)) * 2, "big") % curve.p)
        if point:
            return point


def _on_curve(rng, curve):
    """On the curve, whatever its order."""
    return _lifted(curve, 1000 * rng.randrange(12))


def _coordinates(value):
    return [value.a, value.b] if isinstance(value, Fp2) else [value]


# bn254 has 32 bytes a number, and the imaginary part first; BLS12-381 has 64, and the real one.

def _bn(point, of_g2=False):
    if point is None:
        return bytes(128 if of_g2 else 64)
    return b"".join(_word(part) for value in point for part in reversed(_coordinates(value)))


def _bls(point, of_g2=False):
    if point is None:
        return bytes(256 if of_g2 else 128)
    return b"".join(part.to_bytes(64, "big") for value in point for part in _coordinates(value))


def ecrecover(rng):
    signer, digest = SIGNERS[rng.randrange(len(SIGNERS))], rng.randbytes(32)
    parity, r, s = signer.sign(digest)
    if rng.random() < 0.3:
        parity, s = 1 - parity, SECP256K1.n - s
    v = 27 + parity if rng.random() < 0.8 else rng.choice([0, 1, 26, 28, 29, 35, WORD - 1])
    if rng.random() < 0.25:
        r, s = rng.choice([(0, s), (r, 0), (SECP256K1.n, s), (r, SECP256K1.n), (WORD - 1, s), (r ^ 1, s), (r, s ^ 1)])
    return digest + _word(v) + _word(r) + _word(s)


def hashed(rng):
    return rng.randbytes(rng.choice([0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 128, 1000]))


def modexp(rng):
    sizes = [0, 1, 2, 31, 32, 33, 63, 64, 65, 96, 128, 200, 1023, 1024, 1025]
    base, exponent, modulus = (rng.choice(sizes[:rng.choice([5, 11, 15])]) for _ in range(3))
    claimed = [base, exponent, modulus]
    if rng.random() < 0.08:
        claimed[rng.randrange(3)] = rng.choice([WORD - 1, 1 << 64, 1 << 32, 1025])

    def number(size):
        choice = rng.random()
        if choice < 0.15:
            return bytes(size)
        if choice < 0.3:
            return b"\xff" * size
        if choice < 0.45:
            return bytes(size - 1) + rng.randbytes(1) if size else b""
        return rng.randbytes(size)
    mod = number(modulus)
    if modulus and rng.random() < 0.3:
        # Even ones, and powers of two, go other ways.
        mod = mod[:-1] + bytes([mod[-1] & 0xF0]) if rng.random() < 0.6 else b"\x80" + bytes(modulus - 1)
    return b"".join(map(_word, claimed)) + number(base) + number(exponent) + mod


def bn_add(rng):
    first, second = _point(rng, BN254), _point(rng, BN254)
    if rng.random() < 0.2:
        second = rng.choice([first, BN254.negate(first)])
    return _bn(first) + _bn(second)


def bn_mul(rng):
    return _bn(_point(rng, BN254)) + _word(_scalar(rng, BN254.n))


def _pairs(rng, one, two):
    """Of points, whose pairings' product is 1 half of the time."""
    first, second = _point(rng, one), _point(rng, two)
    pairs = [(first, second)]
    if rng.random() < 0.5:
        pairs.append((one.negate(first), second) if rng.random() < 0.5 else (first, two.negate(second)))
    if rng.random() < 0.3:
        pairs.append((_point(rng, one), _point(rng, two)))
    return pairs


def bn_pairing(rng):
    if rng.random() < 0.05:
        return b""
    return b"".join(_bn(first) + _bn(second, True) for first, second in _pairs(rng, BN254, BN254_G2))


def blake2f(rng):
    rounds = rng.choice([0, 1, 12, 13, 100, 5000])
    return rounds.to_bytes(4, "big") + rng.randbytes(208) + bytes([rng.choice([0, 1, 1, 2, 255])])


def point_evaluation(rng):
    """Of a constant polynomial: its commitment is a multiple of the generator, its proof the neutral point."""
    value = rng.choice([0, 1, 2, rng.randrange(30), BLS.n - 1])
    neutral = b"\xc0" + bytes(47)
    point = _multiple(BLS, value) if value else None
    commitment = neutral
    if point:
        flags = 0x80 | (0x20 if point[1] > (BLS.p - 1) // 2 else 0)
        commitment = bytearray(point[0].to_bytes(48, "big"))
        commitment[0] |= flags
    place = rng.choice([0, 1, BLS.n - 1, BLS.n, rng.randrange(BLS.n), WORD - 1])
    claimed = value if rng.random() < 0.8 else _scalar(rng, BLS.n)
    return b"\x01" + hashlib.sha256(commitment).digest()[1:] + _word(place) + _word(claimed) + bytes(commitment) + neutral


def _bls_addition(curve, of_g2):
    def make(rng):
        first, second = _point(rng, curve), _point(rng, curve)
        if rng.random() < 0.3:
            second = rng.choice([first, curve.negate(first)])
        if not of_g2 and rng.random() < 0.3:
            first = _on_curve(rng, curve)
        return _bls(first, of_g2) + _bls(second, of_g2)
    return make


def _bls_multiplication(curve, of_g2):
    def make(rng):
        out = b""
        for _ in range(rng.choice([1, 1, 2, 3, 8])):
            point = _on_curve(rng, curve) if not of_g2 and rng.random() < 0.05 else _point(rng, curve)
            out += _bls(point, of_g2) + _word(_scalar(rng, curve.n))
        return out
    return make


def bls_pairing(rng):
    return b"".join(_bls(first) + _bls(second, True) for first, second in _pairs(rng, BLS, BLS_G2))


def _bls_map(numbers):
    def make(rng):
        edges = [0, 1, BLS.p - 1, BLS.p]
        return b"".join((rng.choice(edges) if rng.random() < 0.5 else rng.randrange(BLS.p)).to_bytes(64, "big") for _ in range(numbers))
    return make


def p256(rng):
    secret, nonce = _large(rng, P256), _large(rng, P256)
    digest = rng.randbytes(32)
    public = _multiple(P256, secret)
    r = _multiple(P256, nonce)[0] % P256.n
    s = pow(nonce, -1, P256.n) * (int.from_bytes(digest, "big") + r * secret) % P256.n
    if rng.random() < 0.2:
        s = P256.n - s
    x, y = public
    if rng.random() < 0.3:
        r, s, x, y = rng.choice([(0, s, x, y), (r, 0, x, y), (P256.n, s, x, y), (r, P256.n, x, y), (r, s, 0, 0), (r, s, x, P256.p - y),
                                 (r, s, x, y ^ 1), (r, s, P256.p, y), (r + P256.n, s, x, y), (r ^ 1, s, x, y)])
    return digest + _word(r) + _word(s) + _word(x) + _word(y)


MAKERS = {
    1: ecrecover, 2: hashed, 3: hashed, 4: hashed, 5: modexp, 6: bn_add, 7: bn_mul, 8: bn_pairing, 9: blake2f, 10: point_evaluation,
    11: _bls_addition(BLS, False), 12: _bls_multiplication(BLS, False), 13: _bls_addition(BLS_G2, True),
    14: _bls_multiplication(BLS_G2, True), 15: bls_pairing, 16: _bls_map(1), 17: _bls_map(2), 0x100: p256,
}


def input_of(rng, address):
    data = MAKERS[address](rng)
    choice = rng.random()
    if choice < 0.1 and data:
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 3])):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if choice < 0.16:
        return data[:rng.randrange(len(data) + 1)]
    if choice < 0.22:
        return data + rng.randbytes(rng.choice([1, 31, 32, 64, 96]))
    return rng.randbytes(rng.choice([0, 1, 32, 128, 256])) if choice < 0.25 else data
