// The root of a hexary Merkle-Patricia trie (Yellow Paper, appendix D) over keys and values that
// are all at hand: of a block's transactions and receipts, of a genesis, of a small state. What a
// large state's root takes between two blocks is another matter.
//
//   leaf        [path with its end marked, value]
//   extension   [path, child]                         a child of 32 bytes or more is told by its
//   hash branch      [16 children, value]
//
// A path is nibbles, packed behind one that tells their parity and whether it's a leaf's. Thread:
// any.
#pragma once

#include <span>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

struct TrieEntry {
  Bytes key;
  Bytes value;
};

/// Of no entries at all: Keccak-256 of RLP's empty string.
inline constexpr Hash empty_trie_root{{0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6,
                                       0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e,
                                       0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0,
                                       0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21}};

/// A key's bytes at most: it goes a call deeper with each nibble that two keys share.
inline constexpr std::size_t trie_key_bytes_max = 256;

/// The entries' order doesn't matter; no key may come twice, and no value may be empty.
Hash trie_root(std::vector<TrieEntry> entries);

/// Of a list whose keys are its indexes in RLP, as of transactions and receipts.
Hash list_root(std::span<const Bytes> values);

}  // namespace kith::ledger
