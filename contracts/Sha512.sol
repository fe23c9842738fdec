// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// SHA-512 (FIPS 180-4), some 28,000 gas for each 128 bytes.
///
/// Words of 64 bits stand in words of 256 whose upper bits may be anything until they are masked: sums only carry upwards.
/// A word times 2^64 + 1 has its own bits twice, so that shifting it to the right turns it.
library Sha512 {
  uint256 private constant WORD = 0xffffffffffffffff;
  uint256 private constant TWICE = 0x10000000000000001;

  /// The digest's first and last 32 bytes.
  function digest(bytes memory data) internal pure returns (uint256 high, uint256 low) {
    (uint256 pos, uint256 size) = _pad(data);
    uint256 state;
    uint256 constants;
    uint256 schedule;
    assembly ("memory-safe") {
      state := mload(0x40)
      constants := add(state, 256)
      // Reading a constant takes 32 bytes, of which the first eight count.
      schedule := add(constants, 672)
      mstore(0x40, add(schedule, 2560))
    }
    _begin(state, constants);
    for (uint256 end = pos + size; pos != end; pos += 128) {
      _schedule(pos, constants, schedule);
      _compress(state, schedule);
    }
    assembly ("memory-safe") {
      for { let i := 0 } lt(i, 128) { i := add(i, 32) } {
        high := or(shl(64, high), mload(add(state, i)))
        low := or(shl(64, low), mload(add(state, add(i, 128))))
      }
    }
  }

  /// The data, a 1, zeros, and its length in bits, in blocks of 128 bytes.
  function _pad(bytes memory data) private pure returns (uint256 pos, uint256 size) {
    assembly ("memory-safe") {
      let length := mload(data)
      size := and(add(length, 144), not(127))
      pos := mload(0x40)
      let end := add(pos, size)
      mstore(0x40, end)
      for { let clear := sub(end, 160) } lt(clear, end) { clear := add(clear, 32) } {
        // The last 160 bytes hold whatever isn't data: in short messages they begin before it.
        if iszero(lt(clear, pos)) { mstore(clear, 0) }
      }
      mcopy(pos, add(data, 32), length)
      mstore8(add(pos, length), 0x80)
      let last := sub(end, 32)
      mstore(last, or(mload(last), shl(3, length)))
    }
  }

  function _begin(uint256 state, uint256 k) private pure {
    assembly ("memory-safe") {
      mstore(state, 0x6a09e667f3bcc908)
      mstore(add(state, 32), 0xbb67ae8584caa73b)
      mstore(add(state, 64), 0x3c6ef372fe94f82b)
      mstore(add(state, 96), 0xa54ff53a5f1d36f1)
      mstore(add(state, 128), 0x510e527fade682d1)
      mstore(add(state, 160), 0x9b05688c2b3e6c1f)
      mstore(add(state, 192), 0x1f83d9abfb41bd6b)
      mstore(add(state, 224), 0x5be0cd19137e2179)
      mstore(k, 0x428a2f98d728ae227137449123ef65cdb5c0fbcfec4d3b2fe9b5dba58189dbbc)
      mstore(add(k, 32), 0x3956c25bf348b53859f111f1b605d019923f82a4af194f9bab1c5ed5da6d8118)
      mstore(add(k, 64), 0xd807aa98a303024212835b0145706fbe243185be4ee4b28c550c7dc3d5ffb4e2)
      mstore(add(k, 96), 0x72be5d74f27b896f80deb1fe3b1696b19bdc06a725c71235c19bf174cf692694)
      mstore(add(k, 128), 0xe49b69c19ef14ad2efbe4786384f25e30fc19dc68b8cd5b5240ca1cc77ac9c65)
      mstore(add(k, 160), 0x2de92c6f592b02754a7484aa6ea6e4835cb0a9dcbd41fbd476f988da831153b5)
      mstore(add(k, 192), 0x983e5152ee66dfaba831c66d2db43210b00327c898fb213fbf597fc7beef0ee4)
      mstore(add(k, 224), 0xc6e00bf33da88fc2d5a79147930aa72506ca6351e003826f142929670a0e6e70)
      mstore(add(k, 256), 0x27b70a8546d22ffc2e1b21385c26c9264d2c6dfc5ac42aed53380d139d95b3df)
      mstore(add(k, 288), 0x650a73548baf63de766a0abb3c77b2a881c2c92e47edaee692722c851482353b)
      mstore(add(k, 320), 0xa2bfe8a14cf10364a81a664bbc423001c24b8b70d0f89791c76c51a30654be30)
      mstore(add(k, 352), 0xd192e819d6ef5218d69906245565a910f40e35855771202a106aa07032bbd1b8)
      mstore(add(k, 384), 0x19a4c116b8d2d0c81e376c085141ab532748774cdf8eeb9934b0bcb5e19b48a8)
      mstore(add(k, 416), 0x391c0cb3c5c95a634ed8aa4ae3418acb5b9cca4f7763e373682e6ff3d6b2b8a3)
      mstore(add(k, 448), 0x748f82ee5defb2fc78a5636f43172f6084c87814a1f0ab728cc702081a6439ec)
      mstore(add(k, 480), 0x90befffa23631e28a4506cebde82bde9bef9a3f7b2c67915c67178f2e372532b)
      mstore(add(k, 512), 0xca273eceea26619cd186b8c721c0c207eada7dd6cde0eb1ef57d4f7fee6ed178)
      mstore(add(k, 544), 0x06f067aa72176fba0a637dc5a2c898a6113f9804bef90dae1b710b35131c471b)
      mstore(add(k, 576), 0x28db77f523047d8432caab7b40c724933c9ebe0a15c9bebc431d67c49c100d4c)
      mstore(add(k, 608), 0x4cc5d4becb3e42b6597f299cfc657e2a5fcb6fab3ad6faec6c44198c4a475817)
    }
  }

  /// The 80 words of a block. The constants are added to them at the end, when nothing is made of the bare words any more.
  function _schedule(uint256 pos, uint256 constants, uint256 schedule) private pure {
    assembly ("memory-safe") {
      for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
        mstore(add(schedule, shl(5, i)), shr(192, mload(add(pos, shl(3, i)))))
      }
      let end := add(schedule, 2560)
      for { let w := add(schedule, 512) } lt(w, end) { w := add(w, 32) } {
        let x := mload(sub(w, 480))
        let turned := mul(x, TWICE)
        let sum := add(xor(xor(shr(1, turned), shr(8, turned)), shr(7, x)), mload(sub(w, 512)))
        x := mload(sub(w, 64))
        turned := mul(x, TWICE)
        sum := add(sum, add(xor(xor(shr(19, turned), shr(61, turned)), shr(6, x)), mload(sub(w, 224))))
        mstore(w, and(sum, WORD))
      }
      for { let w := schedule } lt(w, end) { w := add(w, 32) } {
        mstore(w, add(mload(w), shr(192, mload(constants))))
        constants := add(constants, 8)
      }
    }
  }

  function _compress(uint256 state, uint256 schedule) private pure {
    assembly ("memory-safe") {
      let a := mload(state)
      let b := mload(add(state, 32))
      let c := mload(add(state, 64))
      let d := mload(add(state, 96))
      let e := mload(add(state, 128))
      let f := mload(add(state, 160))
      let g := mload(add(state, 192))
      let h := mload(add(state, 224))
      for { let end := add(schedule, 2560) } lt(schedule, end) { schedule := add(schedule, 32) } {
        let turned := mul(e, TWICE)
        let sum := add(add(h, mload(schedule)), xor(g, and(e, xor(f, g))))
        sum := add(sum, and(xor(xor(shr(14, turned), shr(18, turned)), shr(41, turned)), WORD))
        h := g
        g := f
        f := e
        e := and(add(d, sum), WORD)
        turned := mul(a, TWICE)
        sum := add(sum, and(xor(xor(shr(28, turned), shr(34, turned)), shr(39, turned)), WORD))
        sum := add(sum, or(and(a, b), and(c, or(a, b))))
        d := c
        c := b
        b := a
        a := and(sum, WORD)
      }
      mstore(state, and(add(mload(state), a), WORD))
      mstore(add(state, 32), and(add(mload(add(state, 32)), b), WORD))
      mstore(add(state, 64), and(add(mload(add(state, 64)), c), WORD))
      mstore(add(state, 96), and(add(mload(add(state, 96)), d), WORD))
      mstore(add(state, 128), and(add(mload(add(state, 128)), e), WORD))
      mstore(add(state, 160), and(add(mload(add(state, 160)), f), WORD))
      mstore(add(state, 192), and(add(mload(add(state, 192)), g), WORD))
      mstore(add(state, 224), and(add(mload(add(state, 224)), h), WORD))
    }
  }
}
