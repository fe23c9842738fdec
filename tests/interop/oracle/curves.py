"""Points of the curves that transactions are signed on and that precompiled contracts compute with. Slow, and not for secrets."""

import hashlib

from .digests import keccak256


class Fp2:
    """a + b*i with i*i = -1, modulo p."""

    def __init__(self, a, b, p):
        self.a, self.b, self.p = a % p, b % p, p

    def _of(self, other):
        return other if isinstance(other, Fp2) else Fp2(other, 0, self.p)

    def __add__(self, other):
        other = self._of(other)
        return Fp2(self.a + other.a, self.b + other.b, self.p)

    def __sub__(self, other):
        other = self._of(other)
        return Fp2(self.a - other.a, self.b - other.b, self.p)

    def __mul__(self, other):
        other = self._of(other)
        return Fp2(self.a * other.a - self.b * other.b, self.a * other.b + self.b * other.a, self.p)

    __rmul__ = __mul__

    def __mod__(self, _):
        return self

    def __eq__(self, other):
        other = self._of(other)
        return (self.a, self.b) == (other.a, other.b)

    def __hash__(self):
        return hash((self.a, self.b))

    def inverse(self):
        norm = pow(self.a * self.a + self.b * self.b, -1, self.p)
        return Fp2(self.a * norm, -self.b * norm, self.p)


class Curve:
    """y^2 = x^3 + ax + b. A point is a pair of coordinates, the neutral one is None."""

    def __init__(self, p, a, b, n, generator):
        self.p, self.a, self.b, self.n, self.generator = p, a, b, n, generator

    def _inverse(self, value):
        return value.inverse() if isinstance(value, Fp2) else pow(value, -1, self.p)

    def add(self, left, right):
        if left is None or right is None:
            return right if left is None else left
        if left[0] == right[0]:
            if (left[1] + right[1]) % self.p == 0:
                return None
            slope = (3 * left[0] * left[0] + self.a) * self._inverse(2 * left[1])
        else:
            slope = (right[1] - left[1]) * self._inverse((right[0] - left[0]) % self.p)
        x = (slope * slope - left[0] - right[0]) % self.p
        return x, (slope * (left[0] - x) - left[1]) % self.p

    def multiply(self, point, factor):
        result = None
        while factor:
            if factor & 1:
                result = self.add(result, point)
            point = self.add(point, point)
            factor >>= 1
        return result

    def negate(self, point):
        return None if point is None else (point[0], (point[1] * (self.p - 1)) % self.p)

    def lift(self, x):
        """A point with that x, if there is one (p = 3 modulo 4)."""
        square = (x * x * x + self.a * x + self.b) % self.p
        root = pow(square, (self.p + 1) // 4, self.p)
        return (x, root) if root * root % self.p == square else None


SECP256K1 = Curve(
    2**256 - 2**32 - 977, 0, 7, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8))

P256 = Curve(
    2**256 - 2**224 + 2**192 + 2**96 - 1, -3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5))

_BN_P = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
_BN_N = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
BN254 = Curve(_BN_P, 0, 3, _BN_N, (1, 2))
_NINE = Fp2(9, 1, _BN_P)
BN254_G2 = Curve(
    _BN_P, 0, _NINE.inverse() * 3, _BN_N,
    (Fp2(0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
         0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2, _BN_P),
     Fp2(0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
         0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B, _BN_P)))

_BLS_P = int("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab", 16)
_BLS_N = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
BLS = Curve(
    _BLS_P, 0, 4, _BLS_N,
    (int("17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb", 16),
     int("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1", 16)))
BLS_G2 = Curve(
    _BLS_P, 0, Fp2(4, 4, _BLS_P), _BLS_N,
    (Fp2(int("024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8", 16),
         int("13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e", 16), _BLS_P),
     Fp2(int("0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801", 16),
         int("0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be", 16), _BLS_P)))


class Signer:
    """Of transactions and authorizations: deterministic, by nonces that are a digest, which is enough for keys that everybody has."""

    _WINDOW = 5
    _table = None

    def __init__(self, secret):
        self.secret = secret % SECP256K1.n
        x, y = self._times_generator(self.secret)
        self.address = keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]

    @classmethod
    def _times_generator(cls, factor):
        curve, window = SECP256K1, cls._WINDOW
        if cls._table is None:
            cls._table, base = [], curve.generator
            for _ in range(0, 256, window):
                row = [None]
                for _ in range((1 << window) - 1):
                    row.append(curve.add(row[-1], base))
                cls._table.append(row)
                base = curve.add(row[-1], base)
        result = None
        for i, row in enumerate(cls._table):
            result = curve.add(result, row[factor >> window * i & ((1 << window) - 1)])
        return result

    def sign(self, digest):
        """(y's parity, r, s), s in the lower half."""
        n = SECP256K1.n
        nonce = int.from_bytes(hashlib.sha256(self.secret.to_bytes(32, "big") + digest).digest(), "big") % n
        x, y = self._times_generator(nonce)
        r = x % n
        s = pow(nonce, -1, n) * (int.from_bytes(digest, "big") + r * self.secret) % n
        return (y & 1, r, s) if s <= n // 2 else (1 - (y & 1), r, n - s)
