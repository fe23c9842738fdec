// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Sha512} from "./Sha512.sol";

/// Signatures of Ed25519 (RFC 8032, 5.1.7), judged as libsodium judges them: what it takes is taken, what it refuses is
/// refused. Beyond the RFC: S is below the group's order, the key and R have one encoding, and neither is of small order.
/// The equation is the one without cofactor, R = s B - h A, compared as bytes.
///
/// Points are (X : Y : Z : T) with x = X/Z, y = Y/Z, x y = T/Z (Hisil, Wong, Carter, Dawson 2008); what is added again and
/// again is kept as Y - X, Y + X, 2 Z, 2 d T. Numbers are below 2 p where the next step is a product, since it reduces them.
library Ed25519 {
  uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
  uint256 private constant ORDER = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;
  /// 2^256 modulo the order.
  uint256 private constant ORDER_REST = 0xffffffffffffffffffffffffffffffec6ef5bf4737dcf70d6ec31748d98951d;
  uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;
  uint256 private constant D_TWICE = 0x2406d9dc56dffce7198e80f2eef3d13000e0149a8283b156ebd69b9426b2f159;
  uint256 private constant ROOT_OF_MINUS_1 = 0x2b8324804fc1df0b2b4d00993dfbd7a72f431806ad2fe478c4ee1b274a0ea0b0;
  /// y of two of the four points of order 8; the other two have its negative.
  uint256 private constant ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826;
  uint256 private constant SIGN = 1 << 255;

  function verify(bytes32 key, bytes32 r, bytes32 s, bytes memory message) internal pure returns (bool) {
    uint256 scalar = _reversed(uint256(s));
    uint256 signed = _reversed(uint256(key));
    uint256 wanted = _reversed(uint256(r));
    uint256 y = signed & ~SIGN;
    if (scalar >= ORDER || y >= P || _isOfSmallOrder(y) || _isOfSmallOrder(wanted & ~SIGN)) return false;
    (bool isPoint, uint256 x) = _xOf(y);
    if (!isPoint) return false;
    // Of -A: its x has the other sign.
    if (x & 1 == signed >> 255) x = P - x;
    (uint256 first, uint256 second) = Sha512.digest(abi.encodePacked(r, key, message));
    uint256 challenge = addmod(mulmod(_reversed(second), ORDER_REST, ORDER), _reversed(first), ORDER);
    uint256 z;
    (x, y, z) = _combined(scalar, challenge, x, y);
    z = _inverse(z);
    x = mulmod(x, z, P);
    y = mulmod(y, z, P);
    return y | ((x & 1) << 255) == wanted;
  }

  function _isOfSmallOrder(uint256 y) private pure returns (bool) {
    return y < 2 || y == P - 1 || y == ORDER_8 || y == P - ORDER_8;
  }

  /// Of the point with that y, one of the two x (RFC 8032, 5.1.3).
  function _xOf(uint256 y) private pure returns (bool isPoint, uint256 x) {
    uint256 square = mulmod(y, y, P);
    uint256 u = addmod(square, P - 1, P);
    uint256 v = addmod(mulmod(square, D, P), 1, P);
    uint256 v3 = mulmod(mulmod(v, v, P), v, P);
    uint256 base = mulmod(mulmod(mulmod(v3, v3, P), v, P), u, P);
    (uint256 power, ) = _power(base);
    // base^((p - 5) / 8), the exponent being 2^252 - 3
    power = mulmod(power, power, P);
    power = mulmod(mulmod(power, power, P), base, P);
    x = mulmod(mulmod(u, v3, P), power, P);
    uint256 check = mulmod(mulmod(x, x, P), v, P);
    if (check == u) return (true, x);
    return (addmod(check, u, P) == 0, mulmod(x, ROOT_OF_MINUS_1, P));
  }

  /// base^(p - 2), the exponent being 2^255 - 21
  function _inverse(uint256 base) private pure returns (uint256) {
    (uint256 power, uint256 eleventh) = _power(base);
    return mulmod(_squared(power, 5), eleventh, P);
  }

  /// base^(2^250 - 1) and base^11. By products, as the precompiled contract for powers costs no less since EIP-7883.
  function _power(uint256 base) private pure returns (uint256 power, uint256 eleventh) {
    uint256 second = mulmod(base, base, P);
    uint256 ninth = mulmod(second, second, P);
    ninth = mulmod(mulmod(ninth, ninth, P), base, P);
    eleventh = mulmod(ninth, second, P);
    uint256 to5 = mulmod(mulmod(eleventh, eleventh, P), ninth, P);
    uint256 to10 = mulmod(_squared(to5, 5), to5, P);
    uint256 to20 = mulmod(_squared(to10, 10), to10, P);
    uint256 to40 = mulmod(_squared(to20, 20), to20, P);
    uint256 to50 = mulmod(_squared(to40, 10), to10, P);
    uint256 to100 = mulmod(_squared(to50, 50), to50, P);
    uint256 to200 = mulmod(_squared(to100, 100), to100, P);
    power = mulmod(_squared(to200, 50), to50, P);
  }

  /// Squared that many times, a multiple of 5.
  function _squared(uint256 base, uint256 times) private pure returns (uint256 power) {
    assembly ("memory-safe") {
      power := base
      for {} times { times := sub(times, 5) } {
        power := mulmod(power, power, P)
        power := mulmod(power, power, P)
        power := mulmod(power, power, P)
        power := mulmod(power, power, P)
        power := mulmod(power, power, P)
      }
    }
  }

  /// s B + h A for scalars below 2^254 and A = (x, y): two bits of both at a time, by a table of i B + j A.
  function _combined(uint256 s, uint256 h, uint256 x, uint256 y) private pure returns (uint256 px, uint256 py, uint256 pz) {
    uint256 table = _table(x, y);
    assembly ("memory-safe") {
      s := shl(2, s)
      h := shl(2, h)
      py := 1
      pz := 1
      for { let left := 127 } left { left := sub(left, 1) } {
        let pt
        {
          let a := mulmod(px, px, P)
          let b := mulmod(py, py, P)
          let e := mulmod(add(px, px), py, P)
          let g := add(b, sub(P, a))
          let f := addmod(add(mulmod(add(pz, pz), pz, P), a), sub(P, b), P)
          b := add(a, b)
          px := mulmod(e, f, P)
          py := mulmod(g, b, P)
          pz := mulmod(f, g, P)
        }
        {
          let a := mulmod(px, px, P)
          let b := mulmod(py, py, P)
          let e := mulmod(add(px, px), py, P)
          let g := add(b, sub(P, a))
          let f := addmod(add(mulmod(add(pz, pz), pz, P), a), sub(P, b), P)
          b := add(a, b)
          px := mulmod(e, f, P)
          py := mulmod(g, b, P)
          pz := mulmod(f, g, P)
          pt := mulmod(e, b, P)
        }
        // An entry has 128 bytes: the two upper bits of s and those of h tell which one.
        let entry := or(and(shr(245, s), 0x600), and(shr(247, h), 0x180))
        if entry {
          entry := add(table, entry)
          let a := mulmod(add(py, sub(P, px)), mload(entry), P)
          let b := mulmod(add(py, px), mload(add(entry, 32)), P)
          let c := mulmod(pt, mload(add(entry, 96)), P)
          let d := mulmod(pz, mload(add(entry, 64)), P)
          let e := add(b, sub(P, a))
          let f := add(d, sub(P, c))
          let g := add(d, c)
          b := add(b, a)
          px := mulmod(e, f, P)
          py := mulmod(g, b, P)
          pz := mulmod(f, g, P)
        }
        s := shl(2, s)
        h := shl(2, h)
      }
    }
  }

  /// Sixteen entries; the first, of no point, is never read.
  function _table(uint256 x, uint256 y) private pure returns (uint256 table) {
    assembly ("memory-safe") {
      function keep(pos, qx, qy, qz, qt) {
        mstore(pos, addmod(qy, sub(P, qx), P))
        mstore(add(pos, 32), addmod(qy, qx, P))
        mstore(add(pos, 64), addmod(qz, qz, P))
        mstore(add(pos, 96), mulmod(qt, D_TWICE, P))
      }
      function added(qx, qy, qz, qt, entry) -> rx, ry, rz, rt {
        let a := mulmod(add(qy, sub(P, qx)), mload(entry), P)
        let b := mulmod(add(qy, qx), mload(add(entry, 32)), P)
        let c := mulmod(qt, mload(add(entry, 96)), P)
        let d := mulmod(qz, mload(add(entry, 64)), P)
        let e := add(b, sub(P, a))
        let f := add(d, sub(P, c))
        d := add(d, c)
        b := add(b, a)
        rx := mulmod(e, f, P)
        ry := mulmod(d, b, P)
        rz := mulmod(f, d, P)
        rt := mulmod(e, b, P)
      }
      table := mload(0x40)
      mstore(0x40, add(table, 2048))
      // B, 2 B, 3 B.
      mstore(add(table, 512), 0x44fd2f9298f81267a5c18434688f8a09fd399f05d140beb39d103905d740913e)
      mstore(add(table, 544), 0x07cf9d3a33d4ba65270b4898643d42c2cf932dc6fb8c0e192fbc93c6f58c3b85)
      mstore(add(table, 576), 2)
      mstore(add(table, 608), 0x6f117b689f0c65a85a1b7dcbdd43598c26d9e823ccaac49eabc91205877aaa68)
      mstore(add(table, 1024), 0x6bb595a669c92555e09e236bb16e37aa8f2b810c4e60acf68a99a56042b4d5a8)
      mstore(add(table, 1056), 0x590c063fa87d2e2e5aa69a65e1d607029f469d967a0ff5b59224e7fc933c71d7)
      mstore(add(table, 1088), 2)
      mstore(add(table, 1120), 0x701af5b13ea50b73500fa0840b3d6a3136c16bdd5d9acf7843faa8b3a59b7a5f)
      mstore(add(table, 1536), 0x2ab91587555bda628131f31a214bd6bd3bd353fde5c1ba7d56611fe8a4fcd265)
      mstore(add(table, 1568), 0x7a164e1b9a80f8f4c11b50029f016732025a8430e8864b8aaf25b0a84cee9730)
      mstore(add(table, 1600), 2)
      mstore(add(table, 1632), 0x5a2826af12b9b4c6d170e5458cf2db4c589423221c35da6214ae933f0dd0d889)
      // A, 2 A, 3 A, and each of them with each of those.
      let first := add(table, 128)
      let z := 1
      let t := mulmod(x, y, P)
      for { let pos := first } 1 {} {
        keep(pos, x, y, z, t)
        for { let i := 512 } lt(i, 2048) { i := add(i, 512) } {
          let qx, qy, qz, qt := added(x, y, z, t, add(table, i))
          keep(add(pos, i), qx, qy, qz, qt)
        }
        pos := add(pos, 128)
        if eq(pos, add(table, 512)) { break }
        x, y, z, t := added(x, y, z, t, first)
      }
    }
  }

  /// The bytes in the other order: numbers of Ed25519 are little-endian.
  function _reversed(uint256 word) private pure returns (uint256) {
    uint256 mask = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    word = ((word >> 8) & mask) | ((word & mask) << 8);
    mask = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    word = ((word >> 16) & mask) | ((word & mask) << 16);
    mask = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    word = ((word >> 32) & mask) | ((word & mask) << 32);
    mask = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
    word = ((word >> 64) & mask) | ((word & mask) << 64);
    return (word >> 128) | (word << 128);
  }
}
