#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

using Entries = std::span<const TrieEntry>;

std::uint8_t nibble(ByteView key, std::size_t at) noexcept {
  return at % 2 == 0 ? key[at / 2] >> 4 : key[at / 2] & 0xf;
}

/// Nibbles [from, to) of the key, behind the flags (Yellow Paper, appendix C).
Bytes packed(ByteView key, std::size_t from, std::size_t to, bool is_leaf) {
  const bool is_odd = (to - from) % 2 != 0;
  Bytes path{static_cast<std::uint8_t>((is_leaf ? 0x20 : 0) | (is_odd ? 0x10 : 0))};
  if (is_odd) path[0] |= nibble(key, from++);
  for (; from < to; from += 2)
    path.push_back(static_cast<std::uint8_t>(nibble(key, from) << 4 | nibble(key, from + 1)));
  return path;
}

Bytes node_of(Entries entries, std::size_t depth);

/// In its parent: itself if it is short, else by its hash.
void write_child(RlpWriter& writer, const Bytes& node) {
  if (node.size() < Hash::size) {
    writer.raw(node);
  } else {
    writer.hash(keccak256(node));
  }
}

Bytes branch_of(Entries entries, std::size_t depth) {
  Bytes node;
  RlpWriter writer(node);
  const RlpWriter::List list = writer.begin_list();
  ByteView value;
  // A key that ends here stands before those that go on.
  if (entries.front().key.size() * 2 == depth) {
    value = entries.front().value;
    entries = entries.subspan(1);
  }
  for (std::uint8_t digit = 0; digit < 16; ++digit) {
    const auto end = std::ranges::find_if(
        entries, [&](const TrieEntry& one) { return nibble(one.key, depth) != digit; });
    const auto count = static_cast<std::size_t>(end - entries.begin());
    if (count == 0) {
      writer.string({});
    } else {
      write_child(writer, node_of(entries.first(count), depth + 1));
    }
    entries = entries.subspan(count);
  }
  writer.string(value);
  writer.end_list(list);
  return node;
}

/// The node below which these are, whose keys agree in their first `depth` nibbles.
Bytes node_of(Entries entries, std::size_t depth) {
  const Bytes& first = entries.front().key;
  const Bytes& last = entries.back().key;
  if (entries.size() > 1) {
    // They are in order: what the first and the last share, all do.
    std::size_t shared = depth;
    const std::size_t most = 2 * std::min(first.size(), last.size());
    while (shared < most && nibble(first, shared) == nibble(last, shared))
      ++shared;
    if (shared == depth) return branch_of(entries, depth);
    Bytes node;
    RlpWriter writer(node);
    const RlpWriter::List list = writer.begin_list();
    writer.string(packed(first, depth, shared, false));
    write_child(writer, branch_of(entries, shared));
    writer.end_list(list);
    return node;
  }
  Bytes node;
  RlpWriter writer(node);
  const RlpWriter::List list = writer.begin_list();
  writer.string(packed(first, depth, 2 * first.size(), true));
  writer.string(entries.front().value);
  writer.end_list(list);
  return node;
}

}  // namespace

Hash trie_root(std::vector<TrieEntry> entries) {
  if (entries.empty()) return empty_trie_root;
  std::ranges::sort(entries, std::ranges::lexicographical_compare, &TrieEntry::key);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ASSERT(!entries[i].value.empty() && entries[i].key.size() <= trie_key_bytes_max);
    ASSERT(i == 0 || entries[i - 1].key != entries[i].key);
  }
  return keccak256(node_of(entries, 0));
}

Hash list_root(std::span<const Bytes> values) {
  std::vector<TrieEntry> entries;
  entries.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    TrieEntry& entry = entries.emplace_back();
    entry.value = values[i];
    RlpWriter(entry.key).number(i);
  }
  return trie_root(std::move(entries));
}

}  // namespace kith::ledger
